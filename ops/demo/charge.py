"""One row of a FOCUS file: what was used, at which list price, and what the provider billed for it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

SAMPLE = Path(__file__).parent / "data" / "focus_sample.csv"
USAGE = "Usage"
_MISSING = ("", "NULL")


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge as its provider published it; what the file leaves empty or marks NULL is None."""

    charge_id: str
    provider: str
    customer: str
    category: str  # Usage, Credit, Adjustment, Tax, Purchase
    pricing_category: str | None  # Standard, Committed, ...
    sku: str | None
    sku_price: str | None
    description: str | None
    service: str | None
    service_category: str | None
    region: str | None
    currency: str
    started: str  # RFC 3339, UTC
    quantity: str | None  # digit for digit as published
    unit: str | None  # of the quantity: GB, Hours, Requests, ...
    list_unit_price: str | None  # digit for digit as published
    list_cost: Fraction | None
    billed: Fraction

    @property
    def is_usage(self) -> bool:
        """Whether the charge is metered usage (and not a credit, a tax or an adjustment)."""
        return self.category == USAGE

    @property
    def exact_cost(self) -> Fraction | None:
        """Quantity times list price, without any rounding; None where one of them is missing."""
        if self.quantity is None or self.list_unit_price is None:
            return None
        return Fraction(self.quantity) * Fraction(self.list_unit_price)


def read_charges(path: Path = SAMPLE) -> list[Charge]:
    """All rows of a FOCUS file, in file order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [_charge(row) for row in csv.DictReader(file)]


def _charge(row: dict[str, str]) -> Charge:
    def value(column: str) -> str | None:
        return None if row[column] in _MISSING else row[column]

    list_cost = value("ListCost")
    return Charge(
        charge_id=row["Id"],
        provider=row["ProviderName"],
        customer=row["SubAccountId"],
        category=row["ChargeCategory"],
        pricing_category=value("PricingCategory"),
        sku=value("SkuId"),
        sku_price=value("SkuPriceId"),
        description=value("ChargeDescription"),
        service=value("ServiceName"),
        service_category=value("ServiceCategory"),
        region=value("RegionId"),
        currency=row["BillingCurrency"],
        started=row["ChargePeriodStart"].replace(" ", "T") + "Z",
        quantity=value("ConsumedQuantity"),
        unit=value("ConsumedUnit"),
        list_unit_price=value("ListUnitPrice"),
        list_cost=None if list_cost is None else Fraction(list_cost),
        billed=Fraction(row["BilledCost"]),
    )
