"""What a posting needs besides its amount: the accounts' numbers, dimensions and the functional currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple

from accounting.calendar import local_date, start_of_day
from accounting.fx import functional_movements
from accounting.position import REVENUE, difference
from accounting.require import require
from dataflows.master_data import MasterData
from state import codec

KNOWN_TERMS = 4_096


@dataclass(frozen=True, slots=True)
class Missing:
    """Master data without which nothing is posted: the class of the exception and its reason, with the remedy."""

    cls: str
    reason: str


class Amounts(NamedTuple):
    """Signed minor units by account, balanced, in the contract's and in the functional currency.

    Where both are one currency the two are one and the same mapping, so that it is converted, compared and checked once.
    """

    accounts: dict[str, int]
    functional: dict[str, int]

    @classmethod
    def read(cls, accounts: Mapping[str, bytes], functional: Mapping[str, bytes]) -> Amounts:
        """From a stored record; functional amounts are kept only where they are others."""
        named = {name: codec.to_int(amount) for name, amount in accounts.items()}
        other = {name: codec.to_int(amount) for name, amount in functional.items()}
        return cls(named, other or named)

    def written(self) -> tuple[dict[str, bytes], dict[str, bytes]]:
        """For a stored record."""
        same = self.functional is self.accounts or self.functional == self.accounts
        other = {} if same else self.functional
        return (
            {name: codec.from_int(amount) for name, amount in self.accounts.items()},
            {name: codec.from_int(amount) for name, amount in other.items()},
        )


_NONE: dict[str, int] = {}
NOTHING = Amounts(_NONE, _NONE)


class Movement(NamedTuple):
    """What one entry posts: signed minor units by account, in both currencies. See Amounts."""

    accounts: dict[str, int]
    functional: dict[str, int]
    terms: PostingTerms
    takes_back: bool = False  # all that is posted, on the day on which it is


@dataclass(frozen=True, slots=True)
class PostingTerms:
    """How amounts of one entity, currency and product are posted at an instant."""

    entity: str
    currency: str
    functional_currency: str
    rate: Fraction | None  # None: there is none, so that nothing can be posted but reversals
    revenue: str  # the product's revenue account
    at: int
    master: MasterData
    dimensions: tuple[tuple[str, str], ...] = ()
    # Numbers of accounts that were looked up: as short-lived as these terms, see TermsBook.
    numbers: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def amounts(self, movements: Mapping[str, int]) -> Amounts:
        """Movements by the default account names, as they are posted; InvariantBroken without a rate."""
        require(self.rate is not None, "amounts need a rate", entity=self.entity, currency=self.currency)
        named: dict[str, int] = {}
        for name, amount in movements.items():
            account = self._number(name)
            named[account] = named.get(account, 0) + amount
        if self.currency == self.functional_currency:
            return Amounts(named, named)
        functional = functional_movements(
            named, self.currency, self.rate or Fraction(1), self.functional_currency, self._number(REVENUE)
        )
        return Amounts(named, functional)

    def exact(self, movements: Mapping[str, tuple[int, int]]) -> Amounts:
        """Movements by the default account names whose functional amounts are known."""
        named: dict[str, int] = {}
        functional: dict[str, int] = {}
        for name, (amount, worth) in movements.items():
            account = self._number(name)
            named[account] = named.get(account, 0) + amount
            functional[account] = functional.get(account, 0) + worth
        # Zeros stay: what is stored without functional amounts has the same ones.
        return Amounts(named, functional)

    def movements(self, wanted: Amounts, was: Amounts, was_in: str, moved: bool = False) -> list[Movement]:
        """What takes the posted amounts to the wanted ones: nothing, one entry, or two.

        Two where the entity keeps its books in another currency now than when they were posted (`was_in`, "" for this
        one) or where they belong to another day now (`moved`): one entry has one currency and one day.
        """
        old, steps = self, [(wanted, was, self, False)]
        if was_in and was_in != self.functional_currency:
            old = replace(self, functional_currency=was_in)
        if (moved or old is not self) and (was.accounts or was.functional):
            steps = [(NOTHING, was, old, True), (wanted, NOTHING, self, False)]
        found: list[Movement] = []
        for to, of, terms, back in steps:
            accounts = functional = difference(to.accounts, of.accounts)
            if to.functional is not to.accounts or of.functional is not of.accounts:
                functional = difference(to.functional, of.functional)
            if accounts or functional:
                found.append(Movement(accounts, functional, terms, back))
        return found

    def _number(self, name: str) -> str:
        number = self.numbers.get(name)
        if number is None:
            account = self.revenue if name == REVENUE else name
            number = self.numbers[name] = self.master.account(self.entity, account, self.at)
        return number


_Terms = tuple[PostingTerms, Sequence[Missing]]


class TermsBook:
    """Posting terms by what they are asked for: the windows that close together have the same ones.

    Whatever master data comes, all of them are forgotten: none outlives what it was made of.
    """

    def __init__(self, master: MasterData) -> None:
        self._master, self._changes = master, master.changes
        self._known: dict[tuple[str, str, str, int, str], _Terms] = {}

    def of(self, entity: str, currency: str, product_id: str, at: int, zone: str) -> _Terms:
        """See `posting_terms`."""
        if self._changes != self._master.changes or len(self._known) >= KNOWN_TERMS:
            self._known.clear()
            self._changes = self._master.changes
        name = (entity, currency, product_id, at, zone)
        found = self._known.get(name)
        if found is None:
            found = self._known[name] = posting_terms(self._master, *name)
        return found


def posting_terms(
    master: MasterData, entity: str, currency: str, product_id: str, at: int, zone: str
) -> tuple[PostingTerms, list[Missing]]:
    """(terms, what is missing) at an instant; a rate is that of the entity's whole day (rule 8: as_of <= its date)."""
    missing: list[Missing] = []
    day_end = start_of_day(local_date(at, zone) + timedelta(days=1), zone) - 1
    product = master.product(product_id, at)
    if not master.knows(product_id, at):
        missing.append(Missing("product_unmapped", f"product {product_id} has no master data: send a product record"))
    functional = master.functional_currency(entity, day_end) or currency
    rate: Fraction | None = Fraction(1)
    if functional != currency:
        rate = master.rate(currency, functional, day_end)
    if rate is None:
        pair = f"{currency}/{functional}"
        missing.append(
            Missing("fx_rate_missing", f"entity {entity} has no rate {pair} for that date: send an fx_rate record")
        )
    dimensions = tuple((one.key, one.value) for one in product.dimensions) if product else ()
    revenue = (product.revenue_account if product else None) or REVENUE
    return PostingTerms(entity, currency, functional, rate, revenue, at, master, dimensions), missing
