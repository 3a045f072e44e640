"""What a process tells of the run as a whole, as a Prometheus collector: that it is ready, what it is, what is away."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ops.job import Job
from ops.standing import Standing
from ops.version import product


class RunFacts(Collector):
    """Of one process; what concerns all of them the first one tells."""

    def __init__(self, job: Job, standing: Standing) -> None:
        self._job, self._standing = job, standing

    def collect(self) -> Iterable[Metric]:
        """Called by the thread that serves it."""
        job, standing = self._job, self._standing
        yield _gauge(
            "accrual_ready",
            "1 once what was there at the start is booked, as /ready says; the first process tells it for all.",
            standing.ready(job),
        )
        yield _gauge(
            "accrual_source_away",
            "1 while the source's brokers were asked and do not answer; files are never away. The maximum over all processes "
            "counts.",
            standing.source_away(job),
        )
        yield _gauge(
            "accrual_sink_away", "The same of the sink's: a commit is waited for in vain.", standing.sink_away(job)
        )
        build = GaugeMetricFamily(
            "accrual_build_info", "1; what runs: its version, the generation of the state, the processes.",
            labels=["version", "generation", "workers"],
        )  # fmt: skip
        build.add_metric([product(), str(standing.generation), str(standing.workers)], 1)
        yield build
        if standing.worker == 0 and job.follow is not None:
            restarts = CounterMetricFamily(
                "accrual_restarts",
                "Restarts of all worker processes since the service began, by cause: one died, one hung, brokers were away. "
                "The first process tells it for all.",
                labels=["cause"],
            )
            for cause, count in standing.restarts.items():
                restarts.add_metric([cause], count)
            yield restarts


def _gauge(name: str, text: str, on: bool) -> Metric:
    return GaugeMetricFamily(name, text, value=int(on))
