"""Shows the journal: each entry with its postings, totals per currency, and whether debits equal credits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.show import entry as journal_entry
from ops.show import exception_record
from ops.show.entry import Entry
from ops.show.records import Stored, UnreadableRecordError, read_records
from ops.show.sink import UsageError, require_output, sink_directory
from ops.show.text import err, grid, money, out, plain, short

DEFAULT_LIMIT = 40  # entries in a table; JSON lines are not limited unless asked


def show_journal(
    sink: str,
    *,
    customer: str | None = None,
    contract: str | None = None,
    period: str | None = None,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the entries that match; 0 when they balance, 1 when not or unreadable, 2 on wrong usage."""
    console, errors = console or out(), errors or err()
    try:
        directory = sink_directory(sink)
        check_period(period)
        require_output(directory, journal_entry.TOPIC, (journal_entry.TOPIC, exception_record.TOPIC))
        every = read_records(directory, journal_entry.TOPIC, Entry)
    except UsageError as error:
        errors.print(plain(error))
        return 2
    except UnreadableRecordError as error:
        errors.print(plain(error))
        return 1
    found = sorted((stored for stored in every if _matches(stored.value, customer, contract, period)), key=_order)
    if as_json:
        for stored in found[: limit or None]:
            console.file.write(stored.line.decode() + "\n")
        return 0
    entries = [stored.value for stored in found]
    if not entries:
        console.print(plain(f"No entry matches; the journal in {directory} holds {len(every)}."))
        return 0
    shown = entries[: (DEFAULT_LIMIT if limit is None else limit) or None]
    console.print(_table(shown))
    if len(shown) < len(entries):
        console.print(plain(f"{len(shown)} of {len(entries)} entries shown; --limit 0 shows all.\n"))
    return _print_totals(entries, console)


def check_period(period: str | None) -> None:
    """Refuse what is not a month."""
    if period is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise UsageError(f"--period {period!r} is not a month: write YYYY-MM, for example 2024-09.")


def _matches(entry: Entry, customer: str | None, contract: str | None, period: str | None) -> bool:
    return (
        customer in (None, entry.customer_id)
        and contract in (None, entry.contract_id)
        and period in (None, entry.period)
    )


def _order(stored: Stored[Entry]) -> tuple[str, int, int]:
    return stored.value.accounting_date, stored.value.shard, stored.value.sequence


def _table(entries: Sequence[Entry]) -> Table:
    table = grid("Journal")
    for heading in ("date", "entry", "kind", "customer", "contract / line", "account"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column("debit", justify="right", no_wrap=True)
    table.add_column("credit", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for entry in entries:
        _add_entry(table, entry)
    return table


def _add_entry(table: Table, entry: Entry) -> None:
    date = entry.accounting_date
    if entry.origin_period is not None:
        date += f" for {entry.origin_period}"
    place = f"{short(entry.contract_id, 18)} / {entry.line_id or '-'}"
    head = [date, entry.entry_id[:12], entry.kind, short(entry.customer_id, 14), place]
    for posting in entry.lines:
        debit, credit = (money(posting.amount), Text()) if posting.side == "debit" else (Text(), money(posting.amount))
        table.add_row(*map(plain, head), plain(posting.account), debit, credit, plain(entry.currency))
        head = [""] * len(head)


def _print_totals(entries: Sequence[Entry], console: Console) -> int:
    """Totals per currency and the check that every entry, and so every total, balances."""
    table = grid("Totals")
    table.add_column("currency")
    for heading in ("entries", "debit", "credit", "revenue"):
        table.add_column(heading, justify="right")
    for currency in sorted({entry.currency for entry in entries}):
        part = [entry for entry in entries if entry.currency == currency]
        sides = [sum((entry.total(side) for entry in part), Decimal(0)) for side in ("debit", "credit")]
        revenue = sum((entry.revenue for entry in part), Decimal(0))
        table.add_row(currency, f"{len(part):,}", money(sides[0]), money(sides[1]), money(revenue))
    console.print(table)
    wrong = [entry for entry in entries if not entry.balances]
    if not wrong:
        console.print(Text("✓ debits = credits in every entry", style="green"))
        return 0
    for entry in wrong:
        sides_of_entry = f"debit {entry.total('debit'):,f}, credit {entry.total('credit'):,f}"
        console.print(plain(f"✗ entry {entry.entry_id}: {sides_of_entry}"), style="red")
    return 1
