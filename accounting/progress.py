"""Progress: how far a point-in-time line or a milestone had come at any instant, as the versions of a contract say."""

from __future__ import annotations

from collections.abc import Sequence

from accounting.contract import ContractVersion, Line, LineKind
from accounting.recognition import Step


def steps(line: Line, versions: Sequence[ContractVersion]) -> tuple[Step, ...] | None:
    """By each version's effective date, or at the instant at which the line was satisfied; None: it is ratable.

    `versions` are those that were taken up; what the first of them says holds from the contract's start at the earliest.
    """
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
        at = max(version.effective_at, version.start) if version is versions[0] else version.effective_at
        incurred, expected = one.progress or (0, 1)
        # A version that is effective before its predecessor replaces it from there on.
        found = [step for step in found if step.instant < at]
        found.append(Step(at, incurred, expected, version.version))
    return tuple(found)


def _latest_run(stated: list[tuple[ContractVersion, Line]]) -> list[tuple[ContractVersion, Line]]:
    """The versions, from the one on that gave a line the date of satisfaction it has now."""
    at = len(stated) - 1
    while at and stated[at - 1][1].satisfied_at == stated[-1][1].satisfied_at:
        at -= 1
    return stated[at:]
