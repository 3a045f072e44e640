"""Metrics of exceptions: raised, settled and open, by class and owner, and how long they have been waiting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from accounting.calendar import rfc3339
from dataflows.breakdown import Told
from dataflows.open_exceptions import Owned, hour
from schemas.instants import parse_instant

SECOND_US = 1_000_000


def exception_metrics(told: Sequence[tuple[str, Told]], now: int) -> Iterator[Metric]:
    """Every one of them, by the shards' names; `now`: microseconds since 1970."""
    labels = ["shard", "class", "owner"]
    opened = CounterMetricFamily("accrual_exceptions_opened", "Exceptions raised, of any topic.", labels=labels)
    resolved = CounterMetricFamily(
        "accrual_exceptions_resolved", "Exceptions that a later record settled.", labels=labels
    )
    still = GaugeMetricFamily("accrual_exceptions_open", "Exceptions raised and not resolved.", labels=labels)
    for shard, one in told:
        for owned, count in sorted(one.counts.opened.items()):
            settled = one.counts.resolved[owned]
            opened.add_metric([shard, *owned], count)
            resolved.add_metric([shard, *owned], settled)
            still.add_metric([shard, *owned], count - settled)
    yield opened
    yield resolved
    yield still
    yield from _waiting(told, now)


def _waiting(told: Sequence[tuple[str, Told]], now: int) -> Iterator[Metric]:
    past = GaugeMetricFamily(
        "accrual_exceptions_past_due",
        "Open exceptions whose due_at is over by the wall clock, told with the next full hour: never early, up to an hour "
        "late; no longer than books are kept. Of the shards of this process: add the processes up.",
        labels=["class", "owner"],
    )
    oldest = GaugeMetricFamily(
        "accrual_exceptions_oldest_seconds",
        "Age of the oldest open exception since the hour of its raised_at, up to an hour too much; 0: none is open. "
        "raised_at is the event time of what caused it, the wall clock where it has none.",
        labels=["class", "owner"],
    )
    this_hour = hour(rfc3339(now))
    due, raised = Counter[Owned](), dict[Owned, str]()
    for _, one in told:
        for owned, counts in one.open.items():
            due[owned] += sum(count for (_, at), count in counts.items() if at < this_hour)
            if counts:
                first = min(at for at, _ in counts)
                raised[owned] = min(first, raised.get(owned, first))
    for owned in sorted(due):
        past.add_metric(owned, due[owned])
        age = now - parse_instant(f"{raised[owned]}:00:00Z") if owned in raised else 0
        oldest.add_metric(owned, max(0, age) / SECOND_US)
    yield past
    yield oldest
