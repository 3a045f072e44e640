"""Metrics as a scraper sees them, and what the output files say that they must be."""

from __future__ import annotations

import json
import random
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import OUTPUTS

Labels = tuple[str, ...]

EVENTS = ("read", "counted", "duplicate", "late", "excepted", "parked", "expired")


class Scraped:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self.samples = [one for family in self.families.values() for one in family.samples]

    @classmethod
    def of(cls, registry: CollectorRegistry) -> Scraped:
        """Without HTTP."""
        return cls(generate_latest(registry).decode())

    @classmethod
    def at(cls, port: int) -> Scraped:
        """Over HTTP; OSError while nobody answers."""
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            return cls(answer.read().decode())

    def __add__(self, other: Scraped) -> Scraped:
        """What two processes of a run say together."""
        both = Scraped("")
        both.families, both.samples = {**self.families, **other.families}, self.samples + other.samples
        return both

    def by(self, name: str, *labels: str) -> dict[Labels, Decimal]:
        """The sums of the samples of a name, by the values of some labels."""
        sums: dict[Labels, Decimal] = {}
        for one in self.samples:
            if one.name == name:
                key = tuple(one.labels[label] for label in labels)
                sums[key] = sums.get(key, Decimal(0)) + Decimal(repr(one.value))
        return sums

    def sum(self, name: str) -> int:
        """The sum of a name's samples, which are whole numbers."""
        return int(sum(self.by(name).values()))

    def events(self, *labels: str) -> dict[str, dict[Labels, int]]:
        """What became of the usage events."""
        names = {name: f"accrual_events_{name}" + ("_total" if name != "parked" else "") for name in EVENTS}
        return {
            name: {key: int(count) for key, count in self.by(full, *labels).items()} for name, full in names.items()
        }

    def adds_up(self) -> bool:
        """Whether every shard's events read are the sum of what became of them."""
        events = self.events("shard")
        parts = ("counted", "duplicate", "excepted", "parked", "expired")
        return all(read == sum(events[part][shard] for part in parts) for shard, read in events["read"].items())

    def books(self) -> dict[str, Any]:
        """What the output files must agree with, exactly and shard by shard."""
        kinds = ("shard", "entity", "currency", "kind")
        still = self.by("accrual_exceptions_open", "shard", "class")
        return {
            "entries": self.by("accrual_journal_entries_total", *kinds),
            "debits": self.by("accrual_journal_debits_total", *kinds),
            "opened": self.by("accrual_exceptions_opened_total", "shard", "class"),
            "resolved": without_zeros(self.by("accrual_exceptions_resolved_total", "shard", "class")),
            "open": without_zeros(still),
            "records": self.by("accrual_output_records_total", "shard", "topic"),
        }


def without_zeros(sums: dict[Labels, Decimal]) -> dict[Labels, Decimal]:
    """The sums that are not zero."""
    return {key: count for key, count in sums.items() if count}


def files_say(sink: Path) -> dict[str, Any]:
    """The same from the files of a sink, up to their last whole lines."""
    return records_say(records(sink))


def records(sink: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(topic, record) of a sink."""
    for path in sorted(path for topic in OUTPUTS for path in sink.glob(f"{topic}/*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            yield path.parent.name, json.loads(line)


def debited(sink: Path) -> dict[Labels, Decimal]:
    """The sums of the debits in a sink's journal by shard, entity, currency and kind."""
    sums: dict[Labels, Decimal] = {}
    for topic, one in records(sink):
        for side in one["lines"] if topic == "revenue.journal" else ():
            if side["side"] == "debit":
                kind = (str(one["shard"]), one["entity"], one["currency"], one["kind"])
                sums[kind] = sums.get(kind, Decimal(0)) + Decimal(side["amount"])
    return sums


def records_say(records: Iterable[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The same from (topic, record)."""
    entries, opened, resolved, said = (Counter[Labels]() for _ in range(4))
    debits: dict[Labels, Decimal] = {}
    still: dict[str, Labels] = {}
    for topic, one in records:
        shard = str(one["shard"])
        said[shard, topic] += 1
        if topic == "revenue.journal":
            kind = (shard, one["entity"], one["currency"], one["kind"])
            entries[kind] += 1
            sides = [Decimal(side["amount"]) for side in one["lines"] if side["side"] == "debit"]
            debits[kind] = debits.get(kind, Decimal(0)) + sum(sides)
        elif topic != "revenue.exceptions":
            continue
        elif one["status"] == "open":
            opened[shard, one["class"]] += 1
            still[one["exception_id"]] = (shard, one["class"])
        else:
            resolved[shard, one["class"]] += 1
            del still[one["exception_id"]]
    held = {kind: nearest(amount) for kind, amount in debits.items()}
    still_open = Counter(still.values())
    return {
        "entries": entries, "debits": held, "opened": opened, "resolved": resolved, "open": still_open, "records": said,
    }  # fmt: skip


def nearest(amount: Decimal) -> Decimal:
    """What the format can hold of an amount: a 64-bit float."""
    return Decimal(repr(float(amount)))


def free_ports(count: int) -> int:
    """The first of some ports in a row that nobody uses, below those that the system gives to connections going out."""
    while True:
        first = random.SystemRandom().randrange(15_000, 32_000)
        with ExitStack() as held:
            try:
                for port in range(first, first + count):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return first
