"""A Kafka as the source or the sink of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bytewax.outputs import Sink

from connectors.errors import SinkAway, SinkUnusable, SourceAway, SourceChanged, SourceUnusable
from connectors.follow import Follow
from connectors.kafka.client import Brokers
from connectors.kafka.consumer import commit_positions
from connectors.kafka.control_writer import ControlWriter
from connectors.kafka.plan import KafkaPlan, anew, found
from connectors.kafka.sink import KafkaSink
from connectors.kafka.tail import last_sequences
from connectors.kafka.topics import TopicAdmin, output
from connectors.kafka.transactions import fence_off
from connectors.timings import Timings
from ops.places.place import Held
from ops.places.registry import Schemas
from schemas.topics import APPLIED, OUTPUTS


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

    @property
    def away(self) -> bool:
        """Whether no broker answers."""
        return self.brokers.news.is_away

    def check(self) -> None:
        """SourceUnusable unless its topics are there, AccessRefused unless they may be read."""
        found(self.brokers, TopicAdmin(self.brokers))

    def same(self, known: Mapping[str, str], applied: Callable[[], Mapping[str, int]]) -> dict[str, str]:
        """Each topic's id (KIP-516): a topic that was made anew has its name and may have its offsets, but not that."""
        there = {name: topic.id for name, topic in found(self.brokers, TopicAdmin(self.brokers)).items()}
        for name in (name for name in there if known.get(name, there[name]) != there[name]):
            # Of what nothing was read nothing can be missed.
            if left := {at: offset for at, offset in applied().items() if at.rpartition("/")[0] == name and offset}:
                places = ", ".join(
                    f"offset {offset} of partition {at.rpartition('/')[2]}" for at, offset in left.items()
                )
                raise SourceChanged(anew(self.brokers, name, places, known[name], there[name]))
        return there

    def await_registry(self, follow: Follow | None) -> None:
        """It answers."""
        self.schemas.await_answer(follow)

    def plan(self, follow: Follow | None) -> KafkaPlan:
        """What there is to read."""
        return KafkaPlan(self.brokers, self.group, self.schemas.reading, follow)

    def done(self, positions: Mapping[str, int]) -> None:
        """For the group's lag."""
        commit_positions(self.brokers, self.group, positions)

    def control_end(self) -> ControlWriter:
        """The control topic."""
        return ControlWriter(self.brokers, self.schemas.numbers)

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
    def away(self) -> bool:
        """Whether no broker answers."""
        return self.brokers.news.is_away

    @property
    def state(self) -> None:
        """There is no place beside a Kafka."""
        return None

    def check(self) -> None:
        """SinkUnusable unless each output topic has a partition for each shard, AccessRefused unless it may be written."""
        try:
            admin = TopicAdmin(self.brokers)
            if APPLIED not in admin.topics([APPLIED]):  # only we know of it: whoever made the others need not
                admin.create((output(APPLIED, self.shards),), copies=-1)
            there = admin.writable(OUTPUTS)
        except SourceAway as error:
            raise SinkAway(str(error)) from error
        except SourceUnusable as error:
            raise SinkUnusable(str(error)) from error
        for topic in OUTPUTS:
            has = there[topic].partitions if topic in there else 0
            if has != self.shards:
                raise SinkUnusable(
                    f"topic {topic} of {self.brokers} has {has} partitions, the state has {self.shards} "
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

    def holds(self, shards: int) -> Held:
        """What is committed."""
        there = last_sequences(self.brokers, [(topic, shard) for topic in OUTPUTS for shard in range(shards)])
        return {shard: {topic: there[topic, shard] for topic in OUTPUTS} for shard in range(shards)}

    def fence(self, shards: int) -> None:
        """Whatever shards they had, and of which of them their transactions have the name."""
        fence_off(self.brokers, self.namespace, shards)

    def name(self, topic: str, shard: int) -> str:
        """The partition."""
        return f"{topic}/{shard} of {self.brokers}"

    def sink(self, keys: tuple[str, ...], timings: Timings, follow: Follow | None) -> Sink:
        """A transaction of each process and epoch."""
        stopping = (lambda: follow.stopping) if follow is not None else (lambda: False)
        return KafkaSink(self.brokers, keys, self.namespace, self.schemas.numbers, timings, stopping)

    def digest(self) -> None:
        """The whole journal would have to be read again."""
        return None
