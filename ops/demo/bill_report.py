"""The demo's first part in tables: the tie-out to the provider's bill, revenue, the largest entries, exceptions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ops.demo.amount import decimal, decimals
from ops.demo.focus import LEFT_OUT
from ops.demo.tie_out import TieOut
from ops.show.entry import Entry, Lineage, SourceRange, Window
from ops.show.exception_record import ExceptionRecord
from ops.show.text import clip, grid, money, plain, short

TOP_CUSTOMERS = 5
LARGEST = 5
UNEXPLAINED_SHOWN = 10
_SOURCES_SHOWN = 2
_NAME_WIDTH = 22


def bill_report(
    entries: Sequence[Entry], exceptions: Sequence[ExceptionRecord], tied: TieOut
) -> Iterator[RenderableType]:
    """What the provider's usage was booked as, the answer first. `entries` are this part's, `exceptions` all there are."""
    heading = f"Part 1. A provider's bill as usage: {tied.rows:,} real rows at list price, tied out to BilledCost"
    yield Text(f"{heading}\n", "bold")
    yield _tie_out(tied)
    yield from (Text(f"✗ {detail}", "red") for detail in tied.details[:UNEXPLAINED_SHOWN])
    for currency in sorted({entry.currency for entry in entries}):
        yield _revenue([entry for entry in entries if entry.currency == currency], currency)
        yield ""
    yield _largest(entries)
    yield _exceptions(exceptions)
    yield ""


def _revenue(entries: Sequence[Entry], currency: str) -> Table:
    """Days down, the customers with the most revenue across."""
    by_customer: dict[str, Decimal] = {}
    by_cell: dict[tuple[str, str], Decimal] = {}
    for entry in entries:
        customer = entry.customer_id or "-"
        by_customer[customer] = by_customer.get(customer, Decimal(0)) + entry.revenue
        cell = (entry.accounting_date, customer)
        by_cell[cell] = by_cell.get(cell, Decimal(0)) + entry.revenue
    ranked = sorted(by_customer, key=lambda customer: (-by_customer[customer], customer))
    top, others = ranked[:TOP_CUSTOMERS], ranked[TOP_CUSTOMERS:]
    groups = [[customer] for customer in top] + [others] * bool(others) + [ranked]
    long_names = [f"{short(name)} = {name}" for name in top if short(name) != name]
    table = grid(f"Revenue by customer and day, {currency}", "\n".join(long_names) or None)
    table.add_column("day", no_wrap=True)
    for name in top + [f"{len(others)} others"] * bool(others):
        table.add_column(plain(short(name)), justify="right", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True, style="bold")
    for day in sorted({day for day, _ in by_cell}):
        sums = [_sum(by_cell.get((day, customer), Decimal(0)) for customer in group) for group in groups]
        table.add_row(day, *map(_cell, sums))
    table.add_section()
    table.add_row("total", *(money(_sum(by_customer[customer] for customer in group)) for group in groups))
    return table


def _sum(amounts: Any) -> Decimal:
    return sum(amounts, Decimal(0))


def _cell(amount: Decimal) -> Text:
    return money(amount) if amount else Text("·", style="dim")


def _largest(entries: Sequence[Entry]) -> Table:
    """Two lines per entry: what was booked, and what it came from."""
    table = grid(f"The {LARGEST} largest entries and where they come from")
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("customer, meter", no_wrap=True)
    table.add_column("window, revision", no_wrap=True)
    table.add_column("events, offsets", overflow="fold", min_width=26)
    table.add_column("line, rule", overflow="fold", ratio=1)
    ranked = sorted(entries, key=lambda entry: (-entry.total("debit"), entry.entry_id))
    for entry in ranked[:LARGEST]:
        window, lineage = entry.window, entry.lineage or Lineage()
        meter = entry.kind if window is None else clip(window.meter, _NAME_WIDTH)
        when = entry.accounting_date if window is None else f"{_span(window)}\nrevision {window.revision}"
        version = f"{entry.line_id or '-'} of version {lineage.contract_version or '-'}"
        table.add_row(
            Text(f"{entry.total('debit'):,f}\n{entry.currency}"),
            plain(f"{short(entry.customer_id, _NAME_WIDTH)}\n{meter}"),
            plain(when),
            plain(f"{_events(lineage.size)}\n{_sources(lineage.sources)}"),
            plain(f"{version}\n{lineage.rule or '-'}"),
        )
    return table


def _span(window: Window) -> str:
    """The day a window covers, or from where to where."""
    midnight = "T00:00:00"
    return window.start[:10] if midnight in window.start else window.start[:16]


def _events(count: int | None) -> str:
    return "-" if count is None else f"{count:,} event" + "s" * (count != 1)


def _sources(sources: Sequence[SourceRange]) -> str:
    """The first offset ranges [from, to) and how many more there are."""
    parts = [f"{part.topic}/{part.partition} [{part.start}, {part.stop})" for part in sources[:_SOURCES_SHOWN]]
    more = len(sources) - len(parts)
    return "\n".join(parts + [f"and {more} more ranges"] * bool(more)) or "-"


def _exceptions(exceptions: Sequence[ExceptionRecord]) -> Table:
    customer, meter = LEFT_OUT
    left_out = any(record.customer_id == customer and record.kind == "meter_unmapped" for record in exceptions)
    note = f"One meter is left out of its contract on purpose, to show meter_unmapped:\n{meter} of {customer}"
    table = grid("Exceptions by class and owner", note if left_out else None)
    for heading in ("class", "owner", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("for example", ratio=1, overflow="fold")
    counts = Counter((record.kind, record.owner or "-", record.status) for record in exceptions)
    for key, count in sorted(counts.items()):
        example = next(
            record.reason for record in exceptions if (record.kind, record.owner or "-", record.status) == key
        )
        table.add_row(*map(plain, key), f"{count:,}", plain(example))
    if not counts:
        table.add_row("none", "", "", "0", "")
    return table


def _tie_out(tied: TieOut) -> Table:
    table = grid("Tie-out: what the provider billed, and what was booked")
    table.add_column("", ratio=1)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    parts = [tied.booked, *(difference.amount for difference in tied.explained), tied.unexplained.amount]
    booked, *explained, unexplained = decimals(parts)
    table.add_row("booked revenue", f"{tied.entries:,} entries", money(booked))
    for difference, amount in zip(tied.explained, explained, strict=True):
        table.add_row(plain(difference.reason), difference.cases, money(amount))
    shown = "0.00" if tied.ties else f"{unexplained:,f}"
    table.add_row(tied.unexplained.reason, tied.unexplained.cases, shown, style="green" if tied.ties else "bold red")
    table.add_section()
    billed = money(decimal(tied.billed))
    table.add_row("= BilledCost of the provider", f"{tied.rows:,} rows", billed, style="bold")
    return table
