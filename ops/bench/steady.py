"""The benchmark of staying power: a service takes usage at a steady rate for so many minutes, on a state that holds millions of
identities; what memory it has meanwhile, and whether that grows.

The identities are those of one horizon at the load's own density: event time moves on as fast as it would in so large a
business, so that about as many identities are forgotten as come. Five stretches make a horizon, so their number goes up by a
fifth and falls back.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from ops.acting.carry import fetch
from ops.bench.expected import wrong
from ops.bench.feed import FeedSize
from ops.bench.kafka import run_to_end, send_contracts, send_usage
from ops.bench.latency import PARTITIONS, PATIENCE_S
from ops.bench.own_kafka import own_kafka
from ops.bench.plot import Axis, line_plot
from ops.bench.runs import over_time, sampled
from ops.bench.service import service
from ops.bench.stored import store_identities
from ops.bench.verdict import verdict
from ops.settings import load

KEYS = 50_000_000
RATE = 10_000  # usage events a second
SAMPLE_S = 5.0
MONTH_DAYS = 30  # the feed's revenue is rounded once, on the sum of its month
AFTER = "2025-02-02T00:00:00Z"  # all of its windows are closed
CAUGHT_UP_S = 120


def bench_steady(
    minutes: float, events: int | None, keys: int, customers: int, plots: Path | None, as_json: bool
) -> int:
    """Run it with so many usage events, or as many as RATE gives; 0 when the books came out right, 1 when not."""
    console = Console(highlight=False, stderr=as_json)
    count, horizon = events or round(minutes * 60 * RATE), load().horizon_days
    size = FeedSize(count, customers, days=min(MONTH_DAYS, count * horizon / keys))
    rate = size.events / (minutes * 60)
    with own_kafka(console, size) as (root, started):
        brokers, state = Brokers(started.address), root / "state"
        began = time.monotonic()
        store_identities(state, keys, customers, horizon)
        console.print(f"{keys:,} identities stored in {time.monotonic() - began:.0f} s")
        send_contracts(brokers, size, PARTITIONS)
        with (
            sampled(SAMPLE_S) as (port, samples),
            service(str(brokers), str(brokers), state, metrics_port=port) as running,
        ):
            running.ready(PATIENCE_S)
            expected = send_usage(brokers, size, PARTITIONS, rate)
            running.ready(CAUGHT_UP_S)
        result, _ = run_to_end("run", brokers, state, "--sink", str(brokers), as_of=AFTER)
        fetch(brokers, FileRegistry(), root / "out")
        wrongs = wrong(root / "out", expected, result["counted"], result["duplicates"])
    points = over_time(samples)
    figures: dict[str, Any] = {
        "minutes": minutes, "events_per_s": round(rate), "identities": keys, "events": expected.lines,
        "days": round(size.days, 1), "over_time": points, "resident_mb": _memory(points),
    }  # fmt: skip
    _tell(console, figures)
    if plots is not None and points:
        plots.mkdir(parents=True, exist_ok=True)
        path = plots / "memory-of-a-service.svg"
        title = f"A service's memory in {minutes:g} minutes, on {keys / 1_000_000:g} million identities"
        drawn = {"": [(read, resident) for read, _, resident in points]}
        path.write_text(line_plot(title, Axis("events read"), Axis("resident memory, MB"), drawn))
        console.print(f"{path} is written")
    return verdict(console, figures, wrongs, as_json)


def _memory(points: list[tuple[int, int, int]]) -> dict[str, int]:
    """MB at the most, in the middle and at the end: what grows on and on is in the difference of the last two."""
    resident = [one for _, _, one in points] or [0]
    return {"most": max(resident), "half_way": resident[len(resident) // 2], "end": resident[-1]}


def _tell(console: Console, figures: dict[str, Any]) -> None:
    resident = figures["resident_mb"]
    console.print(
        f"{figures['events']:,} events in {figures['minutes']:g} minutes on {figures['identities']:,} identities: "
        f"{resident['most']:,} MB at the most, {resident['half_way']:,} half way, {resident['end']:,} at the end"
    )
