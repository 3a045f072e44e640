"""Minor units as the decimals that tables show."""

from __future__ import annotations

from decimal import Decimal

from accounting.money import major_text


def major(minor: int, currency: str) -> Decimal:
    """Minor units in major units, with the digits of the currency."""
    return Decimal(major_text(minor, currency))
