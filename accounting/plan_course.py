"""The course of a contract's plan: each version is allocated, decided and laid over the schedules before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from accounting.allocation import Allocation, Bundle, Share, SspRange, allocate, largest_remainder
from accounting.calendar import local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, Opening, Variable, VersionKind
from accounting.coverage import ALWAYS
from accounting.line_group import LineGroup, Pool, bearers
from accounting.modification import Decision, Evidence, Treatment, decide, fixed_lines, terms
from accounting.policy import Policies, hundredths
from accounting.progress import steps
from accounting.recognition import LinePlan, Phase
from accounting.schedule import Method, curve, round_share


@dataclass(frozen=True, slots=True)
class Valuation:
    """What master data says of a line at an instant."""

    ssp: int  # minor units
    method: Method
    residual: SspRange | None = None  # of a highly variable product whose line has no SSP of its own


class PlanCourse:
    """The line plans of one contract as its versions make them."""

    def __init__(
        self,
        versions: Sequence[ContractVersion],
        zone_name: str,
        value: Callable[[Line, int], Valuation],
        bundles: Sequence[Bundle],
        policies: Policies,
        opening: Opening | None = None,
    ) -> None:
        """`versions` are those whose progress counts; `opening` is where the books start if the first one does not say."""
        self._versions, self._zone = versions, zone_name
        self._value, self._bundles, self._policies = value, bundles, policies
        self.opening = opening  # as versions have it
        self.opened: Opening | None = None  # what the books of fixed lines start from
        self._first: ContractVersion | None = None  # that was taken up
        self._last: ContractVersion | None = None
        self._plans: dict[str, LinePlan] = {}
        self._groups: list[LineGroup] = []  # the contract's own is the first
        self._credits: dict[str, list[tuple[int, int]]] = {}  # by line, what settled goods already delivered, and when

    def ordered(self) -> tuple[LinePlan, ...]:
        """The plans: the last version's lines in its order, those it does not have any more by id."""
        own = fixed_lines(self._last) if self._last is not None else []
        names = [line.line_id for line in own]
        return tuple(self._plans[name] for name in [*names, *sorted(self._plans.keys() - set(names))])

    def take(self, version: ContractVersion) -> Decision:
        """Lay the next version over the plans. One that a person has to decide changes nothing."""
        decision = self._begin_contract(version) if self._last is None else self._step(self._last, version)
        if decision.undecidable is None:
            self._last = version
        return replace(decision, version=version.version)

    def _step(self, before: ContractVersion, version: ContractVersion) -> Decision:
        tolerance = hundredths(self._policies.value("ssp_tolerance", version.effective_at))
        decision = decide(
            before, version, lambda line: self._value(line, version.effective_at).ssp, tolerance, self._plans.keys()
        )  # fmt: skip
        problem = decision.undecidable or self._other_kind(version)
        if problem is not None:
            return replace(decision, undecidable=problem)
        since = self._day(version)
        if decision.treatment is Treatment.CANCELLATION:
            self._cancel(version, since)
        elif decision.treatment is Treatment.SEPARATE_CONTRACT:
            added = [line for line in fixed_lines(version) if line.line_id in decision.added]
            amounts = tuple(line.total or 0 for line in added)
            self._begin(version, added, Allocation(amounts, amounts, None, ()), since)
            self._estimates(before, version, since, self._groups[-1])
        elif decision.treatment is Treatment.ESTIMATE:
            self._estimates(before, version, since)
        elif decision.treatment is not Treatment.UPDATE:
            return self._modify(before, version, decision, since)
        return decision

    def _day(self, version: ContractVersion) -> int:
        """The start of the local day of a version's date, which belongs to it (rule 5)."""
        return start_of_day(local_date(version.effective_at, self._zone), self._zone)

    def _other_kind(self, version: ContractVersion) -> str | None:
        """Why a line cannot go on: what it earned by a schedule cannot be told again by progress, nor the other way."""
        for line in fixed_lines(version):
            plan = self._plans.get(line.line_id)
            if plan is not None and plan.phases[-1].line.kind is not line.kind:
                was = plan.phases[-1].line.kind
                return (
                    f"line {line.line_id} was {was} and is to be {line.kind}: send the next version with a line of another "
                    "id instead"
                )
        return None

    # -- the first version, and lines that begin as they would on their own

    def _begin_contract(self, version: ContractVersion) -> Decision:
        self.opening = version.opening or self.opening
        lines = fixed_lines(version)
        allocation = self._allocate(version, lines)
        if allocation.undecidable is None:
            self._first = version
            self._begin(version, lines, allocation, ALWAYS)
            self._open()
            if version.kind is VersionKind.CANCELLED:
                self._cancel(version, self._day(version))
        return Decision(Treatment.NEW_CONTRACT, _evidence(allocation), undecidable=allocation.undecidable)

    def _begin(self, version: ContractVersion, lines: list[Line], allocation: Allocation, began: int) -> None:
        weights = {line.line_id: one for line, one in zip(lines, allocation.effective_ssp, strict=True)}
        self._groups.append(LineGroup([line.line_id for line in lines], Pool(ALWAYS, weights), began))
        extra = self._tied(version, lines)
        for line, amount in zip(lines, allocation.amounts, strict=True):
            whole = amount + extra.get(line.line_id, 0)
            self._set(line, (Phase(ALWAYS, 0, whole, (0, 1), line, version.version, self._method(line)),))

    def _open(self) -> None:
        """Start from an opening balance: what is left of each line is earned over what is left of its term."""
        if self.opening is None or not self._plans:
            return
        self.opened, as_of = self.opening, self.opening.as_of
        plans = list(self._plans.values())
        overs = [self._opened(plan.phases[0].line, as_of) for plan in plans]
        earned = [Fraction(*over) for over in overs]
        if not any(earned):  # nothing was due by then: by what each line is to earn
            earned = [Fraction(1)] * len(plans)
        weights = [abs(plan.phases[0].amount) * part for plan, part in zip(plans, earned, strict=True)]
        bases = largest_remainder(self.opening.recognised, weights)
        for plan, base, over in zip(plans, bases, overs, strict=True):
            phase = plan.phases[0]
            opened = replace(phase, since=as_of, base=base, amount=phase.amount - base, transferred=over, opened=True)
            self._set(phase.line, (opened,))

    def _opened(self, line: Line, as_of: int) -> tuple[int, int]:
        """What is over by an opening; a step at the instant itself is in the balance."""
        return self._over(line, as_of if line.kind is LineKind.RATABLE else as_of + 1)

    # -- later versions

    def _cancel(self, version: ContractVersion, since: int) -> None:
        """All lines end; a credit for what was delivered counts at once."""
        credited = self._credited(list(self._plans), version, since)
        for name in list(self._plans):
            self._end(name, since, version.version, credited[name])

    def _modify(self, before: ContractVersion, version: ContractVersion, decision: Decision, since: int) -> Decision:
        """Prospective, cumulative catch-up or both, for the groups of lines that the version touches."""
        touched = {*decision.added, *decision.removed, *decision.changed}
        revived = before.kind is VersionKind.CANCELLED
        known = {name for group in self._groups for name in group.lines}
        fresh = [name for name in decision.added if name not in known]
        groups = [group for group in self._groups if revived or touched & set(group.lines)]
        if self._groups[0] not in groups and (fresh or not groups):
            groups.insert(0, self._groups[0])
        found: list[tuple[LineGroup, list[Line], Allocation]] = []
        for group in groups:
            names = [*group.lines, *(fresh if group is self._groups[0] else ())]
            lines = [line for line in fixed_lines(version) if line.line_id in names]
            found.append((group, lines, self._allocate(version, lines)))
        evidence = tuple(one for *_, allocation in found for one in _evidence(allocation))
        problem = next((one.undecidable for *_, one in found if one.undecidable is not None), None)
        decision = replace(decision, evidence=(*decision.evidence, *evidence), undecidable=problem)
        if problem is None:
            self._groups[0].lines += fresh
            names = [line.line_id for _, lines, _ in found for line in lines]
            credited = self._credited([*names, *decision.removed], version, since)
            for group, lines, allocation in found:
                self._modify_group(version, decision, group, lines, allocation, credited, since)
        return decision

    def _modify_group(
        self, version: ContractVersion, decision: Decision, group: LineGroup, lines: list[Line], allocation: Allocation,
        credited: Mapping[str, int], since: int,
    ) -> None:  # fmt: skip
        for name in decision.removed:
            if name in group.lines:
                self._end(name, since, version.version, credited[name], never=since <= group.began)
        extra = self._tied(version, lines)
        total = sum(allocation.amounts) + sum(extra.values())
        if not (version.modification and version.modification.past_credit) and self._is_as_before(lines, total, since):
            group.pools = [one for one in group.pools if one.since < since]
            return
        allocated = {line.line_id: amount for line, amount in zip(lines, allocation.amounts, strict=True)}
        for line in lines:
            if line.line_id in decision.catch_up:
                # A credit for what was delivered counts at once, the price before it by progress.
                credit = credited[line.line_id]
                amount = allocated[line.line_id] + extra.get(line.line_id, 0) + credit
                phase = Phase(since, -credit, amount, (0, 1), line, version.version, self._method(line))
                self._add(line, phase)
        ssp = {line.line_id: one for line, one in zip(lines, allocation.effective_ssp, strict=True)}
        remaining = [line for line in lines if line.line_id not in decision.catch_up]
        self._prospective(version, group, remaining, allocated, extra, ssp, credited, since)

    def _prospective(
        self, version: ContractVersion, group: LineGroup, lines: list[Line], allocated: dict[str, int], extra: dict[str, int],
        ssp: Mapping[str, int | Fraction], credited: Mapping[str, int], since: int,
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
        group.pools.append(Pool(since, weights))

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
            self._credits[line.line_id] = [one for one in self._credits.get(line.line_id, ()) if one[0] < since]
        return True

    # -- variable amounts

    def _estimates(
        self, before: ContractVersion, version: ContractVersion, since: int, begun: LineGroup | None = None
    ) -> None:  # fmt: skip
        """A later change of an estimate, on the basis on which it was allocated (606-10-32-42 to 32-45).

        `begun`: lines that begin with this version, and with what relates to them alone.
        """
        old, new = ({one.variable_id: one for one in each.variable} for each in (before, version))
        for name in [*new, *(name for name in old if name not in new)]:
            was, one = old.get(name), new.get(name)
            if was is not None and one is not None and was.line_ids == one.line_ids:
                self._spread(one.estimate - was.estimate, one, version, since, begun)
                continue
            if was is not None:
                self._spread(-was.estimate, was, version, since, begun)
            if one is not None:
                self._spread(one.estimate, one, version, since, begun)

    def _spread(
        self, change: int, variable: Variable, version: ContractVersion, since: int, begun: LineGroup | None
    ) -> None:  # fmt: skip
        weights: Mapping[str, int | Fraction] = self._groups[0].basis.weights
        if variable.line_ids:
            group, names = bearers(self._groups, version, variable)
            if group is None or group is begun:
                return
            weights = {name: self._weight(self._plans[name].phases[-1].line, version) for name in names}
        if not change or not weights:
            return
        for name, share in zip(weights, largest_remainder(change, list(weights.values())), strict=True):
            self._join(name, share, version.version, since, joins=not variable.line_ids)

    def _join(self, name: str, share: int, version: int, since: int, joins: bool) -> None:
        """Add to a line what a changed estimate brings it; open at a prospective modification, it joins that pool."""
        pool = next((one for one in self._groups[0].pools if one.weights.get(name)), None) if joins else None
        parts = {name: share}
        if pool is not None:
            parts = dict(zip(pool.weights, largest_remainder(share, list(pool.weights.values())), strict=True))
        for line_id, part in parts.items():
            if part:
                last = self._plans[line_id].phases[-1]
                # A later version has already said what is left then: the change counts with it.
                self._add(
                    last.line, replace(last, since=max(since, last.since), amount=last.amount + part, version=version)
                )

    def _tied(self, version: ContractVersion, lines: list[Line]) -> dict[str, int]:
        """Variable amounts that relate to some lines alone (606-10-32-40), by line."""
        found: dict[str, int] = {}
        own = {line.line_id: line for line in lines}
        for one in version.variable:
            _, names = bearers(self._groups, version, one)
            if names and names[0] in own:
                weights = [self._weight(own[name], version) for name in names]
                for name, part in zip(names, largest_remainder(one.estimate, weights), strict=True):
                    found[name] = found.get(name, 0) + part
        return found

    def _weight(self, line: Line, version: ContractVersion) -> int:
        return max(self._value(line, self._valued_at(version)).ssp, 0)

    # -- amounts

    def _valued_at(self, version: ContractVersion) -> int:
        """When SSPs are taken: at the contract's start, of a modification at its date."""
        return version.start if self._first is None or version is self._first else version.effective_at

    def _allocate(self, version: ContractVersion, lines: list[Line]) -> Allocation:
        """The fixed totals and the estimates that belong to no line alone, over the lines."""
        if not lines:
            return Allocation((), (), None, ())
        valued = [self._value(line, self._valued_at(version)) for line in lines]
        shares = [Share(one.ssp, line.product_id, one.residual) for line, one in zip(lines, valued, strict=True)]
        pool = sum(line.total or 0 for line in lines) + self._general(version, lines)
        return allocate(pool, shares, self._bundles, version.currency)

    def _general(self, version: ContractVersion, lines: Iterable[Line]) -> int:
        apart = {name for group in self._groups[1:] for name in group.lines}
        if all(line.line_id in apart for line in lines):
            return 0  # a separate contract has no part in the estimates of the contract
        return sum(one.estimate for one in version.variable if not one.line_ids)

    def _credited(self, names: list[str], version: ContractVersion, since: int) -> dict[str, int]:
        """What each line bears of a price change that settles goods already delivered: by what it has earned.

        What a version of the same day, or of a later one, has settled so before stays settled.
        """
        past_credit = (version.modification.past_credit or 0) if version.modification else 0
        earned = [abs(self._earned(name, since)) for name in names]
        parts = largest_remainder(past_credit, earned) if names else []
        found: dict[str, int] = {}
        for name, part in zip(names, parts, strict=True):
            known = self._credits.get(name, [])
            found[name] = part + sum(amount for at, amount in known if at >= since)
            self._credits[name] = [*(one for one in known if one[0] < since), (since, found[name])]
        return found

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
        step = next((one for one in reversed(steps(line, self._versions) or ()) if one.instant < at), None)
        return (step.incurred, step.expected) if step else (0, 1)

    # -- plans

    def _end(self, name: str, since: int, version: int, credit: int, never: bool = False) -> None:
        """The line keeps what it has earned by then, less a credit, and earns no more; at its start it never was.

        `never`: the version that added it is taken back, with what it earned by a term that began earlier.
        """
        plan = self._plans[name]
        last = plan.phases[-1]
        # A delivery or progress before the line's own start goes with the line.
        started = since > last.line.start and not never
        base = self._earned(name, since) - credit if started else plan.phases[0].base
        kept = tuple(one for one in plan.phases if one.since < since and not never)
        phase = Phase(since, base, 0, (0, 1), last.line, version, last.method, ended=True)
        self._set(last.line, (*kept, phase))

    def _add(self, line: Line, phase: Phase) -> None:
        """What earlier versions planned from the effective date on gives way to the new version."""
        plan = self._plans.get(line.line_id)
        kept = tuple(one for one in plan.phases if one.since < phase.since) if plan else ()
        if kept and replace(phase, since=kept[-1].since, version=kept[-1].version) == kept[-1]:
            self._set(line, kept)  # nothing is different from what was planned before
        else:
            self._set(line, (*kept, phase))

    def _set(self, line: Line, phases: tuple[Phase, ...]) -> None:
        alone = len(phases) == 1 and phases[0].since == ALWAYS and line.kind is LineKind.RATABLE
        start = self._first.start if self._first is not None else line.start
        last_full = self._policies.value("residual", start) == "last_full_period"
        own = steps(line, self._versions)
        self._plans[line.line_id] = LinePlan(line.line_id, line.product_id, phases, own, alone and last_full)

    def _method(self, line: Line) -> Method:
        return self._value(line, line.start).method


def _evidence(allocation: Allocation) -> tuple[Evidence, ...]:
    """What was found on the way to an allocation."""
    return tuple(Evidence("allocation", (), found) for found in allocation.evidence)
