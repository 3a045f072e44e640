"""How far the books are behind the input, as a Prometheus collector: from what the readers know already."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from connectors.source import CONTROL_SOURCE
from connectors.vitals import Vitals
from dataflows.shard_facts import ShardFactsCollector


@dataclass(frozen=True, slots=True)
class Lag:
    """Of one partition, in offsets of Kafka, bytes of files, or control records."""

    end: int
    lag: int
    unit: str


def lags(vitals: Vitals, shards: ShardFactsCollector) -> dict[str, Lag]:
    """Of every partition that this process reads, by name; one whose files are gone is left out."""
    found: dict[str, Lag] = {}
    for name, reach in sorted(vitals.reaches.items()):
        try:
            found[name] = Lag(reach.end(), reach.lag, reach.unit)
        except OSError:
            continue
    facts = shards.facts
    if vitals.control_end is not None and facts:
        end = vitals.control_end()
        applied = [one.applied[CONTROL_SOURCE].offset if CONTROL_SOURCE in one.applied else 0 for one in facts]
        found[CONTROL_SOURCE] = Lag(end, max(0, end - min(applied)), "records")
    return found


class InputLag(Collector):
    """Of the process."""

    def __init__(self, vitals: Vitals, shards: ShardFactsCollector) -> None:
        self._vitals, self._shards = vitals, shards

    def collect(self) -> Iterable[Metric]:
        """Called by the thread that serves it."""
        gauge = GaugeMetricFamily(
            "accrual_input_lag_records",
            "Between what is in the books and in the sink and the end of an input partition, as far as the client knows it: "
            "records of Kafka (with markers of transactions), bytes of files; control records that wait for their turn count "
            "too. Told by the process that reads the partition.",
            labels=["topic", "partition"],
        )
        for name, one in lags(self._vitals, self._shards).items():
            topic, _, partition = name.rpartition("/")
            gauge.add_metric([topic, partition], one.lag)
        yield gauge
