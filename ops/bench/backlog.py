"""The benchmark of a backlog: a service comes back to millions of usage events that were sent while it was away, and contracts
are amended while it works them off; how long each amendment waits until its recalculation can be read committed.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from rich.console import Console

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from connectors.kafka.written import Writer
from ops.acting.carry import fetch
from ops.bench.amendments import RISE, fixed_contract, rise
from ops.bench.committed import Reading, Readings, percentiles
from ops.bench.expected import wrong
from ops.bench.feed import FeedSize
from ops.bench.kafka import run_to_end, send_contracts, send_usage
from ops.bench.latency import AMENDMENT_S, PARTITIONS, PATIENCE_S, await_done, send_contract, until
from ops.bench.own_kafka import own_kafka
from ops.bench.service import service
from ops.bench.verdict import verdict
from ops.progress import ProgressLine
from ops.settings import load
from schemas.topics import CONTRACTS, RECALCULATIONS

AMENDED = 2_000  # contracts that may be amended, each once
USAGE_CONTRACTS = (
    "k"  # with what the ids of the feed's contracts begin: what the others earn is none of the feed's revenue
)
BOOK_S, WORK_OFF_S = 600, 3_600  # at most
LOOK_S = 0.25  # between two looks whether the backlog is worked off: a look costs the service CPU


@dataclass(frozen=True, slots=True)
class _Asked:
    """When each contract was amended, by id, in seconds of the monotonic clock; and how long the backlog took."""

    at: dict[str, float]
    worked_off_s: float


class _Answers:
    """Recalculations of amendments, counted as they come: those of late usage are others."""

    def __init__(self, read: Readings) -> None:
        self._read, self._looked, self._count = read, len(read.seen), 0

    def count(self) -> int:
        """How many have come."""
        found = self._read.records(self._looked)
        self._looked += len(found)
        self._count += sum(map(_amends, found))
        return self._count


def bench_backlog(size: FeedSize, as_json: bool) -> int:
    """Run it with a backlog of this size; 0 when the books and all recalculations came out right, 1 when not."""
    console = Console(highlight=False, stderr=as_json)
    with own_kafka(console, size) as (root, started):
        brokers = Brokers(started.address)
        send_contracts(brokers, size, PARTITIONS)
        read = Readings(RECALCULATIONS)
        with Reading(brokers, read):
            _booked(brokers, root / "state", size, read)
            console.print(f"{AMENDED:,} contracts that can be amended are booked")
            expected = send_usage(brokers, size, PARTITIONS)
            asked = _amended(brokers, root / "state", read)
        figures: dict[str, Any] = {
            "events": expected.lines, "worked_off_s": round(asked.worked_off_s, 1),
            "events_per_s": round(expected.lines / asked.worked_off_s), "epoch_ms": load().epoch_ms,
        }  # fmt: skip
        waits, wrongs = _judged(read, asked)
        figures |= {"amendments": len(asked.at), "to_recalculation_ms": percentiles(waits)}
        result, _ = run_to_end("run", brokers, root / "state", "--sink", str(brokers))
        fetch(brokers, FileRegistry(), root / "out")
        wrongs += wrong(root / "out", expected, result["counted"], result["duplicates"], USAGE_CONTRACTS)
        _tell(console, figures)
        return verdict(console, figures, wrongs, as_json)


def _booked(brokers: Brokers, state: Path, size: FeedSize, read: Readings) -> None:
    """A service has booked the first versions of all contracts, and has ended."""
    producer, writer = Producer(brokers.client(acks="all", linger_ms=5)), Writer(CONTRACTS, FileRegistry())
    for number in range(AMENDED):
        send_contract(producer, writer, fixed_contract(number, 1))
    producer.flush(PATIENCE_S)
    with service(str(brokers), str(brokers), state):
        await_done(lambda: len(read.seen) >= size.customers + AMENDED, BOOK_S)


def _amended(brokers: Brokers, state: Path, read: Readings) -> _Asked:
    """Start the service, and amend contracts at a steady pace from when it works until it has caught up."""
    producer, writer = Producer(brokers.client(acks="all", linger_ms=5)), Writer(CONTRACTS, FileRegistry())
    at, answers, began = dict[str, float](), _Answers(read), time.monotonic()
    with (
        service(str(brokers), str(brokers), state) as running,
        ThreadPoolExecutor(1) as waiting,
        ProgressLine() as line,
    ):
        running.opened(PATIENCE_S)
        first = time.monotonic()
        # Asked by somebody else: a service that answers late must not put off the next amendment.
        caught_up: Future[float] = waiting.submit(running.ready, WORK_OFF_S, LOOK_S)
        for number in range(AMENDED):
            until(first + number * AMENDMENT_S)
            if at and caught_up.done():
                break
            at[f"C-{number}"] = time.monotonic()
            send_contract(producer, writer, fixed_contract(number, 2))
            producer.poll(0)
            line.say(f"{number + 1:,} contracts amended, {answers.count():,} recalculations read")
        caught_up.result()
        worked_off_s = time.monotonic() - began
        producer.flush(PATIENCE_S)
        await_done(lambda: answers.count() >= len(at))
    return _Asked(at, worked_off_s)


def _judged(read: Readings, asked: _Asked) -> tuple[list[float], list[str]]:
    """(milliseconds that each amendment waited, what is wrong)."""
    found = list(filter(_amends, read.records()))
    wrongs = []
    if sorted(one["contract_id"] for _, one in found) != sorted(asked.at):
        wrongs.append(f"{len(found):,} recalculations of {len(asked.at):,} amendments")
    if strange := [one["contract_id"] for _, one in found if rise(one) != RISE]:
        wrongs.append(f"{len(strange):,} recalculations without the delta they have, first that of {strange[0]}")
    return [1_000 * (at - asked.at[one["contract_id"]]) for at, one in found if one["contract_id"] in asked.at], wrongs


def _amends(read: tuple[float, dict[str, Any]]) -> bool:
    """Whether it is what the second version of a contract has changed."""
    return bool(read[1]["to_version"] == 2)


def _tell(console: Console, figures: dict[str, Any]) -> None:
    console.print(
        f"{figures['events']:,} usage events worked off in {figures['worked_off_s']} s, {figures['events_per_s']:,} per "
        "second, the start included"
    )
    waits = ", ".join(f"{name} {took:,.0f} ms" for name, took in figures["to_recalculation_ms"].items())
    console.print(f"{figures['amendments']:,} amendments beside them, each to its recalculation: {waits or '-'}")
