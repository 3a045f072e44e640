"""One run of the main job: what it reads and writes, checked before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bytewax.outputs import Sink
from prometheus_client import ProcessCollector

from accounting.window import WindowSize
from connectors.errors import SinkUnusable
from connectors.follow import Follow
from connectors.source import Plan, TopicSource
from connectors.spans import Spans
from connectors.usage_rows import Lateness
from dataflows.metrics import Metrics
from dataflows.notices import Heard, Notices
from dataflows.settings import FlowSettings
from dataflows.shard_context import ShardContext
from dataflows.shard_names import shard_names
from ops.clock import ClockRecords
from ops.places.address import sink_place, source_place
from ops.places.place import SinkPlace, SourcePlace
from ops.settings import Settings
from schemas.topics import OUTPUTS
from state import keys
from state.directory import furthest, last_sequences, shard_path, start_positions
from state.errors import StateBehind
from state.records import Applied
from state.store import ShardStore

SECOND_US = 1_000_000
# Of a service that catches up: a round reads a batch of each partition, and an amendment waits for two rounds.
SERVICE_ROWS = 10_000


def measured() -> Metrics:
    """The metrics of a run and of its process."""
    metrics = Metrics(
        lambda: time.monotonic_ns() // 1_000, lambda: time.process_time_ns() // 1_000, lambda: time.time_ns() // 1_000
    )
    ProcessCollector(registry=metrics.registry)
    return metrics


@dataclass(frozen=True, slots=True)
class Job:
    """Where a run reads from, writes to and keeps its state."""

    source: SourcePlace
    sink: SinkPlace
    state: Path
    as_of: int | None
    settings: Settings
    follow: Follow | None = None  # None: to the end of the input
    replaying: bool = False  # see ShardContext
    goes_on: bool = False
    metrics: Metrics = field(default_factory=measured, repr=False, compare=False)

    @classmethod
    def of(
        cls, source: str, sink: str, state: Path | None, as_of: int | None, settings: Settings, follow: bool = False
    ) -> Job:
        """From the command line's addresses; ValueError names the one that is wrong."""
        place = sink_place(sink, settings)
        kept = state or place.state
        if kept is None:
            raise ValueError(f"--state DIR is missing: beside {place.uri} there is no place for the state")
        following = Follow(timedelta(milliseconds=settings.poll_ms)) if follow else None
        return cls(source_place(source, settings), place, kept, as_of, settings, following)

    def check_places(self) -> None:
        """The source can be read and the sink written; SourceUnusable or SinkUnusable otherwise."""
        self.source.check()
        self.sink.check()

    def topics(self, known: Mapping[str, str]) -> dict[str, str]:
        """The ids of the topics there are now; SourceChanged if one that was read is not the `known` one."""
        return {**known, **self.source.same(known, lambda: furthest(self.state, self.settings.shards))}

    def await_registry(self) -> bool:
        """Whether there is something to do: False when the run was asked to stop while it waited for a schema registry.

        RegistryUnreachable when it does not answer a run that does not follow its source, RegistryRefuses when the schema
        of an output topic is not there.
        """
        self.source.await_registry(self.follow)
        self.sink.await_registry(self.follow)
        return self.follow is None or not self.follow.stopping

    def flow_settings(self) -> FlowSettings:
        """The settings in the flow's own terms."""
        given = self.settings
        return FlowSettings(
            shards=given.shards,
            lateness_us=given.lateness_s * SECOND_US,
            horizon_us=given.horizon_days * 86_400 * SECOND_US,
            retention_us=given.retention_days * 86_400 * SECOND_US,
            parked_us=given.parked_days * 86_400 * SECOND_US,
            window=WindowSize(given.usage_window),
            zone=given.time_zone,
            owner=given.exception_owner,
            sla_us=given.exception_sla_hours * 3_600 * SECOND_US,
            clock=lambda: time.time_ns() // 1_000,
        )

    @property
    def epoch(self) -> timedelta:
        """The time between two barriers."""
        return timedelta(milliseconds=self.settings.epoch_ms)

    def plan(self) -> Plan:
        """What there is to read. A service that waits for brokers asks again and again: it lives."""
        self.metrics.vitals.begins()
        return self.source.plan(self.follow)

    def build_source(self, found: Plan, starts: dict[str, Applied], spans: Spans | None = None) -> TopicSource:
        """The source, from where the state is."""
        settings, rows = self.flow_settings(), self.settings.batch_rows
        lateness = Lateness(settings.lateness_us, settings.horizon_us)
        return TopicSource(
            found, dict(starts), rows if self.follow is None else min(rows, SERVICE_ROWS), lateness,
            meters=self.settings.cloudevent_meters, timings=self.metrics.timings, vitals=self.metrics.vitals, spans=spans,
        )  # fmt: skip

    def build_sink(self) -> Sink:
        """The sink."""
        return self.sink.sink(shard_names(self.settings.shards), self.metrics.timings, self.follow)

    def context(
        self, found: Plan, hear: Callable[[Heard], None] | None = None, spans: Spans | None = None
    ) -> ShardContext:
        """What the shards share; `hear` is told what they have to tell."""
        return ShardContext(
            self.flow_settings(), lambda shard: shard_path(self.state, shard), found.sources, self.as_of,
            metrics=self.metrics, following=self.follow is not None, in_sink=self.sink.holds(self.settings.shards),
            held=found.held, replaying=self.replaying, goes_on=self.goes_on,
            spans=spans, notices=None if hear is None else Notices(hear, self.settings.shards),
        )  # fmt: skip

    def clock_records(self) -> ClockRecords | None:
        """What a service writes itself; ValueError where it cannot."""
        every = self.settings.clock_every_s
        if not every or self.follow is None:
            return None
        return ClockRecords(self.source.control_end(), every, self.settings.lateness_s, time.time_ns() // 1_000)

    def starts(self) -> dict[str, Applied]:
        """Where each source partition is taken up."""
        return start_positions(self.state, self.settings.shards)

    def check_sink(self) -> None:
        """The sink holds what this state has said, no more, and nothing that it can no longer say again is missing.

        StateBehind when the sink is ahead (a restored backup, an emptied state); SinkUnusable when it lacks records.
        """
        there = self.sink.holds(self.settings.shards)
        for shard in range(self.settings.shards):
            said: dict[str, int] = {}
            kept: dict[str, int] = {}
            if (path := shard_path(self.state, shard)).exists():
                store = ShardStore(path)
                said = last_sequences(store)
                for topic in said:
                    first = next(iter(store.scan(keys.OUTBOX + topic.encode() + b"\x00")), None)
                    kept[topic] = int.from_bytes(first[0][-8:], "big") if first else said[topic] + 1
                store.close()
            for topic in OUTPUTS:
                has, place = there[shard][topic], self.sink.name(topic, shard)
                if has > said.get(topic, 0):
                    raise StateBehind(
                        f"{place} holds {has} records, the state in {self.state} has said {said.get(topic, 0)}: the state "
                        "is older than the sink; use the state that goes with it, or an empty --sink"
                    )
                if has + 1 < kept.get(topic, 1):
                    raise SinkUnusable(
                        f"{place} holds {has} records, the state in {self.state} says that {kept[topic] - 1} were "
                        "written: restore the sink, or rebuild with an empty --state and --sink"
                    )
