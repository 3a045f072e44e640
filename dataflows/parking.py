"""Parked usage: events that no contract line takes yet, kept whole, in the hope of their contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from accounting.contract import QUANTITY_SCALE
from accounting.window import window_of
from dataflows.admission import usage_payload
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import ContractTable
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.settings import FlowSettings
from dataflows.usage_cells import Usage, cell_of, unique_value
from schemas.decimals import decimal_text, scaled, unscaled_decimal
from state import codec, keys
from state.records import ParkedUsage, Source
from state.store import ShardStore


@dataclass(frozen=True, slots=True)
class _Wanting:
    """What a parked event lacks, and whose periods close its window."""

    cls: str
    reason: str
    entity: str | None


class Parking:
    """The parked usage of one shard."""

    def __init__(
        self,
        store: ShardStore,
        contracts: ContractTable,
        clock: BusinessClock,
        desk: ExceptionDesk,
        settings: FlowSettings,
    ) -> None:
        self._store, self._contracts, self._clock = store, contracts, clock
        self._desk, self._settings = desk, settings
        self._due: dict[int, set[str]] = {}  # end of a window -> customers with silent usage in it
        self.count = 0
        for _, value in store.scan(keys.PARKED):
            parked = codec.decode(ParkedUsage, value)
            self.count += 1
            if not parked.raised:
                self._await(parked)

    def park(self, rows: pl.DataFrame, origins: list[tuple[str, int]]) -> None:
        """Keep rows. Ambiguous usage is an exception at once, the rest when its window closes: a contract may come."""
        for row in rows.iter_rows(named=True):
            topic, partition = origins[row["origin"]]
            parked = ParkedUsage(
                topic, partition, row["offset"], row["event_id"], row["source"], row["customer_id"],
                row["contract_id"], row["meter"], codec.from_int(scaled(row["quantity"], QUANTITY_SCALE)),
                row["event_time"], row["dimensions"], (row["high"] << 64 | row["low"]).to_bytes(16, "big"),
            )  # fmt: skip
            if self._covering(parked) > 1:
                self._raise(parked, self._wanting(parked))
            else:
                self._await(parked)
            self._store.put(_key(parked), codec.encode(parked))
            self.count += 1

    def release(self, customer_id: str) -> Iterator[Usage]:
        """The parked usage that a customer's contracts now take; its exceptions are resolved.

        What stays parked may be wanting something else now than when it was raised: the open exception says what it is
        now, so that the order of arrival does not matter.
        """
        for key, value in self._store.scan(keys.PARKED + keys.name(customer_id)):
            parked = codec.decode(ParkedUsage, value)
            if self._covering(parked) == 1:
                self._store.delete(key)
                self.count -= 1
                if parked.raised:
                    self._desk.resolve(parked.raised, _at(parked), "the contract arrived and the usage is booked")
                yield self._usage(parked)
                continue
            wanting = self._wanting(parked)
            if parked.raised in ("", wanting.cls) and wanting.cls != "contract_ambiguous":
                continue
            if parked.raised != wanting.cls:
                if parked.raised:
                    self._desk.resolve(parked.raised, _at(parked), f"a contract arrived; now {wanting.cls}")
                self._raise(parked, wanting)
                self._store.put(key, codec.encode(parked))

    def close_windows(self) -> None:
        """Raise what is still without a contract when its window closes (events.md: not on arrival)."""
        furthest = self._clock.furthest()
        customers: set[str] = set()
        for end in [end for end in self._due if end <= furthest]:
            customers |= self._due.pop(end)
        for customer_id in sorted(customers):
            for key, value in self._store.scan(keys.PARKED + keys.name(customer_id)):
                parked = codec.decode(ParkedUsage, value)
                if parked.raised or self._window_end(parked) > furthest:
                    continue
                wanting = self._wanting(parked)
                if self._window_end(parked) <= self._clock.frontier(wanting.entity):
                    self._raise(parked, wanting)
                    self._store.put(key, codec.encode(parked))
                else:
                    self._await(parked)  # another entity's period was closed

    def _wanting(self, parked: ParkedUsage) -> _Wanting:
        if self._covering(parked) > 1:
            reason = f"more than one contract of customer {parked.customer_id} takes meter {parked.meter} at that time"
            return _Wanting("contract_ambiguous", f"{reason}; name the contract_id in the usage", None)
        cls, reason, entity = self._contracts.why_not(parked.customer_id, parked.contract_id, parked.event_time)
        remedy = f"meter {parked.meter}: send or amend the contract, the usage is kept and booked then"
        return _Wanting(cls, f"{reason}; {remedy}", entity)

    def _raise(self, parked: ParkedUsage, wanting: _Wanting) -> None:
        parked.raised = wanting.cls
        self._desk.raise_one(
            wanting.cls, _at(parked), wanting.reason, _payload(parked), since=parked.event_time,
            customer_id=parked.customer_id, contract_id=parked.contract_id, resolvable=True,
        )  # fmt: skip

    def _covering(self, parked: ParkedUsage) -> int:
        found = self._contracts.covering(parked.customer_id, parked.contract_id, parked.meter, parked.event_time)
        return len(found)

    def _await(self, parked: ParkedUsage) -> None:
        self._due.setdefault(self._window_end(parked), set()).add(parked.customer_id)

    def _window_end(self, parked: ParkedUsage) -> int:
        return window_of(parked.event_time, self._settings.window, self._settings.zone).end

    def _usage(self, parked: ParkedUsage) -> Usage:
        edges = self._contracts.edges.get(parked.customer_id, [])
        cell, quantity = cell_of(parked.event_time, edges), codec.to_int(parked.quantity)
        return Usage(
            parked.customer_id, parked.contract_id, parked.meter, cell, quantity, 1,
            int.from_bytes(parked.identity, "big"),
            Source(parked.topic, parked.partition, parked.offset, parked.offset + 1),
            quantity, parked.event_time, parked.offset, quantity, quantity * (parked.event_time - cell),
            unique_value(parked.dimensions),
        )  # fmt: skip


def _at(parked: ParkedUsage) -> Coordinates:
    return Coordinates(parked.topic, parked.partition, parked.offset)


def _payload(parked: ParkedUsage) -> bytes:
    return usage_payload(
        {
            "event_id": parked.event_id,
            "source": parked.source,
            "customer_id": parked.customer_id,
            "contract_id": parked.contract_id,
            "meter": parked.meter,
            "quantity": decimal_text(unscaled_decimal(codec.to_int(parked.quantity), QUANTITY_SCALE)),
            "event_time": parked.event_time,
            "dimensions": parked.dimensions,
        }
    )


def _key(parked: ParkedUsage) -> bytes:
    where = keys.name(parked.topic) + keys.number(parked.partition) + keys.number(parked.offset)
    return keys.PARKED + keys.name(parked.customer_id) + where
