"""How the reseller's usage arrives: a month in time, the close of its books, and rows that come too late, twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ops.demo.charge import Charge
from ops.demo.price_list import CUSTOMER, ENTITY, priced_by

SOURCE = "reseller-metering"
MONTH, NEXT_MONTH = "2024-09", "2024-10"
CLOSED_AT = "2024-10-04T00:00:00Z"
LATE_ACCOUNT, LATE_FROM = "11353890204", "2024-09-29T00:00:00Z"  # the busiest account's last two days come late

# The sample ends with September. October's first week is September's again, so that time goes on past the close.
REPEATED_UNTIL = "2024-09-08T00:00:00Z"
REPEATED = "october-"  # before the id of a repeated row


def usage_records(charges: Sequence[Charge]) -> list[dict[str, Any]]:
    """The usage of the price list in the order of delivery; the late rows are delivered a second time."""
    priced = [charge for charge in charges if priced_by(charge) is not None]
    in_time = [charge for charge in priced if not _is_late(charge)]
    repeated = [_a_month_later(charge) for charge in priced if charge.started < REPEATED_UNTIL]
    late = [charge for charge in priced if _is_late(charge)]
    return [_record(charge) for rows in (in_time, repeated, late, late) for charge in sorted(rows, key=_started)]


def close_record() -> dict[str, Any]:
    """The control record that closes September in the reseller's books."""
    return {
        "event_id": f"close-{ENTITY}-{MONTH}",
        "source": "reseller-demo",
        "event_time": CLOSED_AT,
        "kind": "period_close",
        "entity": ENTITY,
        "period": MONTH,
        "actor": "controller",
    }


def _is_late(charge: Charge) -> bool:
    return charge.customer == LATE_ACCOUNT and charge.started >= LATE_FROM


def _started(charge: Charge) -> str:
    return charge.started


def _a_month_later(charge: Charge) -> Charge:
    started = charge.started.replace(MONTH, NEXT_MONTH)
    return replace(charge, charge_id=f"{REPEATED}{charge.charge_id}", started=started)


def _record(charge: Charge) -> dict[str, Any]:
    service = priced_by(charge)
    dimensions = [("account", charge.customer), ("region", charge.region)]
    return {
        "event_id": charge.charge_id,
        "source": SOURCE,
        "customer_id": CUSTOMER,
        "contract_id": None,
        "meter": None if service is None else service.line_id,
        "quantity": charge.quantity,
        "event_time": charge.started,
        "dimensions": [{"key": key, "value": value} for key, value in dimensions if value is not None],
    }
