"""Exact amounts and their rounding.

An exact amount is an integer (or a Fraction, where a rule divides) in units of 1e-30 of a currency's major unit: a
quantity (1e-18) times a unit price (1e-12) is exact in it. A booked amount is an integer in the currency's minor units.
No float exists in between.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from accounting.contract import PRICE_SCALE, QUANTITY_SCALE
from accounting.currency import digits
from accounting.require import require

EXACT_SCALE = QUANTITY_SCALE + PRICE_SCALE

Exact = int | Fraction


def exact_from_price(price: int) -> int:
    """A price or fee in 1e-12 as an exact amount."""
    return int(price * 10**QUANTITY_SCALE)


def exact_from_minor(minor: int, currency: str) -> int:
    """A booked amount in minor units as an exact amount."""
    return int(minor * 10 ** (EXACT_SCALE - digits(currency)))


def round_half_even(exact: Exact, currency: str) -> int:
    """The minor units nearest to `exact`; a tie goes to the even one (accounting.md, rule 3)."""
    unit = 10 ** (EXACT_SCALE - digits(currency))
    if not isinstance(exact, int):  # of a Fraction it is asked in many more steps
        return round(exact / unit)  # Fraction rounds half to even
    whole, rest = divmod(exact, unit)
    if 2 * rest > unit or (2 * rest == unit and whole % 2):
        return whole + 1
    return whole


@lru_cache(maxsize=4096)  # the sides of an entry mostly are of one amount
def major_text(minor: int, currency: str) -> str:
    """Minor units as a decimal string in major units with the currency's digits: 15000 USD -> "150.00"."""
    places = digits(currency)
    if not places:
        return str(minor)
    sign = "-" if minor < 0 else ""
    whole, rest = divmod(abs(minor), 100 if places == 2 else 10**places)
    if places == 2:  # nearly always, and by the hundred in a record of a schedule
        return f"{sign}{whole}.{rest:02d}"
    return f"{sign}{whole}.{rest:0{places}d}"


@lru_cache(maxsize=4096)
def minor_from_major(text: str, currency: str) -> int:
    """The inverse of `major_text`, minor units of a decimal string in major units: "150.00" USD -> 15000.

    Raises InvariantBroken where it has not just the currency's digits behind the point, ValueError where it is no number.
    """
    whole, _, fraction = text.partition(".")
    require(len(fraction) == digits(currency), "an amount has minor units", amount=text, currency=currency)
    return int(whole + fraction)


class MajorTexts(dict[int, str]):
    """`major_text` by minor units, for the amounts of one record: months of one length have one amount."""

    def __init__(self, currency: str) -> None:
        super().__init__()
        self._currency = currency

    def __missing__(self, minor: int) -> str:
        text = self[minor] = major_text(minor, self._currency)
        return text
