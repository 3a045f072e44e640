"""What a worker of a service notes of its books: exceptions by class, closed periods, epochs, and that it is ready."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from dataflows.notices import Heard, Kinds, PeriodTurn, Raised
from dataflows.shard_facts import ShardFacts
from dataflows.tally import Tally
from ops.job import Job
from ops.log import note

INTERVAL_S = 60  # of a class of exceptions there is one line in that time
BOOKS, RUN = "accrual.books", "accrual.run"


class ServiceLog:
    """Of one process. A flood of bad input is one line per class and interval: the first one, and how many there were."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._told: dict[Kinds, float] = {}  # when a line was written
        self._waiting: dict[Kinds, tuple[Raised, int]] = {}
        self._tallies: dict[int, Tally] = {}

    def heard(self, heard: Heard) -> None:
        """A shard has made this durable."""
        for turn in heard.periods:
            _period(turn)
        with self._lock:
            for kind, (first, count) in heard.exceptions.items():
                before, waiting = self._waiting.get(kind, (first, 0))
                self._waiting[kind] = before, waiting + count
        self.tick()

    def close(self) -> None:
        """The process ends: what waits is written."""
        self.tick(ends=True)

    def tick(self, ends: bool = False) -> None:
        """Write what is due; at the end all of it. Called in any thread."""
        now = self._now()
        with self._lock:
            due = [kind for kind in self._waiting if ends or now - self._told.get(kind, -INTERVAL_S) >= INTERVAL_S]
            lines = [(kind, *self._waiting.pop(kind)) for kind in due]
            self._told.update(dict.fromkeys(due, now))
        for kind, first, count in lines:
            _exceptions(kind, first, count)

    def epoch(self, facts: ShardFacts) -> None:
        """A shard has closed an epoch; one that did nothing is no line."""
        before, now = self._tallies.get(facts.shard, Tally()), facts.tally
        self._tallies[facts.shard] = now
        if before != now:
            grown = {name: getattr(now, name) - getattr(before, name) for name in now.__struct_fields__}
            applied = {name: at.offset for name, at in sorted(facts.applied.items())}
            note("epoch", "debug", BOOKS, shard=facts.shard, applied=applied, **{k: v for k, v in grown.items() if v})

    def watch(self, job: Job) -> None:
        """Note of a job that it is ready, and its epochs."""
        vitals, began = job.metrics.vitals, self._now()

        def ready() -> None:
            note("ready", partitions=vitals.partitions, seconds=round(self._now() - began, 3))

        vitals.on_ready = ready
        job.metrics.shards.heard = self.epoch


def trace_id(traceparent: str | None) -> str | None:
    """Of a W3C trace's parent."""
    return traceparent.split("-")[1] if traceparent else None


def _exceptions(kind: Kinds, first: Raised, count: int) -> None:
    place: dict[str, Any] = {}
    if first.source is not None:
        place = {"topic": first.source.topic, "partition": first.source.partition, "offset": first.source.offset}
    note(
        "exceptions_raised", "error" if first.severity == "error" else "warning", BOOKS, **{"class": kind.cls},
        owner=kind.owner, severity=first.severity, count=count, exception_id=first.exception_id, shard=first.shard, **place,
        trace_id=trace_id(first.traceparent), correlation_id=first.correlation_id,
    )  # fmt: skip


def _period(turn: PeriodTurn) -> None:
    note(
        turn.kind, "info", BOOKS, entity=turn.entity, period=turn.period, actor=turn.actor, topic="control.events", partition=0,
        offset=turn.offset, trace_id=trace_id(turn.traceparent), correlation_id=turn.correlation_id,
    )  # fmt: skip
