"""The benchmark on a real Kafka: a bare drain of the usage topic, then the whole run to the committed journal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from rich.console import Console
from rich.table import Table

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, forms
from connectors.kafka.written import Writer
from ops.acting.carry import fetch
from ops.bench.expected import wrong
from ops.bench.feed import AS_OF, Drawn, Expected, FeedSize, contract
from ops.bench.latency import KEPT_DAYS, STEP_S, bench_latency, latency_table, until
from ops.bench.message import encoder
from ops.bench.own_kafka import own_kafka
from ops.bench.peers.measure import measure
from ops.bench.peers.peer import PEERS
from ops.bench.peers.report import fastest, show
from ops.bench.process import Spent, accrual_result
from ops.bench.stages import stage_table, stages
from ops.bench.verdict import verdict
from ops.books_digest import journal_books
from ops.progress import ProgressLine
from ops.settings import load
from schemas.topics import CONTRACTS, USAGE

AT_ONCE = 10_000
FLUSH_S = 120
PACE, QUICK_PACE = (50_000, 30), (50_000, 6)  # usage events a second, seconds
PEER_EVENTS = 300_000


def bench_kafka(
    size: FeedSize, partitions: int, busy: int, pace: tuple[int, int], peers: int, replay: bool, as_json: bool
) -> int:
    """Run it with all usage in `busy` of so many partitions, replay it if asked to, beside what is posted, let the peers do the
    like of it with so many events, and take the latency at a `pace` (events per second, seconds); 0 when the books came out
    right, 1 when not.
    """
    console = Console(highlight=False, stderr=as_json)
    where = f" in {busy} of {partitions} partitions"
    with own_kafka(console, size, where) as (root, started):
        brokers = Brokers(started.address)
        send_contracts(brokers, size, partitions)
        expected = send_usage(brokers, size, busy)
        drained = _drain(brokers, busy, expected.lines)
        result, spent = run_to_end("run", brokers, root / "state", "--sink", str(brokers))
        fetch(brokers, FileRegistry(), root / "out")
        wrongs = wrong(root / "out", expected, result["counted"], result["duplicates"])
        figures: dict[str, Any] = {
            "drain": _rates(expected, drained),
            "pipeline": {**_rates(expected, spent), "rss_mb": spent.resident},
            "share_of_drain": round(drained.cpu / spent.cpu, 3),
            "stages": stages(result["cpu_s"], spent.cpu, expected.lines),
            "digest": journal_books(root / "out").digest(),  # that of the same feed on files
        }
        if replay:
            told, again = run_to_end("replay", brokers, root / "replay", "--from", "start", "--to", "end", "--compare")
            figures["replay"] = {
                **_rates(expected, again),
                "rss_mb": again.resident,
                "differences": told["differences"],
            }
            figures["replay_share_of_live"] = round(spent.cpu / again.cpu, 3)
            wrongs += [f"the replay finds {told['differences']} differences"] * bool(told["differences"])
        found = measure(brokers, FeedSize(peers, size.customers), partitions, PEERS if peers else (), say=console.print)
        figures["peers"] = found
        if lead := fastest(found):
            figures["times_the_fastest_peer"] = round(figures["pipeline"]["events_per_cpu_s"] / lead, 2)
        started.stop()
        figures["latency"] = bench_latency(root, *pace)
        wrongs += figures["latency"]["problems"]
        figures["pipeline"] |= {f"{name}_ms": took for name, took in figures["latency"]["to_journal_ms"].items()}
        _table(console, figures)
        return verdict(console, figures, wrongs, as_json)


def send_contracts(brokers: Brokers, size: FeedSize, partitions: int) -> None:
    """Make the topics and send the feed's contracts."""
    TopicAdmin(brokers).create(forms(partitions, load().shards, KEPT_DAYS), 1)
    producer, writer = _producer(brokers), Writer(CONTRACTS, FileRegistry())
    for customer in range(size.customers):
        key, value, _ = writer.message(json.dumps(contract(customer)).encode())
        producer.produce(CONTRACTS, value, key, customer % partitions)
    _flush(producer)


def send_usage(brokers: Brokers, size: FeedSize, busy: int, rate: float | None = None) -> Expected:
    """Send the feed's usage to so many partitions, all at once or so many a second; what a run on the feed must give."""
    producer = _producer(brokers)
    message, drawn = encoder(FileRegistry().number(USAGE)), Drawn(size)
    step, began = max(1, round((rate or AT_ONCE) * STEP_S)), time.monotonic()
    with ProgressLine() as line:
        for number, one in enumerate(drawn):
            if rate is not None and number % step == 0:
                until(began + number / rate)
                producer.poll(0)
            while True:
                try:
                    producer.produce(USAGE, message(one), None, one.customer % busy)
                    break
                except BufferError:
                    producer.poll(0.1)
            if number % AT_ONCE == 0:
                line.show(one.number, size.events, number)
        _flush(producer)
    return drawn.expected()


def _producer(brokers: Brokers) -> Producer:
    return Producer(brokers.client(acks="all", linger_ms=20))


def _flush(producer: Producer) -> None:
    if left := producer.flush(FLUSH_S):
        raise OSError(f"{left} records are not acknowledged in {FLUSH_S} s")


def _drain(brokers: Brokers, busy: int, lines: int) -> Spent:
    """The least that any consumer in Python pays: `consume` and nothing else."""
    consumer = Consumer(brokers.client(group_id="drain", enable_auto_commit=False, queued_min_messages=100_000))
    consumer.assign([TopicPartition(USAGE, number, 0) for number in range(busy)])
    began, wall, left = time.process_time(), time.monotonic(), lines
    while left > 0:
        left -= len(consumer.consume(AT_ONCE, 1))
    spent = Spent(time.process_time() - began, time.monotonic() - wall)
    consumer.close()
    return spent


def run_to_end(
    verb: str, brokers: Brokers, state: Path, *words: str, as_of: str = AS_OF
) -> tuple[dict[str, Any], Spent]:
    """`accrual run` or `replay` of all that is there; the feed's last windows are closed by it."""
    return accrual_result(verb, "--source", str(brokers), "--state", str(state), "--as-of", as_of, *words)


def _rates(expected: Expected, spent: Spent) -> dict[str, int]:
    return {
        "events_per_cpu_s": round(expected.lines / spent.cpu), "events_per_s": round(expected.lines / spent.wall)
    }  # fmt: skip


def _table(console: Console, figures: dict[str, Any]) -> None:
    table = Table("", "events per CPU second", "events per second", box=None)
    for name in [one for one in ("drain", "pipeline", "replay") if one in figures]:
        table.add_row(name, *(f"{figures[name][column]:,}" for column in ("events_per_cpu_s", "events_per_s")))
    console.print(table)
    console.print(stage_table(figures["stages"]))
    latency_table(console, figures["latency"])
    if figures["peers"]:
        show(console, figures["peers"])
        console.print(f"{figures.get('times_the_fastest_peer', '-')} times the fastest peer's events per CPU second")
    if "replay" in figures:
        told = f"{figures['replay']['differences']} differences to what is posted"
        console.print(f"replay: {figures['replay_share_of_live']} of the live path's events per CPU second; {told}")
    console.print(f"{figures['share_of_drain']} of the drain's; {figures['pipeline']['rss_mb']:,} MB")
