"""What a contract says of the services that an invoice or a credit names: their terms, positions and shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from accounting.calendar import DAY_US, local_date, start_of_day
from accounting.contract import ContractVersion, Line, LineKind, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.coverage import ALWAYS, FOREVER, in_force
from accounting.modification import FIXED
from accounting.recognition import LinePlan, Phase
from accounting.schedule import Method, curve, round_share

FIXED_POSITION = ""  # of all fixed lines together (accounting.md, rule 1); a usage line's is named by the line

Ratio = tuple[int, int]  # part, whole


class Service(NamedTuple):
    """A line over a period; `own`: it is that of the line itself."""

    line_id: str
    start: int
    end: int
    own: bool

    def is_that_of(self, other: Service) -> bool:
        """Whether it is the same line over the same period."""
        return self[:3] == other[:3]


class ServiceTerms:
    """The lines of a contract as its versions have them, and how far the schedule has come with a service."""

    def __init__(self, versions: Sequence[ContractVersion], plan: ContractPlan) -> None:
        """`versions` 1..n; those that the plan could not take up say nothing."""
        skipped = plan.skipped if len(plan.skipped) < len(versions) else frozenset(range(2, len(versions) + 1))
        taken = [version for version in versions if version.version not in skipped]
        self.plan, self.first = plan, versions[0]
        self._spans = in_force(versions, skipped)
        self._plans = {line.line_id: line for line in plan.lines}
        self._lines = {line.line_id: line for version in taken for line in version.lines}
        self._usage = {name for name, line in self._lines.items() if line.kind is LineKind.USAGE}
        self._number = {line.line_id: number for number, line in enumerate(plan.lines)}
        self.cancelled_at: int | None = None  # the start of the day with which the contract ends, if it is cancelled
        last = self._spans[-1]
        self.final_version = last.version.version
        if last.version.kind is VersionKind.CANCELLED:
            self.cancelled_at = start_of_day(local_date(last.version.effective_at, plan.zone), plan.zone)
        self.non_refundable = (
            self.cancelled_at is not None and plan.policies.value("cancellation", self.cancelled_at) == "non_refundable"
        )

    @property
    def positions(self) -> list[str]:
        """The names of the contract's positions."""
        return [FIXED_POSITION, *sorted(self._usage)]

    def position(self, line_id: str) -> str:
        """The position of a line."""
        return line_id if line_id in self._usage else FIXED_POSITION

    def knows(self, line_id: str) -> bool:
        """Whether the contract has, or had, a line."""
        return line_id in self._lines

    def number(self, line_id: str) -> int:
        """Where a fixed line stands among the effects of one instant."""
        return self._number[line_id]

    def spread(self, at: int) -> list[tuple[str, int]]:
        """Over which lines an amount goes that names none, with weights: the fixed lines by total, else usage lines."""
        for span in reversed([span for span in self._spans if span.start <= at]):
            lines = span.version.lines
            fixed = [(line.line_id, line.total or 0) for line in lines if line.kind in FIXED]
            if fixed:
                weighed = all(weight >= 0 for _, weight in fixed) and any(weight for _, weight in fixed)
                return fixed if weighed else [(name, 1) for name, _ in fixed]
            usage = [(line.line_id, 1) for line in lines if line.kind is LineKind.USAGE]
            if usage:
                return usage
        return []

    def service(self, line_id: str, start: int | None, end: int | None, at: int) -> Service:
        """A service with its period: what is not said is the line's, as the contract has it on the day of an instant.

        A term that is agreed later does not change for what an invoice was.
        """
        line = self._line_at(line_id, at)
        first = start if start is not None else line.start if line else ALWAYS
        last = end if end is not None else (line.end if line else None)
        if last is None:
            last = self.first.end if self.first.end is not None and self.first.end > first else FOREVER
        if first >= last and line is not None:  # one end is said, and it lies outside the line's term: that day
            first, last = (first, first + DAY_US) if start is not None else (last - DAY_US, last)
        return Service(line_id, first, last, line is not None and (first, last) == (line.start, line.end))

    def _line_at(self, line_id: str, at: int) -> Line | None:
        """The line as it is planned; else of the version in force, or of the last one that has it, before or at all."""
        plan = self._plans.get(line_id)
        if plan is not None:
            return self._phase(plan, at).line
        for span in reversed([span for span in self._spans if span.start <= at]):
            for line in span.version.lines:
                if line.line_id == line_id:
                    return line
        return self._lines.get(line_id)

    def day_start(self, at: int) -> int:
        """The start of the local day of an instant: its date belongs to what changes then."""
        return start_of_day(local_date(at, self.plan.zone), self.plan.zone)

    def share(self, service: Service, at: int) -> Ratio:
        """How much of a service the schedule has recognised at an event (accounting.md, rule 5, Credits).

        By the local date of the event, as for an amendment; of a line with progress, by its progress then. A cancelled or
        removed line has come no further than its end; if what was left over is not refundable, it has recognised all.
        Usage has recognised all but what is billed ahead of it (DeferredUsage).
        """
        line_id, start, end, _ = service
        if line_id in self._usage:
            return 1, 1
        plan = self._plans.get(line_id)
        if plan is None:  # nothing recognises it
            return 0, 1
        if self.keeps(at):
            return 1, 1
        ended = self._ended(plan)
        if plan.steps is not None:
            last = at if ended is None or at < ended else ended - 1
            step = next((one for one in reversed(plan.steps) if one.instant <= last), None)
            return (min(step.incurred, step.expected), step.expected) if step else (0, 1)
        last = self.day_start(at)
        if ended is not None:
            last = min(last, ended)
        return self._elapsed(start, end, self._phase(plan, at).method, last)

    def keeps(self, at: int) -> bool:
        """Whether the contract is cancelled by an instant and what was left over is not refundable."""
        return self.cancelled_at is not None and self.non_refundable and at >= self.cancelled_at

    def _ended(self, plan: LinePlan) -> int | None:
        """Since when a line is cancelled or removed; a later version may say once more that it is."""
        since = None
        for phase in reversed(plan.phases):
            if not phase.ended:
                break
            since = phase.since
        return self.cancelled_at if since is None else since

    def _elapsed(self, start: int, end: int, method: Method, instant: int) -> Ratio:
        shares = curve(start, end, method, self.plan.zone, (instant,))
        return shares.numerators[0], shares.denominator

    @staticmethod
    def _phase(plan: LinePlan, at: int) -> Phase:
        return next((one for one in reversed(plan.phases) if one.since <= at), plan.phases[0])

    def since(self, line_id: str, at: int) -> int:
        """From when on a credit changes what is still to be recognised of a line."""
        plan = self._plans.get(line_id)
        return at if plan is not None and plan.steps is not None else self.day_start(at)

    def overlay(
        self, service: Service, at: int, transferred: Ratio, turns: Sequence[tuple[int, int]]
    ) -> LinePlan | None:
        """What a credit at `at` takes from what is still to be recognised of a service, as a plan of its own.

        `turns`: (instant, minor units that are taken from then on). It ends where the line is cancelled or removed; an
        opening balance has what it took before. Where the line gets another term, what is left goes over what is left of it.
        """
        line_id, start, end, _ = service
        plan = self._plans.get(line_id)
        if plan is None or not any(rest for _, rest in turns):
            return None
        ended, opened = self._ended(plan), self.plan.opened_at
        origin = self._phase(plan, at)
        first, done = turns[0][0], transferred
        if plan.steps is None and first < opened:
            first, done = opened, self._elapsed(start, end, origin.method, opened)
        if ended is not None and first >= ended:
            return None
        line = replace(origin.line, start=start, end=end)
        begun = Phase(first, 0, 0, done, line, origin.version, origin.method, by_share=True)
        terms = self._terms(plan, begun, at) if service.own and plan.steps is None else [begun]
        made = LinePlan(line_id, plan.product_id, (), plan.steps)
        phases: list[Phase] = []
        for number, (since, rest) in enumerate(turns):
            course = self._course(made, terms, -_scaled(rest, transferred, done), ended)
            since = max(since, first)
            until = turns[number + 1][0] if number + 1 < len(turns) else FOREVER
            there = next((one for one in reversed(course) if one.since <= since), course[0])
            phases += [there._replace(since=since), *(one for one in course if since < one.since < until)]
        return replace(made, phases=tuple(phases))

    def _terms(self, plan: LinePlan, begun: Phase, at: int) -> list[Phase]:
        """The terms that a line has from a credit on, which may be others than when its invoice was issued."""
        found = [begun]
        for one in [self._phase(plan, at), *(one for one in plan.phases if one.since > at)]:
            start, end, known = one.line.start, one.line.end, found[-1]
            if one.ended or end is None or (start, end, one.method) == (known.line.start, known.line.end, known.method):
                continue
            since = max(one.since, begun.since)
            term = one._replace(since=since, transferred=self._elapsed(start, end, one.method, since), opened=False)
            found = [*(known for known in found if known.since < since), term]
        return found

    def _course(self, made: LinePlan, terms: Sequence[Phase], taken: int, ended: int | None) -> list[Phase]:
        """`taken` over one term after the other, up to the end of the line."""
        found: list[Phase] = []
        for one in terms:
            base = self._earned(made, found, one.since) if found else 0
            found.append(one._replace(base=base, amount=taken - base))
        if ended is None:
            return found
        found = [one for one in found if one.since < ended]
        base = self._earned(made, found, ended)
        return [*found, found[-1]._replace(since=ended, base=base, amount=0, transferred=(0, 1))]

    def _earned(self, plan: LinePlan, phases: Sequence[Phase], at: int) -> int:
        before = at - 1 if plan.steps is not None else at
        return replace(plan, phases=tuple(phases)).earned([before], self.plan.zone)[0]

    def left_over(self) -> list[tuple[str, int]]:
        """By fixed line, what the cancellation took from its schedule: how a balance that stays is shared out."""
        found: list[tuple[str, int]] = []
        for plan in self.plan.lines:
            last = plan.phases[-1]
            before = plan.phases[-2] if len(plan.phases) > 1 else last
            found.append((plan.line_id, max(before.base + before.amount - last.base, 0)))
        return found


def _scaled(rest: int, transferred: Ratio, done: Ratio) -> int:
    """What is left of `rest` at the share `done`, when it spreads over what lay behind the share `transferred`."""
    if done == transferred:
        return rest
    (part, whole), (now, all_of_it) = transferred, done
    return round_share(rest, (all_of_it - now) * whole, (whole - part) * all_of_it)
