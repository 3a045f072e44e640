"""The usage records that an entry's lineage names, read again from the source, and whether they are the ones counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl

from ops.show.entry import Entry, SourceRange, Window
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.records import StoredTopic
from ops.show.source import pieces
from schemas.identity import identified
from schemas.instants import parse_instant

Coordinates = tuple[str, int, int]  # topic, partition, offset


class UsageRow(msgspec.Struct, frozen=True, gc=False):
    """One usage record of a source."""

    topic: str
    partition: int
    offset: int
    source: str
    event_id: str
    contract_id: str | None
    quantity: Decimal
    event_time: int  # microseconds UTC
    identity: int  # 128 bits

    @property
    def at(self) -> Coordinates:
        """Where it lies."""
        return self.topic, self.partition, self.offset


class Evidence(msgspec.Struct, frozen=True):
    """What the source holds of an entry's events, against what the entry says."""

    rows: list[UsageRow]  # those that belong, in the order of their positions
    again: int  # later occurrences of an identity
    refused: int  # rows with an open exception: they are not counted, or not yet
    count: int | None  # of the entry
    digest: str | None  # of the entry
    found: str  # the digest of `rows`

    @property
    def counts(self) -> bool:
        """Whether there are as many as the entry counts."""
        return self.count == len(self.rows)

    @property
    def verified(self) -> bool:
        """Whether they are the events that the entry was booked from."""
        return self.digest == self.found

    @property
    def odd(self) -> UsageRow | None:
        """The one row that is too many: without it the digest matches."""
        if self.verified or self.digest is None or self.count != len(self.rows) - 1:
            return None
        try:
            identity = int(self.digest, 16) ^ int(self.found, 16)
        except ValueError:
            return None
        return next((row for row in self.rows if row.identity == identity), None)

    @property
    def fails(self) -> bool:
        """Whether the source is not what the entry says it comes from."""
        if self.odd is not None:
            return False
        return not self.verified if self.digest is not None else self.count is not None and not self.counts


def evidence(
    root: Path,
    entry: Entry,
    window: Window,
    sources: Iterable[SourceRange],
    exceptions: StoredTopic,
    meters: Mapping[str, str],
) -> Evidence:
    """The usage of one entry: same customer and meter, event time inside the window, the contract's or no contract's.

    Of an identity the first occurrence counts, and no row that an open exception holds back.
    """
    found = _belonging(root, entry, window, sources, meters)
    refused = _refused(exceptions, {row.at for row in found})
    rows: dict[int, UsageRow] = {}
    for row in sorted(found, key=lambda row: row.at):
        if row.at not in refused:
            rows.setdefault(row.identity, row)
    digest = 0
    for identity in rows:
        digest ^= identity
    lineage = entry.lineage
    return Evidence(
        list(rows.values()),
        len(found) - len(refused) - len(rows),
        len(refused),
        None if lineage is None else lineage.size,
        None if lineage is None else lineage.event_digest,
        f"{digest:032x}",
    )


def _belonging(
    root: Path, entry: Entry, window: Window, sources: Iterable[SourceRange], meters: Mapping[str, str]
) -> list[UsageRow]:
    ranges: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for one in sources:
        ranges.setdefault((one.topic, one.partition), []).append((one.start or 0, one.stop or 0))
    start, end = parse_instant(window.start), parse_instant(window.end)
    belongs = (
        (pl.col("customer_id") == entry.customer_id)
        & (pl.col("meter") == window.meter)
        & pl.col("event_time").is_between(start, end, closed="left")
        # An empty contract id is none.
        & pl.col("contract_id").fill_null("").is_in(["", entry.contract_id or ""])
    )
    found = []
    for (topic, partition), wanted in sorted(ranges.items()):
        for offset, piece in pieces(root, topic, partition, wanted, meters):
            chosen = identified(piece.columns().rows.filter(belongs))
            found += [
                UsageRow(topic, partition, offset + row, source, name, contract, quantity, time, high << 64 | low)
                for row, source, name, contract, quantity, time, high, low in chosen.select(
                    "row", "source", "event_id", "contract_id", "quantity", "event_time", "high", "low"
                ).iter_rows()
            ]
    return found


def _refused(exceptions: StoredTopic, positions: set[Coordinates]) -> set[Coordinates]:
    """Those of the positions that an exception names which is still open."""
    states: dict[str, tuple[Coordinates, str]] = {}
    for stored in exceptions.records(ExceptionRecord):
        record = stored.value
        if (place := record.source) is None or place.partition is None or place.offset is None:
            continue
        if (at := (place.topic, place.partition, place.offset)) in positions:
            states[record.exception_id] = at, record.status
    return {at for at, status in states.values() if status == OPEN}
