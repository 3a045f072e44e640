"""Where replayed books and posted books differ, and which entries and events of either side explain it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from accounting.money import major_text
from connectors.kafka.offsets import Place
from ops.replay.books import ComparedBooks, Key, Sum, moved
from ops.show.entry import Entry
from schemas.topics import USAGE

SHOWN_ENTRIES = 20  # of one side of one difference; how many there are is said as well


@dataclass(frozen=True, slots=True)
class Difference:
    """What the posted books lack: replayed less posted, in minor units."""

    key: Key
    posted: Sum
    replayed: Sum
    product_id: str

    @property
    def amount(self) -> int:
        """In the contract's currency."""
        return self.replayed.amount - self.posted.amount

    @property
    def functional(self) -> int:
        """In the entity's."""
        return self.replayed.functional - self.posted.functional


@dataclass(slots=True)
class Side:
    """The entries of one side that make up one key: how many, and the first of them."""

    entries: int = 0
    shown: list[dict[str, object]] = field(default_factory=list)

    def add(self, said: dict[str, object]) -> None:
        """One more."""
        self.entries += 1
        if len(self.shown) < SHOWN_ENTRIES:
            self.shown.append(said)


@dataclass(slots=True)
class Explanation:
    """The entries of both sides that make up one key."""

    posted: Side = field(default_factory=Side)
    replayed: Side = field(default_factory=Side)


def differences(posted: ComparedBooks, replayed: ComparedBooks, outside: set[str]) -> list[Difference]:
    """Every key whose sums differ, in order; without contracts that had usage from before the range (`outside`)."""
    nothing, found = Sum(), []
    for key in sorted(posted.sums.keys() | replayed.sums.keys()):
        was, should = posted.sums.get(key, nothing), replayed.sums.get(key, nothing)
        if key.contract_id not in outside and (was.amount, was.functional) != (should.amount, should.functional):
            name = (key.contract_id, key.line_id)
            product = replayed.products.get(name) or posted.products.get(name, "")
            found.append(Difference(key, was, should, product))
    return found


class Outside:
    """The contracts of which posted entries count usage from before the range: replayed alone they have other books."""

    def __init__(self, begins: Mapping[Place, int]) -> None:
        self._begins = {place: at for place, at in begins.items() if place[0] == USAGE and at}
        self.contracts: set[str] = set()

    def see(self, entry: Entry) -> None:
        """An entry that is posted."""
        if not self._begins or entry.lineage is None:
            return
        for one in entry.lineage.sources:
            if (one.start or 0) < self._begins.get((one.topic, one.partition), 0):
                self.contracts.add(entry.contract_id or "")


def explained(
    found: Iterable[Difference], posted: Iterable[Entry], replayed: Iterable[Entry]
) -> dict[Key, Explanation]:
    """By key, the entries of either side with where their events stand; both journals are read once more."""
    wanted = {one.key: Explanation() for one in found}
    for entry in posted:
        for key, said in _said(entry, wanted):
            wanted[key].posted.add(said)
    for entry in replayed:
        for key, said in _said(entry, wanted):
            wanted[key].replayed.add(said)
    return wanted


def _said(entry: Entry, wanted: Mapping[Key, object]) -> Iterator[tuple[Key, dict[str, object]]]:
    amounts: dict[Key, int] = {}
    for key, amount, _, _ in moved(entry):
        if key in wanted:
            amounts[key] = amounts.get(key, 0) + amount
    for key, amount in amounts.items():
        lineage = entry.lineage
        yield key, {
            "entry_id": entry.entry_id,
            "shard": entry.shard,
            "sequence": entry.sequence,
            "kind": entry.kind,
            "accounting_date": entry.accounting_date,
            "amount": major_text(amount, entry.currency),
            "window": None if entry.window is None else {
                "start": entry.window.start, "end": entry.window.end, "revision": entry.window.revision
            },
            "rule": lineage.rule if lineage else None,
            "events": lineage.size if lineage else None,
            "event_digest": lineage.event_digest if lineage else None,
            "sources": [
                {"topic": one.topic, "partition": one.partition, "from_offset": one.start, "to_offset": one.stop}
                for one in (lineage.sources if lineage else ())
            ],
        }  # fmt: skip
