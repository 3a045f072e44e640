"""The benchmark from files to journal."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from rich.console import Console

from ops.bench.expected import wrong
from ops.bench.feed import AS_OF, FeedSize, write_feed
from ops.bench.stages import stage_table, stages
from ops.bench.verdict import verdict
from ops.books_digest import journal_books
from ops.job import Job
from ops.run import run
from ops.settings import load
from schemas.instants import parse_instant


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
        figures: dict[str, Any] = {
            "pipeline": {
                "events_per_cpu_s": round(expected.lines / cpu),
                "events_per_s": round(expected.lines / seconds),
                "rss_mb": resident,
            },
            "stages": stages(result.cpu_s, cpu, expected.lines),
            "digest": journal_books(root / "out").digest(),
        }
        _table(console, figures)
        return verdict(console, figures, wrongs, as_json)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _table(console: Console, figures: dict[str, Any]) -> None:
    console.print(stage_table(figures["stages"]))
    pipeline = figures["pipeline"]
    console.print(
        f"{pipeline['events_per_cpu_s']:,} events per CPU second, {pipeline['events_per_s']:,} per second, "
        f"{pipeline['rss_mb']:,} MB"
    )
