"""Builds of the product with one deliberate defect each: `python -m tests.campaign.sabotaged NAME run ...`.

A harness that cannot fail proves nothing. Each build changes one function and is the product otherwise; BUILDS says which
invariant has to report it, and at which points the processes die before the last one runs to the end.
"""

from __future__ import annotations

import importlib
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

Patch = Callable[[], None]
DEATHS = ("file-half-written:4",)
COUNTED = "inputs are counted, duplicate or excepted"
BALANCED = "debits are credits"
BOOKS = "the books are the oracle's"
NUMBERED = "ids are unique and sequences gapless"
STAYS = "what was read stays"
RECALCULATED = "recalculations tell the contract"
CLOSED = "closed periods are frozen"
EXCEPTED = "exceptions come once"
LINEAGE = "entries name their sources"
HEALS = "it heals by itself"
SAME = "the same books"
GENERATIONS = "generations follow one another"
METRICS = "metrics are the counts"


@dataclass(frozen=True)
class Build:
    """One defect."""

    patch: Patch
    caught_by: str
    deaths: tuple[str, ...] = DEATHS


BUILDS: dict[str, Build] = {}


def build(caught_by: str, *deaths: str) -> Callable[[Patch], Patch]:
    """Add a defect under the function's name."""

    def add(patch: Patch) -> Patch:
        BUILDS[patch.__name__] = Build(patch, caught_by, deaths or DEATHS)
        return patch

    return add


def changed(owner: str, name: str, make: Callable[[Any], Any]) -> None:
    """Put what `make` makes of a function in its place: `owner` is a module, or module:class."""
    module, _, cls = owner.partition(":")
    holder: Any = importlib.import_module(module)
    holder = getattr(holder, cls) if cls else holder
    right = getattr(holder, name)
    wrong = make(right)
    setattr(holder, name, wrong)
    for other in [] if cls else list(sys.modules.values()):  # whoever has imported it by name
        if getattr(other, name, None) is right:
            setattr(other, name, wrong)


@build(COUNTED)
def nothing() -> None:
    """The product as it is: no invariant may report it."""


@build(COUNTED)
def dedupe_dropped() -> None:
    from tests.support.sabotage import admits_all

    changed("state.seen:Seen", "admit", admits_all)


@build(COUNTED)
def conflict_silently_dropped() -> None:
    from tests.support.sabotage import conflicts_are_duplicates

    changed("state.seen:Seen", "admit", conflicts_are_duplicates)


@build(COUNTED)
def duplicate_counted_as_read_only() -> None:
    def make(right: Any) -> Any:
        def admit(*words: Any) -> Any:
            return replace(right(*words), duplicates=0)

        return admit

    changed("dataflows.admission:Admission", "admit", make)


@build(COUNTED)
def late_event_lost() -> None:
    import polars as pl

    def make(right: Any) -> Any:
        def usage_batches(*words: Any) -> Any:
            return [
                one if one.rows is None else replace(one, rows=one.rows.filter(~pl.col("late")))
                for one in right(*words)
            ]

        return usage_batches

    importlib.import_module("connectors.source")
    changed("connectors.usage_rows", "usage_batches", make)


@build(BOOKS)
def debit_and_credit_swapped() -> None:
    def make(right: Any) -> Any:
        return lambda *words: {account: -amount for account, amount in right(*words).items()}

    importlib.import_module("dataflows.main_job")
    changed("accounting.position", "recognition", make)


@build(BALANCED)
def one_side_posted_wrong() -> None:
    def make(right: Any) -> Any:
        def lines(*words: Any) -> Any:
            found = right(*words)
            found[0]["amount"] = found[1]["amount"] + "1" if "." in found[1]["amount"] else found[1]["amount"] + "0"
            found[0]["amount"] = "1" + found[0]["amount"][:-1]
            return found

        return lines

    changed("dataflows.entry", "_lines", make)


@build(BOOKS)
def rounding_drift() -> None:
    def make(right: Any) -> Any:
        return lambda exact, currency: right(exact, currency) + (right(exact, currency) % 7 == 3)

    importlib.import_module("dataflows.main_job")
    changed("accounting.money", "round_half_even", make)


@build(BOOKS)
def window_closed_by_wall_clock() -> None:
    changed(
        "dataflows.business_clock:BusinessClock", "frontier",
        lambda right: lambda *words: max(right(*words), time.time_ns() // 1_000),
    )  # fmt: skip


@build(CLOSED)
def closed_period_not_frozen() -> None:
    changed("dataflows.business_clock:BusinessClock", "closed", lambda right: lambda *words: set())


def _next(digit: re.Match[bytes]) -> bytes:
    """Another digit each time."""
    return b"%d" % ((int(digit[0]) + 1) % 10)


@build(STAYS, "file-synced:25", "file-synced:8")
def entry_edited() -> None:
    """The first line, once it is not said again: the sink's own guard would refuse what differs from that."""

    def make(right: Any) -> Any:
        def append(file: Any, item: Any) -> bool:
            if item.topic == "revenue.journal" and not item.new and item.first > 1:
                edited = re.sub(rb'(?<="amount":")\d', _next, file._path.read_bytes(), count=1)
                file._path.write_bytes(edited)
            return bool(right(file, item))

        return append

    changed("connectors.files.sink:_TopicFile", "append", make)


@build(HEALS, "file-to-write:5")
def outbox_skipped() -> None:
    """The sink's own guard finds the gap, and the service does not come up again."""
    changed("dataflows.outbox:Outbox", "unsent", lambda right: lambda box: [])


@build(NUMBERED, "file-written:9", "file-synced:4")
def outbox_sent_twice() -> None:
    def make(right: Any) -> Any:
        def append(file: Any, item: Any) -> bool:
            file._last = min(file._last, item.first - 1)  # what it holds already is not dropped
            return bool(right(file, item))

        return append

    changed("connectors.files.sink:_TopicFile", "append", make)
    changed("dataflows.outbox:Outbox", "in_sink", lambda right: lambda box, sequences: None)


@build(COUNTED, "batch-applied:9")
def offset_noted_early() -> None:
    from state import codec, keys
    from state.records import Applied

    def make(right: Any) -> Any:
        def apply(shard: Any, batch: Any) -> None:
            if batch.rows is not None and batch.end > shard._applied.get(batch.source, Applied(0, None, 0)).offset:
                noted = codec.encode(Applied(batch.end, batch.newest, shard._phase))
                shard._store._db.put(keys.APPLIED + batch.source.encode(), noted)
            right(shard, batch)

        return apply

    changed("dataflows.shard:Shard", "_apply", make)


@build(NUMBERED, "run-ended:1")
def sequence_gap() -> None:
    def make(right: Any) -> Any:
        def encode(record: Any) -> Any:
            skips = "entry_id" in record and record["sequence"] == 3
            return right({**record, "sequence": record["sequence"] + skips})

        return encode

    changed("dataflows.outbox", "_encode", make)


@build(HEALS, "file-synced:6")
def wal_not_synced_and_lost() -> None:
    """What was only in memory is lost: the sink is ahead of the state, which is refused by name."""

    def make(right: Any) -> Any:
        def init(store: Any, path: Any) -> None:
            right(store, path)
            store._write.disable_wal(True)
            store.sync = lambda: None

        return init

    changed("state.store:ShardStore", "__init__", make)


@build(EXCEPTED)
def exception_dropped() -> None:
    def make(right: Any) -> Any:
        return lambda desk, cls, *words, **named: "" if cls == "undecodable" else right(desk, cls, *words, **named)

    changed("dataflows.exception_desk:ExceptionDesk", "raise_one", make)


@build(EXCEPTED)
def exception_doubled() -> None:
    def make(right: Any) -> Any:
        return lambda *words, **named: right(*words, **named) and right(*words, **named)

    changed("dataflows.exception_desk:ExceptionDesk", "raise_one", make)


@build(LINEAGE)
def lineage_misses_a_source() -> None:
    changed("dataflows.entry", "sources", lambda right: lambda ranges: right(ranges)[:-1])


@build(RECALCULATED)
def recalculation_lost() -> None:
    from schemas.topics import RECALCULATIONS

    def make(right: Any) -> Any:
        def add(box: Any, topic: str, record: Any, currency: str = "") -> Any:
            lost = topic == RECALCULATIONS and record["from_version"] is None
            return b"" if lost else right(box, topic, record, currency)

        return add

    changed("dataflows.outbox:Outbox", "add", make)


@build(SAME)
def digest_of_other_books() -> None:
    changed("ops.places.files:FileOutput", "digest", lambda right: lambda place: right(place)[::-1])


@build(GENERATIONS, "file-synced:2", "file-synced:2")
def generation_not_written() -> None:
    changed(
        "state.directory",
        "_write",
        lambda right: lambda named, identity: None if named.exists() else right(named, identity),
    )


@build(METRICS)
def metric_off_by_one() -> None:
    def make(right: Any) -> Any:
        def note(breakdown: Any, topic: str, record: Any, currency: str) -> None:
            right(breakdown, topic, record, currency)
            if topic == "revenue.exceptions" and record["class"] == "invalid":
                breakdown.counts.opened["invalid", record["owner"]] += 1

        return note

    changed("dataflows.breakdown:Breakdown", "note", make)


@build(METRICS)
def settled_exceptions_wait_for_ever() -> None:
    def make(right: Any) -> Any:
        return lambda kept, record: right(kept, record) if record["status"] == "open" else None

    changed("dataflows.open_exceptions:OpenExceptions", "note", make)


@build(METRICS)
def first_revenue_counts_every_entry() -> None:
    changed("dataflows.recent:Recent", "note", lambda right: lambda kept, name, value: None)
    changed("state.store:ShardStore", "delete", lambda right: lambda store, key: (
        None if key.startswith(b"mfirst-revenue/") else right(store, key)
    ))  # fmt: skip


def main(words: list[str]) -> None:
    """The command line with a defect."""
    from ops.cli import main as accrual

    BUILDS[words[0]].patch()
    sys.argv = ["accrual", *words[1:]]
    accrual()


if __name__ == "__main__":
    main(sys.argv[1:])
