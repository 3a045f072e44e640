"""Rates: what a cumulative quantity costs, exactly and before rounding."""

from dataclasses import dataclass
from fractions import Fraction

from . import number

AGGREGATIONS = {"sum", "count", "max", "last", "unique", "weighted_sum"}
BILLING_PERIODS = {"month", "quarter", "year", "term"}
MODELS = {"per_unit", "graduated", "volume", "package"}


@dataclass(frozen=True)
class Tier:
    """One tier; up_to is cumulative and inclusive, None without a bound (accounting.md rule 4)."""

    up_to: Fraction | None
    unit_price: Fraction
    flat_fee: Fraction


@dataclass(frozen=True)
class Rate:
    """How a usage line is priced (events.md, line.rate)."""

    meter: str
    aggregation: str
    billing_period: str
    model: str
    unit_price: Fraction
    tiers: tuple
    package_size: Fraction | None
    package_price: Fraction
    included: Fraction
    minimum: Fraction | None
    maximum: Fraction | None
    unique_key: str

    def chargeable(self, quantity):
        """The quantity beyond the included one; a negative quantity stays as it is."""
        return quantity if quantity < 0 else max(Fraction(0), quantity - self.included)

    def tier_of(self, chargeable):
        """The tier a quantity lies in; the last tier has no end."""
        for tier in self.tiers:
            if tier.up_to is None or chargeable <= tier.up_to:
                return tier
        return self.tiers[-1]

    def cost(self, quantity):
        """The cost of a cumulative quantity, for every model but volume; a first flat fee is due above zero."""
        chargeable = self.chargeable(quantity)
        if self.model == "per_unit":
            return chargeable * self.unit_price
        if self.model == "package":
            return -(-chargeable // self.package_size) * self.package_price
        return self._graduated(chargeable)

    def _graduated(self, chargeable):
        if chargeable <= 0:
            return chargeable * self.tiers[0].unit_price
        cost, lower = Fraction(0), Fraction(0)
        for index, tier in enumerate(self.tiers):
            if chargeable <= lower and index > 0:
                break
            last = tier.up_to is None or index == len(self.tiers) - 1
            upper = chargeable if last else min(chargeable, tier.up_to)
            cost += tier.flat_fee + (upper - lower) * tier.unit_price
            lower = tier.up_to
        return cost

    def zero_flat_fee(self):
        """The flat fee due at zero units at the billing period's end (accounting.md rule 4)."""
        return self.tiers[0].flat_fee if self.model in ("graduated", "volume") else Fraction(0)


@dataclass(frozen=True)
class Stretch:
    """The cumulative quantity before and after the part of a billing period in which one rate is in force."""

    rate: Rate
    before: Fraction
    after: Fraction


def price(stretches, ended, zero_flat_fee=True):
    """The exact cost of a billing period so far: each unit takes the price in force at its time (rule 4)."""
    if not stretches:
        return Fraction(0)
    current = stretches[-1]
    chargeable = current.rate.chargeable(current.after)
    cost = Fraction(0)
    for stretch in stretches:
        rate = stretch.rate
        if rate.model == "volume":
            units = rate.chargeable(stretch.after) - rate.chargeable(stretch.before)
            cost += units * rate.tier_of(chargeable).unit_price
        else:
            cost += rate.cost(stretch.after) - rate.cost(stretch.before)
    if current.rate.model == "volume" and chargeable > 0:
        cost += current.rate.tier_of(chargeable).flat_fee
    if ended and chargeable <= 0 and zero_flat_fee:
        cost += current.rate.zero_flat_fee()
    return cost


def parse(value):
    """The rate an object states, or None when it is invalid."""
    if not isinstance(value, dict) or type(value.get("meter")) is not str or not value["meter"]:
        return None
    choices = {
        "aggregation": value.get("aggregation") or "sum",
        "billing_period": value.get("billing_period") or "month",
        "model": value.get("model") or "per_unit",
    }
    known = (AGGREGATIONS, BILLING_PERIODS, MODELS)
    if any(type(choice) is not str or choice not in allowed for choice, allowed in zip(choices.values(), known)):
        return None
    amounts = {}
    for name in ("unit_price", "package_size", "package_price", "included", "minimum", "maximum"):
        amounts[name] = None if value.get(name) is None else number.decimal(value[name])
        if value.get(name) is not None and amounts[name] is None:
            return None
    tiers = _tiers(value.get("tiers"))
    if tiers is None or not _complete(choices["model"], amounts, tiers):
        return None
    for name in ("unit_price", "package_price", "included"):
        amounts[name] = amounts[name] or Fraction(0)
    unique_key = value.get("unique_key") or "unique_key"
    if type(unique_key) is not str:
        return None
    return Rate(meter=value["meter"], tiers=tiers, unique_key=unique_key, **choices, **amounts)


def _complete(model, amounts, tiers):
    if model == "per_unit":
        return amounts["unit_price"] is not None
    if model == "package":
        return bool(amounts["package_size"]) and amounts["package_size"] > 0 and amounts["package_price"] is not None
    return len(tiers) > 0


def _tiers(value):
    if value is None:
        return ()
    if not isinstance(value, list):
        return None
    tiers = []
    for item in value:
        if not isinstance(item, dict):
            return None
        parts = []
        for name, default in (("up_to", None), ("unit_price", Fraction(0)), ("flat_fee", Fraction(0))):
            part = default if item.get(name) is None else number.decimal(item[name])
            if item.get(name) is not None and part is None:
                return None
            parts.append(part)
        tiers.append(Tier(*parts))
    bounds = [tier.up_to for tier in tiers[:-1]]
    if None in bounds or any(low >= high for low, high in zip(bounds, bounds[1:])):
        return None
    return tuple(tiers)
