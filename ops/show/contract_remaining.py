"""Remaining performance obligations: what of a contract's fixed consideration is still to be recognised, by year.

Source: accounting.md, rule 10 (ASC 606-10-50-13 to 50-14A, IFRS 15.120 to 121).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from accounting.contract import LineKind
from accounting.coverage import FOREVER
from accounting.money import major_text
from accounting.recognition import LinePlan
from ops.show.amounts import major
from ops.show.books_state import Standing
from ops.show.text import grid, money, plain

YEARS_SHOWN = 5
LINE_WIDTH = 20  # at least: a narrow table would break its title
USAGE_NOTE = (
    "Usage is left out: it is variable consideration that belongs wholly to the distinct service in which it occurs, or is "
    "invoiced as it occurs (ASC 606-10-50-14 to 50-14A with 32-40 and 55-18; IFRS 15.121 (b))."
)


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is still to be recognised after an instant, in minor units, net of credits."""

    currency: str
    day: str | None  # the last day that is over
    lines: Sequence[str]
    years: dict[str, dict[int, int]]  # line -> year -> amount
    undated: dict[str, int]  # line -> what waits for a delivery or progress without a date
    metered: Sequence[str]  # usage lines, which are left out
    undecided: Sequence[int]  # the versions that wait for a decision

    @classmethod
    def of(cls, standing: Standing) -> Remaining:
        """From the plan and what credits take from it."""
        planned, whole = standing.planned, standing.whole
        years: dict[str, dict[int, int]] = {line.line_id: {} for line in planned.plan.lines}
        for effect, _ in whole.recognitions:
            if effect.instant > standing.at:
                line = years.setdefault(effect.line_id, {})
                line[effect.day.year] = line.get(effect.day.year, 0) + effect.amount
        undated = _undated((*planned.plan.lines, *whole.overlays), planned.zone)
        last = planned.versions[-1]
        metered = [line.line_id for line in last.lines if line.kind is LineKind.USAGE]
        # What cannot be combined with another contract waits too, and is accounted for alone meanwhile.
        waits = [version for version, _ in planned.plan.waiting if version in planned.plan.skipped]
        return cls(standing.currency, standing.day, list(years), years, undated, metered, waits)

    def of_year(self, year: int) -> int:
        """What is to be recognised in a year, of all lines."""
        return sum(line.get(year, 0) for line in self.years.values())

    @property
    def every_year(self) -> list[int]:
        """The years in which something is to be recognised."""
        return sorted({year for line in self.years.values() for year, amount in line.items() if amount})

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self._line(line) for line in self.lines)

    def _line(self, line: str) -> int:
        return sum(self.years[line].values()) + self.undated.get(line, 0)

    def record(self) -> dict[str, Any]:
        """For programs."""
        return {
            "after": self.day,
            "total": major_text(self.total, self.currency),
            "years": {str(year): major_text(self.of_year(year), self.currency) for year in self.every_year},
            "undated": major_text(sum(self.undated.values()), self.currency),
            "lines": [
                {
                    "line_id": line,
                    "years": {
                        str(year): major_text(amount, self.currency)
                        for year, amount in sorted(self.years[line].items())
                        if amount
                    },
                    "undated": major_text(self.undated.get(line, 0), self.currency),
                    "total": major_text(self._line(line), self.currency),
                }
                for line in self.lines
                if self._line(line) or any(self.years[line].values())
            ],
            "without_usage": list(self.metered),
            "notes": self.notes(),
        }

    def notes(self) -> list[str]:
        """What a reader has to know of the figures."""
        after = "" if self.day is None else f" after {self.day}"
        notes = [f"Remaining performance obligations{after} by calendar year, of fixed lines, net of credits (ASC 606-10-50-13, "
                 "IFRS 15.120); estimates of variable amounts that belong to fixed lines are in."]  # fmt: skip
        if self.metered:
            notes.append(f"{USAGE_NOTE} Usage lines: {', '.join(self.metered)}.")
        if any(self.undated.values()):
            notes.append("no date yet: recognised when it is delivered, or as progress is reported.")
        notes += [f"Version {one} waits for a decision and is not in these figures." for one in self.undecided]
        return notes

    def table(self) -> Table:
        """A row for each line, a column for each year."""
        years = self.every_year
        shown, later = years[:YEARS_SHOWN], years[YEARS_SHOWN:]
        undated = any(self.undated.values())
        table = grid(f"Still to be recognised, {self.currency}")
        table.add_column("line", overflow="fold", min_width=LINE_WIDTH)
        headings = [*map(str, shown), *[f"from {later[0]}" for _ in later[:1]], *["no date yet"] * undated, "in all"]
        for heading in headings:
            table.add_column(heading, justify="right", no_wrap=True)
        rows = [(line, self._row(line, shown, later, undated)) for line in self.lines]
        rows = [row for row in rows if any(row[1])]
        for line, amounts in rows:
            table.add_row(plain(line), *(money(major(one, self.currency)) for one in amounts))
        if len(rows) > 1:
            table.add_section()
            sums = [sum(column) for column in zip(*(amounts for _, amounts in rows), strict=True)]
            table.add_row("all", *(money(major(one, self.currency)) for one in sums))
        return table

    def _row(self, line: str, shown: Sequence[int], later: Sequence[int], undated: bool) -> list[int]:
        of = self.years[line]
        found = [of.get(year, 0) for year in shown]
        found += [sum(of.get(year, 0) for year in later)] * bool(later)
        return [*found, *[self.undated.get(line, 0)] * undated, self._line(line)]


def _undated(plans: Iterable[LinePlan], zone: str) -> dict[str, int]:
    """By line, what its plans still hold when everything that has a date is over."""
    found: dict[str, int] = {}
    for plan in plans:
        if plan.steps is None:
            continue  # of a term everything has a date
        last = plan.phases[-1]
        left = last.base + last.amount - plan.earned([FOREVER - 1], zone)[0]
        if left:
            found[plan.line_id] = found.get(plan.line_id, 0) + left
    return found
