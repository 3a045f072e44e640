"""Turns a FOCUS file into accrual's input: the provider's bill as usage and contracts, and a reseller's over it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops.demo import delivery
from ops.demo.charge import SAMPLE, Charge, read_charges
from ops.demo.delivered import partition_path
from ops.demo.price_list import contract_record as price_list_contract

ENTITY = "demo-us"
SIGNED_AT = "2024-08-31T00:00:00Z"
TERM_START = "2024-09-01T00:00:00Z"
TERM_END = "2024-11-01T00:00:00Z"
AS_OF = "2024-10-08T00:00:00Z"  # run the demo up to here: the sample's last day and the reseller's are over

USAGE_TOPIC = "usage.events"
CONTRACTS_TOPIC = "contracts.events"
CONTROL_TOPIC = "control.events"
PARTITION = 0  # of usage and contracts: the provider's; the reseller's are in partition 1

# The one thing the demo makes up: this customer's contract lacks this meter, as if sales had forgotten it.
LEFT_OUT = ("60626892153", "SQ9N99HNC768KCKN.JRTCKXETXF.6YS6EN2CT7")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion wrote, both parts together."""

    events: int
    contracts: int
    lines: int
    left_out: tuple[str, str] | None  # customer and meter kept out of the contracts on purpose


def convert(target: Path, sample: Path = SAMPLE, left_out: tuple[str, str] | None = LEFT_OUT) -> Conversion:
    """Write usage, contracts and the close of a month into `target`: the same bytes every time."""
    charges = read_charges(sample)
    named = meters(charges)
    bill = [usage_record(*pair) for pair in zip(charges, named, strict=True)]
    resold = delivery.usage_records(charges)
    list_prices, price_list = contract_records(charges, named, left_out), [price_list_contract()]
    for topic, *partitions in ((USAGE_TOPIC, bill, resold), (CONTRACTS_TOPIC, list_prices, price_list)):
        (target / topic).mkdir(parents=True, exist_ok=True)
        for number, records in enumerate(partitions):
            _write(partition_path(target, topic, number), records)
    _write(target / f"{CONTROL_TOPIC}.jsonl", [delivery.close_record()])
    contracts = list_prices + price_list
    present = left_out is not None and any(
        (charge.customer, meter) == left_out for charge, meter in zip(charges, named, strict=True)
    )
    return Conversion(
        events=len(bill) + len(resold),
        contracts=len(contracts),
        lines=sum(len(contract["lines"]) for contract in contracts),
        left_out=left_out if present else None,
    )


def meters(charges: Sequence[Charge]) -> list[str | None]:
    """The meter of each charge: its price id, else its SKU; one per list price where there are several.

    Oracle publishes no price id, only the SKU. A charge that is not usage gets a meter of its own
    ("Adjustment/B93298") that no contract lists, so that it comes out as an exception instead of as revenue.
    """
    prices: dict[tuple[str, str | None], set[Decimal]] = {}
    for charge in charges:
        if charge.is_usage and charge.list_unit_price is not None:
            prices.setdefault((charge.customer, _meter(charge)), set()).add(Decimal(charge.list_unit_price))
    return [_priced_meter(charge, prices.get((charge.customer, _meter(charge)), set())) for charge in charges]


def _meter(charge: Charge) -> str | None:
    if charge.is_usage:
        return charge.sku_price or charge.sku or charge.description
    return f"{charge.category}/{charge.sku or charge.description}"


def _priced_meter(charge: Charge, prices: set[Decimal]) -> str | None:
    meter = _meter(charge)
    if meter is None or charge.list_unit_price is None or len(prices) < 2:
        return meter
    return f"{meter}@{Decimal(charge.list_unit_price).normalize():f}"


def usage_record(charge: Charge, meter: str | None) -> Record:
    """The charge as a usage event; what the file lacks is null, for the processor to judge."""
    dimensions = [("region", charge.region), ("service_category", charge.service_category)]
    return {
        "event_id": charge.charge_id,
        "source": charge.provider,
        "customer_id": charge.customer,
        "contract_id": None,
        "meter": meter,
        "quantity": charge.quantity,
        "event_time": charge.started,
        "dimensions": [{"key": key, "value": value} for key, value in dimensions if value is not None],
    }


def contract_records(
    charges: Sequence[Charge],
    named: Sequence[str | None],
    left_out: tuple[str, str] | None = None,
) -> list[Record]:
    """One activated contract per customer, with a usage line at list price for each meter used."""
    price_lists: dict[str, dict[str, Charge]] = {}
    currencies: dict[str, str] = {}
    for charge, meter in zip(charges, named, strict=True):
        if currencies.setdefault(charge.customer, charge.currency) != charge.currency:
            raise ValueError(
                f"customer {charge.customer} has charges in {charge.currency} and others, "
                "but the demo makes one contract per customer: split the file by currency."
            )
        price_list = price_lists.setdefault(charge.customer, {})
        if charge.is_usage and meter is not None and charge.list_unit_price is not None:
            price_list.setdefault(meter, charge)
    return [
        _contract(customer, currencies[customer], price_lists[customer], left_out) for customer in sorted(price_lists)
    ]


def _contract(customer: str, currency: str, price_list: dict[str, Charge], left_out: tuple[str, str] | None) -> Record:
    contract_id = f"focus-{customer}"
    return {
        "event_id": f"{contract_id}-v1",
        "source": "focus-demo",
        "event_time": SIGNED_AT,
        "contract_id": contract_id,
        "version": 1,
        "kind": "activated",
        "effective_at": TERM_START,
        "customer_id": customer,
        "entity": ENTITY,
        "currency": currency,
        "start": TERM_START,
        "end": TERM_END,
        "lines": [
            _line(f"u{number:03d}", meter, price_list[meter])
            for number, meter in enumerate(sorted(price_list), start=1)
            if (customer, meter) != left_out
        ],
        "variable": [],
    }


def _line(line_id: str, meter: str, charge: Charge) -> Record:
    return {
        "line_id": line_id,
        "product_id": _product(charge),
        "kind": "usage",
        "start": TERM_START,
        "end": TERM_END,
        "rate": {
            "meter": meter,
            "aggregation": "sum",
            "billing_period": "month",
            "model": "per_unit",
            "unit_price": charge.list_unit_price,
        },
    }


def _product(charge: Charge) -> str:
    """The service as an identifier: "Amazon Simple Queue Service" is amazon-simple-queue-service."""
    return re.sub(r"[^a-z0-9]+", "-", (charge.service or "unknown").lower()).strip("-")


def _write(path: Path, records: Iterable[Record]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
