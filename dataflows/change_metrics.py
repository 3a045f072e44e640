"""Metrics of what changes contracts: recalculations, and how long a contract takes until its first revenue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from dataflows.breakdown import Told
from dataflows.first_revenue import UPTO_US
from dataflows.money_metrics import major
from state import codec

SECOND_US = 1_000_000


def change_metrics(told: Sequence[tuple[str, Told]]) -> Iterator[Metric]:
    """Every one of them, by the shards' names."""
    counts = CounterMetricFamily(
        "accrual_recalculations",
        "Recalculation records by cause and treatment (none: no contract version caused it).",
        labels=["shard", "cause", "treatment"],
    )
    amounts = CounterMetricFamily(
        "accrual_recalculated_amount",
        "Sum of the deltas of recalculation records, in major units: of those that raise revenue (up), and of those that "
        "lower it (down), without the sign.",
        labels=["shard", "currency", "cause", "direction"],
    )
    for shard, one in told:
        for name, count in sorted(one.counts.recalculations.items()):
            counts.add_metric([shard, *name], count)
        for labels, minor in sorted(one.counts.recalculated.items()):
            amounts.add_metric([shard, *labels], major(minor, labels[0]))
    yield counts
    yield amounts
    yield _first_revenue(told)


def _first_revenue(told: Sequence[tuple[str, Told]]) -> Metric:
    histogram = HistogramMetricFamily(
        "accrual_contract_to_first_revenue_seconds",
        "Business time from the event_time of a contract's first version to the first entry posted that credits revenue: "
        "the end of its window, else of its accounting date; what was earned before counts as 0.",
    )
    if not told:
        return histogram
    counts = [sum(column) for column in zip(*(one.first_revenue.counts for _, one in told), strict=True)]
    bounds = [*(str(upto / SECOND_US) for upto in UPTO_US), "+Inf"]
    whole_us = sum(codec.to_int(one.first_revenue.sum_us) for _, one in told)
    histogram.add_metric([], list(zip(bounds, accumulate(counts), strict=True)), whole_us / SECOND_US)
    return histogram
