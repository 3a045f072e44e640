"""Parked usage: events that no contract line takes yet, kept whole, in the hope of their contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from accounting.contract import QUANTITY_SCALE
from dataflows.admission import usage_payload
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import ContractTable, Uncovered
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.policy_book import PolicyBook
from dataflows.settings import FlowSettings
from dataflows.usage_cells import Usage, cell_of
from dataflows.usage_sums import unique_value
from schemas.decimals import decimal_text, scaled, unscaled_decimal
from state import codec, keys
from state.records import ParkedUsage, Source
from state.store import ShardStore


class Parking:
    """The parked usage of one shard."""

    def __init__(
        self,
        store: ShardStore,
        contracts: ContractTable,
        clock: BusinessClock,
        policies: PolicyBook,
        desk: ExceptionDesk,
        settings: FlowSettings,
    ) -> None:
        self._store, self._contracts, self._clock = store, contracts, clock
        self._policies, self._desk, self._settings = policies, desk, settings
        self._due: dict[int, set[str]] = {}  # end of a window -> customers with silent usage in it
        self.count = 0
        self.expired = 0  # let go since the shard took note of it
        for _, value in store.scan(keys.PARKED):
            parked = codec.decode(ParkedUsage, value)
            self.count += 1
            if not parked.raised:
                self._await(parked)

    def park(self, rows: pl.DataFrame, origins: list[tuple[str, int]], phase: int) -> None:
        """Keep rows. Ambiguous usage is an exception at once, the rest when its window closes: a contract may come."""
        for row in rows.iter_rows(named=True):
            topic, partition = origins[row["origin"]]
            parked = ParkedUsage(
                topic, partition, row["offset"], row["event_id"], row["source"], row["customer_id"],
                row["contract_id"], row["meter"], codec.from_int(scaled(row["quantity"], QUANTITY_SCALE)),
                row["event_time"], row["dimensions"], (row["high"] << 64 | row["low"]).to_bytes(16, "big"),
                phase=phase,
            )  # fmt: skip
            self._look(_key(parked), parked)
            self._store.put(_key(parked), codec.encode(parked))
            self.count += 1
            self._expire(_key(parked), parked, self._contracts.cut.parked)

    def release(self, customer_id: str) -> Iterator[tuple[ParkedUsage, Usage]]:
        """The parked usage that a customer's contracts now take; its exceptions are resolved.

        What stays parked may be wanting something else now than when it was raised: the open exception says what it is
        now, so that the order of arrival does not matter.
        """
        if not self.count:
            return
        for key, value in self._store.scan(keys.PARKED + keys.name(customer_id)):
            parked = codec.decode(ParkedUsage, value)
            if self._covering(parked) == 1:
                self._store.delete(key)
                self.count -= 1
                if parked.raised:
                    self._desk.resolve(parked.raised, parked_at(parked), "its contract arrived")
                yield parked, self._usage(parked)
            else:
                self._look(key, parked)

    def close_windows(self) -> None:
        """Raise what is still without a contract when its window closes (events.md: not on arrival)."""
        furthest = self._clock.furthest()
        customers: set[str] = set()
        for end in [end for end in self._due if end <= furthest]:
            customers |= self._due.pop(end)
        for customer_id in sorted(customers):
            for key, value in self._store.scan(keys.PARKED + keys.name(customer_id)):
                parked = codec.decode(ParkedUsage, value)
                if not parked.raised:
                    self._look(key, parked)

    def expire(self, before: int, customer_id: str | None = None) -> Iterator[int]:
        """Let go what happened before an instant and was raised: its exception stays open. Gives how many it looked at."""
        for part in self._store.walk(keys.PARKED + (keys.name(customer_id) if customer_id is not None else b"")):
            for key, value in part:
                self._expire(key, codec.decode(ParkedUsage, value), before)
            yield len(part)

    def _expire(self, key: bytes, parked: ParkedUsage, before: int) -> None:
        if parked.raised and parked.event_time < before:
            self._store.delete(key)
            self._desk.forget(parked.raised, parked_at(parked))
            self.count -= 1
            self.expired += 1

    def customers(self) -> set[str]:
        """Everybody who has parked usage."""
        return {codec.decode(ParkedUsage, value).customer_id for _, value in self._store.scan(keys.PARKED)}

    def _look(self, key: bytes, parked: ParkedUsage) -> None:
        """Say what an event lacks, once its window is closed; ambiguous usage at once, no contract to come mends that."""
        lacking = self._lacking(parked)
        end = self._window_end(parked, lacking)
        closed = end <= self._clock.frontier(lacking.entity)
        wanted = lacking.cls if closed or lacking.cls == "contract_ambiguous" else ""
        if not wanted:
            self._due.setdefault(end, set()).add(parked.customer_id)
        if wanted == parked.raised:
            return
        if parked.raised:
            self._desk.resolve(parked.raised, parked_at(parked), f"a contract arrived; now {lacking.cls}")
        parked.raised = wanted
        self._store.put(key, codec.encode(parked))
        if wanted:
            self._desk.raise_one(
                wanted, parked_at(parked), lacking.reason, parked_payload(parked), since=parked.event_time,
                customer_id=parked.customer_id, contract_id=parked.contract_id, resolvable=True,
            )  # fmt: skip

    def _lacking(self, parked: ParkedUsage) -> Uncovered:
        if self._covering(parked) > 1:
            reason = f"more than one contract of customer {parked.customer_id} takes meter {parked.meter} at that time"
            remedy = "amend one of them; usage to come may name its contract_id"
            return Uncovered("contract_ambiguous", f"{reason}: {remedy}", None, None)
        found = self._contracts.why_not(parked.customer_id, parked.contract_id, parked.event_time)
        remedy = f"meter {parked.meter}: send or amend the contract, the usage is kept and booked then"
        return replace(found, reason=f"{found.reason}; {remedy}")

    def _covering(self, parked: ParkedUsage) -> int:
        found = self._contracts.covering(parked.customer_id, parked.contract_id, parked.meter, parked.event_time)
        return len(found)

    def _await(self, parked: ParkedUsage) -> None:
        end = self._window_end(parked, self._lacking(parked))
        self._due.setdefault(end, set()).add(parked.customer_id)

    def _window_end(self, parked: ParkedUsage, lacking: Uncovered) -> int:
        return self._policies.windows(lacking.zone or self._settings.zone).of(parked.event_time).end

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


def parked_at(parked: ParkedUsage) -> Coordinates:
    """Where the event was first read."""
    return Coordinates(parked.topic, parked.partition, parked.offset)


def parked_payload(parked: ParkedUsage) -> bytes:
    """The event as the JSON record it came from, in normal form."""
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
