"""What a run on Kafka reads: found once at the start, the same in every process."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.errors import SourceUnusable
from connectors.follow import Follow
from connectors.kafka.client import Brokers
from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.controls import KafkaControls
from connectors.kafka.forms import Forms, Registry
from connectors.kafka.reader import KafkaReader
from connectors.source import CONTROL_SOURCE, TOPICS
from schemas.topics import CONTROL


class KafkaPlan:
    """The partitions of the input topics."""

    def __init__(self, brokers: Brokers, group: str, registry: Registry, follow: Follow | None = None) -> None:
        """`follow` None: to where the partitions end now. SourceUnusable when the broker or a topic is missing."""
        self.follow, self._brokers = follow, brokers
        self._consumer = SharedConsumer(brokers, group)
        self._forms = {topic: Forms(topic, registry) for topic in (CONTROL, *TOPICS)}
        self.sources = self._found()
        names = [CONTROL_SOURCE, *self.sources]
        self._spans = {name: self._consumer.span(*_parts(name)) for name in names}
        self._done: dict[tuple[str, int], int] = {}
        low, high = self._spans[CONTROL_SOURCE]
        if low:
            raise SourceUnusable(
                f"{CONTROL} of {brokers} begins at offset {low}: the records before it have expired, and with them the order "
                "of everything; it has to be kept for ever (accrual topics check)"
            )
        self.controls = KafkaControls(self._consumer, self._forms[CONTROL], high, follow)

    def look(self) -> None:
        """See, once per interval, whether there are more partitions; then the run begins anew with them."""
        if self.follow is None or not self.follow.due():
            return
        if self._done:
            self._consumer.commit(self._done)
            self._done = {}
        try:
            now = self._found()
        except SourceUnusable:
            return  # brokers that are away for a while are waited for; a topic that is gone says so when it is read
        self.follow.regrouping = self.follow.regrouping or now != self.sources

    def check_there(self, name: str, applied: int) -> None:
        """What was applied is there still, and what comes next too."""
        if name not in self._spans:
            raise SourceUnusable(
                f"partition {name} is not in {self._brokers} any more, but {applied} of its offsets were applied already: "
                "restore the topic, or start with an empty --state"
            )
        low, high = self._spans[name]
        if applied > high:
            raise SourceUnusable(
                f"partition {name} of {self._brokers} ends at offset {high}, but {applied} were applied already: the topic "
                "was made anew or is another one; name the right Kafka, or start with an empty --state"
            )
        if applied < low:
            raise SourceUnusable(
                f"partition {name} of {self._brokers} begins at offset {low}, and {applied} is where it was left: what lies "
                "between has expired and would be lost; restore it, or rebuild with an empty --state from what is there"
            )

    def reader(self, name: str, offset: int, meters: Mapping[str, str]) -> KafkaReader:
        """Of a partition, from an offset on; of one that was never read, from its beginning."""
        topic, partition = _parts(name)
        low, high = self._spans[name]
        end = None if self.follow is not None else high
        return KafkaReader(self._consumer, self._forms[topic], topic, partition, max(offset, low), end)

    def extend(self, name: str, reader: KafkaReader) -> None:
        """Messages come by themselves."""

    def durable(self, name: str, offset: int) -> None:
        """For the group's lag: told to the broker with the next look."""
        self._done[_parts(name)] = offset

    def close(self) -> None:
        """Leave the broker."""
        if self._done:
            self._consumer.commit(self._done)
        self._consumer.close()

    def _found(self) -> tuple[str, ...]:
        there = self._consumer.partitions()
        if missing := [topic for topic in (CONTROL, *TOPICS) if topic not in there]:
            raise SourceUnusable(
                f"{self._brokers} has no topic {', '.join(missing)}: accrual topics create makes what is missing"
            )
        if there[CONTROL] != 1:
            raise SourceUnusable(
                f"{CONTROL} of {self._brokers} has {there[CONTROL]} partitions: it has one, so that its order is one; make it "
                "anew"
            )
        return tuple(f"{topic}/{number}" for topic in TOPICS for number in range(there[topic]))


def _parts(name: str) -> tuple[str, int]:
    topic, _, number = name.rpartition("/")
    return topic, int(number)
