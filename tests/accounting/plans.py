"""Contract versions with fixed lines, their plans and what these earn, in few words, for the tests of the plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from accounting.allocation import Bundle
from accounting.contract import ContractVersion, Line, LineKind, VersionKind
from accounting.contract_plan import ContractPlan, contract_plan
from accounting.coverage import ALWAYS, FOREVER
from accounting.modification import Treatment
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.recognition import LinePlan
from accounting.schedule import Method
from tests.accounting.examples import at, decided

RATABLE, POINT, MILESTONE = LineKind.RATABLE, LineKind.POINT_IN_TIME, LineKind.MILESTONE
START, END = "2024-01-01", "2024-07-01"


def fixed(name: str, total: int, kind: LineKind = RATABLE, start: str = START, end: str = END, **terms: Any) -> Line:
    """A line of fixed consideration; its product has its name in capitals."""
    return Line(name, name.upper(), kind, at(start), at(end), total=total, **terms)


def measured(name: str, total: int, incurred: int, expected: int, **terms: Any) -> Line:
    return fixed(name, total, MILESTONE, progress=(incurred, expected), **terms)


def contract(*lines: Line, number: int = 1, effective: str = START, **terms: Any) -> ContractVersion:
    """One version of contract K, from January to June."""
    kind = terms.pop("kind", VersionKind.ACTIVATED if number == 1 else VersionKind.AMENDED)
    return ContractVersion(
        "K", number, kind, at(effective), at(effective), "C", "E", "USD", at(START), at(END), lines, **terms
    )  # fmt: skip


def cancelled(before: ContractVersion, effective: str) -> ContractVersion:
    return replace(
        before, version=before.version + 1, kind=VersionKind.CANCELLED, effective_at=at(effective), opening=None
    )


def value(line: Line) -> Valuation:
    """A line's own SSP, else its total; its own method, else by days."""
    return Valuation(line.total or 0 if line.ssp is None else line.ssp, Method(line.method or "daily"))


def plan(*versions: ContractVersion, zone: str = "UTC", bundles: tuple[Bundle, ...] = (), policies: Policies | None = None,
         by=value) -> ContractPlan:  # fmt: skip
    return contract_plan(versions, zone, lambda line, _at: by(line), lambda _at: bundles, policies or Policies())


def recognising(changes: list[tuple[str, int]], residual_last: bool = False) -> Policies:
    """Policy `recognise` as it was decided, (value, instant), and the residual in the last full period or not."""
    residual = [("residual", "last_full_period", 0)] if residual_last else []
    return decided(*(("recognise", value, since) for value, since in changes), *residual)


def starting(plan: LinePlan) -> int:
    """Nothing is posted up to an opening."""
    return plan.phases[0].since


def treatments(found: ContractPlan) -> list[Treatment]:
    """How versions 2..n were accounted for."""
    return [one.treatment for one in found.decisions]


def earned(found: ContractPlan, since: int = ALWAYS, until: int = FOREVER) -> list[tuple[str, str, int]]:
    """(accounting date, line, amount) in the order in which the position takes them."""
    return [(one.day.isoformat(), one.line_id, one.amount) for one in found.effects(since, until)]


def by_line(found: ContractPlan) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in found.effects(ALWAYS, FOREVER):
        sums[one.line_id] = sums.get(one.line_id, 0) + one.amount
    return sums


def recognised_by(plan: ContractPlan, instant: int) -> int:
    """Minor units recognised by the effects up to an instant, the opening included."""
    if instant <= plan.opened_at or instant == ALWAYS:
        return plan.recognised
    return plan.recognised + sum(one.amount for one in plan.effects(ALWAYS, instant))
