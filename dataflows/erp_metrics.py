"""What the shards of a process know of the ERP's answers, as a Prometheus collector."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounting.coverage import ALWAYS
from dataflows.erp_counts import ErpFacts, Unanswered

HOUR_S = 3_600
SECOND_US = 1_000_000


class ErpCollector(Collector):
    """Whatever the shards told last."""

    def __init__(self) -> None:
        self._facts: dict[int, ErpFacts] = {}

    def tell(self, facts: ErpFacts) -> None:
        """A shard has made this durable."""
        self._facts[facts.shard] = facts

    def collect(self) -> Iterable[Metric]:
        """Every metric; called by the thread that serves them."""
        facts = [one for _, one in sorted(self._facts.copy().items())]  # a shard may tell meanwhile
        yield _answered(facts)
        yield _unknown(facts)
        yield from _unanswered(facts)


def _answered(facts: list[ErpFacts]) -> Metric:
    # No counter: an entry that was rejected and is posted later is no longer rejected.
    gauge = GaugeMetricFamily(
        "accrual_erp_answers",
        "Journal entries by the newest answer of the ERP, each counted once.",
        labels=["shard", "entity", "status"],
    )
    for one in facts:
        for status, found in (("posted", one.posted), ("rejected", one.rejected)):
            for entity, entries in sorted(found.items()):
                gauge.add_metric([str(one.shard), entity, status], entries)
    return gauge


def _unknown(facts: list[ErpFacts]) -> Metric:
    gauge = GaugeMetricFamily(
        "accrual_erp_unknown_entries",
        "Entries that the ERP has answered and no shard has said. Sum over the processes: one alone may be below zero, as "
        "another one may have said what it counts.",
    )
    if facts:
        taken = sum(sum(one.posted.values()) + sum(one.rejected.values()) for one in facts)
        gauge.add_metric([], sum(one.heard for one in facts) - taken)
    return gauge


def _unanswered(facts: list[ErpFacts]) -> Iterable[Metric]:
    entries = GaugeMetricFamily(
        "accrual_erp_unmatched_entries", "Journal entries that the ERP has not answered yet.", labels=["entity"]
    )
    oldest = GaugeMetricFamily(
        "accrual_erp_unmatched_oldest_seconds",
        "Business date less that of when the oldest entry without an answer was said (its accounting date, if that is later), "
        "by hours.",
        labels=["entity"],
    )
    by_entity: dict[str, list[Unanswered]] = {}
    for one in facts:
        for entity, unanswered in one.unanswered.items():
            by_entity.setdefault(entity, []).append(unanswered)
    now = min((one.business_date for one in facts), default=ALWAYS)
    for entity, found in sorted(by_entity.items()):
        count = sum(one.entries for one in found)
        entries.add_metric([entity], count)
        hours = [one.oldest_hour for one in found if one.entries]
        age = now // SECOND_US - min(hours) * HOUR_S if hours and now > ALWAYS else 0
        oldest.add_metric([entity], max(0, age))
    yield entries
    yield oldest
