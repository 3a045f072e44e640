"""How long contracts take until revenue: a histogram in business time, kept with the state."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import msgspec

from accounting.calendar import DAY_US, HOUR_US, start_of_day
from accounting.coverage import FOREVER
from accounting.position import REVENUE
from dataflows.recent import Recent
from schemas.instants import parse_instant
from state import codec, keys
from state.store import ShardStore

UPTO_US = (
    HOUR_US, 6 * HOUR_US, *(days * DAY_US for days in (1, 2, 3, 7, 14, 31, 62, 92, 183, 366, 731))
)  # fmt: skip
_KEY = keys.META + b"first-revenue"
_AWAITED = keys.META + b"first-revenue/"  # customer, contract -> event_time of its first version
_CACHED = 20_000
_LAST_DAY = date.max - timedelta(days=1)


class Durations(msgspec.Struct, array_like=True):
    """A histogram: how many were no longer than each of UPTO_US, but longer than the one before; the last: longer."""

    counts: list[int]
    sum_us: bytes  # codec.from_int


def none() -> Durations:
    """The empty one."""
    return Durations([0] * (len(UPTO_US) + 1), codec.from_int(0))


class FirstRevenue:
    """Waits, for each contract of a shard, for the first entry that credits revenue.

    The instant of an entry is the end of its window, else the end of its accounting date in the entity's zone. What was
    earned before the contract was signed counts as no time. A contract that was taken up before this was counted is left
    out: its first revenue may be posted.
    """

    def __init__(self, store: ShardStore) -> None:
        self._store = store
        stored = store.get(_KEY)
        self.found = none() if stored is None else codec.decode(Durations, stored)
        self._since: Recent[tuple[str, str], int] = Recent(_CACHED, self._read)
        self._changed = False
        self.role_of: Callable[[str, str], str] = lambda entity, account: account
        self.zone_of: Callable[[str, int], str] = lambda entity, at: "UTC"

    def awaits(self, customer_id: str, contract_id: str, since: int) -> None:
        """A contract has its first version, of which the event_time is this."""
        self._store.put(_key(customer_id, contract_id), keys.number(since))
        self._since.note((customer_id, contract_id), since)

    def note(self, record: Mapping[str, Any]) -> None:
        """An entry leaves the shard."""
        name = (record["customer_id"], record["contract_id"])
        if name[1] is None or (since := self._since.of(name)) == FOREVER:
            return
        entity = record["entity"]
        if not any(
            one["side"] == "credit" and self.role_of(entity, one["account"]) == REVENUE for one in record["lines"]
        ):
            return
        took = max(0, self._instant(record) - since)
        self.found.counts[bisect_left(UPTO_US, took)] += 1
        self.found.sum_us = codec.from_int(codec.to_int(self.found.sum_us) + took)
        self._changed = True
        self._store.delete(_key(*name))
        self._since.note(name, FOREVER)

    def save(self) -> None:
        """Keep the counts with the batch in hand."""
        if self._changed:
            self._store.put(_KEY, codec.encode(self.found))
            self._changed = False

    def copy(self) -> Durations:
        """The counts as they are now."""
        return Durations(self.found.counts.copy(), self.found.sum_us)

    def _read(self, name: tuple[str, str]) -> int:
        stored = self._store.get(_key(*name))
        return FOREVER if stored is None else keys.from_number(stored)

    def _instant(self, record: Mapping[str, Any]) -> int:
        if record["window"] is not None:
            return parse_instant(record["window"]["end"])
        day = date.fromisoformat(record["accounting_date"])
        zone = self.zone_of(record["entity"], start_of_day(day, "UTC"))
        return start_of_day(min(day, _LAST_DAY) + timedelta(days=1), zone)


def forget(store: ShardStore, customer_id: str, contract_id: str) -> None:
    """The contract has been let go."""
    key = _key(customer_id, contract_id)
    if store.get(key) is not None:
        store.delete(key)


def _key(customer_id: str, contract_id: str) -> bytes:
    return _AWAITED + keys.name(customer_id, contract_id)
