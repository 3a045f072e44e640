"""What a run on Kafka reads: found once at the start, the same in every process."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.errors import SourceChanged, SourceUnusable
from connectors.follow import Follow
from connectors.held_line import HeldLine, Lines
from connectors.kafka.client import Brokers
from connectors.kafka.consumer import REBUILD, SharedConsumer, gone
from connectors.kafka.controls import KafkaControls
from connectors.kafka.forms import Forms, Registry
from connectors.kafka.reader import KafkaReader
from connectors.kafka.topics import Question, Topic, TopicAdmin
from connectors.source import CONTROL_SOURCE, TOPICS
from schemas.topics import CONTROL, POSTINGS, REFERENCE

READ = (CONTROL, *TOPICS)
AWAY_S = 5  # brokers that are there answer a look at the topics sooner


@dataclass(frozen=True, slots=True)
class Part:
    """What a replay reads: from an offset to another one, and which rows came before each control record."""

    spans: Mapping[str, tuple[int, int]]  # "topic/partition" -> [from, to)
    lines: Lines


class KafkaPlan:
    """The partitions of the input topics."""

    def __init__(
        self, brokers: Brokers, group: str, registry: Registry, follow: Follow | None = None, part: Part | None = None
    ) -> None:
        """`follow` None: to where the partitions end now, or `part` of them. SourceUnusable when the broker or a topic is
        missing.
        """
        self.follow, self._brokers = follow, brokers
        self._admin = TopicAdmin(brokers)
        self._question: Question | None = None
        self._asked = 0.0
        self._topics = found(brokers, self._admin)
        self._consumer = SharedConsumer(brokers, group)
        self._forms = {topic: Forms(topic, registry) for topic in READ}
        self.sources = _sources(self._topics)
        self._part = part
        names = [CONTROL_SOURCE, *self.sources]
        self._spans = {name: self._consumer.span(*_parts(name)) for name in names}
        if part is not None:
            self._spans = {name: self._within(name, *part.spans.get(name, (0, 0))) for name in names}
        self._done: dict[tuple[str, int], int] = {}
        low, high = self._spans[CONTROL_SOURCE]
        if low:
            raise SourceChanged(
                f"{CONTROL} of {brokers} begins at offset {low}: the records before it have expired, and with them the order "
                "of everything; it has to be kept for ever (accrual topics check)"
            )
        self.controls = KafkaControls(self._consumer, self._forms[CONTROL], high, follow)
        if part is not None:
            self.controls.hold(part.lines)

    def held(self, shard: int) -> HeldLine | None:
        """Which rows precede each control record in a shard, where a run before has decided it."""
        return None if self._part is None else self._part.lines.of(shard, self.controls.positions)

    def _within(self, name: str, begin: int, end: int) -> tuple[int, int]:
        """A span of a partition that is there."""
        low, high = self._spans[name]
        if end > high:
            raise SourceChanged(f"{name} of {self._brokers} ends at offset {high}: up to {end} it cannot be read")
        # A compacted topic has gaps, at its beginning too.
        if begin < low and end > begin and not name.startswith(f"{REFERENCE}/"):
            raise SourceChanged(
                f"{name} of {self._brokers} begins at offset {low}, what was before has expired: from {begin} on it cannot be "
                f"replayed; the earliest is {low}"
            )
        return begin, end

    def look(self) -> None:
        """See, once per interval, whether there are more partitions; then the run begins anew with them."""
        if self.follow is None or not self.follow.due():
            return
        if self._done:
            self._consumer.commit(self._done)
            self._done = {}
        # Asked in one look and answered in a later one: brokers that are away for a while do not hold the run up.
        if self._question is None:
            self._question, self._asked = self._admin.ask(READ), time.monotonic()
        elif self._question.answered:
            question, self._question = self._question, None
            self._compare(question)
        elif time.monotonic() - self._asked > AWAY_S:
            self._brokers.news.away("a question is not answered")

    def _compare(self, question: Question) -> None:
        """The topics now with those at the start."""
        try:
            now = question.topics()
        except SourceUnusable:
            self._brokers.news.away(self._brokers.news.trouble or "a question is not answered")
            return  # brokers that are away for a while are waited for
        self._brokers.news.answered()
        for name, before in self._topics.items():
            if name not in now:
                raise SourceChanged(gone(self._brokers, name, self._consumer.places(name)))
            if now[name].id != before.id:
                raise SourceChanged(anew(self._brokers, name, self._consumer.places(name), before.id, now[name].id))
        if self.follow is not None:
            self.follow.regrouping = self.follow.regrouping or _sources(now) != self.sources

    def check_there(self, name: str, applied: int) -> None:
        """What was applied is there still, and what comes next too."""
        if not applied:
            return
        if name not in self._spans:
            raise SourceChanged(
                f"partition {name} is not in {self._brokers} any more, but {applied} of its offsets were applied already: "
                f"{REBUILD}"
            )
        low, high = self._spans[name]
        if applied > high:
            raise SourceChanged(
                f"partition {name} of {self._brokers} ends at offset {high}, but {applied} were applied already: the topic "
                f"was made anew or is another one; name the right Kafka, or {REBUILD}"
            )
        if applied < low:
            raise SourceChanged(
                f"partition {name} of {self._brokers} begins at offset {low}, and {applied} is where it was left: what lies "
                f"between has expired and would be lost; {REBUILD}"
            )

    def reader(self, name: str, offset: int, meters: Mapping[str, str]) -> KafkaReader:
        """Of a partition, from an offset on; of one that was never read, from its beginning."""
        topic, partition = _parts(name)
        low, high = self._spans[name]
        if offset < low and topic != REFERENCE and self._part is None:  # the compacted one has what counts
            self._brokers.news.tell(
                name,
                f"{name} begins at offset {low}: what was before has expired, and books are made from what is there",
            )
        bounded = self.follow is None
        return KafkaReader(self._consumer, self._forms[topic], topic, partition, max(offset, low), high, bounded)

    def extend(self, name: str, reader: KafkaReader) -> None:
        """Messages come by themselves."""

    def durable(self, name: str, offset: int) -> None:
        """For the group's lag: told to the broker with the next look."""
        self._done[_parts(name)] = offset

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()


def found(brokers: Brokers, admin: TopicAdmin) -> dict[str, Topic]:
    """The topics that a run reads. AccessRefused; SourceUnusable where one is missing or no broker answers."""
    there = admin.readable(READ)
    # A Kafka without an ERP behind it need not have the topic of its answers.
    if missing := [topic for topic in READ if topic not in there and topic != POSTINGS]:
        raise SourceUnusable(
            f"{brokers} has no topic {', '.join(missing)}: accrual topics create makes what is missing"
        )
    if there[CONTROL].partitions != 1:
        raise SourceUnusable(
            f"{CONTROL} of {brokers} has {there[CONTROL].partitions} partitions: it has one, so that its order is one; make it "
            "anew"
        )
    return there


def anew(brokers: Brokers, topic: str, places: str, before: str, now: str) -> str:
    """What is to be said of a topic that was deleted and made again under its name."""
    return (
        f"topic {topic} of {brokers} was made anew (its id is {now}, it was {before}), and {places} is where the other one "
        f"was left: {REBUILD}"
    )


def _sources(there: Mapping[str, Topic]) -> tuple[str, ...]:
    return tuple(f"{topic}/{number}" for topic in TOPICS if topic in there for number in range(there[topic].partitions))


def _parts(name: str) -> tuple[str, int]:
    topic, _, number = name.rpartition("/")
    return topic, int(number)
