"""The benchmark from files to journal: the whole run, and the same work stage by stage."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from rich.console import Console
from rich.table import Table

from connectors.batch import Batch
from dataflows.shard import Shard
from dataflows.split import split
from ops.bench.expected import wrong
from ops.bench.feed import AS_OF, FeedSize, write_feed
from ops.books_digest import journal_books
from ops.job import Job, measured
from ops.run import run
from ops.settings import load
from schemas.instants import parse_instant
from schemas.topics import USAGE
from schemas.usage_columns import decode_usage


@dataclass(slots=True)
class Stages:
    """CPU seconds by stage."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def spent(self, stage: str) -> Iterator[None]:
        """Charge the block to a stage."""
        began = time.process_time()
        try:
            yield
        finally:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.process_time() - began


def bench_files(size: FeedSize, as_json: bool) -> int:
    """Run it; 0 when the books came out right, 1 when not."""
    console = Console(highlight=False, stderr=as_json)
    root = Path(tempfile.mkdtemp(prefix="accrual-bench-"))
    try:
        console.print(f"{size.events:,} usage events of {size.customers:,} customers, seed {size.seed}")
        expected = write_feed(root / "in", size)
        job = Job.of(f"files:{root}/in", f"files:{root}/out", None, parse_instant(AS_OF), load())
        began, wall = time.process_time(), time.monotonic()
        result = run(job)
        cpu, seconds = time.process_time() - began, time.monotonic() - wall
        resident = getrusage(RUSAGE_SELF).ru_maxrss // 1024
        wrongs = wrong(root / "out", expected, result.tally.counted, result.tally.duplicates)
        stages = _stages(job, root / "in", root / "stages")
        figures: dict[str, Any] = {
            "pipeline": {
                "events_per_cpu_s": round(expected.lines / cpu),
                "events_per_s": round(expected.lines / seconds),
                "rss_mb": resident,
            },
            "stages": {name: round(spent / expected.lines * 1e6, 3) for name, spent in stages.seconds.items()},
            "digest": journal_books(root / "out").digest(),
        }
        _table(console, figures, cpu / expected.lines * 1e6)
        for line in wrongs:
            console.print(f"WRONG: {line}")
        if as_json:
            print(json.dumps(figures))
        return 1 if wrongs else 0
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _stages(job: Job, source_root: Path, state: Path) -> Stages:
    """The same work without Bytewax between the stages; what the run costs beyond their sum is the flow's."""
    stages = Stages()
    alone = replace(job, state=state, metrics=measured())
    found = alone.plan()
    source, context = alone.build_source(found, {}), alone.context(found)
    state.mkdir()
    shards = [Shard(context, number) for number in range(job.settings.shards)]
    parts = deque(source.build_part("bench", name, None) for name in found.sources)
    while parts:
        part = parts.popleft()
        try:
            with stages.spent("read, decode, prepare"):
                batches = part.next_batch()
        except StopIteration:
            part.close()
            continue
        parts.append(part)
        _keep(shards, stages, list(batches))
    with stages.spent("decode alone"):
        for path in sorted((source_root / USAGE).glob("*.jsonl")):
            lines = path.read_bytes().splitlines()
            for at in range(0, len(lines), job.settings.batch_rows):
                decode_usage(lines[at : at + job.settings.batch_rows])
    context.close()
    return stages


def _keep(shards: list[Shard], stages: Stages, batches: list[Batch]) -> None:
    for batch in batches:
        with stages.spent("split"):
            parts = split(batch, len(shards))
        for _, (number, part) in parts:
            with stages.spent("keep the books"):
                shards[number].on_batch([part])
            with stages.spent("sync"):
                shards[number].snapshot()


def _table(console: Console, figures: dict[str, Any], per_event: float) -> None:
    table = Table("stage", "µs per event", box=None)
    for name, spent in figures["stages"].items():
        table.add_row(name, f"{spent:.2f}")
    table.add_row("whole run", f"{per_event:.2f}")
    console.print(table)
    pipeline = figures["pipeline"]
    console.print(
        f"{pipeline['events_per_cpu_s']:,} events per CPU second, {pipeline['events_per_s']:,} per second, "
        f"{pipeline['rss_mb']:,} MB"
    )
