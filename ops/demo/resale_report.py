"""The demo's second part in tables, for a reader of books: price list, month, volume tiers, close, reconciliation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ops.demo import price_list
from ops.demo.closed_month import ClosedMonth
from ops.demo.delivery import CLOSED_AT, LATE_ACCOUNT, MONTH, NEXT_MONTH
from ops.demo.month_course import tier_spans
from ops.demo.reconciliation import AT_CLOSE, LATE, OPEN_MONTH, LineMonths, Reconciliation
from ops.demo.resale import Resale
from ops.demo.terms import ZERO, Terms, Tier
from ops.show.entry import Entry
from ops.show.text import grid, money, plain

UNEXPLAINED_SHOWN = 10
_UNITS = {one.line_id: one.unit if one.unit == "GB" else one.unit.lower() for one in price_list.SERVICES}
_WORDS = {one.line_id: one.words for one in price_list.SERVICES}
_EFFECTS = {AT_CLOSE: "September, by the close", LATE: "September, late", OPEN_MONTH: "October"}


def resale_report(resold: Resale) -> Iterator[RenderableType]:
    """In the order in which a month goes."""
    lines = resold.reconciled.lines
    yield Text("Part 2. The same usage under a reseller's price list, with a closed month\n", "bold")
    yield plain(
        f"Made up: the prices; {price_list.CUSTOMER}, who buys what all accounts of the sample used; and when rows "
        "arrive. Real: every quantity. The sample ends with September; its first week, dated a month later, is the "
        "start of October.\n"
    )
    yield _prices(lines)
    yield _month(lines, resold.reconciled)
    yield plain(_minimum(lines, resold.entries))
    yield _tiers(lines, resold.entries)
    yield ""
    yield _close(resold.closed)
    yield ""
    yield _late(resold)
    yield plain(_deliveries(resold))
    yield _reconciliation(resold.reconciled)
    for detail in (*resold.reconciled.details[:UNEXPLAINED_SHOWN], *resold.undelivered[:UNEXPLAINED_SHOWN]):
        yield Text(f"✗ {detail}", "red")


def _prices(lines: Sequence[LineMonths]) -> Table:
    table = grid(f"The price list: contract {price_list.CONTRACT}, USD; each month is rated on its own")
    table.add_column("line", no_wrap=True)
    table.add_column("what it counts", no_wrap=True)
    table.add_column("price")
    for line in lines:
        terms = line.terms
        table.add_row(terms.line_id, _WORDS.get(terms.line_id, terms.meter), _price(terms))
    return table


def _price(terms: Terms) -> str:
    if terms.package_size is not None:
        return f"{terms.package_price:.2f} for each package of {terms.package_size:f} that is begun"
    if terms.is_tiered:
        return "; ".join(_tier(terms, tier) for tier in terms.tiers)
    least = f"; a month comes to at least {terms.minimum:,.2f}" if terms.minimum else ""
    return f"{terms.tiers[0].price:.2f} each{least}"


def _tier(terms: Terms, tier: Tier) -> str:
    """The tier by its upper end, the last one by its lower."""
    at = terms.tiers.index(tier)
    bound = f"up to {tier.up_to:f}" if tier.up_to is not None else f"above {terms.tiers[at - 1].up_to:f}"
    return f"{bound}: {tier.price:.2f}"


def _unit(terms: Terms) -> str:
    return _UNITS.get(terms.line_id, "units")


def _month(lines: Sequence[LineMonths], reconciled: Reconciliation) -> Table:
    """What the month came to: units and rate recomputed, revenue as the journal has it."""
    table = grid("September by line, USD")
    for heading in ("line", "rate reached"):
        table.add_column(heading, no_wrap=True)
    _numbers(
        table, "units", "at that\nrate", "minimum\ntrue-up", "=\nSeptember", "booked by\nthe close", "late, in\nOctober"
    )
    booked = {(part.line_id, part.effect): part.booked for part in reconciled.parts}
    sums = [ZERO] * 5
    for line in lines:
        name, last = line.terms.line_id, line.final[-1] if line.final else None
        units, cost = (last.so_far, last.cost - last.true_up) if last else (Decimal(0), ZERO)
        closed, late = booked[name, AT_CLOSE], booked[name, LATE]
        amounts = [cost, last.true_up if last else ZERO, closed + late, closed, late]
        sums = [a + b for a, b in zip(sums, amounts, strict=True)]
        table.add_row(name, _reached(line.terms, units), _count(units), *map(_cell, amounts))
    table.add_section()
    table.add_row("total", "", "", *map(_cell, sums), style="bold")
    return table


def _reached(terms: Terms, units: Decimal) -> str:
    if terms.package_size is not None:
        return f"{terms.packages(units):f} packages: {terms.package_price:.2f}"
    if not terms.is_tiered:
        return f"each: {terms.tiers[0].price:.2f}"
    return _tier(terms, terms.tier_at(units))


def _minimum(lines: Sequence[LineMonths], entries: Sequence[Entry]) -> str:
    """When the true-up was posted, and what late usage does to it."""
    said = []
    for line in lines:
        for day, final in zip(line.at_close[-1:], line.final[-1:], strict=False):
            if not day.true_up:
                continue
            name, unit = line.terms.line_id, _unit(line.terms)
            entry = sum((one.revenue for one in _of_day(entries, name, day.day) if not one.origin_period), ZERO)
            said.append(
                f"{name}: by the close, {_count(day.so_far)} {unit} came to {day.cost - day.true_up:,.2f}. The true-up of "
                f"{day.true_up:,.2f} to the minimum was posted on the month's last day, in the entry of {day.day} "
                f"({entry:,.2f} with the day's own usage). "
            )
            if late := final.so_far - day.so_far:
                spared = day.true_up - final.true_up
                said.append(f"The {_count(late)} {unit} that came late ({spared:,.2f}) are within it: no entry.")
    return "".join(said) + "\n"


def _tiers(lines: Sequence[LineMonths], entries: Sequence[Entry]) -> Table:
    """Why later units changed the price of earlier ones, and the entry that says so."""
    table = grid(
        "Volume tiers: the tier that the month's total reaches is the price of all its units, also of those booked",
        "The entry of the day on which a tier is reached holds its own units and the re-pricing of all earlier ones; a\n"
        "negative entry is Dr revenue, Cr unbilled_receivable. Each amount is the difference of two rounded totals.",
    )
    for heading in ("line", "tier reached", "from"):
        table.add_column(heading, no_wrap=True)
    _numbers(table, "units\nsince", "at its\nprice", "earlier units\nre-priced", "=\nbooked", "entry of\nthat day")
    table.add_column("posted\nin", no_wrap=True)
    for line in (line for line in lines if line.terms.is_tiered):
        spans = tier_spans(line.terms, list(line.final))
        for at, span in enumerate(spans):
            repriced = plain(f"{_count(span.earlier)} × {span.price_change:+.2f} = " if at else "")
            of_day = _of_day(entries, line.terms.line_id, span.first_day) if at else []
            table.add_row(
                "" if at else line.terms.line_id,
                _tier(line.terms, span.tier),
                span.first_day,
                _count(span.units),
                money(span.own),
                repriced.append_text(_cell(span.repriced)),
                money(span.booked),
                _cell(sum((one.revenue for one in of_day), ZERO)),
                ", ".join(sorted({one.period for one in of_day})),
            )
        table.add_row("", "", "", "", "", "", money(sum((span.booked for span in spans), ZERO)), style="bold")
    return table


def _of_day(entries: Sequence[Entry], line_id: str, day: str) -> list[Entry]:
    return [entry for entry in entries if entry.line_id == line_id and _day(entry) == day]


def _day(entry: Entry) -> str:
    return entry.accounting_date if entry.window is None else entry.window.start[:10]


def _close(closed: ClosedMonth) -> Table:
    """The journal by period, as the close left it and now."""
    table = grid(
        f"The close of {MONTH}, on {CLOSED_AT[:10]}: all due in it was posted, then it was frozen",
        f"Closed were the books of {price_list.ENTITY} only; those of part 1's entity are open.",
    )
    table.add_column("period", no_wrap=True)
    table.add_column("usage of", no_wrap=True)
    _numbers(
        table, "entries at\nthe close", "revenue at\nthe close", "entries\nsince", "revenue\nsince", "revenue\nnow"
    )
    for one in closed.posted:
        period, origin = one.effect
        state = "closed" if period == MONTH else "open"
        usage = f"{origin}, as origin period" if origin else period
        table.add_row(
            f"{period} {state}", usage, f"{one.entries_before:,}", _cell(one.before),
            f"{one.entries_since:,}", _cell(one.since), money(one.before + one.since),
        )  # fmt: skip
    return table


def _late(resold: Resale) -> Table:
    table = grid(f"What was posted late for {MONTH}: the differences, in {NEXT_MONTH}, the first open period")
    for heading in ("line", "day of\nusage", "period", "origin\nperiod", "revision\nof the day"):
        table.add_column(heading, no_wrap=True)
    _numbers(table, "late\nunits", "amount")
    table.add_column("why", no_wrap=True)
    lines = {line.terms.line_id: line for line in resold.reconciled.lines}
    for entry in resold.closed.late:
        line, day = lines.get(entry.line_id or ""), _day(entry)
        late = [row for row in resold.delivered.rows if row.is_late and (row.meter, row.day) == (entry.line_id, day)]
        table.add_row(
            plain(entry.line_id),
            day,
            entry.period,
            plain(entry.origin_period),
            plain(entry.window.revision if entry.window else None),
            _count(sum((row.quantity for row in late), Decimal(0))),
            money(entry.revenue),
            _why(line, day) if line else "",
        )
    table.add_section()
    total = sum((entry.revenue for entry in resold.closed.late), ZERO)
    table.add_row("total", "", "", "", "", "", money(total), "", style="bold")
    return table


def _why(line: LineMonths, day: str) -> str:
    """The tier that the late units brought about, else their price."""
    final = next((one for one in line.final if one.day == day), None)
    if final is None or not line.terms.is_tiered:
        return "more units"
    span = next((one for one in tier_spans(line.terms, list(line.final)) if one.first_day == day), None)
    if span is None or not span.price_change:
        return f"more units at {line.terms.tier_at(final.so_far).price:.2f}"
    was, now = span.tier.price - span.price_change, span.tier.price
    return f"{_count(span.earlier)} units fall from {was:.2f} to {now:.2f}"


def _deliveries(resold: Resale) -> str:
    late = [row for row in resold.delivered.rows if row.is_late]
    days = sorted({row.day for row in late})
    span = " and ".join(days[:1] + days[-1:][: len(days) - 1]) if days else "no day"
    return (
        f"{len(late)} rows of account {LATE_ACCOUNT}, of {span}, arrived after the close, and then all of them once "
        f"more: {resold.delivered.repeated} duplicates, counted once.\n"
    )


def _reconciliation(reconciled: Reconciliation) -> Table:
    table = grid("Reconciliation: each line worked out again from its rows, against the journal")
    for heading in ("line", "usage"):
        table.add_column(heading, no_wrap=True)
    _numbers(table, "rows", "units", "recomputed", "journal", "unexplained")
    shown = ""
    for part in (one for one in reconciled.parts if one.rows or one.booked or one.unexplained):
        name, shown = ("" if part.line_id == shown else part.line_id), part.line_id
        table.add_row(
            name, _EFFECTS[part.effect], f"{part.rows:,}", _count(part.units), money(part.recomputed),
            money(part.booked), _gap(part.unexplained),
        )  # fmt: skip
    table.add_section()
    rows = sum(part.rows for part in reconciled.parts)
    recomputed = sum((part.recomputed for part in reconciled.parts), ZERO)
    booked = sum((part.booked for part in reconciled.parts), ZERO)
    total = (f"{rows:,}", "", money(recomputed), money(booked), _gap(reconciled.unexplained))
    table.add_row("total", "", *total, style="bold")
    return table


def _gap(amount: Decimal) -> Text:
    return Text(f"{amount:,f}", style="bold red" if amount else "green")


def _cell(amount: Decimal) -> Text:
    return money(amount) if amount else Text("·", style="dim")


def _count(units: Decimal) -> str:
    """Units to three places; whole ones without."""
    return f"{units:,.0f}" if units == units.to_integral_value() else f"{units:,.3f}"


def _numbers(table: Table, *headings: str) -> None:
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
