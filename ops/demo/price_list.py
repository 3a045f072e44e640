"""A reseller's price list over four of the sample's services: made-up prices for real usage, as one contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ops.demo.charge import Charge

ENTITY = "demo-reseller"
CUSTOMER = "acme"  # buys what all accounts of the sample used, as one pool
CONTRACT = "acme-2024"
SIGNED_AT = "2024-08-31T00:00:00Z"
TERM_START = "2024-09-01T00:00:00Z"
TERM_END = "2025-09-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class PricedService:
    """One line of the price list: the charges it counts, as a FOCUS file names them, and its rate terms."""

    line_id: str
    words: str
    service: str
    unit: str
    rate: dict[str, Any]


SERVICES = (
    PricedService(
        "data-transfer", "GB moved in and out of EC2", "Amazon Elastic Compute Cloud", "GB",
        {
            "model": "volume",
            "tiers": [
                {"up_to": "30", "unit_price": "1.00"},
                {"up_to": "80", "unit_price": "0.80"},
                {"up_to": None, "unit_price": "0.60"},
            ],
        },
    ),
    PricedService(
        "compute-hours", "hours of EC2 instances, gateways", "Amazon Elastic Compute Cloud", "Hours",
        {
            "model": "volume",
            "tiers": [{"up_to": "20", "unit_price": "2.00"}, {"up_to": None, "unit_price": "1.60"}],
        },
    ),
    PricedService(
        "public-ip", "hours of public addresses, VPC", "Amazon Virtual Private Cloud", "Hours",
        {"model": "per_unit", "unit_price": "0.50", "minimum": "25.00"},
    ),
    PricedService(
        "requests", "requests to S3", "Amazon Simple Storage Service", "Requests",
        {"model": "package", "package_size": "100", "package_price": "0.25"},
    ),
)  # fmt: skip


def priced_by(charge: Charge) -> PricedService | None:
    """The line that counts a charge; None where the price list does not name it."""
    if not charge.is_usage or charge.quantity is None:
        return None
    return next((one for one in SERVICES if (one.service, one.unit) == (charge.service, charge.unit)), None)


def contract_record() -> dict[str, Any]:
    """The price list as the one version of one contract; each line's meter has the line's name."""
    return {
        "event_id": f"{CONTRACT}-v1",
        "source": "reseller-demo",
        "event_time": SIGNED_AT,
        "contract_id": CONTRACT,
        "version": 1,
        "kind": "activated",
        "effective_at": TERM_START,
        "customer_id": CUSTOMER,
        "entity": ENTITY,
        "currency": "USD",
        "start": TERM_START,
        "end": TERM_END,
        "lines": [
            {
                "line_id": one.line_id,
                "product_id": one.line_id,
                "kind": "usage",
                "rate": {"meter": one.line_id, "aggregation": "sum", "billing_period": "month"} | one.rate,
            }
            for one in SERVICES
        ],
    }
