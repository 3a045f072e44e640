"""Functional currency: an entry's amounts in the currency that its entity keeps its books in."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from accounting.currency import digits
from accounting.require import require


def converted(amount: int, currency: str, rate: Fraction, functional: str) -> int:
    """Minor units of `currency` in minor units of `functional`, rounded half to even; `rate` is functional for one."""
    require(rate > 0, "a rate is greater than zero", currency=currency, functional=functional)
    return round(amount * rate * Fraction(10 ** digits(functional), 10 ** digits(currency)))


def functional_movements(
    movements: Mapping[str, int], currency: str, rate: Fraction, functional: str, residual: str
) -> dict[str, int]:
    """Signed movements of a balanced entry in the functional currency; account `residual` takes the rounding.

    Source: accounting.md, rule 8 (ASC 830-10-45, IAS 21.21: the rate of the date of the transaction).
    """
    if currency == functional:
        return dict(movements)
    found = {name: converted(amount, currency, rate, functional) for name, amount in movements.items()}
    if difference := sum(found.values()):
        found[residual] = found.get(residual, 0) - difference
    return found
