"""Shows balances: what every account moved in each period and where it stood at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain, groupby, islice

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show.accounts import Accounts
from ops.show.by import By
from ops.show.entry_filter import EntryFilter
from ops.show.journal import open_journal
from ops.show.ledger import ZERO, Balance, Ledger
from ops.show.outcome import outcome
from ops.show.sink import source_directory
from ops.show.text import amount_text, err, grid, in_currency, money, out, plain, short, verdict

DEFAULT_LIMIT = 200  # rows of a table; JSON lines are not limited unless asked
WRONG_SHOWN = 20
WHO_WIDTH = 16
NORMAL = {"debit": "Dr", "credit": "Cr"}


class Totals(msgspec.Struct, frozen=True):
    """An entity in one period: what moved, and its balances by side."""

    entity: str
    currency: str
    period: str
    debit: Decimal
    credit: Decimal
    debit_balances: Decimal
    credit_balances: Decimal


def show_balances(
    sink: str,
    *,
    source: str | None = None,
    customer: str | None = None,
    contract: str | None = None,
    entity: str | None = None,
    period: str | None = None,
    account: str | None = None,
    by: By = By.ACCOUNT,
    functional: bool = False,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the balances; 0 when debits equal credits, 1 when not or unreadable, 2 on wrong usage."""
    shown, said = console or out(), errors or err()

    def look() -> int:
        EntryFilter(period=period).check()
        journal = open_journal(sink)
        accounts = Accounts.of(None if source is None else source_directory(source))
        wanted = EntryFilter(customer=customer, contract=contract, entity=entity)
        ledger = Ledger(accounts, by, functional, account, period)
        for stored in wanted.entries(journal):
            ledger.add(stored.value)
        rows: Iterator[Balance | Totals] = ledger.balances()
        if by is By.ENTITY:
            rows = _totals(ledger.balances())
        first = next(rows, None)
        if first is None:
            nothing = _nothing(account, period) if ledger.entries else wanted.nothing_found(journal)
            (said if as_json else shown).print(plain(nothing))
            return _check(ledger, said, quiet=True)
        rows = chain([first], rows)
        if as_json:
            for row in islice(rows, limit or None):
                shown.file.write(_json(row, accounts) + "\n")
        else:
            _print(rows, accounts, by, DEFAULT_LIMIT if limit is None else limit, shown)
            if functional and not ledger.merged:
                shown.print("The currency shown is the contract's, the amounts are in the entity's functional currency: "
                            "--source names it and adds them up.", style="yellow")  # fmt: skip
        return _check(ledger, said if as_json else shown, quiet=as_json)

    return outcome(said, look)


def _nothing(account: str | None, period: str | None) -> str:
    place = f" at the end of {period}" if period else ""
    named = f" in account {account!r}; --source reads the names of ERP accounts" if account else ""
    return f"No balance{place}{named}."


def _totals(balances: Iterable[Balance]) -> Iterator[Totals]:
    """The balances of each entity added up."""
    for (entity, currency, period), group in groupby(balances, lambda one: (one.entity, one.currency, one.period)):
        debit = credit = ZERO
        on = {"debit": ZERO, "credit": ZERO}
        for one in group:
            debit, credit = debit + one.debit, credit + one.credit
            # A balance on the side that is not its normal one counts where it stands.
            side = one.normal if one.balance >= 0 else {"debit": "credit", "credit": "debit"}[one.normal]
            on[side] += abs(one.balance)
        yield Totals(entity, currency, period, debit, credit, on["debit"], on["credit"])


def _json(row: Balance | Totals, accounts: Accounts) -> str:
    values = {
        name: amount_text(value, row.currency) if isinstance(value, Decimal) else value
        for name, value in msgspec.structs.asdict(row).items()
    }
    if isinstance(row, Balance):
        values["name"] = accounts.name(row.entity, row.account)
        values["customer_id"], values["contract_id"] = values.pop("customer"), values.pop("contract")
    return msgspec.json.encode(values).decode()


def _print(rows: Iterator[Balance | Totals], accounts: Accounts, by: By, limit: int, console: Console) -> None:
    shown = list(islice(rows, limit or None))
    table = _table(by)
    for before, row in zip([None, *shown], shown, strict=False):
        if before is not None and (before.entity, before.currency, before.period) != _books(row):
            table.add_section()
        head = [row.entity, row.currency, row.period]
        amounts = [money(in_currency(value, row.currency)) for value in _amounts(row)]
        if isinstance(row, Balance):
            who = [short(row.customer, WHO_WIDTH)] * (by in (By.CUSTOMER, By.CONTRACT))
            who += [short(row.contract, WHO_WIDTH)] * (by is By.CONTRACT)
            texts = [*head, *who, accounts.label(row.entity, row.account)]
            table.add_row(*map(plain, texts), *amounts, NORMAL[row.normal])
        else:
            table.add_row(*map(plain, head), *amounts)
    console.print(table)
    if next(rows, None) is not None:
        more = 1 + sum(1 for _ in rows)
        console.print(plain(f"{len(shown):,} of {len(shown) + more:,} rows shown; --limit 0 shows all.\n"))


def _books(row: Balance | Totals) -> tuple[str, str, str]:
    return row.entity, row.currency, row.period


def _amounts(row: Balance | Totals) -> list[Decimal]:
    if isinstance(row, Balance):
        return [row.movement, row.balance]
    return [row.debit, row.credit, row.debit_balances, row.credit_balances]


def _table(by: By) -> Table:
    table = grid("Balances at the end of each period", "side: the normal one; a negative amount is on the other")
    table.add_column("entity", overflow="fold")
    for heading in ("cur", "period"):
        table.add_column(heading, no_wrap=True)
    if by is By.ENTITY:
        for heading in ("debits", "credits", "debit balances", "credit balances"):
            table.add_column(heading, justify="right", no_wrap=True)
        return table
    for heading in ("customer",) * (by in (By.CUSTOMER, By.CONTRACT)) + ("contract",) * (by is By.CONTRACT):
        table.add_column(heading, no_wrap=True)
    table.add_column("account", overflow="fold")
    for heading in ("movement", "balance"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("side", no_wrap=True)
    return table


def _check(ledger: Ledger, console: Console, quiet: bool) -> int:
    wrong = ledger.unbalanced()
    if not wrong:
        if not quiet:
            verdict(console, True, f"debits = credits per entity, currency and period, in {ledger.entries:,} entries")
        return 0
    for (entity, currency), period, sides in wrong[:WRONG_SHOWN]:
        amounts = f"debit {sides.debit:,f}, credit {sides.credit:,f}"
        verdict(console, False, f"entity {entity}, {currency}, {period}: {amounts}")
    if len(wrong) > WRONG_SHOWN:
        console.print(plain(f"and {len(wrong) - WRONG_SHOWN:,} more that do not balance"))
    return 1
