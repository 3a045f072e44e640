"""Shows the roll-forward of a balance: opening + billed - recognised - credits = closing, by period."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show.accounts import DEFERRED, Accounts
from ops.show.entry import Entry
from ops.show.entry_filter import EntryFilter
from ops.show.journal import open_journal
from ops.show.ledger import ZERO, Sides
from ops.show.outcome import outcome
from ops.show.sink import source_directory
from ops.show.text import amount_text, err, grid, in_currency, money, out, plain, verdict

# The column of each kind of entry (events.md, revenue.journal); a kind that is not here is "other".
COLUMN = {
    "billing": "billed",
    "recognition": "recognised",
    "usage": "recognised",
    "credit": "credits",
    "catch_up": "adjusted",
    "correction": "adjusted",
    "fx": "fx",
}
COLUMNS = ("billed", "recognised", "credits", "adjusted", "fx", "other")
ALWAYS_SHOWN = 3
# What a column does to a balance: billing adds to deferred revenue and takes from a receivable not yet billed.
SIGNS = {
    "credit": {"billed": 1, "recognised": -1, "credits": -1},
    "debit": {"billed": -1, "recognised": 1, "credits": -1},
}
MARK = {1: "+", -1: "−", 0: "±"}

Books = tuple[str, str, str]  # account asked for, entity, currency


class Row(msgspec.Struct, frozen=True):
    """One period: opening + the columns, each by its sign, = closing."""

    account: str
    entity: str
    currency: str
    period: str
    opening: Decimal
    billed: Decimal
    recognised: Decimal
    credits: Decimal
    adjusted: Decimal
    fx: Decimal
    other: Decimal
    closing: Decimal
    balance: Decimal  # of the account, from its debits and credits alone
    ties: bool


class RollForward:
    """The movements of some accounts by period and kind of entry."""

    def __init__(self, accounts: Accounts, wanted: Sequence[str]) -> None:
        self._accounts, self._wanted = accounts, wanted
        self._moved: dict[Books, dict[str, dict[str, Decimal]]] = {}  # period -> column -> debits less credits
        self._sides: dict[Books, dict[str, Sides]] = {}
        self._periods: dict[tuple[str, str], set[str]] = {}
        self._normal: dict[Books, str] = {}
        self.seen: Counter[str] = Counter()  # postings by account

    def add(self, entry: Entry) -> None:
        """Add an entry's postings to those accounts."""
        self._periods.setdefault((entry.entity, entry.currency), set()).add(entry.period)
        for posting in entry.lines:
            self.seen[self._accounts.label(entry.entity, posting.account)] += 1
            for wanted in self._wanted:
                if not self._accounts.is_called(entry.entity, posting.account, wanted):
                    continue
                books = wanted, entry.entity, entry.currency
                self._normal.setdefault(books, self._accounts.normal(entry.entity, posting.account))
                columns = self._moved.setdefault(books, {}).setdefault(entry.period, dict.fromkeys(COLUMNS, ZERO))
                signed = posting.amount if posting.side == "debit" else -posting.amount
                columns[COLUMN.get(entry.kind, "other")] += signed
                self._sides.setdefault(books, {}).setdefault(entry.period, Sides()).add(posting.side, posting.amount)

    def normal(self, books: Books) -> str:
        """The side on which the balance normally stands."""
        return self._normal[books]

    def books(self) -> list[Books]:
        """What there are roll-forwards of, in the order asked for."""
        return sorted(self._moved, key=lambda one: (self._wanted.index(one[0]), *one[1:]))

    def rows(self, books: Books, period: str | None = None) -> list[Row]:
        """Every month in which the entity has entries in that currency, or the one named."""
        account, entity, currency = books
        months = self._periods[entity, currency] | ({period} if period else set())
        sign = 1 if self._normal[books] == "debit" else -1
        found: list[Row] = []
        closing = balance = ZERO
        for month in sorted(months):
            moved = self._moved[books].get(month) or dict.fromkeys(COLUMNS, ZERO)
            opening, before = closing, balance
            closing = opening + sign * sum(moved.values(), ZERO)
            balance += sign * self._sides[books].get(month, Sides()).net
            signs = SIGNS[self._normal[books]]
            columns = {name: sign * amount * signs.get(name, 1) for name, amount in moved.items()}
            ties = closing == balance and opening == before
            if period in (None, month):
                found.append(Row(account, entity, currency, month, opening, **columns, closing=closing,
                                 balance=balance, ties=ties))  # fmt: skip
        return found


def show_rollforward(
    sink: str,
    *,
    source: str | None = None,
    entity: str | None = None,
    customer: str | None = None,
    contract: str | None = None,
    period: str | None = None,
    account: Sequence[str] = (),
    as_json: bool = False,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the roll-forward; 0 when it ties, 1 when not or unreadable, 2 on wrong usage."""
    shown, said = console or out(), errors or err()

    def look() -> int:
        EntryFilter(period=period).check()
        journal = open_journal(sink)
        accounts = Accounts.of(None if source is None else source_directory(source))
        wanted = EntryFilter(customer=customer, contract=contract, entity=entity)
        asked = list(dict.fromkeys(account)) or [DEFERRED]
        roll = RollForward(accounts, asked)
        for stored in wanted.entries(journal):
            roll.add(stored.value)
        every = {books: roll.rows(books, period) for books in roll.books()}
        rows = [row for found in every.values() for row in found]
        if not roll.seen:
            (said if as_json else shown).print(plain(wanted.nothing_found(journal)))
            return 0
        for name in asked:
            if not any(books[0] == name for books in every):
                (said if as_json else shown).print(plain(_nothing_posted(name, roll, source)))
        if as_json:
            for row in rows:
                shown.file.write(_json(row) + "\n")
        else:
            for books, found in every.items():
                shown.print(_table(books, found, roll.normal(books)))
        return _check(rows, said if as_json else shown, as_json)

    return outcome(said, look)


def _nothing_posted(name: str, roll: RollForward, source: str | None) -> str:
    there = ", ".join(f"{account} ({count:,})" for account, count in sorted(roll.seen.items()))
    hint = "" if source else " If these are ERP numbers, --source files:DIR reads the names they stand for."
    return (
        f"No posting to {name}: nothing to roll forward. Postings by account: {there}; name one with --account.{hint}"
    )


def _json(row: Row) -> str:
    values = {
        name: amount_text(value, row.currency) if isinstance(value, Decimal) else value
        for name, value in msgspec.structs.asdict(row).items()
    }
    return msgspec.json.encode(values).decode()


def _table(books: Books, rows: Sequence[Row], normal: str) -> Table:
    account, entity, currency = books
    signs = SIGNS[normal]
    names = list(COLUMNS[:ALWAYS_SHOWN])
    names += [name for name in COLUMNS[ALWAYS_SHOWN:] if any(getattr(row, name) for row in rows)]
    table = grid(f"Roll-forward of {account}, entity {entity}, {currency}")
    table.add_column("period", no_wrap=True)
    # Where the width does not do, an amount goes on in the next line: none of it is cut off.
    for heading in ("opening", *(f"{MARK[signs.get(name, 0)]} {name}" for name in names), "= closing"):
        table.add_column(heading, justify="right", overflow="fold")
    for row in rows:
        amounts = [row.opening, *(getattr(row, name) for name in names), row.closing]
        table.add_row(row.period, *(money(in_currency(amount, currency)) for amount in amounts))
    return table


def _check(rows: Sequence[Row], console: Console, quiet: bool) -> int:
    wrong = [row for row in rows if not row.ties]
    for row in wrong:
        verdict(console, False, f"{row.account}, entity {row.entity}, {row.currency}, {row.period}: closing "
                f"{row.closing:,f}, balance of the account {row.balance:,f}")  # fmt: skip
    if rows and not wrong and not quiet:
        verdict(console, True, "closing = balance of the account, opening = closing of the period before")
    for row in rows if not quiet else ():
        if row.closing < 0:
            # Rule 1 of accounting.md: a position never stands on both sides.
            console.print(plain(f"! {row.account} is below zero at the end of {row.period}: {row.closing:,f} "
                                f"{row.currency} of entity {row.entity}"), style="yellow")  # fmt: skip
    return 1 if wrong else 0
