"""What asks for another past than the one that is kept: master data and policies that reach behind the cut.

The books are looked at again from the cut on, and each contract that has let go of what lies before is one exception.
"""

from __future__ import annotations

from collections.abc import Iterable

from accounting.calendar import rfc3339
from accounting.contract import ContractVersion, LineKind
from accounting.coverage import ALWAYS
from accounting.policy import fault
from connectors.batch import Record
from dataflows.contract_table import ContractTable
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.master_data import MasterData
from schemas.control import ControlEvent
from schemas.reference import ReferenceEvent
from schemas.topics import CONTROL
from schemas.trace import trace_of

# The policies that say how usage is rated or summarised.
POLICIES = ("usage_window", "zero_flat_fee", "carry")


class BeyondRetention:
    """Says what of a record can no longer be done, in one shard."""

    def __init__(self, contracts: ContractTable, master: MasterData, desk: ExceptionDesk) -> None:
        self._contracts, self._master, self._desk = contracts, master, desk

    def restated(self, record: Record, at: Coordinates) -> None:
        """A master data record that changes something."""
        event: ReferenceEvent = record.model
        since = holds_from(event)
        concerned = (one for one in self._trimmed(since) if self._concerns(event, one[1]))
        self._say(concerned, f"{event.kind} {event.id}", since, event.event_time, at, record)

    def decided(self, record: Record) -> None:
        """A policy record."""
        event: ControlEvent = record.model
        if event.kind != "policy" or event.key not in POLICIES or fault(event.key, event.value or ""):
            return
        since = event.event_time if event.effective_from is None else event.effective_from
        at = Coordinates(CONTROL, 0, record.offset)
        self._say(self._trimmed(since), f"policy {event.key}", since, event.event_time, at, record)

    def _trimmed(self, since: int) -> Iterable[tuple[int, ContractVersion]]:
        """(cut, last version) of the contracts that began before their cut, where that lies after `since`."""
        if since >= self._contracts.cut.until:
            return
        for customer_id in sorted(self._contracts.customers()):
            for contract_id, versions in self._contracts.of(customer_id).versions.items():
                cut = self._contracts.cut_of(customer_id, contract_id)
                if cut > max(versions[0].start, since):
                    yield cut, versions[-1]

    def _concerns(self, event: ReferenceEvent, contract: ContractVersion) -> bool:
        """Whether a record decides how a contract's usage is posted."""
        match event.kind:
            case "product":
                return any(line.kind is LineKind.USAGE and line.product_id == event.id for line in contract.lines)
            case "entity":
                return event.id == contract.entity
            case "account":
                return event.entity in (None, contract.entity)
            case "fx_rate":
                functional = self._master.functional_currency(contract.entity, event.as_of or contract.start)
                return functional != contract.currency and {event.base, event.quote} == {functional, contract.currency}
            case _:
                return False

    def _say(
        self, concerned: Iterable[tuple[int, ContractVersion]], what: str, since: int, raised: int | None,
        at: Coordinates, record: Record,
    ) -> None:  # fmt: skip
        asked = "always" if since == ALWAYS else rfc3339(since)
        for cut, contract in concerned:
            self._desk.raise_one(
                "beyond_retention", at,
                f"{what} holds from {asked} on, and the books of contract {contract.contract_id} before {rfc3339(cut)} "
                f"are no longer kept (retention_days = {self._contracts.cut.days}): they stay as they are; post a manual "
                "correction", record.payload, since=cut if raised is None else raised, customer_id=contract.customer_id,
                contract_id=contract.contract_id, trace=trace_of(record.model),
                subject=f"{contract.customer_id} {contract.contract_id}",
            )  # fmt: skip


def holds_from(event: ReferenceEvent) -> int:
    """Since when a master data record holds; ALWAYS where it does not say."""
    since = event.as_of if event.kind == "fx_rate" else event.effective_from
    return ALWAYS if since is None else since
