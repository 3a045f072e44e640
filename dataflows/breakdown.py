"""What a shard has said and refused, counted by what tells it apart; kept with its state, as the tally is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from accounting.money import minor_from_major
from dataflows.first_revenue import Durations, FirstRevenue
from dataflows.open_exceptions import ByHours, OpenExceptions, Owned
from dataflows.roles import Roles
from schemas.topics import EXCEPTIONS, JOURNAL, RECALCULATIONS
from state import codec, keys
from state.store import ShardStore

_KEY = keys.META + b"breakdown"
NOBODY = ""  # the owner of exceptions that were raised before owners were counted
UNTREATED = "none"  # of recalculations that no contract version caused
UP, DOWN = "up", "down"


class Kind(NamedTuple):
    """Entries that are counted together."""

    entity: str
    currency: str
    kind: str


Side = tuple[str, str]  # account as it stands in the journal, debit or credit


class _Posted(msgspec.Struct, array_like=True):
    """What is counted of one kind of entries."""

    entity: str
    currency: str
    kind: str
    entries: int
    debits: bytes  # minor units, codec.from_int: they may pass 64 bits
    amounts: list[tuple[str, str, bytes]] = []  # account, side, minor units
    closed: int = 0  # entries with an origin_period
    closed_debits: bytes = codec.from_int(0)


class _Stored(msgspec.Struct, array_like=True):
    """A breakdown as it is kept; new fields go to the end, with a default."""

    posted: list[_Posted]
    opened: dict[str, int]  # of NOBODY
    resolved: dict[str, int]
    excepted: dict[str, int]
    owned: list[tuple[str, str, int, int]] = []  # class, owner, opened, resolved
    recalculations: list[tuple[str, str, int]] = []  # cause, treatment
    recalculated: list[tuple[str, str, str, bytes]] = []  # currency, cause, direction, minor units
    whole: bool = False


class Counts:
    """Exact counts since the state was created."""

    __slots__ = (
        "amounts", "closed", "closed_debits", "debits", "entries", "excepted", "opened", "recalculated",
        "recalculations", "resolved", "whole",
    )  # fmt: skip

    def __init__(self) -> None:
        self.entries = Counter[Kind]()
        self.debits = Counter[Kind]()  # minor units; the credits are the same
        self.amounts: dict[Kind, dict[Side, int]] = {}  # minor units
        self.closed = Counter[Kind]()  # entries of effects that belong to a closed period
        self.closed_debits = Counter[Kind]()  # minor units
        self.opened = Counter[Owned]()  # exception records by class and owner
        self.resolved = Counter[Owned]()
        self.excepted = Counter[str]()  # usage events that were refused, by class of exception
        self.recalculations = Counter[tuple[str, str]]()  # cause, treatment
        self.recalculated = Counter[tuple[str, str, str]]()  # currency, cause, direction: minor units, never negative
        self.whole = True  # whether `amounts` has all that was ever posted: an older state did not count it

    def copy(self) -> Counts:
        """They as they are now."""
        other = Counts()
        for name in self.__slots__:
            value = getattr(self, name)
            setattr(other, name, value if isinstance(value, bool) else value.copy())
        other.amounts = {kind: sides.copy() for kind, sides in self.amounts.items()}
        return other


class Told(NamedTuple):
    """A breakdown at one instant."""

    counts: Counts
    open: Mapping[Owned, ByHours]
    first_revenue: Durations
    roles: Roles


class Breakdown:
    """What one shard counts."""

    def __init__(self, store: ShardStore) -> None:
        self._store = store
        self.counts = _read(store.get(_KEY))
        if not self.counts.entries and store.get(keys.SEQUENCE + JOURNAL.encode()) is not None:
            self.counts.whole = False  # it has posted before anything was counted
        self.open = OpenExceptions(store)
        self.first_revenue = FirstRevenue(store)
        self._changed = False

    def note(self, topic: str, record: Mapping[str, Any], currency: str = "") -> None:
        """Count a record that leaves the shard; `currency`: of one that does not name its own."""
        if topic == JOURNAL:
            self._entry(record)
        elif topic == EXCEPTIONS:
            self._exception(record)
        elif topic == RECALCULATIONS:
            self._recalculation(record, currency)
        self._changed = True

    def _entry(self, record: Mapping[str, Any]) -> None:
        counts, kind = self.counts, Kind(record["entity"], record["currency"], record["kind"])
        sides = counts.amounts.get(kind)
        if sides is None:
            sides = counts.amounts[kind] = {}
        debits = 0
        for one in record["lines"]:
            minor, side = minor_from_major(one["amount"], kind.currency), (one["account"], one["side"])
            sides[side] = sides.get(side, 0) + minor
            if side[1] == "debit":
                debits += minor
        counts.entries[kind] += 1
        counts.debits[kind] += debits
        if record["origin_period"] is not None:
            counts.closed[kind] += 1
            counts.closed_debits[kind] += debits
        self.first_revenue.note(record)

    def _exception(self, record: Mapping[str, Any]) -> None:
        counts, cls, owner = self.counts, record["class"], record["owner"]
        self.open.note(record)
        if record["status"] == "open":
            counts.opened[cls, owner] += 1
        elif counts.resolved[cls, owner] < counts.opened[cls, owner]:
            counts.resolved[cls, owner] += 1
        else:
            counts.resolved[cls, NOBODY] += 1

    def _recalculation(self, record: Mapping[str, Any], currency: str) -> None:
        counts, cause = self.counts, record["cause"]
        counts.recalculations[cause, record["treatment"] or UNTREATED] += 1
        up = down = 0
        for one in record["delta"]:
            if (minor := minor_from_major(one.amount, currency)) > 0:
                up += minor
            else:
                down -= minor
        counts.recalculated[currency, cause, UP] += up
        counts.recalculated[currency, cause, DOWN] += down

    def said(self, cause: str) -> int:
        """How many recalculations there were by this cause."""
        return sum(count for (name, _), count in self.counts.recalculations.items() if name == cause)

    def refuse(self, cls: str, events: int) -> None:
        """Count usage events that will never be counted."""
        if events:
            self.counts.excepted[cls] += events
            self._changed = True

    def awaits(self, customer_id: str, contract_id: str, since: int) -> None:
        """A contract has its first version, of which the event_time is this: its revenue is awaited."""
        self.first_revenue.awaits(customer_id, contract_id, since)

    def save(self) -> None:
        """Keep it with the batch in hand."""
        if self._changed:
            self._store.put(_KEY, _written(self.counts))
            self.open.save(self._store)
            self.first_revenue.save()
            self._changed = False

    def copy(self, roles: Roles) -> Told:
        """It as it is now."""
        return Told(self.counts.copy(), self.open.copy(), self.first_revenue.copy(), roles)


def _written(counts: Counts) -> bytes:
    posted = [
        _Posted(
            *kind, count, codec.from_int(counts.debits[kind]),
            [(*side, codec.from_int(minor)) for side, minor in counts.amounts.get(kind, {}).items()],
            counts.closed[kind], codec.from_int(counts.closed_debits[kind]),
        )
        for kind, count in counts.entries.items()
    ]  # fmt: skip
    owned = [(*name, count, counts.resolved[name]) for name, count in counts.opened.items() if name[1] != NOBODY]
    opened, resolved = (
        {cls: count for (cls, owner), count in found.items() if owner == NOBODY}
        for found in (counts.opened, counts.resolved)
    )
    return codec.encode(_Stored(
        posted, opened, resolved, dict(counts.excepted), owned,
        [(*name, count) for name, count in counts.recalculations.items()],
        [(*name, codec.from_int(minor)) for name, minor in counts.recalculated.items()],
        counts.whole,
    ))  # fmt: skip


def _read(data: bytes | None) -> Counts:
    found = Counts()
    if data is None:
        return found
    stored = codec.decode(_Stored, data)
    for one in stored.posted:
        kind = Kind(one.entity, one.currency, one.kind)
        found.entries[kind], found.debits[kind] = one.entries, codec.to_int(one.debits)
        found.amounts[kind] = {(account, side): codec.to_int(minor) for account, side, minor in one.amounts}
        if one.closed:
            found.closed[kind], found.closed_debits[kind] = one.closed, codec.to_int(one.closed_debits)
    for cls, count in stored.opened.items():
        found.opened[cls, NOBODY] = count
    for cls, count in stored.resolved.items():
        found.resolved[cls, NOBODY] = count
    for cls, owner, opened, resolved in stored.owned:
        found.opened[cls, owner], found.resolved[cls, owner] = opened, resolved
    found.excepted.update(stored.excepted)
    for cause, treatment, count in stored.recalculations:
        found.recalculations[cause, treatment] = count
    for currency, cause, direction, minor in stored.recalculated:
        found.recalculated[currency, cause, direction] = codec.to_int(minor)
    found.whole = stored.whole
    return found
