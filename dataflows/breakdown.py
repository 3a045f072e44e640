"""What a shard has said and refused, counted by class, entity, currency and kind; kept with its state, as the tally is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from accounting.currency import digits
from schemas.decimals import scaled
from schemas.topics import EXCEPTIONS, JOURNAL
from state import codec, keys
from state.store import ShardStore

_KEY = keys.META + b"breakdown"


class Kind(NamedTuple):
    """Entries that are counted together."""

    entity: str
    currency: str
    kind: str


class _Posted(msgspec.Struct, array_like=True):
    """What is counted of one kind of entries."""

    entity: str
    currency: str
    kind: str
    entries: int
    debits: bytes  # minor units, codec.from_int: they may pass 64 bits


class _Stored(msgspec.Struct, array_like=True):
    """A breakdown as it is kept; new fields go to the end, with a default."""

    posted: list[_Posted]
    opened: dict[str, int]
    resolved: dict[str, int]
    excepted: dict[str, int]


@dataclass(slots=True)
class Breakdown:
    """Exact counts since the state was created."""

    entries: Counter[Kind] = field(default_factory=Counter)
    debits: Counter[Kind] = field(default_factory=Counter)  # minor units; the credits are the same
    opened: Counter[str] = field(default_factory=Counter)  # exception records by class
    resolved: Counter[str] = field(default_factory=Counter)
    excepted: Counter[str] = field(default_factory=Counter)  # usage events that were refused, by class of exception
    _changed: bool = False

    def note(self, topic: str, record: Mapping[str, Any]) -> None:
        """Count a record that leaves the shard."""
        if topic == JOURNAL:
            kind = Kind(record["entity"], record["currency"], record["kind"])
            places = digits(kind.currency)
            sides = [scaled(Decimal(one["amount"]), places) for one in record["lines"] if one["side"] == "debit"]
            self.entries[kind] += 1
            self.debits[kind] += sum(sides)
        elif topic == EXCEPTIONS:
            (self.opened if record["status"] == "open" else self.resolved)[record["class"]] += 1
        self._changed = True

    def refuse(self, cls: str, events: int) -> None:
        """Count usage events that will never be counted."""
        if events:
            self.excepted[cls] += events
            self._changed = True

    def save(self, store: ShardStore) -> None:
        """Keep it with the batch in hand."""
        if not self._changed:
            return
        posted = [_Posted(*kind, count, codec.from_int(self.debits[kind])) for kind, count in self.entries.items()]
        stored = _Stored(posted, dict(self.opened), dict(self.resolved), dict(self.excepted))
        store.put(_KEY, codec.encode(stored))
        self._changed = False

    def copy(self) -> Breakdown:
        """It as it is now."""
        return Breakdown(
            self.entries.copy(), self.debits.copy(), self.opened.copy(), self.resolved.copy(), self.excepted.copy()
        )


def load(store: ShardStore) -> Breakdown:
    """A shard's breakdown."""
    data = store.get(_KEY)
    if data is None:
        return Breakdown()
    stored, found = codec.decode(_Stored, data), Breakdown()
    for one in stored.posted:
        kind = Kind(one.entity, one.currency, one.kind)
        found.entries[kind], found.debits[kind] = one.entries, codec.to_int(one.debits)
    found.opened.update(stored.opened)
    found.resolved.update(stored.resolved)
    found.excepted.update(stored.excepted)
    return found
