"""Sets the reseller's journal against what its raw rows come to, worked out a second time in plain decimals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ops.demo.delivered import Delivered
from ops.demo.delivery import MONTH, NEXT_MONTH
from ops.demo.month_course import Day, month_course
from ops.demo.terms import ZERO, Terms
from ops.show.entry import Entry

Effect = tuple[str, str | None]  # the period it is posted in, and its origin period
AT_CLOSE: Effect = (MONTH, None)
LATE: Effect = (NEXT_MONTH, MONTH)
OPEN_MONTH: Effect = (NEXT_MONTH, None)
EFFECTS = (AT_CLOSE, LATE, OPEN_MONTH)

_Key = tuple[str, str, Effect]  # line, day, effect


@dataclass(frozen=True, slots=True)
class LineMonths:
    """One line, recomputed: its September as the close left it, its September with the late rows, its October."""

    terms: Terms
    at_close: tuple[Day, ...]
    final: tuple[Day, ...]
    open_month: tuple[Day, ...]

    def expected(self) -> dict[tuple[str, Effect], Decimal]:
        """What must be booked by day and effect."""
        frozen = {day.day: day.booked for day in self.at_close}
        final = {day.day: day.booked for day in self.final}
        amounts = {(day, AT_CLOSE): amount for day, amount in frozen.items()}
        amounts |= {
            (day, LATE): final.get(day, ZERO) - frozen.get(day, ZERO) for day in sorted(final.keys() | frozen.keys())
        }
        return amounts | {(day.day, OPEN_MONTH): day.booked for day in self.open_month}


@dataclass(frozen=True, slots=True)
class Part:
    """One line's effect: rows and units counted, recomputed and booked revenue."""

    line_id: str
    effect: Effect
    rows: int
    units: Decimal
    recomputed: Decimal
    booked: Decimal
    unexplained: Decimal  # sum of the absolute differences of its days: errors do not cancel out


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Recomputed = booked by line, day, period and origin period."""

    lines: tuple[LineMonths, ...]
    parts: tuple[Part, ...]
    unexplained: Decimal  # the sum of all differences, each taken as positive, also of what is in none of the parts
    details: tuple[str, ...]  # a sentence for each day of a line that differs

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.details


def recompute(terms: Terms, delivered: Delivered, until: str) -> LineMonths:
    """A line's months from its raw rows; `until`, a day, is where the books stand: a month before it is over."""
    early, all_of_it = delivered.usage(terms.meter, late=False), delivered.usage(terms.meter, late=True)
    return LineMonths(
        terms,
        tuple(month_course(terms, early, MONTH, over=True)),
        tuple(month_course(terms, all_of_it, MONTH, over=True)),
        tuple(month_course(terms, all_of_it, NEXT_MONTH, over=until[:7] > NEXT_MONTH)),
    )


def reconcile(lines: Sequence[LineMonths], delivered: Delivered, entries: Iterable[Entry]) -> Reconciliation:
    """Compare by line, day, period and origin period: what is added up only afterwards hides no difference."""
    expected: dict[_Key, Decimal] = {}
    for line in lines:
        for (day, effect), amount in line.expected().items():
            expected[line.terms.line_id, day, effect] = amount
    booked: dict[_Key, Decimal] = {}
    for entry in entries:
        day = entry.accounting_date if entry.window is None else entry.window.start[:10]
        key = (entry.line_id or "", day, (entry.period, entry.origin_period))
        booked[key] = booked.get(key, ZERO) + entry.revenue
    gaps = {key: booked.get(key, ZERO) - expected.get(key, ZERO) for key in sorted(expected | booked, key=str)}
    details = [
        f"{line} of {day}, period {effect[0]}{f' for {effect[1]}' if effect[1] else ''}: "
        f"recomputed {expected.get((line, day, effect), ZERO)}, booked {booked.get((line, day, effect), ZERO)}"
        for (line, day, effect), gap in gaps.items()
        if gap
    ]
    parts = [_part(line.terms, effect, delivered, expected, booked, gaps) for line in lines for effect in EFFECTS]
    return Reconciliation(tuple(lines), tuple(parts), sum(map(abs, gaps.values()), ZERO), tuple(details))


def _part(
    terms: Terms,
    effect: Effect,
    delivered: Delivered,
    expected: dict[_Key, Decimal],
    booked: dict[_Key, Decimal],
    gaps: dict[_Key, Decimal],
) -> Part:
    def total(amounts: dict[_Key, Decimal]) -> Decimal:
        return sum((amount for key, amount in amounts.items() if (key[0], key[2]) == (terms.line_id, effect)), ZERO)

    month = effect[1] or effect[0]
    rows = [
        row
        for row in delivered.rows
        if row.meter == terms.meter and row.day.startswith(month) and row.is_late == (effect == LATE)
    ]
    return Part(
        line_id=terms.line_id,
        effect=effect,
        rows=len(rows),
        units=sum((row.quantity for row in rows), Decimal(0)),
        recomputed=total(expected),
        booked=total(booked),
        unexplained=total({key: abs(gap) for key, gap in gaps.items()}),
    )
