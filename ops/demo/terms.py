"""A line of a price list in plain decimals: what so many units of a month cost, worked out apart from the product."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal
from typing import Any

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Tier:
    """Up to so many units, inclusive (None: no upper end), every unit of the month costs `price`."""

    up_to: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Terms:
    """The rate of one contract line; a per-unit rate is a volume rate of one tier."""

    line_id: str
    meter: str
    tiers: tuple[Tier, ...] = ()
    package_size: Decimal | None = None
    package_price: Decimal = ZERO
    minimum: Decimal = ZERO

    @classmethod
    def of(cls, line: dict[str, Any]) -> Terms:
        """From a line of `contracts.events`; ValueError for a rate of another kind than the demo's."""
        rate = line["rate"]
        kind = rate["aggregation"], rate["billing_period"]
        if kind != ("sum", "month") or rate["model"] not in ("per_unit", "volume", "package"):
            raise ValueError(f"line {line['line_id']}: the demo recomputes monthly per_unit, volume and package rates")
        tiers = rate.get("tiers") or [{"up_to": None, "unit_price": rate.get("unit_price")}]
        is_package = rate["model"] == "package"
        return cls(
            line_id=line["line_id"],
            meter=rate["meter"],
            tiers=() if is_package else tuple(Tier(_decimal(t["up_to"]), Decimal(t["unit_price"])) for t in tiers),
            package_size=_decimal(rate.get("package_size")),
            package_price=Decimal(rate.get("package_price") or 0),
            minimum=Decimal(rate.get("minimum") or 0),
        )

    @property
    def is_tiered(self) -> bool:
        """Whether later units can change the price of earlier ones."""
        return len(self.tiers) > 1

    def tier_at(self, units: Decimal) -> Tier:
        """The tier that a month's total has reached."""
        return next(tier for tier in self.tiers if tier.up_to is None or units <= tier.up_to)

    def packages(self, units: Decimal) -> Decimal:
        """Packages begun."""
        return (units / (self.package_size or 1)).to_integral_value(ROUND_CEILING)

    def cost(self, units: Decimal) -> Decimal:
        """What the month has come to, in cents, half-even; without the minimum."""
        if self.package_size is not None:
            return self.packages(units) * self.package_price
        return cents(units * self.tier_at(units).price)


def cents(amount: Decimal) -> Decimal:
    """The amount in cents, half-even."""
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
