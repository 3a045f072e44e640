"""What a posting needs besides its amount: the accounts' numbers, dimensions and the functional currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from accounting.fx import functional_movements
from accounting.position import REVENUE
from dataflows.master_data import MasterData
from state import codec


@dataclass(frozen=True, slots=True)
class Missing:
    """Master data without which nothing is posted: the class of the exception and its reason, with the remedy."""

    cls: str
    reason: str


@dataclass(frozen=True, slots=True)
class Amounts:
    """Signed minor units by account, balanced, in the contract's and in the functional currency."""

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
        other = {} if self.functional == self.accounts else self.functional
        return (
            {name: codec.from_int(amount) for name, amount in self.accounts.items()},
            {name: codec.from_int(amount) for name, amount in other.items()},
        )


NOTHING = Amounts({}, {})


@dataclass(frozen=True, slots=True)
class PostingTerms:
    """How amounts of one entity, currency and product are posted at an instant."""

    entity: str
    currency: str
    functional_currency: str
    rate: Fraction
    revenue: str  # the product's revenue account
    at: int
    master: MasterData
    dimensions: tuple[tuple[str, str], ...] = ()

    def amounts(self, movements: Mapping[str, int]) -> Amounts:
        """Movements by the default account names, as they are posted."""
        named: dict[str, int] = {}
        for name, amount in movements.items():
            account = self._number(name)
            named[account] = named.get(account, 0) + amount
        functional = functional_movements(
            named, self.currency, self.rate, self.functional_currency, self._number(REVENUE)
        )
        return Amounts(named, functional)

    def _number(self, name: str) -> str:
        return self.master.account(self.entity, self.revenue if name == REVENUE else name, self.at)


def posting_terms(
    master: MasterData, entity: str, currency: str, product_id: str, at: int
) -> tuple[PostingTerms | None, list[Missing]]:
    """(terms, what is missing) at an instant; without a rate there are no terms."""
    missing: list[Missing] = []
    product = master.product(product_id, at)
    if not master.knows(product_id, at):
        missing.append(Missing("product_unmapped", f"product {product_id} has no master data: send a product record"))
    functional = master.functional_currency(entity, at) or currency
    rate: Fraction | None = Fraction(1)
    if functional != currency:
        rate = master.rate(currency, functional, at)
    if rate is None:
        pair = f"{currency}/{functional}"
        missing.append(
            Missing("fx_rate_missing", f"entity {entity} has no rate {pair} for that date: send an fx_rate record")
        )
        return None, missing
    dimensions = tuple((one.key, one.value) for one in product.dimensions) if product else ()
    revenue = (product.revenue_account if product else None) or REVENUE
    return PostingTerms(entity, currency, functional, rate, revenue, at, master, dimensions), missing
