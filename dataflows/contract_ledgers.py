"""The ledgers of contracts that are billed: what recognition, usage and billing come to in the order of time.

A contract without billing needs none: nothing of it is billed ahead, and its positions are what is recognised.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from accounting.calendar import local_date, start_of_day
from accounting.contract import VersionKind
from accounting.contract_ledger import Settled, UsageRevenue, settle_contract
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.exchange import Exchange
from accounting.position_course import Movements
from accounting.recognition import Effect
from dataflows.billing_table import BillingTable, Filed
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import ContractTable
from dataflows.master_data import MasterData
from dataflows.plan_book import PlanBook, Planned
from state import codec, keys
from state.records import Booked, LineBase
from state.store import ShardStore


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a usage line in [since, until), as they are about to be booked."""

    prefix: bytes  # where the line's windows are kept
    since: int
    until: int
    revenue: Sequence[UsageRevenue]


class ContractLedgers:
    """Settles the billed contracts of one shard."""

    def __init__(
        self,
        store: ShardStore,
        clock: BusinessClock,
        contracts: ContractTable,
        plans: PlanBook,
        billing: BillingTable,
        master: MasterData,
    ) -> None:
        self._store, self._clock, self._contracts, self._plans = store, clock, contracts, plans
        self._billing, self._master = billing, master
        self._moved: set[tuple[str, str]] = set()  # contracts whose usage was booked in another way

    def is_billed(self, customer_id: str, contract_id: str) -> bool:
        """Whether there is any billing of a contract."""
        return self._billing.has_facts(customer_id, contract_id)

    def take_moved(self) -> set[tuple[str, str]]:
        """The (customer, contract) whose usage moved since the last call: what billing books may be split otherwise."""
        moved, self._moved = self._moved, set()
        return moved

    def facts(self, contract: Planned) -> tuple[list[Filed], int | None]:
        """What is billed by now, and when the first of what waits for the clock is due."""
        filed = self._billing.facts(contract.customer_id, contract.first.contract_id)
        ready = self._ready(contract)
        waiting = [one.fact.at for one in filed if one.fact.at > ready]
        return [one for one in filed if one.fact.at <= ready], min(waiting, default=None)

    def _ready(self, contract: Planned) -> int:
        """Until when billing is booked: at once, but that a clock which is still to come puts things in order first."""
        if not self._clock.awaits:
            return FOREVER
        entity = contract.first.entity
        return max(self._clock.due(entity), self._clock.frontier(entity) if contract.meters else ALWAYS)

    def exchange(self, contract: Planned) -> Exchange:
        """The rates between the contract's currency and the one in which its entity keeps its books."""
        currency, entity = contract.first.currency, contract.first.entity
        functional = self._master.functional_currency(entity, FOREVER) or currency
        return Exchange(currency, functional, self._rates(currency, functional, contract.zone))

    def _rates(self, currency: str, functional: str, zone: str) -> Callable[[date], Fraction | None]:
        def rate_of(day: date) -> Fraction | None:
            return self._master.rate(currency, functional, start_of_day(day + timedelta(days=1), zone) - 1)

        return rate_of

    def settle(
        self, contract: Planned, filed: Sequence[Filed], planned: Sequence[Effect], until: int,
        fresh: Windows | None = None,
    ) -> tuple[Settled, Exchange]:  # fmt: skip
        """The books of a contract: `planned` are the effects of its plan, `fresh` what is posted of one line by now."""
        exchange = self.exchange(contract)
        usage = list(self._usage(contract, fresh)) if contract.meters else []
        facts = [one.fact for one in filed]
        settled = settle_contract(contract.versions, contract.plan, facts, usage, exchange, until, planned)
        return settled, exchange

    def recognised(self, contract: Planned) -> list[Effect]:
        """All that fixed lines will ever recognise by what is known now, net of credits, whatever rates there are."""
        facts = [one.fact for one in self.facts(contract)[0]]
        usage = list(self._usage(contract, None)) if contract.meters else []
        exchange = Exchange(contract.first.currency)
        settled = settle_contract(contract.versions, contract.plan, facts, usage, exchange)
        return [effect for effect, _ in settled.recognitions]

    def windows(self, customer_id: str, line: Cover, fresh: Windows) -> tuple[list[Movements | None], Exchange]:
        """What each of the fresh windows moves; None where a rate is missing."""
        contract = self._plans.of(customer_id, line.contract_id)
        filed, _ = self.facts(contract)
        settled, exchange = self.settle(contract, filed, (), self._clock.due(line.entity), fresh)
        found = {id(one): movements for one, movements in settled.usage}
        first = min((one.instant for one in fresh.revenue), default=fresh.since)
        # What was billed before them stands as it is; a cancellation's leftover depends on all of them.
        cancelled = contract.versions[-1].kind is VersionKind.CANCELLED
        if cancelled or any(one.fact.at >= first for one in filed):
            self._moved.add((customer_id, line.contract_id))
        return [found.get(id(one)) for one in fresh.revenue], exchange

    def condensed(
        self, customer_id: str, line: Cover, before: Sequence[tuple[int, bytes]], gone: Sequence[Booked]
    ) -> list[tuple[int, bytes]]:
        """What is kept of windows that are let go: as much as tells what was billed ahead whenever something was billed.

        Where a currency is converted each day may have a rate of its own, and each window is kept.
        """
        found = list(before)
        contract = self._plans.of(customer_id, line.contract_id)
        exchange = self.exchange(contract)
        turns = sorted(one.fact.at for one in self._billing.facts(customer_id, line.contract_id))
        for booked in gone:
            amount = codec.to_int(booked.amount)
            alike = found and bisect_left(turns, found[-1][0]) == bisect_left(turns, booked.window_end)
            if found and alike and exchange.functional == exchange.currency:
                amount += codec.to_int(found.pop()[1])
            found.append((booked.window_end, codec.from_int(amount)))
        return found

    def _usage(self, contract: Planned, fresh: Windows | None) -> Iterator[UsageRevenue]:
        contract_id = contract.first.contract_id
        for lines in self._contracts.of(contract.customer_id).lines.values():
            for name, cover in lines.items():
                if name[0] == contract_id:
                    prefix = line_prefix(contract.customer_id, cover)
                    yield from self._booked(prefix, cover, fresh if fresh and fresh.prefix == prefix else None)
        if fresh is not None:
            yield from fresh.revenue

    def _booked(self, prefix: bytes, line: Cover, without: Windows | None) -> Iterator[UsageRevenue]:
        """What the windows of a line have posted, without those that are about to be booked."""
        stored = self._store.get(keys.BASE + prefix[1:])
        for end, amount in codec.decode(LineBase, stored).posted if stored else ():
            yield UsageRevenue(line.line_id, end, local_date(end - 1, line.zone), codec.to_int(amount))
        for key, value in self._store.scan(prefix):
            if without is None or not without.since <= keys.from_number(key[17:]) < without.until:
                booked = codec.decode(Booked, value)
                day = booked.day or local_date(booked.window_end - 1, line.zone)
                yield UsageRevenue(line.line_id, booked.window_end, day, codec.to_int(booked.amount))


def line_prefix(customer_id: str, line: Cover) -> bytes:
    """Where the windows of a usage line and meter are kept."""
    return keys.BOOKED + keys.name(customer_id, line.contract_id, line.line_id, line.rate.meter)
