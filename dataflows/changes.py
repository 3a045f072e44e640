"""What records have changed, and what has to be looked at again for it: once for all records of a batch."""

from __future__ import annotations

from collections.abc import Callable

from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.require import require
from accounting.trace import UNTRACED, Trace
from connectors.batch import Record
from dataflows.billing_table import BillingTable
from dataflows.bookkeeping import Bookkeeper
from dataflows.business_clock import BusinessClock
from dataflows.contract_books import ContractBooks
from dataflows.contract_table import Change, ContractTable
from dataflows.late_usage import LateUsage
from dataflows.master_data import Restatement
from dataflows.parking import Parking
from dataflows.recalculations import POLICY, RE_RATING, Recalculations
from dataflows.retention import Retention
from dataflows.usage_cells import Usage
from schemas.billing import BillingEvent
from schemas.trace import trace_of


class Changes:
    """Takes note of what changes in one shard, and has the books looked at again."""

    def __init__(
        self, clock: BusinessClock, contracts: ContractTable, billing: BillingTable, parking: Parking, late: LateUsage,
        books: Bookkeeper, fixed: ContractBooks, retention: Retention, recalculations: Recalculations,
        place: Callable[[Usage, Cover], None], refused: Callable[[str, int], None],
    ) -> None:  # fmt: skip
        """`place` counts usage that is released, `refused` the events of a class that are not taken after all."""
        self._clock, self._contracts, self._billing, self._parking = clock, contracts, billing, parking
        self._late, self._books, self._fixed, self._retention = late, books, fixed, retention
        self._recalculations, self._place, self._refused = recalculations, place, refused
        self._contract: dict[str, dict[str, int]] = {}  # customer -> contracts that changed, and from when on
        self._billed: dict[tuple[str, str], int] = {}  # contracts whose billing changed, and from when on
        self._restated, self._zones_moved = FOREVER, False  # from when on master data changed the books
        self._restated_under = UNTRACED

    def contract(self, change: Change) -> None:
        """A contract has a new version."""
        self._recalculations.amended(change.customer_id, change.contract_id, change.known)
        customer = self._contract.setdefault(change.customer_id, {})
        customer[change.contract_id] = min(change.since, customer.get(change.contract_id, change.since))

    def master_data(self, restated: Restatement, trace: Trace) -> None:
        """A master data record changes the books from an instant on; `trace`: what it was sent under."""
        self._restated_under = trace.over(self._restated_under)
        self._restated = min(self._restated, restated.since)
        self._zones_moved = self._zones_moved or restated.zones

    def billing(self, topic: str, partition: int, record: Record) -> None:
        """A billing event."""
        event: BillingEvent = record.model
        for contract_id, since in self._billing.apply(topic, partition, record).items():
            self._bill(event.customer_id, contract_id, since)
            self._recalculations.billed(event.customer_id, contract_id, trace_of(event))

    def _bill(self, customer_id: str, contract_id: str, since: int) -> None:
        name = (customer_id, contract_id)
        self._billed[name] = min(since, self._billed.get(name, since))

    # -- looking again

    def take_effect(self) -> None:
        """Look again at what has changed since the last call."""
        self._master_data_changed()
        self._contracts_changed()
        self._billing_changed()

    def _master_data_changed(self) -> None:
        since, moved, trace = self._restated, self._zones_moved, self._restated_under
        self._restated, self._zones_moved, self._restated_under = FOREVER, False, UNTRACED
        if moved:
            self._contracts.zones_changed()
        # Later on nothing is posted yet; but what holds since always may be what contracts are planned by.
        if since == ALWAYS or since < max(self._clock.furthest(), self._clock.furthest_due()):
            self._restate(since, RE_RATING, trace)

    def policy(self, since: int, trace: Trace) -> None:
        """A policy holds from an instant on; `trace`: what its record was sent under."""
        self._restate(since, POLICY, trace)

    def _restate(self, since: int, cause: str, trace: Trace) -> None:
        """Look at all books again from an instant on, where time has come past it."""
        self._recalculations.because(cause, trace)
        self._retention.finish()
        for customer_id in sorted(self._parking.customers()):
            self._release(customer_id)
        self._books.restate(since)
        self._fixed.restate()

    def _contracts_changed(self) -> None:
        """Release what contracts take now, look again at what they took before."""
        changed, self._contract = self._contract, {}
        for customer_id, contracts in changed.items():
            self._release(customer_id)
            self._books.contract_changed(Change(customer_id, min(contracts.values())))
            for contract_id, since in contracts.items():
                self._fixed.contract_changed(customer_id, contract_id, since)
            for contract_id, billed_since in self._billing.contract_changed(customer_id).items():
                self._bill(customer_id, contract_id, billed_since)

    def _billing_changed(self) -> None:
        """A position moves with what is billed: usage from then on may be billed ahead, or not any more."""
        changed, self._billed = self._billed, {}
        for (customer_id, contract_id), since in changed.items():
            self._fixed.billing_changed(customer_id, contract_id)
            self._books.billing_changed(customer_id, contract_id, since)

    def _release(self, customer_id: str) -> None:
        for parked, usage in self._parking.release(customer_id):
            covering = self._contracts.covering(customer_id, usage.contract_id, usage.meter, usage.cell)
            require(len(covering) == 1, "released usage has its line", customer=customer_id, meter=usage.meter)
            if refusal := self._late.refusal(customer_id, covering[0], parked.event_time, parked.phase):
                self._late.refuse(parked, refusal)
                self._refused(refusal.cls, 1)
            else:
                self._place(usage, covering[0])
