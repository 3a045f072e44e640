"""Metrics as a scraper sees them, and what the output files say that they must be."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.judged_metrics import Input, Output, nearest, records

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
        kinds, owned = ("shard", "entity", "currency", "kind"), ("shard", "class", "owner")
        found = {
            "entries": self.by("accrual_journal_entries_total", *kinds),
            "debits": self.by("accrual_journal_debits_total", *kinds),
            "postings": self.by("accrual_postings_amount_total", *kinds[:3], "account", "kind", "side"),
            "positions": self.by("accrual_position_amount", *kinds[1:3], "account"),
            "closed entries": self.by("accrual_closed_period_entries_total", *kinds[:3]),
            "closed amounts": self.by("accrual_closed_period_amount_total", *kinds[:3]),
            "opened": self.by("accrual_exceptions_opened_total", *owned),
            "resolved": self.by("accrual_exceptions_resolved_total", *owned),
            "open": self.by("accrual_exceptions_open", *owned),
            "recalculations": self.by("accrual_recalculations_total", "shard", "cause", "treatment"),
            "recalculated": self.by(
                "accrual_recalculated_amount_total", "shard", "currency", "cause", "direction"
            ),
            "records": self.by("accrual_output_records_total", "shard", "topic"),
        }  # fmt: skip
        return {name: without_zeros(sums) for name, sums in found.items()}

    def waiting(self) -> dict[str, dict[Labels, Decimal]]:
        """The exceptions that wait for somebody."""
        found = {"past_due": "accrual_exceptions_past_due", "oldest": "accrual_exceptions_oldest_seconds"}
        return {name: without_zeros(self.by(full, "class", "owner")) for name, full in found.items()}


def without_zeros(sums: dict[Labels, Decimal]) -> dict[Labels, Decimal]:
    """The sums that are not zero."""
    return {key: count for key, count in sums.items() if count}


def files_say(sink: Path, source: Path) -> dict[str, Any]:
    """The books of the files of a sink, up to their last whole lines, and of what it was made from."""
    return output_says(Output(records(sink), Input.of(source)))


def output_says(output: Output) -> dict[str, Any]:
    """The same from records."""
    counts, sums = output.counts, output.sums
    names = ("entries", "opened", "resolved", "open", "recalculations", "records")
    amounts = {"closed amounts": sums["closed"], **{name: sums[name] for name in (
        "debits", "postings", "positions", "recalculated",
    )}}  # fmt: skip
    return {
        **{name: dict(counts[name]) for name in names},
        "closed entries": dict(counts["closed"]),
        **{name: without_zeros({key: nearest(one) for key, one in found.items()}) for name, found in amounts.items()},
    }


def debited(sink: Path) -> dict[Labels, Decimal]:
    """The sums of the debits in a sink's journal by shard, entity, currency and kind."""
    return dict(Output(records(sink), Input()).sums["debits"])


def ports_in_a_row(count: int) -> int:
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
