"""What the shards of a process have made durable, as a Prometheus collector: a restart neither resets nor repeats it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from accounting.coverage import ALWAYS
from connectors.step import standing
from dataflows.breakdown import Told
from dataflows.change_metrics import change_metrics
from dataflows.exception_metrics import exception_metrics
from dataflows.money_metrics import money_metrics
from dataflows.tally import Tally
from schemas.topics import USAGE
from state.records import Applied
from state.store import disk_bytes

SECOND_US = 1_000_000
SIZE_HOLDS_US = 10 * SECOND_US  # looking at every file of a state is not free: at most once in that time


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """One shard at one instant, so that its counts add up."""

    shard: int
    path: Path
    tally: Tally
    breakdown: Told
    said: dict[str, int]  # output topic -> last sequence
    kept: dict[str, int]  # output topic -> records in the outbox
    applied: dict[str, Applied]  # by topic/partition
    lateness_us: int
    business_date: int  # ALWAYS: none yet


class ShardFactsCollector(Collector):
    """Whatever the shards told last."""

    def __init__(self, clock: Callable[[], int], wall: Callable[[], int] = standing) -> None:
        """`clock` never goes back (see Timings), `wall` says what time it is: microseconds since 1970."""
        self._clock, self._wall = clock, wall
        self.heard: Callable[[ShardFacts], None] | None = None  # who else wants to know
        self._facts: dict[int, ShardFacts] = {}
        self._sizes: dict[int, tuple[int, int]] = {}  # shard -> (when, bytes)

    def tell(self, facts: ShardFacts) -> None:
        """A shard has made this durable."""
        self._facts[facts.shard] = facts
        if self.heard is not None:
            self.heard(facts)

    @property
    def facts(self) -> list[ShardFacts]:
        """What is known, by shard."""
        return [one for _, one in sorted(self._facts.copy().items())]  # a shard may tell meanwhile

    def collect(self) -> Iterable[Metric]:
        """Every metric; called by the thread that serves them."""
        facts = self.facts
        yield from _events(facts)
        told = [(str(one.shard), one.breakdown) for one in facts]
        yield from money_metrics(told)
        yield from change_metrics(told)
        yield from exception_metrics(told, self._wall())
        yield from _outputs(facts)
        yield from _positions(facts)
        yield self._state(facts)

    def _state(self, facts: list[ShardFacts]) -> Metric:
        gauge = GaugeMetricFamily(
            "accrual_state_bytes", "Size of the files of a shard's state, at most some seconds old.", labels=["shard"]
        )
        for one in facts:
            when, size = self._sizes.get(one.shard, (None, 0))
            if when is None or self._clock() - when > SIZE_HOLDS_US:
                size = disk_bytes(one.path)
                self._sizes[one.shard] = (self._clock(), size)
            gauge.add_metric([str(one.shard)], size)
        return gauge


def _events(facts: list[ShardFacts]) -> Iterator[Metric]:
    counters: tuple[tuple[str, str, Callable[[Tally], int]], ...] = (
        ("read", "Usage events read: counted + duplicate + excepted + parked + expired.", lambda one: one.read),
        ("counted", "Usage events that a contract line takes, each counted once.", lambda one: one.counted),
        ("duplicate", "Usage events delivered again with the same content; not counted again.", lambda one: one.duplicates),
        ("late", "Usage events, not duplicates, older than their partition's watermark when read.", lambda one: one.late),
        ("expired", "Usage events that no contract line took for as long as they are kept.", lambda one: one.expired),
    )  # fmt: skip
    for name, text, count in counters:
        counter = CounterMetricFamily(f"accrual_events_{name}", text, labels=["shard"])
        for one in facts:
            counter.add_metric([str(one.shard)], count(one.tally))
        yield counter
    excepted = CounterMetricFamily(
        "accrual_events_excepted", "Usage events refused for good, by class of exception.", labels=["shard", "class"]
    )
    for one in facts:
        excepted.add_metric([str(one.shard), "identity_conflict"], one.tally.conflicts)
        for cls, events in sorted(one.breakdown.counts.excepted.items()):
            excepted.add_metric([str(one.shard), cls], events)
    yield excepted
    gauges: tuple[tuple[str, str, Callable[[Tally], int]], ...] = (
        ("parked", "Usage events kept until a contract line takes them.", lambda one: one.parked),
        ("unplaced", "Counted usage events whose contract line was amended away; out of the books until a line takes "
         "them.", lambda one: one.unplaced),
    )  # fmt: skip
    for name, text, count in gauges:
        gauge = GaugeMetricFamily(f"accrual_events_{name}", text, labels=["shard"])
        for one in facts:
            gauge.add_metric([str(one.shard)], count(one.tally))
        yield gauge


def _outputs(facts: list[ShardFacts]) -> Iterator[Metric]:
    said = CounterMetricFamily(
        "accrual_output_records", "Records written to an output topic: the last sequence.", labels=["shard", "topic"]
    )
    kept = GaugeMetricFamily(
        "accrual_outbox_records",
        "Output records kept in the state until the shard's next batch, which proves them written.",
        labels=["shard", "topic"],
    )
    for one in facts:
        for topic, last in sorted(one.said.items()):
            said.add_metric([str(one.shard), topic], last)
            kept.add_metric([str(one.shard), topic], one.kept[topic])
    yield said
    yield kept


def _positions(facts: list[ShardFacts]) -> Iterator[Metric]:
    """A partition goes to every shard: the one that is furthest behind speaks for all of this process."""
    offset = GaugeMetricFamily(
        "accrual_applied_offset",
        "Next position of an input partition; all before it is in the books of every shard here.",
        labels=["topic", "partition"],
    )
    watermark = GaugeMetricFamily(
        "accrual_watermark_seconds",
        "Watermark of a usage partition as Unix time: its newest event time less the allowed lateness.",
        labels=["topic", "partition"],
    )
    nowhere = Applied(0, None, 0)
    for source in sorted({source for one in facts for source in one.applied}):
        topic, _, partition = source.rpartition("/")
        positions = [one.applied.get(source, nowhere) for one in facts]
        offset.add_metric([topic, partition], min(position.offset for position in positions))
        marks = [
            position.newest - one.lateness_us
            for one, position in zip(facts, positions, strict=True)
            if position.newest is not None
        ]
        if topic == USAGE and len(marks) == len(facts):
            watermark.add_metric([topic, partition], min(marks) / SECOND_US)
    yield offset
    yield watermark
    date = GaugeMetricFamily(
        "accrual_business_date_seconds", "Business date as Unix time, as far as clock and close records took it."
    )
    if facts and (earliest := min(one.business_date for one in facts)) > ALWAYS:
        date.add_metric([], earliest / SECOND_US)
    yield date
