"""What a process of a run knows of itself: which one it is, of how many, and what went before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ops.board import Signs
from ops.job import Job

CAUSES = ("died", "hung", "away")


@dataclass(frozen=True, slots=True)
class Restart:
    """The last time that the workers were started again."""

    cause: str  # died, hung, away
    told: str
    at: str  # RFC 3339
    away: str = ""  # source or sink, whose brokers did not answer


@dataclass(slots=True)
class Standing:
    """Of one process."""

    worker: int = 0
    workers: int = 1
    generation: int = 0
    restarts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))  # by cause
    last: Restart | None = None
    signs: Callable[[], Mapping[int, Signs]] = dict  # of the processes for which this one answers too, by number
    reports: Callable[[], Mapping[int, Mapping[str, Any]]] = dict  # and what each of them says of itself

    def source_away(self, job: Job) -> bool:
        """Whether the source's brokers do not answer: now, or what ended the workers before and is not mended yet."""
        vitals = job.metrics.vitals
        reads = vitals.opened or vitals.partitions > 0 or vitals.control_end is not None
        return job.source.away or (self._was_away("source") and not reads)

    def sink_away(self, job: Job) -> bool:
        """The same of the sink's."""
        return job.sink.away or (self._was_away("sink") and not job.metrics.vitals.opened)

    def ready(self, job: Job) -> bool:
        """Whether this process, and those for which it answers, have caught up."""
        vitals = job.metrics.vitals
        return vitals.opened and not vitals.behind and all(one.ready for one in self.signs().values())

    def _was_away(self, what: str) -> bool:
        return self.last is not None and self.last.away == what
