"""The schedule of a contract's fixed lines as a waterfall: by line and month, what is scheduled and what is posted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from accounting.calendar import Period
from accounting.money import major_text
from ops.show.books_state import Standing
from ops.show.ledger import ZERO
from ops.show.text import amount_text, clip, grid, in_currency, money, plain
from ops.show.waterfall import Waterfall

LINE_WIDTH, MEASURE_WIDTH = 20, 10
AHEAD = 3  # months shown after the last one that is over, at least, where there are more than fit


@dataclass(frozen=True, slots=True)
class Schedule:
    """What lines recognise by months of their own, net of credits, and what is posted in those months."""

    currency: str
    lines: Sequence[str]
    periods: Sequence[str]
    scheduled: dict[tuple[str, str], Decimal]
    posted: dict[tuple[str, str], Decimal]
    last: str | None  # the last month that has begun to be over

    @classmethod
    def of(cls, standing: Standing, waterfall: Waterfall) -> Schedule:
        """From the plan, all of it, and from the entries."""
        currency, plan = standing.currency, standing.planned.plan
        scheduled: dict[tuple[str, str], Decimal] = {}
        for effect, _ in standing.whole.recognitions:
            cell = effect.line_id, str(Period.of_date(effect.day))
            scheduled[cell] = scheduled.get(cell, ZERO) + Decimal(major_text(effect.amount, currency))
        names = [line.line_id for line in plan.lines]
        names += sorted({line for line, _ in scheduled} - set(names))
        posted: dict[tuple[str, str], Decimal] = {}
        for line in names:
            for period, amount in zip(waterfall.periods, waterfall.values(line, "recognised"), strict=True):
                if amount:
                    posted[line, period] = amount
        periods = sorted({period for _, period in (*scheduled, *posted)})
        day = standing.day
        return cls(currency, names, periods, scheduled, posted, None if day is None else day[:7])

    def records(self) -> list[dict[str, str]]:
        """One record per line and month, for programs."""
        return [
            {
                "line_id": line,
                "period": period,
                "scheduled": amount_text(self.scheduled.get((line, period), ZERO), self.currency),
                "posted": amount_text(self.posted.get((line, period), ZERO), self.currency),
            }
            for line in self.lines
            for period in self.periods
            if (line, period) in self.scheduled or (line, period) in self.posted
        ]

    def table(self, width: int) -> Table:
        """As many months as fit around the last one that is over; those before and after are one column each."""
        amounts = [*self.scheduled.values(), *self.posted.values()]
        sums = [abs(sum((abs(one) for one in amounts), ZERO))]
        longest = max(len(f"{in_currency(one, self.currency):,f}") for one in [*amounts, *sums])
        fit = max(1, (width - LINE_WIDTH - MEASURE_WIDTH - 4) // (max(longest, len("2025-01")) + 2) - 3)
        first, end = self._window(fit)
        table = grid(f"Schedule of the fixed lines, {self.currency}")
        table.add_column("line", no_wrap=True)
        table.add_column("", no_wrap=True)
        headings = ["before"] * bool(first) + list(self.periods[first:end]) + ["after"] * (end < len(self.periods))
        for heading in [*headings, "in all"]:
            table.add_column(heading, justify="right", no_wrap=True)
        for line in self.lines:
            self._add(table, line, "scheduled", self.scheduled, first, end)
            self._add(table, "", "posted", self.posted, first, end, line)
        return table

    def _window(self, fit: int) -> tuple[int, int]:
        """Which months have a column of their own."""
        count = len(self.periods)
        if count <= fit + 2:
            return 0, count
        over = sum(1 for period in self.periods if self.last is not None and period <= self.last)
        first = min(max(0, over + min(AHEAD, fit - 1) - fit), count - fit)
        return first, first + fit

    def _add(
        self, table: Table, name: str, measure: str, amounts: dict[tuple[str, str], Decimal], first: int, end: int,
        line: str | None = None,
    ) -> None:  # fmt: skip
        values = [amounts.get((name if line is None else line, period), ZERO) for period in self.periods]
        cells = [sum(values[:first], ZERO)] * bool(first) + values[first:end]
        cells += [sum(values[end:], ZERO)] * (end < len(values))
        cells.append(sum(values, ZERO))
        table.add_row(plain(clip(name, LINE_WIDTH)), measure, *(self._cell(one) for one in cells))

    def _cell(self, amount: Decimal) -> Text:
        return money(in_currency(amount, self.currency)) if amount else Text("·", style="dim")
