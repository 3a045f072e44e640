"""Volume tiers over several accounting months: the estimated price until the end, or as incurred with a warning.

Source: accounting.md, rule 4 (606-10-32-5 to 32-9).
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import World, usage

TIERS = [{"up_to": "15", "unit_price": "10"}, {"up_to": None, "unit_price": "5"}]
RATE = {"meter": "m", "aggregation": "sum", "billing_period": "quarter", "model": "volume", "tiers": TIERS}
LINE = {"line_id": "l", "product_id": "p-m", "kind": "usage", "rate": RATE}
# Ten units in January, ten in February: the second ten make every unit cheaper.
DELIVERED = (usage("u1", 10, quantity="10"), usage("u2", 1, quantity="10", event_time="2025-02-10T10:00:00Z"))
AS_OF = "2025-04-01T00:00:00Z"


def by_month(world: World) -> dict[str, Decimal]:
    """Revenue by period."""
    found: dict[str, Decimal] = {}
    for entry in world.records("revenue.journal"):
        for one in entry["lines"]:
            if one["account"] == "revenue":
                sign = 1 if one["side"] == "credit" else -1
                found[entry["period"]] = found.get(entry["period"], Decimal(0)) + sign * Decimal(one["amount"])
    return {period: amount for period, amount in sorted(found.items()) if amount}


def warnings(world: World) -> list[tuple[str, str, str]]:
    """Class, severity and status of the exceptions."""
    return [(one["class"], one["severity"], one["status"]) for one in world.exceptions()]


def run(root: Path, line: dict[str, Any], **terms: Any) -> World:
    """One contract, both deliveries, the quarter over."""
    world = World(root).contract(line, **terms).send(*DELIVERED)
    ended = world.run(as_of=AS_OF)
    assert 0 == ended.code, ended.said
    return world


def test_without_an_estimate_it_is_priced_as_incurred_and_somebody_is_warned(tmp_path):
    world = run(tmp_path, LINE)
    assert {"2025-01": Decimal("100.00")} == by_month(world)  # 100, then 20 x 5 less the 100
    assert [("estimate_missing", "warning", "open")] == warnings(world)


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        ("100.00", {"2025-01": "50.00", "2025-02": "50.00"}),  # 20 units at 5: right from the start
        ("120.00", {"2025-01": "60.00", "2025-02": "60.00", "2025-03": "-20.00"}),  # 6 each until the quarter is over
    ],
)
def test_an_estimate_prices_the_units_until_the_billing_period_is_over(tmp_path, estimate, expected):
    variable = [{"id": "v", "estimate": estimate, "line_ids": ["l"]}]
    world = run(tmp_path, {**LINE, "quantity": "20"}, variable=variable)
    assert {period: Decimal(amount) for period, amount in expected.items()} == by_month(world)
    assert [] == warnings(world)


def test_the_warning_is_settled_by_an_amendment_with_an_estimate(tmp_path):
    world = run(tmp_path, LINE)
    variable = [{"id": "v", "estimate": "100.00", "line_ids": ["l"]}]
    world.contract({**LINE, "quantity": "20"}, version=2, event_id="k2", event_time=AS_OF, variable=variable)
    assert 0 == world.run(as_of="2025-04-02T00:00:00Z").code
    assert {"2025-01": Decimal("50.00"), "2025-02": Decimal("50.00")} == by_month(world)
    assert ("estimate_missing", "warning", "resolved") == warnings(world)[-1]


def test_a_month_of_its_own_needs_no_estimate(tmp_path):
    world = run(tmp_path, {**LINE, "rate": {**RATE, "billing_period": "month"}})
    assert {"2025-01": Decimal("100.00"), "2025-02": Decimal("100.00")} == by_month(world)
    assert [] == warnings(world), json.dumps(world.exceptions(), default=str)
