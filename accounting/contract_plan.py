"""The plan of a contract: how its consideration spreads over lines and time, version by version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from accounting.contract import ContractVersion, Line, LineKind
from accounting.coverage import ALWAYS, FOREVER
from accounting.modification import Decision, Treatment, fixed_lines
from accounting.plan_course import Bundles, PlanCourse, Valuation
from accounting.policy import Policies
from accounting.recognition import CATCH_UP, Effect, LinePlan, by_month, effects, next_effect, recognised


@dataclass(frozen=True, slots=True)
class ContractPlan:
    """The fixed lines of a contract, in the order in which their effects of one instant are booked."""

    lines: tuple[LinePlan, ...]
    zone: str
    policies: Policies
    recognised: int = 0  # minor units, where the books start from (opening)
    billed: int = 0
    opened_at: int = ALWAYS
    decisions: tuple[Decision, ...] = ()  # of all versions but the one that began the contract
    undecidable: tuple[int, str] | None = None  # the first of the last versions that wait for a person, and why
    apart: str | None = None  # why it is not combined with the contract that its version 1 names, and the remedy

    def effects(self, since: int, until: int) -> list[Effect]:
        """The effects with since < instant <= until, in the order in which the position takes them."""
        since = max(since, self.opened_at)
        found = [
            (one.instant, number, one.kind == CATCH_UP, one)
            for number, line in enumerate(self.lines)
            for one in effects(line, self.zone, self.policies, since, until)
        ]
        found.sort()  # of one line, instant and kind there is one
        return [item[-1] for item in found]

    def recognised_by(self, instant: int) -> int:
        """What the books have recognised by an instant, with what is due then and what they start from."""
        amounts = (recognised(line, self.zone, self.policies, self.opened_at, instant) for line in self.lines)
        return self.recognised + sum(amounts)

    def by_month(self) -> dict[str, dict[int, int]]:
        """All that will ever be recognised by what is known now, by line and month number."""
        return {line.line_id: by_month(line, self.zone, self.policies) for line in self.lines}

    def caught_up(self, version: int) -> int:
        """Minor units that a version posts at once."""
        found: list[Effect] = []
        for line in self.lines:
            if line.steps is None:
                found += line.catch_ups(self.zone)
            elif any(phase.version == version for phase in line.phases[1:]):
                found += effects(line, self.zone, self.policies, self.opened_at, FOREVER)
        return sum(one.amount for one in found if one.kind == CATCH_UP and one.version == version)

    def next_effect(self, after: int) -> int | None:
        """The next instant after `after` at which something may be due, or None."""
        after = max(after, self.opened_at)
        found = [next_effect(line, self.zone, self.policies, after) for line in self.lines]
        return min((one for one in found if one is not None), default=None)

    @property
    def waiting(self) -> list[tuple[int, str]]:
        """The last versions that wait for a person, each with why; version 1 also where it is not combined as it says."""
        apart = [(1, self.apart)] if self.apart is not None and 1 not in self.skipped else []
        if self.undecidable is None:
            return apart
        first = self.undecidable[0]
        later = [(one.version, one.undecidable) for one in self.decisions if one.undecidable and one.version > first]
        return [*apart, self.undecidable, *later]

    @property
    def skipped(self) -> frozenset[int]:
        """The versions that nobody could decide: they change nothing."""
        return frozenset(one.version for one in self.decisions if one.undecidable is not None)

    def line(self, line_id: str) -> LinePlan | None:
        """The plan of a line."""
        return next((line for line in self.lines if line.line_id == line_id), None)


def contract_plan(
    versions: Sequence[ContractVersion],
    zone_name: str,
    value: Callable[[Line, int], Valuation],
    bundles: Bundles,
    policies: Policies,
) -> ContractPlan:
    """The plan of versions 1..n (accounting.md, rules 2, 3 and 5); `value` values a line, and `bundles` are sold, as of an
    instant.

    A version that nobody can decide changes nothing; the next one is decided against the last one that was taken up, and
    the first one that can be decided begins the contract.
    """
    return lay(versions, zone_name, value, bundles, policies).plan


@dataclass(frozen=True, slots=True)
class Laid:
    """The plan of versions 1..n, and what version n + 1 goes on from."""

    versions: list[ContractVersion]
    plan: ContractPlan
    _decisions: tuple[Decision, ...] = ()
    _course: PlanCourse | None = None  # None: a later version may change what these ones came to

    def then(self, version: ContractVersion) -> Laid | None:
        """With the next version: what `lay` makes of all of them. None where only `lay` can tell."""
        if self._course is None or not is_scheduled(version):
            return None
        course = self._course.branch()
        decision = course.take(version)
        if decision.undecidable is not None:
            return None
        decisions = (*self._decisions, decision)
        plan = _plan(course, decisions, self.plan.zone, self.plan.policies)
        return Laid([*self.versions, version], plan, decisions, course)


def lay(
    versions: Sequence[ContractVersion],
    zone_name: str,
    value: Callable[[Line, int], Valuation],
    bundles: Bundles,
    policies: Policies,
) -> Laid:
    """`contract_plan`, from which the next version can go on."""
    if not any(map(fixed_lines, versions)):
        return Laid(list(versions), ContractPlan((), zone_name, policies))
    course = PlanCourse(versions, zone_name, value, bundles, policies)
    decisions = tuple(course.take(version) for version in versions)
    taken = [version for version, one in zip(versions, decisions, strict=True) if one.undecidable is None]
    if len(taken) < len(versions):
        # What the others say of progress does not count either. Whether a version is decidable is not a matter of progress.
        course = PlanCourse(taken, zone_name, value, bundles, policies, course.opening)
        for version in taken:
            course.take(version)
        return Laid(list(versions), _plan(course, decisions, zone_name, policies))
    # What a version says of progress holds from its date on, also for what the versions before it came to.
    goes_on = all(map(is_scheduled, versions))
    return Laid(list(versions), _plan(course, decisions, zone_name, policies), decisions, course if goes_on else None)


def is_scheduled(version: ContractVersion) -> bool:
    """Whether no line of a version is a matter of progress."""
    return all(line.kind is LineKind.RATABLE for line in fixed_lines(version))


def _plan(course: PlanCourse, decisions: Sequence[Decision], zone_name: str, policies: Policies) -> ContractPlan:
    waiting = list(takewhile(lambda one: one.undecidable is not None, reversed(decisions)))
    undecidable = (waiting[-1].version, waiting[-1].undecidable or "") if waiting else None
    opened = course.opened
    return ContractPlan(
        course.ordered(), zone_name, policies,
        opened.recognised if opened else 0, opened.billed if opened else 0, opened.as_of if opened else ALWAYS,
        tuple(one for one in decisions if one.treatment is not Treatment.NEW_CONTRACT or one.undecidable), undecidable,
    )  # fmt: skip
