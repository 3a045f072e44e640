"""The plans of contracts, made when they are needed and kept until what they are made of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from accounting.allocation import SspRange
from accounting.combination import barrier, linked, plan_together
from accounting.contract import ContractVersion, Line, LineKind
from accounting.contract_plan import ContractPlan, Laid, is_scheduled, lay
from accounting.currency import digits
from accounting.modification import FIXED
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.schedule import Method
from dataflows.contract_table import ContractTable
from dataflows.master_data import MasterData
from dataflows.policy_book import PolicyBook
from dataflows.recent import Recent
from schemas.line import estimate
from state import keys

CACHED_PLANS = 20_000
CACHED_COURSES = 4_096


@dataclass(frozen=True, slots=True)
class Planned:
    """A contract as it stands, with its plan."""

    customer_id: str
    versions: list[ContractVersion]
    zone: str
    plan: ContractPlan

    @property
    def first(self) -> ContractVersion:
        """The version that the contract began with."""
        return self.versions[0]

    @property
    def name(self) -> bytes:
        """Its part of a key."""
        return keys.name(self.customer_id, self.first.contract_id)

    @property
    def meters(self) -> bool:
        """Whether it has, or had, usage lines."""
        return any(line.kind is LineKind.USAGE for version in self.versions for line in version.lines)

    @property
    def subjects(self) -> list[str]:
        """What an exception about its plan may be about: a version, or a fixed line that any of them has."""
        lines = {line.line_id: None for version in self.versions for line in version.lines if line.kind in FIXED}
        return [*(version_name(version.version) for version in self.versions), *lines]

    def product_of(self, line_id: str) -> str:
        """The product of a line, as its plan or its last version has it; "" of none."""
        planned = self.plan.line(line_id)
        if planned is not None:
            return planned.product_id
        for version in reversed(self.versions):
            for line in version.lines:
                if line.line_id == line_id:
                    return line.product_id
        return ""


def version_name(number: int) -> str:
    """What an exception about a version is about."""
    return f"version {number}"


class PlanBook:
    """The plans of one shard's contracts, from versions, master data and policies."""

    def __init__(self, contracts: ContractTable, master: MasterData, policies: PolicyBook) -> None:
        self._contracts, self._master, self._policies = contracts, master, policies
        self._plans = Recent(CACHED_PLANS, self._planned)
        self._laid: Recent[tuple[str, str], list[Laid]] = Recent(CACHED_COURSES, lambda name: [])

    def of(self, customer_id: str, contract_id: str) -> Planned:
        """A contract of which version 1 is known."""
        return self._plans.of((customer_id, contract_id))

    def _planned(self, name: tuple[str, str]) -> Planned:
        customer_id, contract_id = name
        customer = self._contracts.of(customer_id)
        versions, zone = customer.versions[contract_id], customer.zones[contract_id]
        return Planned(customer_id, versions, zone, self.plan(customer_id, contract_id))

    def plan(self, customer_id: str, contract_id: str, known: Mapping[str, int] | None = None) -> ContractPlan:
        """The plan of a contract, with those it is combined with, by the master data and policies of now.

        `known`: of these contracts so many versions count, of the others all; 0: the contract is not there.
        """
        customer, known = self._contracts.of(customer_id), known or {}
        zone, together = customer.zones[contract_id], customer.together(contract_id)
        found = {name: customer.versions[name][: known.get(name)] for name in together}
        found = {name: versions for name, versions in found.items() if versions}
        if contract_id not in found:
            return ContractPlan((), zone, Policies())
        if len(found) == 1:
            return self._alone(customer_id, contract_id, zone, found[contract_id])
        make = partial(self._make, zone)
        pairs = [(name, other) for name in found if (other := customer.combined.get(name)) in found]
        barred = {
            name: reason
            for name, other in pairs
            if (reason := barrier(found[name][0], found[other][0], (customer.zones[name], customer.zones[other])))
        }
        members = linked([pair for pair in pairs if pair[0] not in barred], contract_id)
        if len(members) == 1:
            plan = make(found[contract_id])
        else:
            combined, whole = plan_together({name: found[name] for name in members}, make)
            plan = combined.part(whole, contract_id)
        return replace(plan, apart=barred.get(contract_id))

    def _alone(self, customer_id: str, contract_id: str, zone: str, versions: list[ContractVersion]) -> ContractPlan:
        """Of a contract that is combined with none: with its last version the plan before goes on."""
        laid = self._laid.of((customer_id, contract_id))
        found = _of(laid, zone, versions)
        if found is None:
            before = _of(laid, zone, versions[:-1])
            if before is None and len(versions) > 1 and all(map(is_scheduled, versions)):
                before = self._lay(zone, versions[:-1])
            found = before.then(versions[-1]) if before is not None else None
            if found is None:
                found = self._lay(zone, versions)
            laid[:] = [one for one in (before, found) if one is not None]
        return found.plan

    def _make(self, zone: str, versions: Sequence[ContractVersion]) -> ContractPlan:
        return self._lay(zone, versions).plan

    def _lay(self, zone: str, versions: Sequence[ContractVersion]) -> Laid:
        first = versions[0]
        bundles = partial(self._master.bundles, first.currency)
        return lay(versions, zone, partial(self._value, first), bundles, self._policies.policies)

    def forget(self, customer_id: str, contract_id: str) -> None:
        """The contract has changed, or has been let go."""
        self._plans.forget((customer_id, contract_id))

    def forget_all(self) -> None:
        """Master data or a policy changed."""
        self._plans.forget_all()
        self._laid.forget_all()

    def _value(self, first: ContractVersion, line: Line, at: int) -> Valuation:
        """A line's SSP: its own, the product's, else its total; its method: its own, the product's, else by days."""
        product = self._master.product(line.product_id, line.start)
        method = line.method or (product.default_method if product else None) or Method.DAILY
        listed = self._master.ssp(line.product_id, first.currency, at)
        ssp = line.ssp if line.ssp is not None else listed if listed is not None else line.total or 0
        sold = self._master.product(line.product_id, at)
        residual = None
        if sold is not None and sold.highly_variable and line.ssp is None and listed is None:
            places = digits(first.currency)
            residual = SspRange(estimate(sold.ssp_low, places), estimate(sold.ssp_high, places))
        return Valuation(ssp, Method(method), residual)


def _of(laid: Sequence[Laid], zone: str, versions: Sequence[ContractVersion]) -> Laid | None:
    """The one that was made of these versions."""
    return next((one for one in laid if one.plan.zone == zone and one.versions == versions), None)
