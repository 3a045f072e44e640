"""Rating: what the units of a billing period cost.

Every function takes units in 1e-18 (an integer, or a Fraction for a weighted sum) and gives an exact amount in 1e-30 of
the major unit. Source: accounting.md rule 4; worked cases O01 to O08, L01, L02, K01, K03 of cases.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from accounting.contract import Rate, RateModel, Tier
from accounting.money import Exact, exact_from_price
from accounting.require import require

Units = int | Fraction

TIERED = (RateModel.GRADUATED, RateModel.VOLUME)


class Stretch(NamedTuple):
    """The cumulative units before and after the part of a billing period in which one rate is in force."""

    rate: Rate
    before: Units
    after: Units


def billable(units: Units, included: int) -> Units:
    """Units left to pay after the included ones; a negative total (corrections) is credited in full."""
    if units <= 0:
        return units
    return max(units - included, 0)


def per_unit(rate: Rate, units: Units) -> Exact:
    """Every unit at the same price."""
    require(rate.unit_price is not None, "a per_unit rate has a unit price", meter=rate.meter)
    return units * (rate.unit_price or 0)


def package(rate: Rate, units: Units) -> Exact:
    """Whole packages, rounded up."""
    require(bool(rate.package_size), "a package rate has a package size", meter=rate.meter)
    packages = -(-units // (rate.package_size or 1))
    return packages * exact_from_price(rate.package_price or 0)


def graduated(tiers: tuple[Tier, ...], units: Units) -> Exact:
    """Each tier's units at its own price, plus the flat fee of every tier that is entered.

    `up_to` is cumulative and inclusive. Zero units enter no tier: a flat fee at zero units is due at the billing
    period's end, see `price`. Negative units are credited at the first tier's price. Units beyond the last tier cost
    nothing here: see `uncovered`.
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


def tier_of(tiers: tuple[Tier, ...], units: Units) -> Tier:
    """The tier in which the last of `units` lies; beyond the last one, the last."""
    require(bool(tiers), "a volume rate has tiers")
    return next((tier for tier in tiers if tier.up_to is None or units <= tier.up_to), tiers[-1])


def price(stretches: Sequence[Stretch], ended: bool, flat_at_zero: bool = True) -> Exact:
    """The exact cost of a billing period so far: each unit takes the price in force at its time (rule 4).

    A volume rate prices all its units by the tier that the billing period's total has reached. `ended`: the billing
    period is over, so that a flat fee at zero units is due (policy `flat_at_zero`).
    """
    if not stretches:
        return 0
    current = stretches[-1]
    left = billable(current.after, current.rate.included)
    total: Exact = 0
    for stretch in stretches:
        total += _cost(stretch, left)
    if current.rate.model in TIERED:
        if current.rate.model is RateModel.VOLUME and left > 0:
            total += exact_from_price(tier_of(current.rate.tiers, left).flat_fee)
        if ended and left <= 0 and flat_at_zero:
            total += exact_from_price(current.rate.tiers[0].flat_fee)
    return total


def _cost(stretch: Stretch, total: Units) -> Exact:
    """What one stretch adds, flat fees of a volume rate aside; `total` decides the volume tier."""
    rate = stretch.rate
    before, after = billable(stretch.before, rate.included), billable(stretch.after, rate.included)
    match rate.model:
        case RateModel.PER_UNIT:
            return per_unit(rate, after - before)
        case RateModel.PACKAGE:
            return package(rate, after) - package(rate, before)
        case RateModel.GRADUATED:
            return graduated(rate.tiers, after) - graduated(rate.tiers, before)
        case _:  # volume
            return (after - before) * tier_of(rate.tiers, total).unit_price


def has_flat_at_zero(rate: Rate) -> bool:
    """Whether something is due for a billing period without usage."""
    return rate.model in TIERED and bool(rate.tiers) and rate.tiers[0].flat_fee != 0


def uncovered(rate: Rate, units: Units) -> Units:
    """Units beyond the last tier of a price list with an upper end: they have no price and become an exception."""
    if rate.model not in TIERED or not rate.tiers or rate.tiers[-1].up_to is None:
        return 0
    return max(billable(units, rate.included) - rate.tiers[-1].up_to, 0)
