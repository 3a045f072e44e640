"""Modification: how the step from one contract version to the next is accounted for, with the evidence.

Source: accounting.md, rule 5 (ASC 606-10-25-10 to 25-13, IFRS 15.18 to 21).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from accounting.calendar import rfc3339
from accounting.contract import ContractVersion, Line, LineKind, Variable, VersionKind
from accounting.money import major_text

FIXED = (LineKind.RATABLE, LineKind.POINT_IN_TIME, LineKind.MILESTONE)


class Treatment(StrEnum):
    """What becomes of the schedules."""

    UPDATE = "update"  # progress, dates of satisfaction or SSP only: no modification
    SEPARATE_CONTRACT = "separate_contract"
    PROSPECTIVE = "prospective"
    CUMULATIVE_CATCH_UP = "cumulative_catch_up"
    MIXED = "mixed"  # some lines the one, some the other
    ESTIMATE = "estimate"  # a later change of an estimate: on the old basis
    CANCELLATION = "cancellation"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One test of the decision: what it looked at and what came of it."""

    name: str
    inputs: tuple[tuple[str, str], ...]
    result: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The treatment of a version, line by line, with every test that led to it."""

    treatment: Treatment
    evidence: tuple[Evidence, ...]
    added: tuple[str, ...] = ()  # line ids
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    catch_up: frozenset[str] = frozenset()  # lines that catch up; the others go on prospectively
    undecidable: str | None = None  # why a person has to decide, and the remedy
    version: int = 0


@dataclass(slots=True)
class _Tests:
    """The evidence, as it grows."""

    found: list[Evidence] = field(default_factory=list)

    def note(self, name: str, result: str, **inputs: object) -> None:
        self.found.append(Evidence(name, tuple((key, str(value)) for key, value in inputs.items()), result))


def fixed_lines(version: ContractVersion) -> list[Line]:
    """The lines of fixed consideration."""
    return [line for line in version.lines if line.kind in FIXED]


def decide(
    before: ContractVersion, version: ContractVersion, ssp: Callable[[Line], int], tolerance: int = 0
) -> Decision:
    """Decide how `version` follows `before`.

    `ssp` gives a line's current stand-alone selling price in minor units, `tolerance` (policy ssp_tolerance) by how many
    hundredths of a per cent of it a price may differ and still be at SSP.
    """
    tests = _Tests()
    old, new = _by_id(before), _by_id(version)
    added = tuple(name for name in new if name not in old)
    removed = tuple(name for name in old if name not in new)
    changed = tuple(name for name in new if name in old and terms(new[name]) != terms(old[name]))
    estimates = _estimates(before) != _estimates(version)
    tests.note(
        "terms", "changed" if added or removed or changed or estimates else "unchanged",
        added=_listed(added), removed=_listed(removed), changed=_listed(changed),
        estimates="changed" if estimates else "unchanged",
    )  # fmt: skip
    if version.kind is VersionKind.CANCELLED:
        tests.note("cancellation", "the schedule ends", effective_from=rfc3339(version.effective_at))
        return Decision(Treatment.CANCELLATION, tuple(tests.found), added, removed, changed)
    past_credit = version.modification.past_credit if version.modification else None
    if not (added or removed or changed or past_credit):
        treatment = Treatment.ESTIMATE if estimates else Treatment.UPDATE
        return Decision(treatment, tuple(tests.found))
    explicit = version.modification.treatment if version.modification else "auto"
    if explicit != "auto":
        return _explicit(version, tests, added, removed, changed, new)
    if added and not removed and not changed and not past_credit:
        if _at_ssp(version, [new[name] for name in added], ssp, tolerance, tests):
            return Decision(Treatment.SEPARATE_CONTRACT, tuple(tests.found), added)
    elif added:
        tests.note(
            "separate contract", "no: other terms change too", removed=_listed(removed), changed=_listed(changed)
        )
    return _by_distinctness(version, tests, added, removed, changed, new)


def terms(line: Line) -> tuple[object, ...]:
    """What a modification can change; progress, satisfied_at and SSP change nothing (606-10-32-43)."""
    return (line.product_id, line.kind, line.start, line.end, line.quantity, line.total, line.method)


def _explicit(
    version: ContractVersion, tests: _Tests, added: tuple[str, ...], removed: tuple[str, ...], changed: tuple[str, ...],
    lines: Mapping[str, Line],
) -> Decision:  # fmt: skip
    """A treatment that somebody has decided: it overrides the tests, and needs a reason and an approver."""
    stated = version.modification
    reason, approver = (stated.reason, stated.approved_by) if stated else (None, None)
    treatment = Treatment(stated.treatment) if stated else Treatment.PROSPECTIVE
    tests.note("explicit treatment", treatment, reason=reason or "none", approved_by=approver or "nobody")
    problem = None
    if not reason or not approver:
        problem = f"treatment {treatment} overrides the tests and needs a reason and an approver: amend with both"
    elif stated is not None and stated.requested_by and stated.requested_by == approver:
        problem = f"treatment {treatment} was requested and approved by {approver}: another person has to approve it"
    elif treatment is Treatment.SEPARATE_CONTRACT and (removed or changed):
        names = _listed((*changed, *removed))
        problem = (
            f"a separate contract only adds lines, but {names} changed: amend without that, or choose another treatment"
        )
    catch_up = frozenset(lines) if treatment is Treatment.CUMULATIVE_CATCH_UP else frozenset[str]()
    return Decision(treatment, tuple(tests.found), added, removed, changed, catch_up, problem)


def _at_ssp(
    version: ContractVersion, lines: list[Line], ssp: Callable[[Line], int], tolerance: int, tests: _Tests
) -> bool:
    """Test a: distinct goods or services are added at their stand-alone selling prices (25-12)."""
    passed = True
    for line in lines:
        price, alone = line.total or 0, ssp(line)
        near = abs(price - alone) * 10_000 <= tolerance * abs(alone)
        passed = passed and bool(line.distinct) and near
        tests.note(
            "added at SSP", "yes" if near and line.distinct else "no",
            line=line.line_id, distinct="yes" if line.distinct else "no",
            price=major_text(price, version.currency), ssp=major_text(alone, version.currency),
            tolerance=f"{tolerance // 100}.{tolerance % 100:02d} %",
        )  # fmt: skip
    tests.note("separate contract", "yes" if passed else "no", lines=_listed([line.line_id for line in lines]))
    return passed


def _by_distinctness(
    version: ContractVersion, tests: _Tests, added: tuple[str, ...], removed: tuple[str, ...], changed: tuple[str, ...],
    lines: Mapping[str, Line],
) -> Decision:  # fmt: skip
    """Tests b to d: prospective where what remains is distinct, else cumulative catch-up, per line (25-13)."""
    catch_up = frozenset(name for name, line in lines.items() if not line.distinct)
    for name, line in lines.items():
        tests.note("remaining is distinct", "no" if name in catch_up else "yes", line=name, kind=line.kind.value)
    treatment = Treatment.PROSPECTIVE
    if catch_up:
        treatment = Treatment.CUMULATIVE_CATCH_UP if len(catch_up) == len(lines) else Treatment.MIXED
    tests.note("treatment", treatment, contract=version.contract_id, version=version.version)
    return Decision(treatment, tuple(tests.found), added, removed, changed, catch_up)


def _by_id(version: ContractVersion) -> dict[str, Line]:
    return {line.line_id: line for line in fixed_lines(version)}


def _estimates(version: ContractVersion) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {one.variable_id: _estimate(one) for one in version.variable}


def _estimate(one: Variable) -> tuple[int, tuple[str, ...]]:
    return one.estimate, one.line_ids


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names) or "none"
