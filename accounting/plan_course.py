"""The course of a contract's plan: each version is allocated, decided and laid over the schedules before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

from accounting.allocation import Allocation, Bundle, Share, SspRange, allocate, largest_remainder
from accounting.calendar import local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, Opening, Variable, VersionKind
from accounting.coverage import ALWAYS
from accounting.line_group import LineGroup, Pool, bearers
from accounting.line_plans import LinePlans
from accounting.modification import Decision, Evidence, Treatment, decide, fixed_lines, terms
from accounting.policy import Policies, hundredths
from accounting.recognition import LinePlan
from accounting.schedule import Method, round_share

Bundles = Callable[[int], Sequence[Bundle]]  # that are sold at an instant


class Valuation(NamedTuple):
    """What master data says of a line at an instant."""

    ssp: int  # minor units
    method: Method
    residual: SspRange | None = None  # of a highly variable product whose line has no SSP of its own


class _Claim(NamedTuple):
    """What a line brings into the modification of its group."""

    line: Line
    allocated: int  # minor units, of what lines share
    ssp: int | Fraction
    tied: int  # variable amounts of this line alone
    tied_before: int  # and as the version before had them
    credit: int  # settles what was delivered


class PlanCourse:
    """The line plans of one contract as its versions make them."""

    def __init__(
        self,
        versions: Sequence[ContractVersion],
        zone_name: str,
        value: Callable[[Line, int], Valuation],
        bundles: Bundles,
        policies: Policies,
        opening: Opening | None = None,
    ) -> None:
        """`versions` are those whose progress counts; `opening` is where the books start if the first one does not say."""
        self._zone, self._source, self._bundles, self._policies = zone_name, value, bundles, policies
        self._valued: dict[tuple[int, int], tuple[Line, Valuation]] = {}  # a line is asked for again and again
        self._plans = LinePlans(versions, zone_name, self._method)
        self.opening = opening  # as versions have it
        self.opened: Opening | None = None  # what the books of fixed lines start from
        self._first: ContractVersion | None = None  # that was taken up
        self._last: ContractVersion | None = None
        self._groups: list[LineGroup] = []  # the contract's own is the first
        self._origins: dict[str, tuple[Line, ContractVersion]] = {}  # as a line was when it came

    def branch(self) -> PlanCourse:
        """A course that goes on from here: what it takes changes nothing in this one."""
        course = copy(self)
        course._valued = {}
        course._plans = self._plans.branch(course._method)
        course._groups = [group.branch() for group in self._groups]
        course._origins = self._origins.copy()
        return course

    def ordered(self) -> tuple[LinePlan, ...]:
        """The plans: the last version's lines in its order, those it does not have any more by id."""
        plans = self._plans.known
        names = [line.line_id for line in fixed_lines(self._last)] if self._last is not None else []
        return tuple(plans[name] for name in [*names, *sorted(plans.keys() - set(names))])

    def take(self, version: ContractVersion) -> Decision:
        """Lay the next version over the plans. One that a person has to decide changes nothing."""
        decision = self._begin_contract(version) if self._last is None else self._step(self._last, version)
        if decision.undecidable is None:
            self._last = self._taken(version)
        return replace(decision, version=version.version)

    def _taken(self, version: ContractVersion) -> ContractVersion:
        """A version as it was taken up: a cancellation begins no line, whatever it lists."""
        if version.kind is not VersionKind.CANCELLED:
            return version
        begun = [
            line for line in version.lines if line not in fixed_lines(version) or line.line_id in self._plans.known
        ]
        return replace(version, lines=tuple(begun))

    def _step(self, before: ContractVersion, version: ContractVersion) -> Decision:
        tolerance = hundredths(self._policies.value("ssp_tolerance", version.effective_at))
        decision = decide(
            before, version, lambda line: self._value(line, version.effective_at).ssp, tolerance, self._plans.known.keys()
        )  # fmt: skip
        problem, since = decision.undecidable, self._day(version)
        if decision.treatment is not Treatment.CANCELLATION:
            problem = problem or self._other_kind(version)
        if problem is not None:
            return replace(decision, undecidable=problem)
        if decision.treatment is Treatment.CANCELLATION:
            self._cancel(version, since)
        elif decision.treatment is Treatment.SEPARATE_CONTRACT:
            added = [line for line in fixed_lines(version) if line.line_id in decision.added]
            amounts = tuple(line.total or 0 for line in added)
            self._begin(version, added, Allocation(amounts, amounts, None, ()), since)
            self._estimates(before, version, since, self._groups[-1:])
        elif decision.treatment is Treatment.ESTIMATE:
            self._estimates(before, version, since)
        elif decision.treatment is not Treatment.UPDATE:
            return self._modify(before, version, decision, since)
        return decision

    def _day(self, version: ContractVersion) -> int:
        """The start of the local day of a version's date, which belongs to it (rule 5)."""
        day = start_of_day(local_date(version.effective_at, self._zone), self._zone)
        if self.opened is None or version.kind is VersionKind.CANCELLED:
            return day
        return max(day, self.opened.as_of + 1)  # what was earned before the books start is in their balance

    def _other_kind(self, version: ContractVersion) -> str | None:
        """Why a line cannot go on: what it earned by a schedule cannot be told again by progress, nor the other way."""
        for line in fixed_lines(version):
            if line.line_id in self._plans.known:
                was = self._plans.last(line.line_id).line.kind
                if was is not line.kind:
                    return (
                        f"line {line.line_id} was {was} and is to be {line.kind}: send the next version with a line of "
                        "another id instead"
                    )
        return None

    # -- the first version, and lines that begin as they would on their own

    def _begin_contract(self, version: ContractVersion) -> Decision:
        self.opening = version.opening or self.opening
        lines = fixed_lines(version)
        allocation = self._allocate(version, lines)
        if allocation.undecidable is None:
            self._first = version
            self._plans.residual_last = self._policies.value("residual", version.start) == "last_full_period"
            self._begin(version, lines, allocation, ALWAYS)
            self._open()
            if version.kind is VersionKind.CANCELLED:
                self._cancel(version, self._day(version))
        return Decision(Treatment.NEW_CONTRACT, _evidence(allocation), undecidable=allocation.undecidable)

    def _begin(self, version: ContractVersion, lines: list[Line], allocation: Allocation, began: int) -> None:
        weights = {line.line_id: one for line, one in zip(lines, allocation.effective_ssp, strict=True)}
        self._groups.append(LineGroup([line.line_id for line in lines], Pool(ALWAYS, weights), began))
        self._note_origins(version)
        tied = self._tied(version)
        for line, amount in zip(lines, allocation.amounts, strict=True):
            self._plans.begin(line, amount + tied.get(line.line_id, 0), version.version, began)

    def _open(self) -> None:
        """Start from an opening balance: what is left of each line is earned over what is left of its term."""
        plans = list(self._plans.known.values())
        if self.opening is None or not plans:
            return
        self.opened, as_of = self.opening, self.opening.as_of
        overs = [self._opened(plan.phases[0].line, as_of) for plan in plans]
        whole = [abs(plan.phases[0].amount) for plan in plans]
        earned = [amount * Fraction(*over) for amount, over in zip(whole, overs, strict=True)]
        # Where nothing was due by then: by what each line is to earn.
        bases = largest_remainder(self.opening.recognised, earned if any(earned) else whole)
        for plan, base, over in zip(plans, bases, overs, strict=True):
            phase = plan.phases[0]
            opened = phase._replace(since=as_of, base=base, amount=phase.amount - base, transferred=over, opened=True)
            self._plans.set(phase.line, (opened,))

    def _opened(self, line: Line, as_of: int) -> tuple[int, int]:
        """What is over by an opening; a step at the instant itself is in the balance."""
        return self._plans.over(line, as_of if line.kind is LineKind.RATABLE else as_of + 1)

    # -- later versions

    def _cancel(self, version: ContractVersion, since: int) -> None:
        """All lines end; a credit for what was delivered counts at once."""
        names = list(self._plans.known)
        credited = self._plans.credited(names, _past_credit(version), since)
        for name in names:
            self._plans.end(name, since, version.version, credited[name])

    def _modify(self, before: ContractVersion, version: ContractVersion, decision: Decision, since: int) -> Decision:
        """Prospective, cumulative catch-up or both, for the groups of lines that the version touches."""
        touched = {*decision.added, *decision.removed, *decision.changed}
        revived = before.kind is VersionKind.CANCELLED
        known = {name for group in self._groups for name in group.lines}
        fresh = [name for name in decision.added if name not in known]
        main = self._groups[0]
        groups = [group for group in self._groups if revived or touched & set(group.lines)]
        if main not in groups and (fresh or not groups):
            groups.insert(0, main)
        found: list[tuple[LineGroup, list[Line], Allocation]] = []
        for group in groups:
            names = [*group.lines, *(fresh if group is main else ())]
            lines = [line for line in fixed_lines(version) if line.line_id in names]
            found.append((group, lines, self._allocate(version, lines)))
        evidence = tuple(one for *_, allocation in found for one in _evidence(allocation))
        problem = next((one.undecidable for *_, one in found if one.undecidable is not None), None)
        if problem is None:
            tied_before = self._tied(before)
            main.lines += fresh
            self._note_origins(version)
            tied = self._tied(version)
            names = [line.line_id for _, lines, _ in found for line in lines]
            gone = [*decision.removed, *self._went_later(groups, version, since)]
            credited = self._plans.credited([*names, *gone], _past_credit(version), since)
            for group, lines, allocation in found:
                for name in gone:
                    if name in group.lines:
                        self._plans.end(name, since, version.version, credited[name], never=since <= group.began)
                claims: list[_Claim] = []
                for line, amount, ssp in zip(lines, allocation.amounts, allocation.effective_ssp, strict=True):
                    own = tied.get(line.line_id, 0), tied_before.get(line.line_id, 0), credited[line.line_id]
                    claims.append(_Claim(line, amount, ssp, *own))
                self._modify_group(before, version, decision, group, claims, since)
            self._estimates(before, version, since, groups)
        return replace(decision, evidence=(*decision.evidence, *evidence), undecidable=problem)

    def _went_later(self, groups: Sequence[LineGroup], version: ContractVersion, since: int) -> list[str]:
        """The lines that the version before does not have either, but from a later date on: now they go on this one."""
        there = {line.line_id for line in fixed_lines(version)}
        last = [(name, self._plans.last(name)) for group in groups for name in group.lines if name not in there]
        bears = bool(_past_credit(version))  # what went on that very day has its part of it
        return [name for name, one in last if one.ended and (one.since > since or (bears and one.since == since))]

    def _modify_group(
        self,
        before: ContractVersion,
        version: ContractVersion,
        decision: Decision,
        group: LineGroup,
        claims: list[_Claim],
        since: int,
    ) -> None:
        group.pools = [one for one in group.pools if one.since < since]
        if not _past_credit(version) and self._is_as_before(claims, since):
            for claim in claims:
                self._plans.take_back(claim.line, since)
            return
        remaining: list[_Claim] = []
        for claim in claims:
            self._plans.renew(claim.line, since)
            if claim.line.line_id in decision.catch_up:
                # A credit for what was delivered counts at once, the price before it by progress.
                amount = claim.allocated + claim.tied + claim.credit
                base = self._plans.earlier_terms(claim.line.line_id, since) - claim.credit
                self._plans.go_on(claim.line, since, base, amount, version.version)
            else:
                remaining.append(claim)
        if remaining:
            settled = self._settled(before, version) if group is self._groups[0] else {}
            group.pools.append(self._prospective(version, remaining, since, settled))

    def _settled(self, before: ContractVersion, version: ContractVersion) -> dict[str, int]:
        """By line its share of how estimates of the whole contract change with a modification, on the old basis (32-45)."""
        old = {one.variable_id: one.estimate for one in before.variable if not one.line_ids}
        change = sum(one.estimate - old[one.variable_id] for one in version.variable if one.variable_id in old)
        weights = self._groups[0].basis.weights
        return dict(zip(weights, largest_remainder(change, list(weights.values())), strict=True)) if change else {}

    def _prospective(
        self, version: ContractVersion, claims: list[_Claim], since: int, settled: Mapping[str, int]
    ) -> Pool:
        """Consideration not yet recognised and what was added, by current SSP times the share not yet transferred.

        What a variable amount adds to a line alone stays with it: the part of it that is over is earned, the rest follows.
        `settled`: what a line that is transferred takes at once of a changed estimate.
        """
        due: list[int] = []  # by line, what it is allocated and has not earned
        weights: dict[str, int | Fraction] = {}
        rows: list[tuple[Line, int, int, tuple[int, int]]] = []  # line, earned, its own variable amount to come, over
        for claim in claims:
            name = claim.line.line_id
            base = self._plans.earned(name, since) - claim.credit
            part, whole = over = self._transferred(claim.line, since)
            done = self._done(claim, over, since) if claim.tied_before else 0
            weights[name] = Fraction(max(claim.ssp, 0) * max(whole - part, 0), whole)
            at_once = 0 if weights[name] else settled.get(name, 0)
            rows.append((claim.line, base, claim.tied - done + at_once, over))
            due.append(claim.allocated + done - base - at_once + self._plans.earlier_terms(name, since))
        # Where nothing is left to transfer each line takes what it lacks.
        shares = largest_remainder(sum(due), list(weights.values())) if any(weights.values()) else due
        for (line, base, own, over), share in zip(rows, shares, strict=True):
            self._plans.go_on(line, since, base, share + own, version.version, over)
        return Pool(since, weights)

    def _transferred(self, line: Line, since: int) -> tuple[int, int]:
        """What was done of a line by a day, of what is to be done by the terms that it has from then on."""
        part, whole = self._plans.over(line, since)
        return part, line.progress[1] if line.progress and line.kind is LineKind.MILESTONE else whole

    def _done(self, claim: _Claim, over: tuple[int, int], since: int) -> int:
        """What is over by the terms so far of a variable amount that a line alone had."""
        kept = self._plans.before(claim.line.line_id, since)
        last = kept[-1] if kept else None
        # A line that had ended has earned nothing of it since.
        gone, term = over if last is None else self._plans.over(last.line, last.since if last.ended else since)
        return round_share(claim.tied_before, min(gone, term), term)

    def _is_as_before(self, claims: list[_Claim], since: int) -> bool:
        """Whether a version says what was planned before `since`: a modification that is taken back leaves nothing."""
        planned = 0
        for claim in claims:
            kept = self._plans.before(claim.line.line_id, since)
            if not kept or terms(kept[-1].line) != terms(claim.line):
                return False
            planned += kept[-1].base + kept[-1].amount - self._plans.earlier_terms(claim.line.line_id, since - 1)
        return planned == sum(claim.allocated + claim.tied for claim in claims)

    # -- variable amounts

    def _estimates(
        self, before: ContractVersion, version: ContractVersion, since: int, settled: Sequence[LineGroup] = ()
    ) -> None:  # fmt: skip
        """A later change of an estimate, on the basis on which it was allocated (606-10-32-42 to 32-45).

        `settled`: groups that begin or change with this version, which have taken in what concerns them.
        """
        old, new = ({one.variable_id: one for one in each.variable} for each in (before, version))
        for name in [*new, *(name for name in old if name not in new)]:
            was, one = old.get(name), new.get(name)
            if was is not None and one is not None and was.line_ids == one.line_ids:
                self._spread(one.estimate - was.estimate, one, version, since, settled)
                continue
            if was is not None:
                self._spread(-was.estimate, was, version, since, settled)
            if one is not None:
                self._spread(one.estimate, one, version, since, settled)

    def _spread(
        self, change: int, variable: Variable, version: ContractVersion, since: int, settled: Sequence[LineGroup]
    ) -> None:  # fmt: skip
        group: LineGroup | None = self._groups[0]
        weights: Mapping[str, int | Fraction] = self._groups[0].basis.weights
        if variable.line_ids:
            group, names = bearers(self._groups, version, variable)
            weights = {name: self._weight(*self._origins[name]) for name in names}
        if not change or not weights or any(group is one for one in settled):
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
            self._plans.raise_by(line_id, part, since, version)

    def _tied(self, version: ContractVersion) -> dict[str, int]:
        """Variable amounts that relate to some lines alone (606-10-32-40), by line."""
        found: dict[str, int] = {}
        lines = {line.line_id: line for line in fixed_lines(version)} if version.variable else {}
        for one in version.variable:
            names = [name for name in bearers(self._groups, version, one)[1] if name in lines]
            weights = [self._weight(lines[name], version) for name in names]
            for name, part in zip(names, largest_remainder(one.estimate, weights) if names else (), strict=True):
                found[name] = found.get(name, 0) + part
        return found

    def _note_origins(self, version: ContractVersion) -> None:
        for line in fixed_lines(version):
            self._origins.setdefault(line.line_id, (line, version))

    def _weight(self, line: Line, version: ContractVersion) -> int:
        return max(self._value(line, self._valued_at(version)).ssp, 0)

    # -- amounts

    def _value(self, line: Line, at: int) -> Valuation:
        known = self._valued.get((id(line), at))  # the line is kept with it, so that its id is nobody else's
        if known is None:
            known = self._valued[id(line), at] = line, self._source(line, at)
        return known[1]

    def _method(self, line: Line) -> Method:
        return self._value(line, line.start).method

    def _valued_at(self, version: ContractVersion) -> int:
        """When SSPs are taken: at the contract's start, of a modification at its date."""
        return version.start if self._first is None or version is self._first else version.effective_at

    def _allocate(self, version: ContractVersion, lines: list[Line]) -> Allocation:
        """The fixed totals and the estimates that belong to no line alone, over the lines."""
        if not lines:
            return Allocation((), (), None, ())
        at = self._valued_at(version)
        valued = [self._value(line, at) for line in lines]
        shares = [Share(one.ssp, line.product_id, one.residual) for line, one in zip(lines, valued, strict=True)]
        pool = sum(line.total or 0 for line in lines) + self._general(version, lines)
        return allocate(pool, shares, self._bundles(at), version.currency)

    def _general(self, version: ContractVersion, lines: list[Line]) -> int:
        apart = {name for group in self._groups[1:] for name in group.lines}
        if all(line.line_id in apart for line in lines):
            return 0  # a separate contract has no part in the estimates of the contract
        return sum(one.estimate for one in version.variable if not one.line_ids)


def _past_credit(version: ContractVersion) -> int:
    return (version.modification.past_credit or 0) if version.modification else 0


def _evidence(allocation: Allocation) -> tuple[Evidence, ...]:
    """What was found on the way to an allocation."""
    return tuple(Evidence("allocation", (), found) for found in allocation.evidence)
