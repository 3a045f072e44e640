"""The benchmark of latency: usage at a steady rate, amendments beside it, and when what follows can be read committed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, forms
from connectors.kafka.written import Writer
from ops.bench.amendments import fixed_contract
from ops.bench.committed import Reading, Readings, percentiles
from ops.bench.feed import METERS, START, Draw, contract
from ops.bench.message import encoder
from ops.bench.service import service
from ops.broker.apache import ApacheKafka
from schemas.topics import CONTRACTS, JOURNAL, RECALCULATIONS, USAGE

WINDOW, WINDOW_S = timedelta(hours=1), 1.0  # usage of a window is sent in so many seconds: so often windows close
LATENESS_S = 150
PARTITIONS = 8
CUSTOMERS = 100
STEP_S = 0.01
WARM = 3  # windows that are not counted: the process has just begun
# As many as there are processors: of each, a round costs some milliseconds whatever it holds.
SHARDS = 2
# Of the feed's producer. After 5 ms it asked the broker 1,600 times a second, which took more than one of two processors.
LINGER_MS = 20
AMENDMENT_S = 0.1
PATIENCE_S = 60
EPOCH_MS = 50
KEPT_DAYS = 36_500  # the feed's event times lie in the past


def bench_latency(root: Path, rate: int, seconds: int) -> dict[str, Any]:
    """`latency` on a Kafka of its own."""
    started = ApacheKafka(root / "latency-kafka").start()
    try:
        brokers = Brokers(started.address)
        TopicAdmin(brokers).create(forms(PARTITIONS, SHARDS, KEPT_DAYS), 1)
        return latency(brokers, root, rate, seconds)
    finally:
        started.stop()


def latency(brokers: Brokers, root: Path, rate: int, seconds: int) -> dict[str, Any]:
    """Milliseconds from the usage that passes a window's end to its entry, and from an amendment to its recalculation, with so
    many usage events a second; `problems` are what is wrong with the entries.
    """
    windows = int(seconds / WINDOW_S)
    messages, passed = _usage(rate, windows)
    amended = int(seconds / AMENDMENT_S)
    producer = Producer(brokers.client(acks="all", linger_ms=LINGER_MS))
    writer = Writer(CONTRACTS, FileRegistry())
    for made in (*map(contract, range(CUSTOMERS)), *(fixed_contract(number, 1) for number in range(amended))):
        send_contract(producer, writer, made)
    producer.flush(PATIENCE_S)
    journal, recalculations = Readings(JOURNAL), Readings(RECALCULATIONS)
    settings = {"epoch_ms": EPOCH_MS, "usage_window": "hour", "lateness_s": LATENESS_S, "shards": SHARDS}
    with (
        service(str(brokers), str(brokers), root / "latency", **settings) as running,
        Reading(brokers, journal, recalculations),
    ):
        running.ready(PATIENCE_S)
        # The contracts as they were are a backlog of the first second, and no amendment that anybody waits for.
        await_done(lambda: len(recalculations.seen) >= CUSTOMERS + amended)
        sent = _paced(producer, messages, rate)
        asked: dict[str, float] = {}
        began = sent.began
        for number in range(amended):
            until(began + number * AMENDMENT_S)
            asked[f"C-{number}"] = time.monotonic()
            send_contract(producer, writer, fixed_contract(number, 2))
            producer.poll(0)
        sent.thread.join()
        producer.flush(PATIENCE_S)
        entries, versions = (windows - 1) * CUSTOMERS * METERS, CUSTOMERS + 2 * amended
        await_done(lambda: len(journal.seen) >= entries and len(recalculations.seen) >= versions)
    return _figures(journal, recalculations, {end: sent.at(row) for end, row in passed.items()}, asked, rate, windows)


@dataclass
class _Sent:
    """Usage that is being sent; when each stretch of it was."""

    began: float
    chunk: int
    times: list[float]
    thread: threading.Thread

    def at(self, row: int) -> float:
        """When a message was given to the client."""
        return self.times[row // self.chunk]


def _usage(rate: int, windows: int) -> tuple[list[tuple[bytes, int]], dict[str, int]]:
    """(messages with their partitions, in the order of their time; by end of a window the message that passes it)."""
    message, rows = encoder(FileRegistry().number(USAGE)), []
    size = int(rate * WINDOW_S)
    closes: dict[str, int] = {}
    late_rows = round(size * LATENESS_S / WINDOW.total_seconds())
    for number in range(size * windows):
        customer = number % CUSTOMERS
        at = START + number * WINDOW / size
        draw = Draw(number, customer, (number // CUSTOMERS) % METERS, number % 4999 + 1, at)
        rows.append((message(draw), customer % PARTITIONS))
    for window in range(1, windows):
        # A window closes when the last partition has usage from so long after its end.
        closes[f"{START + window * WINDOW:%Y-%m-%dT%H:%M:%SZ}"] = window * size + late_rows + CUSTOMERS
    return rows, closes


def _paced(producer: Producer, messages: list[tuple[bytes, int]], rate: int) -> _Sent:
    """Send them at a rate, from a thread."""
    chunk, began, times = max(1, int(rate * STEP_S)), time.monotonic(), list[float]()

    def send() -> None:
        for number, start in enumerate(range(0, len(messages), chunk)):
            until(began + number * STEP_S)
            for value, partition in messages[start : start + chunk]:
                producer.produce(USAGE, value, None, partition)
            times.append(time.monotonic())
            producer.poll(0)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return _Sent(began, chunk, times, thread)


def send_contract(producer: Producer, writer: Writer, record: dict[str, Any]) -> None:
    """Give a version of a contract to the client."""
    key, value, _ = writer.message(json.dumps(record).encode())
    producer.produce(CONTRACTS, value, key, int(record["contract_id"].strip("kC-")) % PARTITIONS)


def until(moment: float) -> None:
    """Rest up to a moment of the monotonic clock, seconds."""
    if (left := moment - time.monotonic()) > 0:
        time.sleep(left)


def await_done(done: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Until it is, or so many seconds are over."""
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(STEP_S)


def _figures(
    journal: Readings,
    recalculations: Readings,
    passed: dict[str, float],
    asked: dict[str, float],
    rate: int,
    windows: int,
) -> dict[str, Any]:
    entries = [(at, record) for at, record in journal.records() if record["kind"] == "usage"]
    counted = [(at, one) for at, one in entries if one["window"]["end"] in list(passed)[WARM:]]
    waits = [1_000 * (at - passed[one["window"]["end"]]) for at, one in counted]
    amended = [(at, one) for at, one in recalculations.records() if one["to_version"] == 2]
    changes = [1_000 * (at - asked[one["contract_id"]]) for at, one in amended]
    problems = []
    wanted = (windows - 1) * int(rate * WINDOW_S)
    if (found := sum(one["lineage"]["event_count"] for _, one in entries)) != wanted:
        problems.append(f"entries of closed windows hold {found:,} events, {wanted:,} were sent")
    if sorted(one["contract_id"] for _, one in amended) != sorted(asked):
        problems.append(f"{len(amended):,} recalculations of {len(asked):,} amendments")
    return {
        "events_per_s": rate, "epoch_ms": EPOCH_MS, "entries": len(waits), "amendments": len(changes),
        "to_journal_ms": percentiles(waits), "to_recalculation_ms": percentiles(changes), "problems": problems,
    }  # fmt: skip


def latency_table(console: Console, found: dict[str, Any]) -> None:
    """For people."""
    table = Table("milliseconds", "p50", "p99", "max", box=None)
    for name, what in (
        ("to_journal_ms", "window's end passed to entry"),
        ("to_recalculation_ms", "amendment to record"),
    ):
        table.add_row(what, *(str(found[name].get(one, "-")) for one in ("p50", "p99", "max")))
    console.print(table)
