"""What a replay tells while it works, as a Prometheus collector of its own: its books are not the service's."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.source import Progress
from ops.endpoint import Answer, Page, entrance, listening, metrics_page, serving
from ops.settings import Settings

LAST_LOOK_S = 30  # a job that is done waits so long for somebody to fetch its last figures


class ReplayFacts(Collector):
    """How far a replay is, how much longer it takes, and what it has found."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """`now` gives seconds."""
        self._now, self._began, self._seen = now, now(), Progress()
        self._done = False
        self._from: tuple[float, int] | None = None  # when the first was read, and how much an earlier run had read
        self.differences: Counter[str] | None = None  # by account; None: nothing was compared yet

    def show(self, progress: Progress) -> None:
        """So far it has come."""
        if self._from is None and progress.total:
            self._from = self._now(), progress.read
        self._seen = progress

    def ended(self) -> None:
        """All is done."""
        self._done = True

    @property
    def ratio(self) -> tuple[int, int]:
        """What is read, of what there is to read."""
        return (1, 1) if self._done else (self._seen.read, max(self._seen.total, 1))

    @property
    def left_s(self) -> float | None:
        """How much longer reading takes at the pace so far, seconds; None: nobody knows yet."""
        if self._done:
            return 0
        if self._from is None or self._seen.read <= self._from[1]:
            return None
        began, had = self._from
        return (self._now() - began) * (self._seen.total - self._seen.read) / (self._seen.read - had)

    def collect(self) -> Iterable[Metric]:
        """Called by the thread that serves it."""
        read, total = self.ratio
        yield GaugeMetricFamily(
            "accrual_replay_progress_ratio", "How much of its range a replay has booked, 0 to 1.", value=read / total
        )
        records = CounterMetricFamily("accrual_replay_records", "Records that this run of the replay has read.")
        records.add_metric([], self._seen.rows_read)
        yield records
        left = GaugeMetricFamily(
            "accrual_replay_left_seconds",
            "How much longer reading takes at the pace so far; not there until it is known.",
        )
        if (seconds := self.left_s) is not None:
            left.add_metric([], seconds)
        yield left
        found = GaugeMetricFamily(
            "accrual_replay_differences",
            "Differences to what is posted, by account; not there until the books are compared, 0 of all accounts where "
            "there are none.",
            labels=["account"],
        )
        if self.differences is not None:
            for account, count in sorted(self.differences.items()) or [("all", 0)]:
                found.add_metric([account], count)
        yield found


@contextmanager
def told(facts: ReplayFacts, settings: Settings) -> Iterator[None]:
    """While the block runs, the job answers on its port, if it has one; done well, until it was looked at once more."""
    with listening(entrance(settings), 1) as listeners:
        registry = CollectorRegistry()
        registry.register(facts)
        ProcessCollector(registry=registry)
        looked = _Looked(metrics_page(registry))
        with serving(listeners[0] if listeners else None, {"/metrics": looked.page}, settings.metrics_token()):
            yield
            facts.ended()
            if listeners:
                looked.await_one(LAST_LOOK_S)


class _Looked:
    """A page that knows whether it was fetched."""

    def __init__(self, page: Page) -> None:
        self._page, self._count = page, 0

    def page(self, accepted: str) -> Answer:
        answer = self._page(accepted)
        self._count += 1
        return answer

    def await_one(self, seconds: float) -> None:
        """Return once it is fetched, or after so many seconds."""
        before, until = self._count, time.monotonic() + seconds
        while self._count == before and time.monotonic() < until:
            time.sleep(0.05)
        if self._count > before:
            time.sleep(0.2)  # the answer is on its way
