"""Modification: how the step from one contract version to the next is accounted for, with the evidence.

Source: accounting.md, rule 5 (ASC 606-10-25-10 to 25-13, IFRS 15.18 to 21).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import NamedTuple

from accounting.calendar import rfc3339
from accounting.contract import ContractVersion, Line, LineKind, Modification, Variable, VersionKind
from accounting.money import major_text

FIXED = (LineKind.RATABLE, LineKind.POINT_IN_TIME, LineKind.MILESTONE)


class Treatment(StrEnum):
    """What becomes of the schedules."""

    NEW_CONTRACT = "new_contract"  # the first version that can be taken up
    UPDATE = "update"  # progress, dates of satisfaction or SSP only: no modification
    SEPARATE_CONTRACT = "separate_contract"
    PROSPECTIVE = "prospective"
    CUMULATIVE_CATCH_UP = "cumulative_catch_up"
    MIXED = "mixed"  # some lines the one, some the other
    ESTIMATE = "estimate"  # a later change of an estimate: on the old basis
    CANCELLATION = "cancellation"


class Evidence(NamedTuple):
    """One test of the decision: what it looked at and what came of it."""

    name: str
    inputs: tuple[tuple[str, str], ...]
    result: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The treatment of a version, line by line, with every test that led to it; undecidable, it changes nothing."""

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


@dataclass(frozen=True, slots=True)
class _Change:
    """What a version changes of the fixed lines and the variable amounts."""

    lines: Mapping[str, Line]  # as the version has them
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    estimates: bool
    past_credit: int
    revives: bool  # it goes on where the version before had ended the contract

    @classmethod
    def between(cls, before: ContractVersion, version: ContractVersion) -> _Change:
        """The step from one version to the next."""
        old, new = _by_id(before), _by_id(version)
        return cls(
            new,
            tuple(name for name in new if name not in old),
            tuple(name for name in old if name not in new),
            tuple(name for name in new if name in old and terms(new[name]) != terms(old[name])),
            _estimates(before) != _estimates(version),
            (version.modification.past_credit or 0) if version.modification else 0,
            before.kind is VersionKind.CANCELLED and version.kind is not VersionKind.CANCELLED,
        )

    @property
    def modifies(self) -> bool:
        """Whether it is a modification, and no mere update or change of an estimate."""
        return bool(self.added or self.removed or self.changed or self.past_credit or self.revives)

    @property
    def adds_only(self) -> bool:
        """Whether lines come and nothing else moves but estimates."""
        return bool(self.added) and not (self.removed or self.changed or self.past_credit or self.revives)

    @property
    def others(self) -> dict[str, str]:
        """What moves besides the lines that come, in words."""
        return {
            "removed": _listed(self.removed), "changed": _listed(self.changed),
            "past_credit": "yes" if self.past_credit else "no", "cancelled_before": "yes" if self.revives else "no",
        }  # fmt: skip

    def note(self, tests: _Tests) -> None:
        """The first test: whether terms change at all."""
        tests.note(
            "terms", "changed" if self.modifies or self.estimates else "unchanged",
            added=_listed(self.added), **self.others, estimates="changed" if self.estimates else "unchanged",
        )  # fmt: skip

    def decided(
        self, treatment: Treatment, tests: _Tests, catch_up: frozenset[str] = frozenset(), problem: str | None = None
    ) -> Decision:
        """The decision, with the evidence so far."""
        return Decision(treatment, tuple(tests.found), self.added, self.removed, self.changed, catch_up, problem)


def decide(
    before: ContractVersion,
    version: ContractVersion,
    ssp: Callable[[Line], int],
    tolerance: int = 0,
    held: Collection[str] = (),
) -> Decision:
    """Decide how `version` follows `before`, the last version that was taken up.

    `ssp` gives a line's current stand-alone selling price in minor units, `tolerance` (policy ssp_tolerance) by how many
    hundredths of a per cent of it a price may differ and still be at SSP; `held` are the lines that any version had.
    """
    tests = _Tests()
    change = _Change.between(before, version)
    change.note(tests)
    if version.kind is VersionKind.CANCELLED:
        tests.note("cancellation", "the schedule ends", effective_from=rfc3339(version.effective_at))
        return change.decided(Treatment.CANCELLATION, tests)
    if not change.modifies:
        return Decision(Treatment.ESTIMATE if change.estimates else Treatment.UPDATE, tuple(tests.found))
    stated = version.modification or Modification()
    if stated.treatment != "auto":
        decision = _explicit(version, stated, change, held, tests)
    elif change.adds_only and _at_ssp(version, change, ssp, tolerance, held, tests):
        decision = change.decided(Treatment.SEPARATE_CONTRACT, tests)
    else:
        if change.added and not change.adds_only:
            tests.note("separate contract", "no: other terms change too", **change.others)
        decision = _by_distinctness(version, change, tests)
    problem = decision.undecidable or _unfit(version, stated, decision.treatment)
    return decision if problem is None else replace(decision, undecidable=problem)


def terms(line: Line) -> tuple[object, ...]:
    """What a modification can change; progress, satisfied_at and SSP change nothing (606-10-32-43)."""
    return (line.product_id, line.kind, line.start, line.end, line.quantity, line.total, line.method)


def _explicit(
    version: ContractVersion, stated: Modification, change: _Change, held: Collection[str], tests: _Tests
) -> Decision:
    """A treatment that somebody has decided: it overrides the tests, and needs a reason and an approver."""
    treatment = Treatment(stated.treatment)
    tests.note(
        "explicit treatment", treatment, reason=stated.reason or "none", approved_by=stated.approved_by or "nobody"
    )
    problem = None
    if not stated.reason or not stated.approved_by:
        problem = f"treatment {treatment} overrides the tests and needs a reason and an approver: amend with both"
    elif treatment is Treatment.SEPARATE_CONTRACT and not change.adds_only:
        moved = [
            *change.changed, *change.removed, *(["past_credit"] if change.past_credit else []),
            *([f"contract {version.contract_id}, which was cancelled"] if change.revives else []),
        ]  # fmt: skip
        problem = (
            f"a separate contract only adds lines, but {_listed(moved)} changes: amend without that, or choose another "
            "treatment"
        )
    elif treatment is Treatment.SEPARATE_CONTRACT and (known := [name for name in change.added if name in held]):
        problem = (
            f"line {_listed(known)} was in the contract before: add it under an id of its own, as another contract"
        )
    catch_up = frozenset(change.lines) if treatment is Treatment.CUMULATIVE_CATCH_UP else frozenset[str]()
    return change.decided(treatment, tests, catch_up, problem)


def _unfit(version: ContractVersion, stated: Modification, treatment: Treatment) -> str | None:
    """Why a modification cannot stand, whatever its treatment; None where it can."""
    if stated.requested_by and stated.requested_by == stated.approved_by:
        return f"treatment {treatment} was requested and approved by {stated.approved_by}: another person has to approve it"
    if version.effective_at < version.start or (version.end is not None and version.effective_at >= version.end):
        term = f"[{rfc3339(version.start)}, {'open' if version.end is None else rfc3339(version.end)})"
        return (
            f"effective_at {rfc3339(version.effective_at)} lies outside the term {term}: send the next version with a "
            "date within its term"
        )
    return None


def _at_ssp(
    version: ContractVersion,
    change: _Change,
    ssp: Callable[[Line], int],
    tolerance: int,
    held: Collection[str],
    tests: _Tests,
) -> bool:
    """Test a: distinct goods or services are added at their stand-alone selling prices (25-12)."""
    passed = True
    for name in change.added:
        line = change.lines[name]
        price, alone = line.total or 0, ssp(line)
        near = abs(price - alone) * 10_000 <= tolerance * abs(alone)
        fits = bool(line.distinct) and near and name not in held
        passed = passed and fits
        tests.note(
            "added at SSP", "yes" if fits else "no",
            line=name, distinct="yes" if line.distinct else "no", new="no" if name in held else "yes",
            price=major_text(price, version.currency), ssp=major_text(alone, version.currency),
            tolerance=f"{tolerance // 100}.{tolerance % 100:02d} %",
        )  # fmt: skip
    tests.note("separate contract", "yes" if passed else "no", lines=_listed(change.added))
    return passed


def _by_distinctness(version: ContractVersion, change: _Change, tests: _Tests) -> Decision:
    """Tests b to d: prospective where what remains is distinct, else cumulative catch-up, per line (25-13)."""
    catch_up = frozenset(name for name, line in change.lines.items() if not line.distinct)
    for name, line in change.lines.items():
        tests.note("remaining is distinct", "no" if name in catch_up else "yes", line=name, kind=line.kind.value)
    treatment = Treatment.PROSPECTIVE
    if catch_up:
        treatment = Treatment.CUMULATIVE_CATCH_UP if len(catch_up) == len(change.lines) else Treatment.MIXED
    tests.note("treatment", treatment, contract=version.contract_id, version=version.version)
    return change.decided(treatment, tests, catch_up)


def _by_id(version: ContractVersion) -> dict[str, Line]:
    return {line.line_id: line for line in fixed_lines(version)}


def _estimates(version: ContractVersion) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {one.variable_id: _estimate(one) for one in version.variable}


def _estimate(one: Variable) -> tuple[int, tuple[str, ...]]:
    return one.estimate, one.line_ids


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names) or "none"
