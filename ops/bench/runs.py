"""Measured runs from files to files: each a process of its own, whose books are checked."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from ops.bench.expected import wrong
from ops.bench.feed import AS_OF, Expected, FeedSize, write_feed
from ops.bench.process import accrual_result
from ops.bench.stages import stages
from ops.ports import free_ports

Figures = dict[str, Any]
METRICS = ("accrual_events_read_total", "process_cpu_seconds_total", "process_resident_memory_bytes")
CPU = "events_per_cpu_s"
WARM = "warm_events_per_cpu_s"  # without the run's beginning and end
POINTS = 20  # over time
NONE: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Feed:
    """Topics as files, and what a run on them must give."""

    folder: Path
    expected: Expected

    @classmethod
    def written(cls, folder: Path, size: FeedSize, redelivered: list[str] | None = None) -> Feed:
        """Write them."""
        return cls(folder, write_feed(folder, size, redelivered or ()))


class Runs:
    """Runs below one folder, one after the other; `wrongs` is what was wrong with the books of any of them."""

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self._root, self._say = root, say
        self.wrongs: list[str] = []

    def run(
        self,
        name: str,
        feed: Feed,
        state: Path | None = None,
        keep: bool = False,
        settings: Mapping[str, object] = NONE,
    ) -> Figures:
        """One run to the end of a feed, on a state or an empty one; leaves its output in `sink` where it is to `keep` it."""
        state, words = state or self._root / "state", ["--source", f"files:{feed.folder}", "--as-of", AS_OF]
        words += ["--sink", f"files:{self.sink}", "--state", str(state)]
        try:
            result, spent = accrual_result("run", *words, **settings)
            found = wrong(self.sink, feed.expected, result["counted"], result["duplicates"])
        finally:
            if not keep:
                for folder in (self.sink, state):
                    shutil.rmtree(folder, ignore_errors=True)
        self.wrongs += [f"{name}: {one}" for one in found]
        lines = feed.expected.lines
        figures = {
            CPU: round(lines / spent.cpu), "events_per_s": round(lines / spent.wall), "events": lines,
            "cpu_s": round(spent.cpu, 2), "wall_s": round(spent.wall, 2), "rss_mb": spent.resident,
            "entries": result["entries"], "stages": stages(result["cpu_s"], spent.cpu, max(1, lines)),
        }  # fmt: skip
        self._say(
            f"{name}: {figures[CPU]:,} events per CPU second, {figures['events_per_s']:,} per second, "
            f"{figures['rss_mb']:,} MB"
        )
        return figures

    def in_turns(self, cases: Mapping[str, Callable[[], Figures]], rounds: int, by: str = CPU) -> dict[str, Figures]:
        """Each case so many times, to and fro, so that how the machine drifts is nobody's; of each the run in the middle.

        One that fails is wrong, and left out.
        """
        found: dict[str, list[Figures]] = {name: [] for name in cases}
        for number in range(rounds):
            for name in list(found)[:: -1 if number % 2 else 1]:
                try:
                    found[name].append(cases[name]())
                except OSError as error:
                    self.wrongs.append(f"{name}: {error}")
                    del found[name]
        return {name: sorted(ran, key=lambda one: one[by])[len(ran) // 2] for name, ran in found.items()}

    @property
    def sink(self) -> Path:
        """Where the output is."""
        return self._root / "out"


@contextmanager
def sampled(every_s: float) -> Iterator[tuple[int, list[tuple[float, ...]]]]:
    """(a port for the metrics of a run, what they say while the block runs: events read, CPU seconds, bytes resident)."""
    [port], samples, over = free_ports(1), list[tuple[float, ...]](), threading.Event()

    def watch() -> None:
        while not over.wait(every_s):
            try:
                with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
                    families = text_string_to_metric_families(answer.read().decode())
            except (OSError, HTTPException):
                continue  # it has not begun, or is at its end
            said = [one for family in families for one in family.samples]
            samples.append(tuple(sum(one.value for one in said if one.name == name) for name in METRICS))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield port, samples
    finally:
        over.set()
        watcher.join()


def over_time(samples: list[tuple[float, ...]]) -> list[tuple[int, int, int]]:
    """(events so far, events per CPU second since the point before, MB resident), at most POINTS of them: events are counted
    by the batch, so that a short stretch has a batch too many or too few.
    """
    told, (rows, cpu) = list[tuple[int, int, int]](), (0.0, 0.0)
    for now, spent, resident in samples:
        if now >= rows + samples[-1][0] / POINTS and now:
            if cpu:
                told.append((int(now), round((now - rows) / max(spent - cpu, 0.01)), round(resident / 2**20)))
            rows, cpu = now, spent
    return told
