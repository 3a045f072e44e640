"""The plan of a contract: how its consideration spreads over lines and time, version by version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from accounting.allocation import Bundle
from accounting.contract import ContractVersion, Line
from accounting.coverage import ALWAYS
from accounting.modification import Decision, fixed_lines
from accounting.plan_course import PlanCourse, Valuation
from accounting.policy import Policies
from accounting.recognition import CATCH_UP, Effect, LinePlan, effects, next_effect


@dataclass(frozen=True, slots=True)
class ContractPlan:
    """The fixed lines of a contract, in the order in which their effects of one instant are booked."""

    lines: tuple[LinePlan, ...]
    zone: str
    policies: Policies
    recognised: int = 0  # minor units, where the books start from (opening)
    billed: int = 0
    opened_at: int = ALWAYS
    decisions: tuple[Decision, ...] = ()  # of versions 2..n that were taken up
    undecidable: tuple[int, str] | None = None  # the version that waits for a person, and why

    def effects(self, since: int, until: int) -> list[Effect]:
        """The effects with since < instant <= until, in the order in which the position takes them."""
        since = max(since, self.opened_at)
        found = [
            (one.instant, number, one.kind == CATCH_UP, one)
            for number, line in enumerate(self.lines)
            for one in effects(line, self.zone, self.policies, since, until)
        ]
        return [item[-1] for item in sorted(found, key=lambda item: item[:3])]

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

    def line(self, line_id: str) -> LinePlan | None:
        """The plan of a line."""
        return next((line for line in self.lines if line.line_id == line_id), None)

    def product_of(self, line_id: str) -> str:
        """The product of a line."""
        return next(line.product_id for line in self.lines if line.line_id == line_id)


def contract_plan(
    versions: Sequence[ContractVersion],
    zone_name: str,
    value: Callable[[Line, int], Valuation],
    bundles: Sequence[Bundle],
    policies: Policies,
) -> ContractPlan:
    """The plan of versions 1..n (accounting.md, rules 2, 3 and 5); `value` values a line as of an instant.

    Versions from the first undecidable one on are not taken up: the plan stays that of the versions before.
    """
    if not any(map(fixed_lines, versions)):
        return ContractPlan((), zone_name, policies)
    first = versions[0]
    course = PlanCourse(first, versions, zone_name, value, bundles, policies)
    decisions: list[Decision] = []
    undecidable = (1, course.undecidable) if course.undecidable else None
    last = first
    for version in versions[1:] if undecidable is None else ():
        decision = course.step(last, version)
        if decision.undecidable is not None:
            undecidable = (version.version, decision.undecidable)
            break
        decisions.append(replace(decision, version=version.version))
        last = version
    opening = first.opening
    opened = opening is not None and bool(fixed_lines(first)) and course.undecidable is None
    return ContractPlan(
        course.ordered(last), zone_name, policies,
        opening.recognised if opened and opening else 0, opening.billed if opened and opening else 0,
        opening.as_of if opened and opening else ALWAYS, tuple(decisions), undecidable,
    )  # fmt: skip
