"""The input of a replay: a part of a Kafka's topics, read without a group and without a trace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.follow import Follow
from connectors.held_line import Lines
from connectors.kafka.client import Brokers
from connectors.kafka.offsets import Place
from connectors.kafka.plan import KafkaPlan, Part
from ops.clock import ControlEnd
from ops.places.kafka import KafkaInput
from ops.places.registry import Schemas

GROUP = "accrual-replay"  # a client has to name one; it joins none and tells it nothing


@dataclass(frozen=True, slots=True)
class ReplayInput:
    """The partitions of the input topics, each from an offset to another."""

    brokers: Brokers
    schemas: Schemas
    spans: Mapping[Place, tuple[int, int]]
    lines: Lines

    @property
    def uri(self) -> str:
        """Of the Kafka."""
        return str(self.brokers)

    @property
    def _whole(self) -> KafkaInput:
        return KafkaInput(self.brokers, GROUP, self.schemas)

    @property
    def away(self) -> bool:
        """As of a run."""
        return self._whole.away

    def check(self) -> None:
        """As of a run."""
        self._whole.check()

    def same(self, known: Mapping[str, str], applied: Callable[[], Mapping[str, int]]) -> dict[str, str]:
        """As of a run: a replay that is taken up again reads the same topics."""
        return self._whole.same(known, applied)

    def await_registry(self, follow: Follow | None) -> None:
        """As of a run."""
        self._whole.await_registry(follow)

    def plan(self, follow: Follow | None) -> KafkaPlan:
        """What there is to read."""
        spans = {f"{topic}/{number}": span for (topic, number), span in self.spans.items()}
        return KafkaPlan(self.brokers, GROUP, self.schemas.reading, None, Part(spans, self.lines))

    def done(self, positions: Mapping[str, int]) -> None:
        """Nobody is told: the service's group tells of the service."""

    def control_end(self) -> ControlEnd:
        """A replay ends: it needs no clock."""
        raise ValueError("a replay writes no clock records")

    def unread(self) -> list[str]:
        """Nothing is said of other topics."""
        return []
