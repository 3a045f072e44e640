"""A state that has admitted millions of usage events already, without the hours that booking them would take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import polars as pl

from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from dataflows.admission import Admission
from dataflows.exception_desk import ExceptionDesk
from dataflows.outbox import Outbox
from dataflows.split import split
from ops.bench.feed import START
from ops.bench.usage_lines import usage_lines
from ops.job import Job
from ops.progress import ProgressLine
from ops.settings import load
from state.directory import StateDirectory
from state.store import ShardStore

DAYS = 28  # before the feed, by which they are spread: all of them are within the horizon until its end
PARTITION = 999  # of usage.events, which no feed has: where they came from
AT_ONCE = 200_000


def store_identities(state: Path, count: int, customers: int, days: int = DAYS) -> None:
    """Make a state that has so many events of these customers in the days before the feed behind it: read, identified, split
    and admitted as by a run.
    """
    settings = load()
    flow = Job.of(f"files:{state}", f"files:{state}", state, None, settings).flow_settings()
    directory = StateDirectory.acquire(state, settings.shards, settings.deciding())
    lateness = Lateness(flow.lateness_us, flow.horizon_us)
    with ExitStack() as opened:
        opened.callback(directory.release)
        stores = [ShardStore(directory.store_path(shard)) for shard in range(settings.shards)]
        for store in stores:
            opened.callback(store.close)
        doors = [
            Admission(store, ExceptionDesk(store, Outbox(store, shard), flow), flow.horizon_us)
            for shard, store in enumerate(stores)
        ]
        newest = None
        with ProgressLine() as line:
            for first, lines in _lines(count, customers, days):
                for batch in usage_batches(PARTITION, first, lines, newest, Timeline.of([]), lateness):
                    newest = batch.newest
                    for _, (shard, part) in split(batch, settings.shards):
                        if part.rows is not None:
                            doors[shard].admit([(part, part.rows)])
                            stores[shard].commit()
                line.show(first + len(lines), count, first + len(lines))
        for store in stores:
            store.sync()


def redelivered(count: int, customers: int, lines: int) -> list[str]:
    """So many lines of what `store_identities` has stored, from all of it."""
    numbers = pl.Series("n", [number * count // lines for number in range(lines)])
    return _old(numbers, count, customers, DAYS).to_list()


def copied(state: Path, to: Path) -> Path:
    """A state of its own with the same content; files that RocksDB never changes are shared."""
    return Path(shutil.copytree(state, to, copy_function=_linked))


def forgotten(state: Path) -> None:
    """The machine's cache holds nothing of the files any more, as after a start of the machine."""
    for path in state.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _lines(count: int, customers: int, days: int) -> Iterator[tuple[int, list[bytes]]]:
    for first in range(0, count, AT_ONCE):
        numbers = pl.int_range(first, min(first + AT_ONCE, count), eager=True)
        yield first, [line.encode() for line in _old(numbers, count, customers, days)]


def _old(numbers: pl.Series, count: int, customers: int, days: int) -> pl.Series:
    return usage_lines(numbers, customers, START - timedelta(days=days), days * 86_400_000_000 // count, "old")


def _linked(source: str, to: str) -> str:
    if source.endswith(".sst"):
        os.link(source, to)
        return to
    return shutil.copy2(source, to)
