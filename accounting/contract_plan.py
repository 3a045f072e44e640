"""The plan of a contract: how its fixed consideration spreads over lines and time, version by version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from accounting.allocation import Bundle, Share, SspRange, allocate, largest_remainder
from accounting.calendar import local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, VersionKind
from accounting.coverage import ALWAYS
from accounting.policy import Policies
from accounting.recognition import Effect, LinePlan, Phase, Step, effects, next_effect
from accounting.schedule import Method, curve

FIXED = (LineKind.RATABLE, LineKind.POINT_IN_TIME, LineKind.MILESTONE)


@dataclass(frozen=True, slots=True)
class Valuation:
    """What master data says of a line: its SSP, its method, and the range of a product without an SSP of its own."""

    ssp: int  # minor units
    method: Method
    residual: SspRange | None = None


@dataclass(frozen=True, slots=True)
class ContractPlan:
    """The fixed lines of a contract, in the order in which their effects of one instant are booked."""

    lines: tuple[LinePlan, ...]
    zone: str
    policies: Policies
    recognised: int = 0  # minor units, where the books start from (opening)
    billed: int = 0
    opened_at: int = ALWAYS
    undecidable: str | None = None  # why nothing is booked until a person decides
    unsupported: tuple[int, ...] = ()  # versions that change terms in a way nothing here decides

    def effects(self, since: int, until: int) -> list[Effect]:
        """The effects with since < instant <= until, in the order in which the position takes them."""
        since = max(since, self.opened_at)
        found = [
            (one.instant, number, one)
            for number, line in enumerate(self.lines)
            for one in effects(line, self.zone, self.policies, since, until)
        ]
        return [one for _, _, one in sorted(found, key=lambda item: item[:2])]

    def next_effect(self, after: int) -> int | None:
        """The next instant after `after` at which something may be due, or None."""
        after = max(after, self.opened_at)
        found = [next_effect(line, self.zone, self.policies, after) for line in self.lines]
        return min((one for one in found if one is not None), default=None)

    def recognised_by(self, instant: int) -> int:
        """Minor units recognised by the effects up to an instant, the opening included."""
        if instant <= self.opened_at or instant == ALWAYS:
            return self.recognised
        return self.recognised + sum(one.amount for one in self.effects(ALWAYS, instant))

    def product_of(self, line_id: str) -> str:
        """The product of a line."""
        return next(line.product_id for line in self.lines if line.line_id == line_id)


def fixed_lines(version: ContractVersion) -> list[Line]:
    """The lines of fixed consideration."""
    return [line for line in version.lines if line.kind in FIXED]


def contract_plan(
    versions: Sequence[ContractVersion],
    zone_name: str,
    value: Callable[[Line], Valuation],
    bundles: Sequence[Bundle],
    policies: Policies,
) -> ContractPlan:
    """The plan of versions 1..n (accounting.md, rules 2, 3 and 5)."""
    first = versions[0]
    lines = fixed_lines(first)
    if not lines and not any(map(fixed_lines, versions)):
        return ContractPlan((), zone_name, policies)
    valued = {line.line_id: value(line) for line in lines}
    allocation = allocate(
        sum(line.total or 0 for line in lines),
        [Share(valued[line.line_id].ssp, line.product_id, valued[line.line_id].residual) for line in lines],
        bundles, first.currency,
    )  # fmt: skip
    if allocation.undecidable is not None:
        return ContractPlan((), zone_name, policies, undecidable=allocation.undecidable)
    last_full = policies.value("residual", first.start) == "last_full_period"
    plans = {
        line.line_id: LinePlan(
            line.line_id,
            line.product_id,
            (Phase(ALWAYS, 0, amount, (0, 1), line, 1, valued[line.line_id].method),),
            _steps(line, versions),
            last_full and line.kind is LineKind.RATABLE,
        )
        for line, amount in zip(lines, allocation.amounts, strict=True)
    }
    opened = _opened(plans, first, zone_name)
    unsupported: list[int] = []
    for before, version in pairwise(versions):
        if version.kind is VersionKind.CANCELLED:
            plans = {name: _ended(plan, version, zone_name) for name, plan in plans.items()}
        elif _terms(version) != _terms(before) or before.kind is VersionKind.CANCELLED:
            unsupported.append(version.version)
    names = [line.line_id for line in fixed_lines(versions[-1]) if line.line_id in plans]
    names += sorted(plans.keys() - set(names))
    ordered = tuple(plans[name] for name in names)
    return replace(opened, lines=ordered, policies=policies, unsupported=tuple(unsupported))


def _terms(version: ContractVersion) -> list[tuple[object, ...]]:
    """What a modification can change; progress, satisfied_at and SSP change nothing (rule 5, 606-10-32-43)."""
    return [
        (line.line_id, line.product_id, line.kind, line.start, line.end, line.quantity, line.total, line.method)
        for line in fixed_lines(version)
    ]


def _steps(line: Line, versions: Sequence[ContractVersion]) -> tuple[Step, ...] | None:
    """How a line's progress went: by each version's effective date, or at the instant at which it was satisfied."""
    if line.kind is LineKind.RATABLE:
        return None
    stated = [
        (version, one)
        for version in versions
        for one in version.lines
        if one.line_id == line.line_id and one.kind is line.kind
    ]
    if line.kind is LineKind.POINT_IN_TIME:
        version, last = stated[-1]
        return () if last.satisfied_at is None else (Step(last.satisfied_at, 1, 1, version.version),)
    found: list[Step] = []
    for version, one in stated:
        at = max(version.effective_at, version.start) if version.version == 1 else version.effective_at
        incurred, expected = one.progress or (0, 1)
        # A version that is effective before its predecessor replaces it from there on.
        found = [step for step in found if step.instant < at]
        found.append(Step(at, incurred, expected or 1, version.version))
    return tuple(found)


def _opened(plans: dict[str, LinePlan], first: ContractVersion, zone_name: str) -> ContractPlan:
    """Start the plans from an opening balance: what is left is earned over what is left of each line."""
    if first.opening is None or not plans:
        return ContractPlan((), zone_name, Policies())
    as_of, recognised = first.opening.as_of, first.opening.recognised
    earned = [Fraction(*_share(plan, as_of, zone_name)) for plan in plans.values()]
    if not any(earned):  # nothing was due by then: by what each line is to earn
        earned = [Fraction(1)] * len(plans)
    weights = [abs(plan.phases[0].amount) * part for plan, part in zip(plans.values(), earned, strict=True)]
    for (name, plan), base in zip(plans.items(), largest_remainder(recognised, weights), strict=True):
        phase = plan.phases[0]
        opened = replace(
            phase, since=as_of, base=base, amount=phase.amount - base, transferred=_share(plan, as_of, zone_name)
        )
        plans[name] = replace(plan, phases=(opened,), residual_last=False)
    return ContractPlan((), zone_name, Policies(), recognised, first.opening.billed, as_of)


def _share(plan: LinePlan, at: int, zone_name: str) -> tuple[int, int]:
    """The share of a line that is over by an instant: part, whole."""
    line = plan.phases[-1].line
    if plan.steps is None:
        shares = curve(line.start, line.end or 0, plan.phases[-1].method, zone_name, (at,))
        return shares.numerators[0], shares.denominator
    step = next((one for one in reversed(plan.steps) if one.instant <= at), None)
    return (step.incurred, step.expected) if step else (0, 1)


def _ended(plan: LinePlan, version: ContractVersion, zone_name: str) -> LinePlan:
    """Cancellation: the line keeps what it has earned by then and earns no more; at its start it never was."""
    at = start_of_day(local_date(version.effective_at, zone_name), zone_name)
    phase = plan.phases[-1]
    until = at - 1 if plan.steps is not None else at  # a step of that day belongs to the cancelled days
    # A delivery or progress before the line's own start goes with the line.
    base = plan.earned([until], zone_name)[0] if at > phase.line.start else plan.phases[0].base
    kept = tuple(one for one in plan.phases if one.since < at)
    last = Phase(at, base, 0, (0, 1), phase.line, version.version, phase.method)
    return replace(plan, phases=(*kept, last), residual_last=False)
