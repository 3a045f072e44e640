"""Shows the journal: each entry with its postings, totals per currency, and whether debits equal credits."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.show import entry as journal_entry
from ops.show.entry import REVENUE, Entry
from ops.show.entry_filter import EntryFilter
from ops.show.outcome import outcome
from ops.show.records import Stored, StoredTopic
from ops.show.sink import require_output, sink_directory
from ops.show.text import err, grid, in_currency, money, out, plain, short, verdict

DEFAULT_LIMIT = 40  # entries in a table; JSON lines are not limited unless asked
WRONG_SHOWN = 20
# Date, shard, sequence, then where the line is: a million of them take less memory than a few thousand entries.
_KEY = struct.Struct(">10sQQIQ")


def show_journal(
    sink: str,
    *,
    customer: str | None = None,
    contract: str | None = None,
    entity: str | None = None,
    period: str | None = None,
    kind: str | None = None,
    account: str | None = None,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the entries that match; 0 when they balance, 1 when not or unreadable, 2 on wrong usage."""
    shown = console or out()
    wanted = EntryFilter(customer, contract, entity, period, kind, account)
    return outcome(errors or err(), lambda: _show(sink, wanted, as_json, limit, shown))


def _show(sink: str, wanted: EntryFilter, as_json: bool, limit: int | None, console: Console) -> int:
    journal = open_journal(sink)
    wanted.check()
    totals = _Totals()
    keys = (_key(stored) for stored in totals.counting(wanted.entries(journal)))
    most = limit if limit is not None or as_json else DEFAULT_LIMIT
    first = heapq.nsmallest(most, keys) if most else sorted(keys)
    places = (_KEY.unpack(key)[-2:] for key in first)
    if as_json:
        for place in places:
            console.file.write(journal.line_at(place).decode() + "\n")
        return 0
    if not totals.entries:
        console.print(plain(wanted.nothing_found(journal)))
        return 0
    console.print(entry_table([stored.value for stored in journal.at(Entry, places)]))
    if len(first) < totals.entries:
        console.print(plain(f"{len(first)} of {totals.entries} entries shown; --limit 0 shows all.\n"))
    return totals.print(console)


def open_journal(sink: str) -> StoredTopic:
    """The journal of a sink; UsageError when nothing has been run into it."""
    directory = sink_directory(sink)
    require_output(directory, journal_entry.TOPIC)
    return StoredTopic(directory, journal_entry.TOPIC)


def _key(stored: Stored[Entry]) -> bytes:
    entry = stored.value
    return _KEY.pack(entry.accounting_date.encode(), entry.shard, entry.sequence, *stored.place)


def entry_table(entries: Sequence[Entry], title: str = "Journal") -> Table:
    """Entries with their postings."""
    table = grid(title)
    for heading in ("date", "entry", "kind", "customer"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    # Where the width does not do, names give way, not amounts.
    for heading in ("contract / line", "account"):
        table.add_column(heading, overflow="fold")
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


@dataclass(slots=True)
class _Sums:
    entries: int = 0
    debit: Decimal = Decimal(0)
    credit: Decimal = Decimal(0)
    revenue: Decimal | None = None  # None: no posting carries that name


@dataclass(slots=True)
class _Totals:
    """Totals per currency, and the entries that do not balance."""

    by_currency: dict[str, _Sums] = field(default_factory=dict)
    wrong: int = 0
    wrong_entries: list[str] = field(default_factory=list)

    @property
    def entries(self) -> int:
        return sum(sums.entries for sums in self.by_currency.values())

    def counting(self, every: Iterator[Stored[Entry]]) -> Iterator[Stored[Entry]]:
        """The same entries, each counted as it passes."""
        for stored in every:
            self._add(stored.value)
            yield stored

    def _add(self, entry: Entry) -> None:
        sums = self.by_currency.setdefault(entry.currency, _Sums())
        debit = credit = Decimal(0)
        for line in entry.lines:
            if line.side == "debit":
                debit += line.amount
            else:
                credit += line.amount
            if line.account == REVENUE:
                sums.revenue = (sums.revenue or Decimal(0)) + (line.amount if line.side == "credit" else -line.amount)
        sums.entries, sums.debit, sums.credit = sums.entries + 1, sums.debit + debit, sums.credit + credit
        if debit != credit:
            self.wrong += 1
            if len(self.wrong_entries) < WRONG_SHOWN:
                self.wrong_entries.append(f"entry {entry.entry_id}: debit {debit:,f}, credit {credit:,f}")

    def print(self, console: Console) -> int:
        """Totals per currency and the check that every entry, and so every total, balances."""
        table = grid("Totals")
        table.add_column("currency")
        for heading in ("entries", "debit", "credit", "revenue"):
            table.add_column(heading, justify="right")
        for currency, sums in sorted(self.by_currency.items()):
            revenue = Text("-") if sums.revenue is None else money(in_currency(sums.revenue, currency))
            sides = (money(in_currency(amount, currency)) for amount in (sums.debit, sums.credit))
            table.add_row(currency, f"{sums.entries:,}", *sides, revenue)
        console.print(table)
        if not self.wrong:
            verdict(console, True, "debits = credits in every entry")
            return 0
        for entry in self.wrong_entries:
            verdict(console, False, entry)
        if self.wrong > len(self.wrong_entries):
            console.print(plain(f"and {self.wrong - len(self.wrong_entries):,} more that do not balance"))
        return 1
