"""The course of a contract's plan: each version is allocated, decided and laid over the schedules before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from accounting.allocation import Allocation, Bundle, Share, SspRange, allocate, largest_remainder
from accounting.calendar import local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, VersionKind
from accounting.coverage import ALWAYS
from accounting.modification import Decision, Treatment, decide, fixed_lines, terms
from accounting.policy import Policies, hundredths
from accounting.recognition import LinePlan, Phase, Step
from accounting.schedule import Method, curve, round_share


@dataclass(frozen=True, slots=True)
class Valuation:
    """What master data says of a line at an instant."""

    ssp: int  # minor units
    method: Method
    residual: SspRange | None = None  # of a highly variable product whose line has no SSP of its own


@dataclass(frozen=True, slots=True)
class _Pool:
    """Consideration that lines share from an instant on, by weight: what joins it later is shared in the same way."""

    since: int
    weights: Mapping[str, int | Fraction]


@dataclass(slots=True)
class _Group:
    """Lines that are accounted for together: the contract, or one that was added as a separate contract."""

    lines: list[str]
    basis: _Pool
    pools: list[_Pool] = field(default_factory=list)  # of prospective modifications, in the order of versions


class PlanCourse:
    """The line plans of one contract as its versions make them."""

    def __init__(
        self,
        first: ContractVersion,
        versions: Sequence[ContractVersion],
        zone_name: str,
        value: Callable[[Line, int], Valuation],
        bundles: Sequence[Bundle],
        policies: Policies,
    ) -> None:
        self._versions, self._zone = versions, zone_name
        self._value, self._bundles, self._policies = value, bundles, policies
        self._plans: dict[str, LinePlan] = {}
        self._groups: list[_Group] = []
        lines = fixed_lines(first)
        allocation = self._allocate(first, lines)
        self.undecidable = allocation.undecidable
        if self.undecidable is None:
            self._begin(first, lines, allocation, ALWAYS)
            self._open(first)

    def ordered(self, last: ContractVersion) -> tuple[LinePlan, ...]:
        """The plans: the last version's lines in its order, those it does not have any more by id."""
        names = [line.line_id for line in fixed_lines(last) if line.line_id in self._plans]
        return tuple(self._plans[name] for name in [*names, *sorted(self._plans.keys() - set(names))])

    def step(self, before: ContractVersion, version: ContractVersion) -> Decision:
        """Lay the next version over the plans, unless a person has to decide."""
        tolerance = hundredths(self._policies.value("ssp_tolerance", version.effective_at))
        decision = decide(before, version, lambda line: self._value(line, version.effective_at).ssp, tolerance)
        if decision.undecidable is not None:
            return decision
        since = start_of_day(local_date(version.effective_at, self._zone), self._zone)
        revived = before.kind is VersionKind.CANCELLED and version.kind is not VersionKind.CANCELLED
        if decision.treatment is Treatment.CANCELLATION:
            for name in list(self._plans):
                self._end(name, since, version.version)
        elif decision.treatment is Treatment.SEPARATE_CONTRACT:
            added = [line for line in fixed_lines(version) if line.line_id in decision.added]
            amounts = tuple(line.total or 0 for line in added)
            self._begin(version, added, Allocation(amounts, amounts, None, ()), ALWAYS)
        elif decision.treatment is Treatment.ESTIMATE:
            self._estimates(before, version, since)
        elif decision.treatment is not Treatment.UPDATE or revived:
            problem = self._modify(version, decision, since, revived)
            return replace(decision, undecidable=problem)
        return decision

    # -- the first version, and lines that begin as they would on their own

    def _begin(self, version: ContractVersion, lines: list[Line], allocation: Allocation, since: int) -> None:
        extra = self._tied(version, lines)
        for line, amount in zip(lines, allocation.amounts, strict=True):
            phase = Phase(
                since, 0, amount + extra.get(line.line_id, 0), (0, 1), line, version.version, self._method(line)
            )
            self._set(line, (phase,))
        weights = {line.line_id: one for line, one in zip(lines, allocation.effective_ssp, strict=True)}
        self._groups.append(_Group([line.line_id for line in lines], _Pool(since, weights)))

    def _open(self, first: ContractVersion) -> None:
        """Start from an opening balance: what is left of each line is earned over what is left of its term."""
        if first.opening is None or not self._plans:
            return
        as_of = first.opening.as_of
        plans = list(self._plans.values())
        overs = [self._opened(plan.phases[0].line, as_of) for plan in plans]
        earned = [Fraction(*over) for over in overs]
        if not any(earned):  # nothing was due by then: by what each line is to earn
            earned = [Fraction(1)] * len(plans)
        weights = [abs(plan.phases[0].amount) * part for plan, part in zip(plans, earned, strict=True)]
        bases = largest_remainder(first.opening.recognised, weights)
        for plan, base, over in zip(plans, bases, overs, strict=True):
            phase = plan.phases[0]
            opened = replace(phase, since=as_of, base=base, amount=phase.amount - base, transferred=over, opened=True)
            self._set(phase.line, (opened,))

    def _opened(self, line: Line, as_of: int) -> tuple[int, int]:
        """What is over by an opening; a step at the instant itself is in the balance."""
        return self._over(line, as_of if line.kind is LineKind.RATABLE else as_of + 1)

    # -- later versions

    def _modify(self, version: ContractVersion, decision: Decision, since: int, revived: bool) -> str | None:
        """Prospective, cumulative catch-up or both, for the groups of lines that the version touches."""
        touched = {*decision.added, *decision.removed, *decision.changed}
        past_credit = version.modification.past_credit if version.modification else None
        groups = [one for one in self._groups if revived or touched & set(one.lines)]
        if (decision.added and not groups) or (past_credit and not groups) or not self._groups:
            groups = groups or self._groups[:1]
        if not self._groups:
            groups = [_Group([], _Pool(since, {}))]
            self._groups += groups
        main = groups[0]
        main.lines += [name for name in decision.added if name not in main.lines]
        for group in groups:
            if problem := self._modify_group(version, decision, group, since, past_credit if group is main else None):
                return problem
        return None

    def _modify_group(
        self, version: ContractVersion, decision: Decision, group: _Group, since: int, past_credit: int | None
    ) -> str | None:
        lines = [line for line in fixed_lines(version) if line.line_id in group.lines]
        for name in decision.removed:
            if name in group.lines:
                self._end(name, since, version.version)
        allocation = self._allocate(version, lines)
        if allocation.undecidable is not None:
            return allocation.undecidable
        extra = self._tied(version, lines)
        total = sum(allocation.amounts) + sum(extra.values())
        if not past_credit and self._is_as_before(lines, total, since):
            return None
        allocated = {line.line_id: amount for line, amount in zip(lines, allocation.amounts, strict=True)}
        ssp = {line.line_id: one for line, one in zip(lines, allocation.effective_ssp, strict=True)}
        credited = self._credited(lines, past_credit or 0, since)
        remaining = [line for line in lines if line.line_id not in decision.catch_up]
        for line in lines:
            if line.line_id in decision.catch_up:
                # A credit for what was delivered counts at once, the price before it by progress.
                credit = credited[line.line_id]
                amount = allocated[line.line_id] + extra.get(line.line_id, 0) + credit
                phase = Phase(since, -credit, amount, (0, 1), line, version.version, self._method(line))
                self._add(line, phase)
        self._prospective(version, group, remaining, allocated, extra, ssp, credited, since)
        return None

    def _prospective(
        self, version: ContractVersion, group: _Group, lines: list[Line], allocated: dict[str, int], extra: dict[str, int],
        ssp: Mapping[str, int | Fraction], credited: dict[str, int], since: int,
    ) -> None:  # fmt: skip
        """Consideration not yet recognised and what was added, by current SSP times the share not yet transferred."""
        bases, overs, weights = dict[str, int](), dict[str, tuple[int, int]](), dict[str, Fraction | int]()
        for line in lines:
            name = line.line_id
            bases[name] = self._earned(name, since) - credited[name]
            overs[name] = self._over(line, since)
            part, whole = overs[name]
            weights[name] = Fraction(max(ssp[name], 0) * max(whole - part, 0), whole or 1)
        # What a variable amount adds to named lines stays with them: the part that is over is earned, the rest follows.
        done = {name: round_share(extra.get(name, 0), *overs[name]) for name in bases}
        tied = {name: extra.get(name, 0) - done[name] for name in bases}
        pool = sum(allocated[name] + done[name] - bases[name] for name in bases)
        shares = largest_remainder(pool, list(weights.values())) if lines else []
        for line, share in zip(lines, shares, strict=True):
            name = line.line_id
            phase = Phase(
                since, bases[name], share + tied[name], overs[name], line, version.version, self._method(line)
            )
            self._add(line, phase)
        group.pools = [one for one in group.pools if one.since < since]
        group.pools.append(_Pool(since, weights))

    def _is_as_before(self, lines: list[Line], total: int, since: int) -> bool:
        """Whether a version says what was planned before `since`: a modification that is taken back leaves nothing."""
        kept: dict[str, tuple[Phase, ...]] = {}
        for line in lines:
            plan = self._plans.get(line.line_id)
            phases = tuple(one for one in plan.phases if one.since < since) if plan else ()
            if not phases or terms(phases[-1].line) != terms(line):
                return False
            kept[line.line_id] = phases
        if sum(phases[-1].base + phases[-1].amount for phases in kept.values()) != total:
            return False
        for line in lines:
            self._set(line, kept[line.line_id])
        return True

    def _estimates(self, before: ContractVersion, version: ContractVersion, since: int) -> None:
        """A later change of an estimate, on the basis on which it was allocated (606-10-32-42 to 32-45)."""
        old = {one.variable_id: one for one in before.variable}
        for one in version.variable:
            change = one.estimate - (old[one.variable_id].estimate if one.variable_id in old else 0)
            self._spread(change, one.line_ids, version.version, since)
        for name in old.keys() - {one.variable_id for one in version.variable}:
            self._spread(-old[name].estimate, old[name].line_ids, version.version, since)

    def _spread(self, change: int, line_ids: tuple[str, ...], version: int, since: int) -> None:
        if not change or not self._groups:
            return
        group = self._groups[0]
        weights = {name: weight for name, weight in group.basis.weights.items() if not line_ids or name in line_ids}
        if not weights:
            return
        for name, share in zip(weights, largest_remainder(change, list(weights.values())), strict=True):
            self._join(group, name, share, version, since, joins=not line_ids)

    def _join(self, group: _Group, name: str, share: int, version: int, since: int, joins: bool) -> None:
        """Add to a line what a changed estimate brings it; open at a prospective modification, it joins that pool."""
        pool = next((one for one in group.pools if one.weights.get(name)), None) if joins else None
        parts = {name: share}
        if pool is not None:
            parts = dict(zip(pool.weights, largest_remainder(share, list(pool.weights.values())), strict=True))
        for line_id, part in parts.items():
            plan = self._plans.get(line_id)
            if plan is not None and part:
                last = plan.phases[-1]
                phase = replace(last, since=since, amount=last.amount + part, version=version)
                self._set(last.line, (*(one for one in plan.phases if one.since < since), phase))

    # -- amounts

    def _allocate(self, version: ContractVersion, lines: list[Line]) -> Allocation:
        """The fixed totals and the estimates that belong to no line alone, over the lines."""
        at = version.start if version.version == 1 else version.effective_at
        valued = [self._value(line, at) for line in lines]
        shares = [Share(one.ssp, line.product_id, one.residual) for line, one in zip(lines, valued, strict=True)]
        pool = sum(line.total or 0 for line in lines) + self._general(version, lines)
        return allocate(pool, shares, self._bundles, version.currency) if lines else Allocation((), (), None, ())

    def _general(self, version: ContractVersion, lines: Iterable[Line]) -> int:
        main = self._groups[0].lines if self._groups else None
        if main is not None and not any(line.line_id in main for line in lines):
            return 0  # a separate contract has no part in the estimates of the contract
        return sum(one.estimate for one in version.variable if not one.line_ids)

    def _tied(self, version: ContractVersion, lines: list[Line]) -> dict[str, int]:
        """Variable amounts that relate to some lines alone (606-10-32-40), by line."""
        found: dict[str, int] = {}
        for one in version.variable:
            named = [line for line in lines if line.line_id in one.line_ids]
            if named:
                weights = [max(self._value(line, version.effective_at).ssp, 0) for line in named]
                for line, part in zip(named, largest_remainder(one.estimate, weights), strict=True):
                    found[line.line_id] = found.get(line.line_id, 0) + part
        return found

    def _credited(self, lines: list[Line], past_credit: int, since: int) -> dict[str, int]:
        """How much of a price change that settles goods already delivered each line bears: by what it has earned."""
        earned = [abs(self._earned(line.line_id, since)) for line in lines]
        parts = largest_remainder(past_credit, earned) if lines else []
        return {line.line_id: part for line, part in zip(lines, parts, strict=True)}

    def _earned(self, name: str, since: int) -> int:
        """What a line has earned by the start of a day, before the version that takes effect then."""
        plan = self._plans.get(name)
        kept = tuple(one for one in plan.phases if one.since < since) if plan else ()
        if plan is None or not kept:
            return plan.phases[0].base if plan else 0
        before = since - 1 if plan.steps is not None else since
        return replace(plan, phases=kept).earned([before], self._zone)[0]

    def _over(self, line: Line, at: int) -> tuple[int, int]:
        """What of a line is over before an instant: part and whole of its term; incurred and expected of its progress."""
        if line.kind is LineKind.RATABLE:
            shares = curve(line.start, line.end or 0, self._method(line), self._zone, (at,))
            return shares.numerators[0], shares.denominator
        step = next((one for one in reversed(_steps(line, self._versions) or ()) if one.instant < at), None)
        return (step.incurred, step.expected) if step else (0, 1)

    # -- plans

    def _end(self, name: str, since: int, version: int) -> None:
        """The line keeps what it has earned by then and earns no more; at its start it never was."""
        plan = self._plans[name]
        last = plan.phases[-1]
        # A delivery or progress before the line's own start goes with the line.
        base = self._earned(name, since) if since > last.line.start else plan.phases[0].base
        kept = tuple(one for one in plan.phases if one.since < since)
        self._set(last.line, (*kept, Phase(since, base, 0, (0, 1), last.line, version, last.method)))

    def _add(self, line: Line, phase: Phase) -> None:
        """What earlier versions planned from the effective date on gives way to the new version."""
        plan = self._plans.get(line.line_id)
        kept = tuple(one for one in plan.phases if one.since < phase.since) if plan else ()
        self._set(line, (*kept, phase))

    def _set(self, line: Line, phases: tuple[Phase, ...]) -> None:
        alone = len(phases) == 1 and phases[0].since == ALWAYS and line.kind is LineKind.RATABLE
        last_full = self._policies.value("residual", self._versions[0].start) == "last_full_period"
        steps = _steps(line, self._versions)
        self._plans[line.line_id] = LinePlan(line.line_id, line.product_id, phases, steps, alone and last_full)

    def _method(self, line: Line) -> Method:
        return self._value(line, line.start).method


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
        last = stated[-1][1]
        # The version that said so first decided it; later ones only repeat it.
        version = _latest_run(stated)[0][0]
        return () if last.satisfied_at is None else (Step(last.satisfied_at, 1, 1, version.version),)
    found: list[Step] = []
    for version, one in stated:
        at = max(version.effective_at, version.start) if version.version == 1 else version.effective_at
        incurred, expected = one.progress or (0, 1)
        # A version that is effective before its predecessor replaces it from there on.
        found = [step for step in found if step.instant < at]
        found.append(Step(at, incurred, expected or 1, version.version))
    return tuple(found)


def _latest_run(stated: list[tuple[ContractVersion, Line]]) -> list[tuple[ContractVersion, Line]]:
    """The versions, from the one on that gave a line the date of satisfaction it has now."""
    at = len(stated) - 1
    while at and stated[at - 1][1].satisfied_at == stated[-1][1].satisfied_at:
        at -= 1
    return stated[at:]
