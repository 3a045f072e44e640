"""What one entry comes from: its revisions, its contract version, and the records at its positions in the source."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from ops.settings import SettingsWrong, load
from ops.show.contract_versions import ContractVersions, versions_of
from ops.show.entry import Entry, Lineage, SourceRange
from ops.show.exception_record import Position
from ops.show.records import Stored, StoredTopic
from ops.show.revisions import Revision, find, revisions
from ops.show.sink import UsageError
from ops.show.source import Received, pieces
from ops.show.text import amount_text
from ops.show.usage_rows import Evidence, UsageRow, evidence
from schemas.contracts import ContractEvent
from schemas.fault import Fault
from schemas.fields import Record
from schemas.instants import instant_text
from schemas.topics import TOPICS, USAGE

MATCHES_SHOWN = 8


@dataclass(slots=True)
class EntryLineage:
    """Everything that is found about an entry."""

    stored: Stored[Entry]
    revisions: list[Revision]
    contract: ContractVersions | None = None
    usage: Evidence | None = None
    records: list[Received] = field(default_factory=list)  # of other topics than usage

    @property
    def entry(self) -> Entry:
        """The entry itself."""
        return self.stored.value

    @property
    def lineage(self) -> Lineage:
        """Its lineage; an empty one when it has none."""
        return self.entry.lineage or Lineage()

    @property
    def version(self) -> ContractEvent | None:
        """The contract version that the entry names, if the source holds it."""
        for one in self.contract.holding if self.contract is not None else ():
            if one.event.version == self.lineage.contract_version:
                return one.event
        return None


def lineage_of(journal: StoredTopic, exceptions: StoredTopic, entry_id: str, source: Path | None) -> EntryLineage:
    """The entry whose id is given or begins so, with its lineage as far as the source holds it.

    UsageError when there is no such entry, or more than one.
    """
    stored = _one(journal, entry_id)
    found = EntryLineage(stored, revisions(journal, stored.value))
    if source is not None:
        _read_source(source, exceptions, found)
    return found


def _one(journal: StoredTopic, entry_id: str) -> Stored[Entry]:
    found = find(journal, entry_id, MATCHES_SHOWN + 1)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"no entry's id is {entry_id!r} or begins with it; the journal in {str(journal.directory)!r} holds "
            f"{journal.lines} entries: accrual show journal --sink files:{journal.directory} lists them."
        )
    some = ", ".join(stored.value.entry_id for stored in found[:MATCHES_SHOWN])
    more = " and more" if len(found) > MATCHES_SHOWN else ""
    raise UsageError(f"more than one entry's id begins with {entry_id!r}: {some}{more}. Write more of it.")


def _read_source(root: Path, exceptions: StoredTopic, found: EntryLineage) -> None:
    entry, sources = found.entry, found.lineage.sources
    of_usage = [one for one in sources if one.topic == USAGE]
    if entry.window is not None and of_usage:
        meters = _meters()
        found.usage = evidence(root, entry, entry.window, of_usage, exceptions, meters)
    if entry.contract_id is not None and found.lineage.contract_version is not None:
        found.contract = versions_of(root, entry.contract_id, entry.customer_id)
    found.records = [one for part in sources if part.topic in TOPICS and part.topic != USAGE
                     for one in _records(root, part, entry)]  # fmt: skip


def _meters() -> dict[str, str]:
    try:
        return load().cloudevent_meters
    except SettingsWrong as error:
        raise UsageError(str(error)) from error


def _records(root: Path, part: SourceRange, entry: Entry) -> list[Received]:
    """The records of a range that can be the entry's: a range may hold others' too."""
    found = []
    for offset, piece in pieces(root, part.topic, part.partition, [(part.start or 0, part.stop or 0)], {}):
        for row, one in enumerate(piece.outcomes(part.topic)):
            theirs = isinstance(one, Record) and any(
                getattr(one, name, None) not in (None, getattr(entry, name)) for name in ("customer_id", "contract_id")
            )
            if not theirs and not isinstance(one, Fault):
                found.append(Received(Position(part.topic, part.partition, offset + row), one, piece.payload(row)))
    return found


def lineage_json(found: EntryLineage, limit: int | None) -> dict[str, Any]:
    """Everything, for programs; of the records up to `limit`."""
    entry, usage = found.entry, found.usage
    result: dict[str, Any] = {
        "entry": msgspec.Raw(found.stored.line),
        "revisions": [
            {
                "entry_id": one.entry.entry_id,
                "revision": None if one.entry.window is None else one.entry.window.revision,
                "accounting_date": one.entry.accounting_date,
                "period": one.entry.period,
                "origin_period": one.entry.origin_period,
                "lines": one.entry.lines,
                "after": {account: amount_text(amount, entry.currency) for account, amount in one.after.items()},
            }
            for one in found.revisions
        ],
        "contract_version": None if found.version is None else found.version.model_dump(mode="json"),
        "records": [
            {"source": one.position, "record": _dumped(one.outcome)} for one in islice(found.records, limit or None)
        ],
        "events": None,
        "check": None,
    }
    if usage is not None:
        result["events"] = [_row_json(row) for row in islice(usage.rows, limit or None)]
        result["check"] = {
            "event_count": usage.count,
            "found": len(usage.rows),
            "count_equals": usage.counts,
            "event_digest": usage.digest,
            "found_digest": usage.found,
            "verified": usage.verified,
            "not_counted": None if usage.odd is None else _row_json(usage.odd),
            "later_occurrences": usage.again,
            "held_back": usage.refused,
        }
    return result


def _row_json(row: UsageRow) -> dict[str, Any]:
    return {
        "topic": row.topic,
        "partition": row.partition,
        "offset": row.offset,
        "source": row.source,
        "event_id": row.event_id,
        "contract_id": row.contract_id,
        "quantity": f"{row.quantity:f}",
        "event_time": instant_text(row.event_time),
    }


def _dumped(outcome: Record | Fault) -> object:
    return (
        outcome.model_dump(mode="json", by_alias=True) if isinstance(outcome, Record) else {"invalid": outcome.reason}
    )
