"""Worked usage cases from public documentation and tests of other systems: files in, journal out.

Each case is a price, the usage of some days, and what the journal says on which day. The quantities are units; a case
with several quantities that have nothing to do with each other is several contracts.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.judged import problems, run_feed

FLAT_THEN_UNITS = [("5", "0", "100"), ("10", "0", "50"), ("15", "5", "0"), (None, "1", "0")]
O06 = [("5", "0", "100"), ("10", "0", "50"), ("15", "10", "0"), (None, "5", "0")]
O07 = [("5", "0", "100"), ("10", "0", "150"), ("15", "10", "0"), (None, "5", "0")]
L01 = [("10", "10", "2"), ("20", "5", "3"), (None, "5", "3")]
L02 = [("100", "2", "10"), ("200", "1", "0"), (None, "0.5", "50")]
K01 = [("10", "1.5", "0"), ("110", "1", "0"), ("1110", "0.5", "0")]


def tiers(model: str, rows: list[tuple[str | None, str, str]]) -> dict[str, Any]:
    """A price list."""
    named = [{"up_to": upper, "unit_price": unit, "flat_fee": flat} for upper, unit, flat in rows]
    return {"model": model, "tiers": named}


def by_unit(price: str, **terms: str) -> dict[str, Any]:
    return {"model": "per_unit", "unit_price": price, **terms}


PACKAGE = {"model": "package", "package_size": "10", "package_price": "15"}

# case: (rate, usage by day of January, revenue by day of January)
CASES: dict[str, tuple[dict[str, Any], dict[int, list[str]], dict[int, str]]] = {
    "O01": (tiers("graduated", FLAT_THEN_UNITS), {5: ["22"]}, {5: "182"}),
    "O02": (tiers("graduated", FLAT_THEN_UNITS), {5: ["12"], 6: ["10"]}, {5: "160", 6: "22"}),
    "O04": (by_unit("1", minimum="1000"), {5: ["100"]}, {5: "100", 31: "900"}),
    "O06 at 0": (tiers("graduated", O06), {5: ["0"]}, {31: "100"}),
    "O06 at 3": (tiers("graduated", O06), {5: ["3"]}, {5: "100"}),
    "O06 at 5": (tiers("graduated", O06), {5: ["5"]}, {5: "100"}),
    "O06 at 5.001": (tiers("graduated", O06), {5: ["5.001"]}, {5: "150"}),
    "O06 at 7": (tiers("graduated", O06), {5: ["7"]}, {5: "150"}),
    "O06 at 12": (tiers("graduated", O06), {5: ["12"]}, {5: "170"}),
    "O06 at 22": (tiers("graduated", O06), {5: ["22"]}, {5: "235"}),
    "O07 at 5": (tiers("volume", O07), {5: ["5"]}, {5: "100"}),
    "O07 at 14": (tiers("volume", O07), {5: ["14"]}, {5: "140"}),
    "O07 at 15, then 16": (tiers("volume", O07), {5: ["15"], 6: ["1"]}, {5: "150", 6: "-70"}),
    "O07 at 100": (tiers("volume", O07), {5: ["100"]}, {5: "500"}),
    "O08 at 10": (PACKAGE, {5: ["10"]}, {5: "15"}),
    "O08 at 5": (PACKAGE, {5: ["5"]}, {5: "15"}),
    "O08 at 17, then 5": (PACKAGE, {5: ["17"], 6: ["5"]}, {5: "30", 6: "15"}),
    "L01 at 0": (tiers("graduated", L01), {}, {31: "2"}),
    "L01 at 1": (tiers("graduated", L01), {5: ["1"]}, {5: "12"}),
    "L01 at 10, then 11": (tiers("graduated", L01), {5: ["10"], 6: ["1"]}, {5: "102", 6: "8"}),
    "L02 at 1": (tiers("volume", L02), {5: ["1"]}, {5: "12"}),
    "L02 at 100": (tiers("volume", L02), {5: ["100"]}, {5: "210"}),
    "L02 at 100.5": (tiers("volume", L02), {5: ["100.5"]}, {5: "100.50"}),
    "L02 at 101": (tiers("volume", L02), {5: ["101"]}, {5: "101"}),
    "K01": (tiers("graduated", K01), {5: ["111"]}, {5: "115.50"}),
    "K03": (tiers("volume", K01), {5: ["111"]}, {5: "55.50"}),
    "S04 in one month": (by_unit("1", aggregation="max"), {5: ["17"], 6: ["15"]}, {5: "17"}),
}


def write(root: Path, rate: dict[str, Any], usage: list[tuple[str, str]], start: str, end: str) -> None:
    """A contract with one usage line, and its usage."""
    term = {"start": start, "end": end}
    line = {"line_id": "l", "product_id": "p", "kind": "usage", **term, "rate": {"meter": "m", **rate}}
    contract = {
        "event_id": "k", "source": "crm", "event_time": start, "contract_id": "k", "version": 1, "kind": "activated",
        "effective_at": start, "customer_id": "c", "entity": "us", "currency": "USD", **term, "lines": [line],
    }  # fmt: skip
    events = [
        {
            "event_id": f"e{number}",
            "source": "s",
            "customer_id": "c",
            "meter": "m",
            "quantity": quantity,
            "event_time": at,
        }
        for number, (at, quantity) in enumerate(usage)
    ]
    root.mkdir()
    (root / "contracts.events.jsonl").write_text(json.dumps(contract) + "\n")
    (root / "usage.events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))


def revenue(out: Path, by: str = "accounting_date") -> dict[str, Decimal]:
    """Revenue by day or period."""
    found: dict[str, Decimal] = {}
    for path in sorted((out / "revenue.journal").glob("*.jsonl")):
        for record in map(json.loads, path.read_bytes().splitlines()):
            for line in record["lines"]:
                if line["account"] == "revenue":
                    signed = Decimal(line["amount"]) * (1 if line["side"] == "credit" else -1)
                    found[record[by]] = found.get(record[by], Decimal(0)) + signed
    return {name: amount for name, amount in found.items() if amount}


@pytest.mark.parametrize("case", CASES)
def test_a_worked_case_gives_its_numbers_to_the_cent(case, tmp_path):
    rate, usage, expected = CASES[case]
    lines = [(f"2025-01-{day:02d}T12:00:00Z", quantity) for day, found in usage.items() for quantity in found]
    write(tmp_path / "in", rate, lines, "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z")
    result = run_feed(tmp_path / "in", tmp_path / "out", "2025-02-02T00:00:00Z")
    assert {f"2025-01-{day:02d}": Decimal(amount) for day, amount in expected.items()} == revenue(tmp_path / "out")
    assert [] == problems(tmp_path / "in", tmp_path / "out", "2025-02-02T00:00:00Z", result)


@pytest.mark.parametrize(
    ("case", "terms", "expected"),
    [
        ("S03", {"aggregation": "sum"}, {"2025-01": Decimal(15), "2025-02": Decimal(17)}),
        ("S04", {"aggregation": "max"}, {"2025-01": Decimal(17)}),
    ],
)
def test_metered_usage_is_revenue_as_it_occurs_over_the_turn_of_the_month(case, terms, expected, tmp_path):
    quantities = ("15", "17") if case == "S03" else ("17", "15")
    usage = list(zip(("2025-01-25T12:00:00Z", "2025-02-04T12:00:00Z"), quantities, strict=True))
    write(tmp_path / "in", by_unit("1", **terms), usage, "2025-01-15T00:00:00Z", "2025-02-15T00:00:00Z")
    run_feed(tmp_path / "in", tmp_path / "out", "2025-02-16T00:00:00Z")
    assert expected == revenue(tmp_path / "out", by="period")


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("America/New_York", "2024-03-09T05:00:00Z", 71),
        ("America/New_York", "2024-11-02T04:00:00Z", 73),
        ("Australia/Sydney", "2024-04-05T13:00:00Z", 73),
    ],
)
def test_f06_days_are_days_of_the_zone_over_a_dst_change(zone, start, hours, tmp_path):
    # Two events a day at local 00:00 and 23:59 of three days around the change.
    first = datetime.fromisoformat(start).astimezone(ZoneInfo(zone))
    days = [(first + timedelta(days=number)).replace(hour=0, minute=0) for number in range(3)]
    assert timedelta(hours=hours) == (days[2] + timedelta(days=1)).astimezone(ZoneInfo("UTC")) - first.astimezone(
        ZoneInfo("UTC")
    )
    moments = [day.replace(hour=hour, minute=minute) for day in days for hour, minute in ((0, 0), (23, 59))]
    usage = [(moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ"), "1") for moment in moments]
    write(tmp_path / "in", by_unit("1"), usage, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z")
    run_feed(tmp_path / "in", tmp_path / "out", "2024-12-31T00:00:00Z", time_zone=zone)
    assert {day.date().isoformat(): Decimal(2) for day in days} == revenue(tmp_path / "out")


def test_m01_an_event_counts_once_and_another_content_under_its_identity_is_a_conflict(tmp_path):
    write(
        tmp_path / "in", by_unit("1"), [("2025-01-05T12:00:00Z", "4")], "2025-01-01T00:00:00Z", "2025-02-01T00:00:00Z"
    )
    feed = tmp_path / "in" / "usage.events.jsonl"
    event = json.loads(feed.read_text())
    feed.write_text("".join(json.dumps(one) + "\n" for one in (event, event, {**event, "quantity": "5"})))
    result = run_feed(tmp_path / "in", tmp_path / "out", "2025-02-02T00:00:00Z")
    assert (1, 1, 1) == (result.tally.counted, result.tally.duplicates, result.tally.conflicts)
    assert {"2025-01-05": Decimal(4)} == revenue(tmp_path / "out")
    assert [] == problems(tmp_path / "in", tmp_path / "out", "2025-02-02T00:00:00Z", result)
