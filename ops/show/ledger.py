"""Debits and credits summed by entity, currency, period and account, and the balances that they make."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from ops.show.accounts import Accounts
from ops.show.by import By
from ops.show.entry import Entry, Posting

ZERO = Decimal(0)


class Sides(msgspec.Struct, gc=False):
    """Sums of both sides."""

    debit: Decimal = ZERO
    credit: Decimal = ZERO

    def add(self, side: str, amount: Decimal) -> None:
        """Add one posting."""
        if side == "debit":
            self.debit += amount
        else:
            self.credit += amount

    @property
    def net(self) -> Decimal:
        """Debits less credits."""
        return self.debit - self.credit


class Balance(msgspec.Struct, frozen=True):
    """An account in one period: what moved and where it stood at the end, both positive on the normal side."""

    entity: str
    currency: str
    period: str
    customer: str | None
    contract: str | None
    account: str
    debit: Decimal
    credit: Decimal
    movement: Decimal
    balance: Decimal
    normal: str


NOTHING = Sides()
BEFORE = ""  # sorts before every month
Books = tuple[str, str]  # entity, currency
Holder = tuple[str | None, str | None, str]  # customer, contract, account


class Ledger:
    """The postings that were added, by period; when one is `wanted`, those before it are one sum."""

    def __init__(
        self,
        accounts: Accounts,
        by: By = By.ACCOUNT,
        functional: bool = False,
        account: str | None = None,
        wanted: str | None = None,
    ) -> None:
        self._accounts, self._by, self._functional, self._account = accounts, by, functional, account
        self._wanted = wanted
        self._sums: dict[Books, dict[Holder, dict[str, Sides]]] = {}
        self._totals: dict[Books, dict[str, Sides]] = {}
        self.entries = 0
        self.merged = True  # whether functional amounts are all in a currency that is known

    def add(self, entry: Entry) -> None:
        """Add one entry's postings."""
        self.entries += 1
        books = entry.entity, self._currency(entry)
        totals = self._totals.setdefault(books, {}).setdefault(entry.period, Sides())
        holders = self._sums.setdefault(books, {})
        period = entry.period
        if self._wanted is not None:
            period = BEFORE if period < self._wanted else period
        customer = entry.customer_id if self._by in (By.CUSTOMER, By.CONTRACT) else None
        contract = entry.contract_id if self._by is By.CONTRACT else None
        for posting in entry.lines:
            amount = self._amount(posting)
            totals.add(posting.side, amount)
            if self._wanted is not None and period > self._wanted:
                continue
            if self._account is None or self._accounts.is_called(entry.entity, posting.account, self._account):
                periods = holders.setdefault((customer, contract, posting.account), {})
                if (sides := periods.get(period)) is None:
                    sides = periods[period] = Sides()
                sides.add(posting.side, amount)

    def balances(self) -> Iterator[Balance]:
        """Each account that moved in a period or has a balance at its end, in every period or in the wanted one."""
        for books in sorted(self._totals):
            yield from self._balances_of(books)

    def unbalanced(self) -> list[tuple[Books, str, Sides]]:
        """Where debits do not equal credits."""
        return [
            (books, period, sides)
            for books, periods in sorted(self._totals.items())
            for period, sides in sorted(periods.items())
            if sides.net
        ]

    def _balances_of(self, books: Books) -> Iterator[Balance]:
        entity, currency = books
        holders = sorted(self._sums[books], key=lambda holder: self._order(entity, holder))
        running: dict[Holder, Decimal] = dict.fromkeys(holders, ZERO)
        for period in sorted(self._totals[books]) if self._wanted is None else (BEFORE, self._wanted):
            for holder in holders:
                sides = self._sums[books][holder].get(period, NOTHING)
                running[holder] += sides.net
                if period != BEFORE and (sides.debit or sides.credit or running[holder]):
                    customer, contract, account = holder
                    normal = self._accounts.normal(entity, account)
                    sign = 1 if normal == "debit" else -1
                    yield Balance(
                        entity, currency, period, customer, contract, account, sides.debit, sides.credit,
                        sign * sides.net, sign * running[holder], normal,
                    )  # fmt: skip

    def _order(self, entity: str, holder: Holder) -> tuple[str, str, tuple[int, str]]:
        customer, contract, account = holder
        return customer or "", contract or "", self._accounts.order(entity, account)

    def _currency(self, entry: Entry) -> str:
        if not self._functional:
            return entry.currency
        known = entry.functional_currency or self._accounts.functional.get(entry.entity)
        if known is None and any(line.functional_amount not in (None, line.amount) for line in entry.lines):
            self.merged = False
        return known or entry.currency

    def _amount(self, posting: Posting) -> Decimal:
        if self._functional and posting.functional_amount is not None:
            return posting.functional_amount
        return posting.amount
