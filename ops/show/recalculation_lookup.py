"""Everything a sink, and a source, say about one recalculation: its entries, what follows it, the version that caused it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from ops.show.contract_versions import HOLDS, versions_of
from ops.show.entry import Entry
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.nearest import nearest
from ops.show.recalculation import AMENDMENT, Recalculation, recalculations_of
from ops.show.records import Stored, StoredTopic, needle
from ops.show.sink import UsageError
from schemas.contracts import ContractEvent

MATCHES_SHOWN = 8
USAGE = "usage"
SCHEDULED = ("recognition", "catch_up")
UNDECIDED = "undecided"
UNDECIDABLE = "treatment_undecidable"


@dataclass(slots=True)
class Explained:
    """One recalculation, and what there is about it."""

    stored: Stored[Recalculation]
    entries: list[Stored[Entry]] = field(default_factory=list)  # that it posted, in the order of their dates
    posted_until: str | None = None  # the last period of its own for which anything scheduled of the contract is posted
    metered: set[str] = field(default_factory=set)  # lines that post usage: nothing of theirs is scheduled
    next: Recalculation | None = None  # of the version after
    stands: int | None = None  # the last version before it that was taken up
    waits: list[Stored[ExceptionRecord]] = field(default_factory=list)  # open exceptions about an undecided version
    version: ContractEvent | None = None  # that caused it
    change: list[str] = field(default_factory=list)  # what that version changes, in words

    @property
    def record(self) -> Recalculation:
        """The recalculation itself."""
        return self.stored.value

    @property
    def missing(self) -> list[str]:
        """The entries that it names and the journal does not hold."""
        there = {stored.value.entry_id for stored in self.entries}
        return [name for name in self.record.entry_ids if name not in there]

    def ahead(self) -> dict[str, Decimal]:
        """By period, what of the change lies in periods for which nothing is posted yet."""
        found: dict[str, Decimal] = {}
        if self.record.cause != AMENDMENT or self.record.treatment == UNDECIDED:
            return found
        for one in self.record.delta:
            if (
                one.amount
                and one.line_id not in self.metered
                and (self.posted_until is None or one.period > self.posted_until)
            ):
                found[one.period] = found.get(one.period, self.record.zero) + one.amount
        return dict(sorted(found.items()))


def explained(
    recalculations: StoredTopic, journal: StoredTopic, exceptions: StoredTopic, wanted: str, source: Path | None
) -> Explained:
    """The recalculation whose id is given or begins so. UsageError when there is none, or more than one."""
    found = Explained(_one(recalculations, wanted))
    record = found.record
    _read_journal(journal, found)
    if record.is_version:
        versions = recalculations_of(recalculations, record.contract_id, record.customer_id)
        found.next = versions.get((record.to_version or 0) + 1)
        taken = (number for number, one in versions.items() if one.treatment != UNDECIDED)
        found.stands = max((number for number in taken if number < (record.to_version or 0)), default=None)
    if record.treatment == UNDECIDED:
        found.waits = _waiting(exceptions, record)
    if source is not None and record.is_version:
        _read_version(source, found)
    return found


def _one(topic: StoredTopic, wanted: str) -> Stored[Recalculation]:
    found: list[Stored[Recalculation]] = []
    name = needle(wanted)
    for stored in topic.records(Recalculation, [name] if name else []):
        if stored.value.recalculation_id == wanted:
            return stored
        if stored.value.recalculation_id.startswith(wanted) and len(found) <= MATCHES_SHOWN:
            found.append(stored)
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(_unknown(topic, wanted))
    some = ", ".join(stored.value.recalculation_id for stored in found[:MATCHES_SHOWN])
    more = " and more" if len(found) > MATCHES_SHOWN else ""
    raise UsageError(f"more than one recalculation's id begins with {wanted!r}: {some}{more}. Write more of it.")


def _unknown(topic: StoredTopic, wanted: str) -> str:
    # Held against beginnings of the same length: an id that was cut has little in common with a whole one.
    known = {
        stored.value.recalculation_id[: len(wanted)]: stored.value.recalculation_id
        for stored in topic.records(Recalculation)
    }
    near = ", ".join(known[one] for one in nearest(wanted, known))
    told = f"the nearest are {near}" if near else "it holds none"
    return f"no recalculation's id is {wanted!r} or begins with it in {str(topic.directory)!r}: {told}."


def _read_journal(journal: StoredTopic, found: Explained) -> None:
    """The entries of the recalculation, and how far the contract is posted."""
    record = found.record
    names = set(record.entry_ids)
    needles = [name for one in (record.customer_id, record.contract_id) if one and (name := needle(one))]
    for stored in journal.records(Entry, needles):
        entry = stored.value
        if entry.contract_id != record.contract_id or record.customer_id not in (None, entry.customer_id):
            continue
        if entry.entry_id in names:
            found.entries.append(stored)
        if entry.kind == USAGE and entry.line_id is not None:
            found.metered.add(entry.line_id)
        elif entry.kind in SCHEDULED:
            own = entry.origin_period or entry.period
            found.posted_until = own if found.posted_until is None else max(own, found.posted_until)
    found.entries.sort(key=lambda one: (one.value.accounting_date, one.value.shard, one.value.sequence))


def _waiting(exceptions: StoredTopic, record: Recalculation) -> list[Stored[ExceptionRecord]]:
    latest: dict[str, Stored[ExceptionRecord]] = {}
    name = needle(record.contract_id)
    for stored in exceptions.records(ExceptionRecord, [name] if name else []):
        one = stored.value
        theirs = (one.contract_id, one.customer_id) == (record.contract_id, record.customer_id)
        # Each version has its own, and its reason begins with the version.
        if one.kind == UNDECIDABLE and theirs and (one.reason or "").startswith(f"version {record.to_version} "):
            latest[one.exception_id] = stored
    return [stored for stored in latest.values() if stored.value.status == OPEN]


def _read_version(source: Path, found: Explained) -> None:
    record = found.record
    versions = versions_of(source, record.contract_id, record.customer_id)
    for one in versions.received:
        if one.event.version == record.to_version and one.status == HOLDS:
            found.version, found.change = one.event, versions.change(one)
