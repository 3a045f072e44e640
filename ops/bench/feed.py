"""The benchmark's input: usage with duplicates and late events, and what its books must come to."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 3
AS_OF = "2025-01-05T00:00:00Z"
PRICE_MILLIS = 13  # thousandths of a dollar for each unit
METERS = 3
PARTITIONS = 2
DIMENSIONS = [{"key": "region", "value": "eu"}, {"key": "tier", "value": "gold"}]


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
    hot_share: float = 0.0  # of one customer
    days: float = DAYS  # of one month, by which the events are spread


class Draw(NamedTuple):
    """One usage event."""

    number: int
    customer: int
    meter: int
    hundredths: int  # of the meter's unit
    at: datetime

    def line(self) -> str:
        """As a line of a file."""
        return (
            f'{{"event_id":"evt-{self.number:010d}","source":"meter-a","customer_id":"cust-{self.customer}",'
            f'"contract_id":null,"meter":"api{self.meter}","quantity":"{self.hundredths // 100}.{self.hundredths % 100:02d}",'
            f'"event_time":"{self.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}",'
            '"dimensions":[{"key":"region","value":"eu"},{"key":"tier","value":"gold"}]}\n'
        )

    def record(self) -> dict[str, Any]:
        """As what fastavro writes."""
        return {
            "event_id": f"evt-{self.number:010d}", "source": "meter-a", "customer_id": f"cust-{self.customer}",
            "contract_id": None, "meter": f"api{self.meter}", "quantity": Decimal(self.hundredths).scaleb(-2),
            "event_time": self.at, "dimensions": DIMENSIONS,
        }  # fmt: skip


class Drawn:
    """The events of a size, in the order in which they are sent; the same size gives the same ones."""

    def __init__(self, size: FeedSize) -> None:
        self._size = size
        self._units: defaultdict[tuple[int, int], int] = defaultdict(int)  # hundredths
        self._lines = self._duplicates = 0

    def __iter__(self) -> Iterator[Draw]:
        size, rng = self._size, random.Random(self._size.seed)
        recent: list[Draw] = []
        span_us = round(size.days * 86_400_000_000)
        for number in range(size.events):
            customer, meter, hundredths = rng.randrange(size.customers), rng.randrange(METERS), rng.randrange(1, 5000)
            if size.hot_share and rng.random() < size.hot_share:
                customer = 0
            at = START + timedelta(microseconds=number * span_us // size.events)
            if rng.random() < size.late_share:
                at -= timedelta(hours=3)
            self._units[customer, meter] += hundredths
            drawn = Draw(number, customer, meter, hundredths, max(at, START))
            self._lines += 1
            yield drawn
            if recent and rng.random() < size.duplicate_share:
                self._lines += 1
                self._duplicates += 1
                yield rng.choice(recent)
            recent.append(drawn)
            del recent[:-5000]

    def expected(self) -> Expected:
        """What a run on all of them must give."""
        # Rounded on the month's sum of each line: hundredths of a unit x thousandths of a dollar = 1e-5 dollars.
        revenue = sum(half_even(total * PRICE_MILLIS, 1000) for total in self._units.values())
        return Expected(self._lines, self._size.events, self._duplicates, revenue)


def write_feed(root: Path, size: FeedSize, redelivered: Sequence[str] = ()) -> Expected:
    """Write the topics as files below `root`; lines that were counted before any of them are sent again in between."""
    (root / "usage.events").mkdir(parents=True)
    with open(root / "contracts.events.jsonl", "w") as file:
        for customer in range(size.customers):
            file.write(json.dumps(contract(customer)) + "\n")
    drawn = Drawn(size)
    files = [open(root / "usage.events" / f"{number}.jsonl", "w") for number in range(PARTITIONS)]  # noqa: SIM115
    again, between = iter(redelivered), max(1, size.events // max(1, len(redelivered)))
    for number, one in enumerate(drawn):
        files[one.customer % PARTITIONS].write(one.line())
        if number % between == 0 and (line := next(again, None)) is not None:
            files[number % PARTITIONS].write(line + "\n")
    for file in files:
        file.close()
    expected, more = drawn.expected(), len(redelivered)
    return replace(expected, lines=expected.lines + more, duplicates=expected.duplicates + more)


def half_even(value: int, unit: int) -> int:
    """`value` / `unit`, rounded."""
    whole, rest = divmod(value, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole % 2 == 1))


def contract(customer: int) -> dict[str, object]:
    """The contract of a customer, as its JSON form."""
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
