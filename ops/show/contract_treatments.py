"""How each version of a contract is accounted for, with the tests that decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from accounting.contract_plan import ContractPlan
from accounting.modification import Decision
from accounting.modification import Treatment as Kind
from ops.show.recalculation import Finding, Input, Recalculation
from ops.show.text import grid, plain
from ops.show.treatment_words import finding_words, short_words, treatment_of

SHOWN_ID = 12
METERED = "usage terms"  # decided where usage is booked; no plan has it


@dataclass(frozen=True, slots=True)
class Treated:
    """One version: its treatment, the tests, and the recalculation that tells what it changed."""

    version: int
    treatment: str | None  # None: nothing is said of it yet
    findings: Sequence[Finding]
    recalculation_id: str | None
    reason: str | None = None  # why nobody could decide

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {
            "treatment": self.treatment,
            "tests": [
                {
                    "test": one.test,
                    "inputs": {pair.key: pair.value for pair in one.inputs},
                    "result": one.result,
                    "words": told.words,
                    "source": told.source or None,
                }
                for one in self.findings
                for told in [finding_words(one)]
            ],
            "undecided": self.reason,
            "recalculation_id": self.recalculation_id,
        }


def treated(numbers: Sequence[int], plan: ContractPlan | None, said: Mapping[int, Recalculation]) -> dict[int, Treated]:
    """The versions by number; what the plan has now wins over what was said when a version was taken up."""
    decisions = {one.version: one for one in plan.decisions} if plan is not None else {}
    return {number: _treated(number, decisions.get(number), said.get(number)) for number in numbers}


def _treated(number: int, decision: Decision | None, said: Recalculation | None) -> Treated:
    name = said.recalculation_id if said is not None else None
    metered = [one for one in said.evidence if one.test == METERED] if said is not None else []
    if decision is None:
        if said is None:
            return Treated(number, None, (), None)
        return Treated(number, said.treatment, said.evidence, name)
    findings = [
        Finding(one.name, [Input(key, value) for key, value in one.inputs], one.result) for one in decision.evidence
    ]
    treatment = str(decision.treatment)
    if decision.undecidable is not None:
        treatment = "undecided"
    elif decision.treatment is Kind.UPDATE and metered and said is not None and said.treatment is not None:
        treatment = said.treatment  # of its usage lines alone
    return Treated(number, treatment, [*findings, *metered], name, decision.undecidable)


def treatment_table(found: Sequence[Treated]) -> Table:
    """A row for each version."""
    table = grid("How each version is accounted for", "in full: accrual show recalculations ID")
    table.add_column("version", no_wrap=True)
    table.add_column("treatment", overflow="fold")
    table.add_column("tests", ratio=1, overflow="fold")
    table.add_column("recalculation", no_wrap=True)
    for one in found:
        words = [*([one.reason] if one.reason else []), *short_words(one.findings)]
        name = "-" if one.treatment is None else treatment_of(one.treatment, "").name
        table.add_row(
            *map(plain, (one.version, name, "\n".join(words) or "-", (one.recalculation_id or "-")[:SHOWN_ID]))
        )
    return table
