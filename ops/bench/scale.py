"""The benchmark of scale: how throughput and memory change with identities, customers, shards, processes and time."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from ops.bench.feed import FeedSize
from ops.bench.process import accrual
from ops.bench.runs import CPU, NONE, WARM, Feed, Figures, Runs, over_time, sampled
from ops.bench.scale_plots import write_plots
from ops.bench.service import service
from ops.bench.stored import copied, forgotten, redelivered, store_identities
from ops.bench.verdict import verdict

CUSTOMERS = 100  # where it is not customers that are compared
HOT_SHARE = 0.5
IDLE = " idle"
Cases = Mapping[str, Callable[[], Figures]]
REDELIVERED = 1_000  # of so many events one is sent again of those that were stored
COLD_START = 10_000_000  # identities, or the number of keys that is next to it
HELPS = 5
SAMPLE_S = 0.5
READY_S = 600
LONGER = 5  # times as many events, in a run by several processes or over time
LOOK_S = 0.05  # a look costs the service CPU


@dataclass(frozen=True, slots=True)
class ScaleSize:
    """What is compared."""

    keys: tuple[int, ...] = (1_000_000, 10_000_000, 50_000_000)  # identities that are stored before a run
    customers: tuple[int, ...] = (10, 1_000, 100_000)
    shards: tuple[int, ...] = (1, 8, 64)
    events: int = 1_000_000  # of a run
    longer: int = LONGER * 1_000_000  # of a run by several processes, or over time
    rounds: int = 3


QUICK = ScaleSize((100_000, 1_000_000), (10, 1_000), (1, 8, 64), 100_000, 300_000, 1)


def scale_size(quick: bool, keys: list[int] | None, events: int | None) -> ScaleSize:
    """What the command line asks for."""
    size = QUICK if quick else ScaleSize()
    if keys:
        size = replace(size, keys=tuple(sorted(set(keys))))
    return replace(size, events=events, longer=LONGER * events) if events else size


def bench_scale(size: ScaleSize, plots: Path | None, as_json: bool) -> int:
    """Run it, with plots as SVG files where they are to go; 0 when the books of all runs came out right, 1 when not."""
    console = Console(highlight=False, stderr=as_json)
    root = Path(tempfile.mkdtemp(prefix="accrual-bench-"))
    try:
        scale = _Scale(root, size, console)
        with scale.longer() as longer:
            figures: dict[str, Any] = {"keys": scale.keys()}
            figures |= {"start": scale.start(), "over_time": scale.over_time(longer)}
            figures["processes"] = scale.processes(longer)
        figures |= {"customers": scale.customers(), "hot": scale.hot(), "shards": scale.shards()}
        figures["flat"] = {name: _flat(figures[name]) for name in ("hot", "shards")}
        for name in ("keys", "customers"):
            figures["flat"] |= {name: _flat(figures[name], WARM), f"{name}_from_start": _flat(figures[name])}
        _table(console, figures)
        if plots is not None:
            for path in write_plots(figures, plots):
                console.print(f"{path} is written")
        return verdict(console, figures, scale.wrongs, as_json)
    finally:
        shutil.rmtree(root, ignore_errors=True)


class _Scale:
    """The comparisons, each with what it needs below one folder."""

    def __init__(self, root: Path, size: ScaleSize, console: Console) -> None:
        self._root, self._size, self._console = root, size, console
        self._runs = Runs(root / "run", console.print)
        self._stored: dict[int, Path] = {}

    @property
    def wrongs(self) -> list[str]:
        """What was wrong with the books of all runs."""
        return self._runs.wrongs

    def keys(self) -> dict[str, Figures]:
        """By identities that the state holds before a run; a few events of each feed are some of them."""
        cases, idle, again = {}, {}, max(1, self._size.events // REDELIVERED)
        nothing = self._feed("nothing", FeedSize(0, CUSTOMERS))
        for count in self._size.keys:
            began = time.monotonic()
            self._stored[count] = self._root / f"stored-{count}"
            store_identities(self._stored[count], count, CUSTOMERS)
            self._console.print(f"{count:,} identities stored in {time.monotonic() - began:.0f} s")
            feed = self._feed(f"keys-{count}", self._plain(), redelivered(count, CUSTOMERS, again))
            cases[str(count)] = partial(self._on_stored, count, f"{count:,} identities", feed)
            idle[str(count)] = partial(self._on_stored, count, f"{count:,} identities, no event", nothing)
        return self._beside_idle(cases, idle, self._size.rounds)

    def _beside_idle(self, cases: Cases, idle: Cases, rounds: int) -> dict[str, Figures]:
        """Each case, and what is left for its events when the same run without an event is taken off."""
        without = {f"{name}{IDLE}": case for name, case in idle.items()}
        found = self._runs.in_turns({**cases, **without}, rounds, "cpu_s")
        return {
            name: found[name] | _warm(found[name], found[f"{name}{IDLE}"])
            for name in cases
            if found.keys() >= {name, f"{name}{IDLE}"}
        }

    def start(self) -> Figures:
        """Seconds until a service with nothing to read is ready, none of its state being in memory, and until --help is told."""
        count = min(self._size.keys, key=lambda one: abs(one - COLD_START))
        feed, state = self._feed("start", self._plain()), copied(self._stored[count], self._root / "started")
        self._runs.run("before the cold start", feed, state, keep=True)
        took = []
        for _ in range(self._size.rounds):
            forgotten(state)
            began = time.monotonic()
            with service(f"files:{feed.folder}", f"files:{self._runs.sink}", state) as running:
                running.ready(READY_S, LOOK_S)
                took.append(time.monotonic() - began)
            self._console.print(f"ready after {took[-1]:.2f} s with {count:,} identities")
        for folder in (state, self._runs.sink):
            shutil.rmtree(folder)
        helped = [accrual("--help")[1].wall for _ in range(HELPS)]
        return {
            "identities": count, "ready_s": round(median(took), 2), "most_ready_s": round(max(took), 2),
            "help_s": round(median(helped), 3),
        }  # fmt: skip

    def over_time(self, longer: Feed) -> list[tuple[int, int, int]]:
        """(events so far, events per CPU second, MB) of a longer run on the state with the most identities."""
        most = max(self._size.keys)
        with sampled(SAMPLE_S) as (port, samples):
            self._on_stored(most, f"{most:,} identities, a longer run", longer, {"metrics_port": port})
        return over_time(samples)

    def processes(self, longer: Feed) -> dict[str, Any]:
        """One and two processes, and how many times as fast two are by the clock on the wall."""
        cases = {
            name: partial(self._runs.run, f"processes: {name}", longer, settings={"workers": count})
            for name, count in (("one", 1), ("two", 2))
        }
        found = self._runs.in_turns(cases, self._size.rounds, "wall_s")
        one, two = found.get("one"), found.get("two")
        return {**found, "ratio": round(one["wall_s"] / two["wall_s"], 2)} if one and two else {**found}

    def customers(self) -> dict[str, Figures]:
        """By how many customers have the events: the more, the fewer events share a cell and an entry. A single run of each:
        that of many customers takes many minutes, and no machine drifts by as much as they differ.
        """
        cases, idle = {}, {}
        for count in self._size.customers:
            feed = self._feed(f"customers-{count}", FeedSize(self._size.events, count))
            nothing = self._feed(f"contracts-{count}", FeedSize(0, count))
            cases[str(count)] = partial(self._runs.run, f"{count:,} customers", feed)
            idle[str(count)] = partial(self._runs.run, f"{count:,} customers, no event", nothing)
        return self._beside_idle(cases, idle, 1)

    def hot(self) -> dict[str, Figures]:
        """All customers alike, and one that has half of all events."""
        sizes = {"even": self._plain(), "hot": FeedSize(self._size.events, CUSTOMERS, hot_share=HOT_SHARE)}
        feeds = {name: self._feed(name, size) for name, size in sizes.items()}
        return self._runs.in_turns(
            {name: partial(self._runs.run, f"customers: {name}", feed) for name, feed in feeds.items()},
            self._size.rounds,
        )

    def shards(self) -> dict[str, Figures]:
        """By shards of the state."""
        feed = self._feed("shards", self._plain())
        return self._runs.in_turns(
            {
                str(count): partial(self._runs.run, f"{count} shards", feed, settings={"shards": count})
                for count in self._size.shards
            },
            self._size.rounds,
        )

    @contextmanager
    def longer(self) -> Iterator[Feed]:
        """The feed of longer runs, while the block runs."""
        feed = self._feed("longer", FeedSize(self._size.longer, CUSTOMERS))
        try:
            yield feed
        finally:
            shutil.rmtree(feed.folder)
            for state in self._stored.values():
                shutil.rmtree(state)

    def _plain(self) -> FeedSize:
        return FeedSize(self._size.events, CUSTOMERS)

    def _feed(self, name: str, size: FeedSize, again: list[str] | None = None) -> Feed:
        began = time.monotonic()
        feed = Feed.written(self._root / "in" / name, size, again)
        self._console.print(
            f"{size.events:,} usage events of {size.customers:,} customers, seed {size.seed}, written in "
            f"{time.monotonic() - began:.0f} s"
        )
        return feed

    def _on_stored(self, count: int, name: str, feed: Feed, settings: Mapping[str, object] = NONE) -> Figures:
        state = copied(self._stored[count], self._root / "run" / "state")
        return self._runs.run(name, feed, state, settings=settings)


def _warm(ran: Figures, idle: Figures) -> Figures:
    """What a run takes to begin and to end, as one without an event tells, and what is left for its events."""
    left = max(ran["cpu_s"] - idle["cpu_s"], 0.01)
    return {"idle_cpu_s": idle["cpu_s"], WARM: round(ran["events"] / left)}


def _flat(found: dict[str, Figures], by: str = CPU) -> float:
    """The last one's throughput as a share of the first one's; 0 where all have failed."""
    speeds = [one[by] for one in found.values()]
    return round(speeds[-1] / speeds[0], 3) if speeds else 0.0


def _table(console: Console, figures: dict[str, Any]) -> None:
    table = Table("", "", "events per CPU second", "without start and end", "events per second", "MB", box=None)
    for name in ("keys", "customers", "hot", "shards", "processes"):
        for case, found in figures[name].items():
            if isinstance(found, dict):
                which = f"{int(case):,}" if case.isdigit() else case
                columns = (found[CPU], found.get(WARM, "-"), found["events_per_s"], found["rss_mb"])
                table.add_row(name, which, *(f"{one:,}" if isinstance(one, int) else one for one in columns))
    console.print(table)
    for name, share in figures["flat"].items():
        console.print(f"{name}: {share} times the throughput of the first row in the last")
    start = figures["start"]
    console.print(f"two processes: {figures['processes'].get('ratio', '-')} times as fast as one")
    console.print(
        f"cold start with {start['identities']:,} identities: ready after {start['ready_s']} s, at most "
        f"{start['most_ready_s']} s; --help after {start['help_s']} s"
    )
