"""Exact amounts as decimals of a fixed number of places."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor

BILLED_PLACES = 11  # decimals of BilledCost


def decimal(amount: Fraction, places: int = BILLED_PLACES) -> Decimal:
    """The amount, rounded half-even to so many places."""
    return Decimal(f"{round(amount * 10**places)}E-{places}")


def decimals(amounts: Sequence[Fraction], places: int = BILLED_PLACES) -> list[Decimal]:
    """The amounts to so many places (largest remainder): what is printed adds up to the rounded sum."""
    scaled = [amount * 10**places for amount in amounts]
    units = [floor(amount) for amount in scaled]
    missing = round(sum(scaled, Fraction(0))) - sum(units)
    by_remainder = sorted(range(len(scaled)), key=lambda index: units[index] - scaled[index])
    for index in by_remainder[:missing]:
        units[index] += 1
    return [Decimal(f"{unit}E-{places}") for unit in units]
