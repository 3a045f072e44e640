"""The benchmark's input: usage with duplicates and late events, and what its books must come to."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 3
AS_OF = "2025-01-05T00:00:00Z"
PRICE_MILLIS = 13  # thousandths of a dollar for each unit
METERS = 3
PARTITIONS = 2


@dataclass(frozen=True, slots=True)
class Expected:
    """What a run on the feed must give."""

    lines: int
    events: int  # unique
    duplicates: int
    revenue_cents: int


@dataclass(frozen=True, slots=True)
class FeedSize:
    """How much, of how many customers, and how messy."""

    events: int
    customers: int
    seed: int = 1
    duplicate_share: float = 0.05
    late_share: float = 0.01


def write_feed(root: Path, size: FeedSize) -> Expected:
    """Write the topics below `root`; the same size gives the same bytes."""
    rng = random.Random(size.seed)
    (root / "usage.events").mkdir(parents=True)
    with open(root / "contracts.events.jsonl", "w") as file:
        for customer in range(size.customers):
            file.write(json.dumps(_contract(customer)) + "\n")
    units: defaultdict[tuple[int, int], int] = defaultdict(int)  # hundredths
    recent: list[tuple[int, str]] = []
    lines = duplicates = 0
    files = [open(root / "usage.events" / f"{number}.jsonl", "w") for number in range(PARTITIONS)]  # noqa: SIM115
    for number in range(size.events):
        customer, meter, hundredths = rng.randrange(size.customers), rng.randrange(METERS), rng.randrange(1, 5000)
        at = START + timedelta(microseconds=number * DAYS * 86_400_000_000 // size.events)
        if rng.random() < size.late_share:
            at -= timedelta(hours=3)
        at = max(at, START)
        units[customer, meter] += hundredths
        line = (
            f'{{"event_id":"evt-{number:010d}","source":"meter-a","customer_id":"cust-{customer}","contract_id":null,'
            f'"meter":"api{meter}","quantity":"{hundredths // 100}.{hundredths % 100:02d}",'
            f'"event_time":"{at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}",'
            '"dimensions":[{"key":"region","value":"eu"},{"key":"tier","value":"gold"}]}\n'
        )
        sent = [(customer % PARTITIONS, line)]
        if recent and rng.random() < size.duplicate_share:
            sent.append(rng.choice(recent))
            duplicates += 1
        for partition, text in sent:
            files[partition].write(text)
        lines += len(sent)
        recent.append(sent[0])
        del recent[:-5000]
    for one in files:
        one.close()
    # Rounded on the month's sum of each line: hundredths of a unit x thousandths of a dollar = 1e-5 dollars.
    revenue = sum(_half_even(total * PRICE_MILLIS, 1000) for total in units.values())
    return Expected(lines, size.events, duplicates, revenue)


def _half_even(value: int, unit: int) -> int:
    whole, rest = divmod(value, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole % 2 == 1))


def _contract(customer: int) -> dict[str, object]:
    term = {"start": "2025-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"}
    rate = {"model": "per_unit", "unit_price": f"0.{PRICE_MILLIS:03d}"}
    lines = [
        {"line_id": f"l{meter}", "product_id": "p", "kind": "usage", **term, "rate": {"meter": f"api{meter}", **rate}}
        for meter in range(METERS)
    ]
    return {
        "event_id": f"k{customer}", "source": "crm", "event_time": term["start"], "contract_id": f"k{customer}",
        "version": 1, "kind": "activated", "effective_at": term["start"], "customer_id": f"cust-{customer}",
        "entity": "us", "currency": "USD", **term, "lines": lines,
    }  # fmt: skip
