"""Groups of lines that are accounted for together, and what each line of one bears of an amount that comes later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from accounting.contract import ContractVersion, Variable
from accounting.coverage import ALWAYS
from accounting.modification import fixed_lines


@dataclass(frozen=True, slots=True)
class Pool:
    """Consideration that lines share from an instant on, by weight: what joins it later is shared in the same way."""

    since: int
    weights: Mapping[str, int | Fraction]


@dataclass(slots=True)
class LineGroup:
    """Lines that are accounted for together: the contract, or what was added as a separate contract."""

    lines: list[str]
    basis: Pool
    began: int = ALWAYS  # the day of change with which it came
    pools: list[Pool] = field(default_factory=list)  # of prospective modifications, in the order of versions

    def branch(self) -> LineGroup:
        """One that goes on from here: what comes to it does not come to this one."""
        return LineGroup(self.lines.copy(), self.basis, self.began, self.pools.copy())


def bearers(
    groups: Iterable[LineGroup], version: ContractVersion, variable: Variable
) -> tuple[LineGroup | None, list[str]]:
    """The lines that a variable amount relates to, of the first group that has any: no group counts it twice.

    Lines that the version does not have any more bear it only where none is left.
    """
    there = {line.line_id for line in fixed_lines(version)}.intersection(variable.line_ids)
    for group in groups:
        names = [name for name in group.lines if name in (there or variable.line_ids)]
        if names:
            return group, names
    return None, []
