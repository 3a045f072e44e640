"""Books as they are compared: signed sums by contract, line, account and the period in which an effect belongs.

An effect of a closed period lands in a later one and says where it belongs (accounting.md, rule 6): it is compared there, so
that a correction into a closed period is found again where it was missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from accounting.contract import QUANTITY_SCALE
from accounting.currency import digits
from ops.show.entry import Entry
from schemas.corrections import CorrectedPosting
from schemas.decimals import scaled


class Key(NamedTuple):
    """What is summed; `functional_currency` is the entity's."""

    entity: str
    currency: str
    functional_currency: str
    period: str
    customer_id: str
    contract_id: str
    line_id: str
    account: str


@dataclass(slots=True)
class Sum:
    """Signed minor units, debits positive, in both currencies."""

    amount: int = 0
    functional: int = 0

    def add(self, amount: int, functional: int) -> None:
        """Add a posting."""
        self.amount += amount
        self.functional += functional


@dataclass(slots=True)
class ComparedBooks:
    """Sums by key, and the product of each line."""

    sums: dict[Key, Sum] = field(default_factory=dict)
    products: dict[tuple[str, str], str] = field(default_factory=dict)  # contract, line
    entries: int = 0

    @classmethod
    def of(cls, entries: Iterable[Entry], seen: Callable[[Entry], None] | None = None) -> ComparedBooks:
        """Of a journal; `seen` is told each entry."""
        books = cls()
        for entry in entries:
            books.entries += 1
            for key, amount, functional, product in moved(entry):
                books._add(key, amount, functional, product)
            if seen is not None:
                seen(entry)
        return books

    def correct(self, rows: Iterable[CorrectedPosting]) -> None:
        """Add what is sent to be posted."""
        for one in rows:
            functional = one.functional_currency or one.currency
            key = Key(
                one.entity, one.currency, functional, one.period, one.customer_id, one.contract_id or "",
                one.line_id or "", one.account,
            )  # fmt: skip
            worth = scaled(one.functional_amount, digits(functional))
            self._add(key, scaled(one.amount, digits(one.currency)), worth, one.product_id)

    def _add(self, key: Key, amount: int, functional: int, product: str | None) -> None:
        if (known := self.sums.get(key)) is None:
            known = self.sums[key] = Sum()
        known.add(amount, functional)
        if product:
            self.products.setdefault((key.contract_id, key.line_id), product)


def moved(entry: Entry) -> Iterator[tuple[Key, int, int, str | None]]:
    """Key, amount, functional amount and product of each posting."""
    functional = entry.functional_currency or entry.currency
    for line in entry.lines:
        key = Key(
            entry.entity, entry.currency, functional, entry.origin_period or entry.period, entry.customer_id or "",
            entry.contract_id or "", entry.line_id or "", line.account,
        )  # fmt: skip
        sign = 1 if line.side == "debit" else -1
        worth = line.amount if line.functional_amount is None else line.functional_amount
        yield key, sign * _minor(line.amount, entry.currency), sign * _minor(worth, functional), line.product_id


def _minor(amount: object, currency: str) -> int:
    return scaled(amount, QUANTITY_SCALE) // 10 ** (QUANTITY_SCALE - digits(currency))  # type: ignore[arg-type]
