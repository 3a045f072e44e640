"""Rate terms: the price of a usage line as a contract states it."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import model_validator

from accounting.contract import PRICE_SCALE, QUANTITY_SCALE, Aggregation, BillingPeriod, Rate, RateModel, Tier
from schemas.decimals import scaled
from schemas.fields import Amount, Quantity, Record, Text, UnitPrice, broken, check_minor_units

ZERO = Decimal(0)


class TierTerms(Record):
    """One tier of a price list: `up_to` is cumulative and inclusive, None = no upper end."""

    up_to: Quantity | None = None
    unit_price: UnitPrice = ZERO
    flat_fee: UnitPrice = ZERO

    def to_tier(self) -> Tier:
        """The tier in scaled integers."""
        return Tier(
            up_to=_units(self.up_to),
            unit_price=scaled(self.unit_price, PRICE_SCALE),
            flat_fee=scaled(self.flat_fee, PRICE_SCALE),
        )


class RateTerms(Record):
    """The rate of a usage line (events.md, line.rate); prices in the contract's major unit.

    `unique_key` names the dimension that aggregation `unique` counts; None = the dimension "unique_key".
    """

    meter: Text
    aggregation: Literal["sum", "count", "max", "last", "unique", "weighted_sum"] = "sum"
    billing_period: Literal["month", "quarter", "year", "term"] = "month"
    model: Literal["per_unit", "graduated", "volume", "package"] = "per_unit"
    unit_price: UnitPrice | None = None
    tiers: tuple[TierTerms, ...] = ()
    package_size: Quantity | None = None
    package_price: UnitPrice | None = None
    included: Quantity = ZERO
    minimum: Amount | None = None
    maximum: Amount | None = None
    unique_key: Text | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.model == "per_unit" and self.unit_price is None:
            raise broken("model per_unit needs unit_price")
        if self.model in ("graduated", "volume") and not self.tiers:
            raise broken(f"model {self.model} needs tiers")
        if self.model == "package":
            if self.package_size is None or self.package_price is None:
                raise broken("model package needs package_size and package_price")
            if self.package_size <= 0:
                raise broken("package_size must be greater than zero")
        if self.included < 0:
            raise broken("included must not be negative")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise broken("minimum must not exceed maximum")
        self._check_tiers()
        return self

    def _check_tiers(self) -> None:
        lower = ZERO
        for number, tier in enumerate(self.tiers, start=1):
            if tier.up_to is None:
                if number < len(self.tiers):
                    raise broken("only the last of the tiers may leave up_to open")
            elif tier.up_to <= lower:
                raise broken(f"tiers must have ascending up_to above zero, tier {number} has not")
            else:
                lower = tier.up_to

    def check_currency(self, currency_digits: int) -> None:
        """Raise the error of a minimum or maximum finer than the currency's minor unit."""
        check_minor_units(currency_digits, minimum=self.minimum, maximum=self.maximum)

    def to_rate(self, currency_digits: int) -> Rate:
        """The rate in scaled integers; minimum and maximum in minor units of `currency_digits` digits."""
        return Rate(
            meter=self.meter,
            aggregation=Aggregation(self.aggregation),
            billing_period=BillingPeriod(self.billing_period),
            model=RateModel(self.model),
            unit_price=None if self.unit_price is None else scaled(self.unit_price, PRICE_SCALE),
            tiers=tuple(tier.to_tier() for tier in self.tiers),
            package_size=_units(self.package_size),
            package_price=None if self.package_price is None else scaled(self.package_price, PRICE_SCALE),
            included=scaled(self.included, QUANTITY_SCALE),
            minimum=None if self.minimum is None else scaled(self.minimum, currency_digits),
            maximum=None if self.maximum is None else scaled(self.maximum, currency_digits),
            unique_key=self.unique_key,
        )


def _units(value: Decimal | None) -> int | None:
    return None if value is None else scaled(value, QUANTITY_SCALE)
