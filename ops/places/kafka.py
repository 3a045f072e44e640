"""A Kafka as the source or the sink of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from bytewax.outputs import Sink

from connectors.errors import SinkUnusable, SourceUnusable
from connectors.follow import Follow
from connectors.kafka.client import Brokers
from connectors.kafka.plan import KafkaPlan
from connectors.kafka.sink import KafkaSink
from connectors.kafka.tail import last_sequence
from connectors.kafka.topics import TopicAdmin
from connectors.timings import Timings
from ops.places.registry import Schemas
from schemas.topics import OUTPUTS


@dataclass(frozen=True, slots=True)
class KafkaInput:
    """The input topics."""

    brokers: Brokers
    group: str
    schemas: Schemas = field(default_factory=Schemas)

    @property
    def uri(self) -> str:
        """As on the command line."""
        return str(self.brokers)

    def check(self) -> None:
        """SourceUnusable unless it answers."""
        TopicAdmin(self.brokers).partitions()

    def await_registry(self, follow: Follow | None) -> None:
        """It answers."""
        self.schemas.await_answer(follow)

    def plan(self, follow: Follow | None) -> KafkaPlan:
        """What there is to read."""
        return KafkaPlan(self.brokers, self.group, self.schemas.reading, follow)

    def unread(self) -> list[str]:
        """Other topics are other people's."""
        return []


@dataclass(frozen=True, slots=True)
class KafkaOutput:
    """The output topics."""

    brokers: Brokers
    namespace: str
    shards: int
    schemas: Schemas = field(default_factory=Schemas)

    @property
    def uri(self) -> str:
        """As on the command line."""
        return str(self.brokers)

    @property
    def state(self) -> None:
        """There is no place beside a Kafka."""
        return None

    def check(self) -> None:
        """SinkUnusable unless each output topic has a partition for each shard."""
        try:
            there = TopicAdmin(self.brokers).partitions()
        except SourceUnusable as error:
            raise SinkUnusable(str(error)) from error
        for topic in OUTPUTS:
            if there.get(topic, 0) != self.shards:
                raise SinkUnusable(
                    f"topic {topic} of {self.brokers} has {there.get(topic, 0)} partitions, the state has {self.shards} "
                    "shards, one for each: accrual topics create makes what is missing"
                )

    def await_registry(self, follow: Follow | None) -> None:
        """It says with which numbers to write."""
        self.schemas.await_numbers(follow)

    @property
    def numbers(self) -> dict[str, int]:
        """Of the output topics' schemas."""
        return {topic: self.schemas.numbers.number(topic) for topic in OUTPUTS}

    def know(self, numbers: dict[str, int]) -> None:
        """They need not be asked for."""
        if self.schemas.server is not None:
            self.schemas.server.know(numbers)

    def holds(self, topic: str, shard: int) -> int:
        """The sequence of the last committed record."""
        return last_sequence(self.brokers, topic, shard)

    def keeps(self, topic: str, shard: int) -> int:
        """The same: what is committed has been acknowledged by every replica in sync."""
        return self.holds(topic, shard)

    def name(self, topic: str, shard: int) -> str:
        """The partition."""
        return f"{topic}/{shard} of {self.brokers}"

    def sink(self, keys: tuple[str, ...], timings: Timings) -> Sink:
        """Transactions by shard."""
        return KafkaSink(self.brokers, keys, self.namespace, self.schemas.numbers, timings)

    def digest(self) -> None:
        """The whole journal would have to be read again."""
        return None
