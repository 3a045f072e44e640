"""What the metrics cost: one feed from files to files, with and without them in turn, in CPU for each event; and what share
of a run's CPU their own calls take, which does not hang on how steady the machine is.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from rich.console import Console

from connectors.step import STEPS, Step, standing
from connectors.timings import Timings
from dataflows.breakdown import Breakdown
from dataflows.metrics import Metrics
from dataflows.shard_facts import ShardFacts, ShardFactsCollector
from ops.bench.expected import wrong
from ops.bench.feed import AS_OF, Expected, FeedSize, write_feed
from ops.bench.metered import metered
from ops.bench.verdict import verdict
from ops.books_digest import journal_books
from ops.job import Job, measured
from ops.run import run
from ops.settings import load
from schemas.instants import parse_instant
from state.store import ShardStore

SIDES = ("with", "without")
SWITCHED_OFF = (
    "without: no output record, refused event or first version of a contract is counted, nothing of that is written to the "
    "state, no shard tells its facts, no step and no way to the sink is timed; the tally, of which a run prints its result, "
    "stays"
)


class _NoStep(Step):
    """Not timed."""

    def __init__(self) -> None:
        nobody = CollectorRegistry()
        super().__init__(
            "", Histogram("no", "-", registry=nobody), Counter("not", "-", registry=nobody), standing, standing
        )

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def begins(self) -> None:
        pass

    def ends(self) -> None:
        pass


class _NoBreakdown(Breakdown):
    def note(self, topic: str, record: Mapping[str, Any], currency: str = "") -> None:
        pass

    def refuse(self, cls: str, events: int) -> None:
        pass

    def awaits(self, customer_id: str, contract_id: str, since: int) -> None:
        pass

    def said(self, cause: str) -> int:
        return 0

    def save(self) -> None:
        pass


class _NoFacts(ShardFactsCollector):
    def tell(self, facts: ShardFacts) -> None:
        pass


class _NoTimings(Timings):
    def arrived(self, topic: str, read_at: int | None) -> None:
        pass


class Without(Metrics):
    """A run of which nobody asks anything; what it costs to tell facts is only the call."""

    def __init__(self) -> None:
        super().__init__()
        self.timings, self.shards = _NoTimings(CollectorRegistry()), _NoFacts(standing)
        for name in STEPS:
            setattr(self.timings.steps, name, _NoStep())

    def kept(self, store: ShardStore) -> Breakdown:
        return _NoBreakdown(store)


def bench_metrics(size: FeedSize, rounds: int, as_json: bool) -> int:
    """Run it; 0 when all books came out right and the same, 1 when not."""
    console = Console(highlight=False, stderr=as_json)
    root = Path(tempfile.mkdtemp(prefix="accrual-bench-"))
    try:
        console.print(
            f"{size.events:,} usage events of {size.customers:,} customers, seed {size.seed}, {rounds} rounds"
        )
        console.print(SWITCHED_OFF)
        expected, wrongs, digests = write_feed(root / "in", size), list[str](), set[str]()
        spent: dict[str, list[float]] = {side: [] for side in SIDES}
        scrape_ms = 0.0
        for number in range(-1, rounds):  # the first one warms up, and is not counted
            for side in SIDES if number % 2 else SIDES[::-1]:
                metrics = measured() if side == "with" else Without()
                cpu = _run(root, metrics, expected, wrongs, digests)
                if number >= 0:
                    spent[side].append(cpu / expected.lines * 1e6)
                    console.print(f"round {number + 1}, {side}: {spent[side][-1]:.3f} µs of CPU per event")
                if side == "with":
                    scrape_ms = _scrape_ms(metrics)
        shares = []
        for number in range(-(-rounds // 3)):
            with metered() as meter:
                cpu = _run(root, measured(), expected, wrongs, digests)
            shares.append(meter.spent / 1e9 / cpu)
            console.print(f"metered run {number + 1}: {meter.calls:,} calls for metrics, {shares[-1]:.2%} of its CPU")
        wrongs += [f"{len(digests)} digests: {', '.join(sorted(digests))}"] * (len(digests) > 1)
        ratios = [one / other for one, other in zip(*spent.values(), strict=True)]
        figures: dict[str, Any] = {
            **{f"{side}_us": round(median(found), 3) for side, found in spent.items()},
            "ratio": round(median(ratios), 4),
            "least_ratio": round(min(spent["with"]) / min(spent["without"]), 4),
            "ratios": [round(one, 4) for one in sorted(ratios)],
            "share": round(median(shares), 5),
            "scrape_ms": round(scrape_ms, 1),
            "digest": min(digests),
        }
        console.print(
            f"calls for metrics take {figures['share']:.2%} of a run's CPU (median), the meter's clock included"
        )
        console.print(
            f"with metrics {figures['with_us']} µs of CPU per event, without {figures['without_us']}: {figures['ratio']} "
            f"times (median of rounds, {min(figures['ratios'])} to {max(figures['ratios'])}; of the least of each "
            f"{figures['least_ratio']}); a scrape takes {figures['scrape_ms']} ms of CPU"
        )
        return verdict(console, figures, wrongs, as_json)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _run(root: Path, metrics: Metrics, expected: Expected, wrongs: list[str], digests: set[str]) -> float:
    """CPU seconds of one run into a new sink."""
    shutil.rmtree(root / "out", ignore_errors=True)
    job = Job.of(f"files:{root}/in", f"files:{root}/out", None, parse_instant(AS_OF), load())
    job = replace(job, metrics=metrics)
    began = time.process_time()
    result = run(job)
    cpu = time.process_time() - began
    wrongs += wrong(root / "out", expected, result.tally.counted, result.tally.duplicates)
    digests.add(journal_books(root / "out").digest())
    return cpu


def _scrape_ms(metrics: Metrics) -> float:
    began = time.process_time()
    generate_latest(metrics.registry)
    return (time.process_time() - began) * 1_000
