"""Rating: what a cumulative number of units costs.

Every function takes units in 1e-18 (an integer, or a Fraction for a weighted sum) and gives an exact amount in 1e-30 of
the major unit. Source: accounting.md rule 4; worked cases O01 to O08, L01, K01 of cases.md.
"""

from __future__ import annotations

from fractions import Fraction

from accounting.contract import Rate, RateModel, Tier
from accounting.money import Exact, exact_from_price
from accounting.require import require

Units = int | Fraction


def billable(units: Units, included: int) -> Units:
    """Units left to pay after the included ones; a negative total (corrections) is credited in full."""
    if units <= 0:
        return units
    return max(units - included, 0)


def graduated(tiers: tuple[Tier, ...], units: Units) -> Exact:
    """Each tier's units at its own price, plus the flat fee of every tier that is entered.

    `up_to` is cumulative and inclusive. Zero units enter no tier: a flat fee at zero units is the billing period's end's
    business (policy). Negative units are credited at the first tier's price. Units beyond the last tier cost nothing here:
    see `uncovered`.
    """
    require(bool(tiers), "a graduated rate has tiers")
    if units <= 0:
        return units * tiers[0].unit_price
    total: Exact = 0
    below: Units = 0
    for tier in tiers:
        if units <= below:
            break
        upper = units if tier.up_to is None else min(units, tier.up_to)
        total += (upper - below) * tier.unit_price + exact_from_price(tier.flat_fee)
        below = upper if tier.up_to is None else tier.up_to
    return total


def uncovered(rate: Rate, units: Units) -> Units:
    """Units beyond the last tier of a price list that has an upper end: they have no price and become an exception."""
    if rate.model is RateModel.PER_UNIT or not rate.tiers or rate.tiers[-1].up_to is None:
        return 0
    return max(billable(units, rate.included) - rate.tiers[-1].up_to, 0)


def rated(rate: Rate, units: Units) -> Exact:
    """The exact amount that `units` of a billing period cost, before minimum and maximum."""
    left = billable(units, rate.included)
    if rate.model is RateModel.PER_UNIT:
        require(rate.unit_price is not None, "a per_unit rate has a unit price", meter=rate.meter)
        return left * (rate.unit_price or 0)
    require(rate.model is RateModel.GRADUATED, "the rate's model is not known to rating", model=rate.model)
    return graduated(rate.tiers, left)
