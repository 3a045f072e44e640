"""One consumer for all partitions that a process reads: a broker sends to one connection what many would have to ask for."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import repeat
from operator import methodcaller
from typing import Any

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.errors import SourceAway, SourceChanged, SourceUnusable
from connectors.kafka.asking import ANSWER_S, answered, within
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import RIGHTS, said

AT_ONCE = 10_000
HELD_MAX = 50_000  # messages of one partition that wait here before the broker is asked for no more of them
LEAVE_S = 3
# The state says which sources each entry has: one that was read before and is not there would be a hole without a word.
REBUILD = (
    "restore it as it was and say so by accrual topics accept, or rebuild from what is there with an empty --state and new "
    "output topics"
)
_topic, _partition, _value = methodcaller("topic"), methodcaller("partition"), methodcaller("value")
_offset, _error, _timestamp = methodcaller("offset"), methodcaller("error"), methodcaller("timestamp")
_GONE = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC)
_EXPIRED = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


def gone(brokers: Brokers, topic: str, places: str) -> str:
    """What is to be said of a topic that was deleted."""
    return f"topic {topic} is gone from {brokers}, and {places} is where it was left: {REBUILD}"


class Held:
    """What of one partition has come and is not taken yet."""

    def __init__(self, position: int) -> None:
        self.runs: deque[list[Message]] = deque()
        self.count = 0
        self.behind = position  # the last message that has come
        self.end = -1  # where the broker last said that it had no more
        self.paused = False

    @property
    def position(self) -> int:
        """Behind all that has come, markers of transactions too."""
        return max(self.behind, self.end)

    @property
    def at_end(self) -> bool:
        """Whether the broker has said so since the last message. Both may come at once, in whatever order they are seen."""
        return self.end >= self.behind


class SharedConsumer:
    """Explicit partitions from explicit offsets: no group decides who reads what, and no offset is guessed."""

    def __init__(self, brokers: Brokers, group: str) -> None:
        self._brokers = brokers
        self._held: dict[tuple[str, int], Held] = {}
        self._group = group
        self._client: Consumer = brokers.made(
            Consumer, group_id=group, enable_auto_commit=False, enable_auto_offset_store=False, auto_offset_reset="error",
            isolation_level="read_committed", enable_partition_eof=True, queued_min_messages=100_000, fetch_wait_max_ms=20,
        )  # fmt: skip

    def assign(self, topic: str, partition: int, offset: int) -> Held:
        """Read a partition from an offset on."""
        held = self._held[topic, partition] = Held(offset)
        self._client.incremental_assign([TopicPartition(topic, partition, offset)])
        return held

    def poll(self, wait_s: float = 0) -> None:
        """Take in what has come, waiting for the first of it so long at the most.

        SourceChanged where a partition is not what it was; AccessRefused; SourceUnusable.
        """
        try:
            messages = self._client.consume(AT_ONCE, wait_s)
        except KafkaException as error:
            raise SourceAway(f"{self._brokers} cannot be read: {said(error)}") from error
        self._brokers.check()
        if not messages:
            return
        if any(map(_error, messages)):
            messages = [one for one in messages if not self._is_event(one)]
        self._sort(messages)

    def take(self, topic: str, partition: int, most: int) -> list[Message]:
        """Up to so many messages of a partition that have come."""
        held = self._held[topic, partition]
        taken: list[Message] = []
        while held.runs and len(taken) < most:
            run = held.runs.popleft()
            left = most - len(taken)
            if len(run) > left:
                held.runs.appendleft(run[left:])
                run = run[:left]
            taken += run
        held.count -= len(taken)
        if held.paused and held.count < HELD_MAX // 2:
            held.paused = False
            self._client.resume([TopicPartition(topic, partition)])
        return taken

    def commit(self, positions: dict[tuple[str, int], int]) -> None:
        """Tell the group how far all is done, for whoever watches its lag; nothing depends on it."""
        self._client.commit(
            offsets=[TopicPartition(*name, offset) for name, offset in positions.items()], asynchronous=True
        )

    def places(self, topic: str) -> str:
        """How far a topic has been read, in words."""
        held = {number: one.position for (name, number), one in sorted(self._held.items()) if name == topic}
        return ", ".join(f"offset {offset} of partition {number}" for number, offset in held.items())

    def span(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset that is there, and the one behind the last."""
        try:
            at = TopicPartition(topic, partition)
            low, high = answered(lambda: self._client.get_watermark_offsets(at, timeout=ANSWER_S, cached=False))
        except KafkaException as error:
            self._brokers.refuses(error, f"read topic {topic}")
            raise SourceAway(
                f"partition {topic}/{partition} of {self._brokers} cannot be read: {said(error)}"
            ) from error
        return low, high

    def close(self) -> None:
        """Leave. A client that is telling the group something would wait for an answer without end."""
        within(LEAVE_S, self._client.close)

    def _is_event(self, message: Message) -> bool:
        """Whether it is no message but news of a partition, or of the brokers."""
        error = message.error()
        if error is None:
            return False
        name = f"{message.topic()}/{message.partition()}"
        if error.code() == KafkaError._PARTITION_EOF:
            held = self._held[message.topic() or "", message.partition() or 0]
            held.end = max(held.end, message.offset() or 0)
        elif error.code() in _EXPIRED:
            held = self._held[message.topic() or "", message.partition() or 0]
            low, high = self.span(message.topic() or "", message.partition() or 0)
            raise SourceChanged(
                f"offset {held.position} of {name} is not there: it holds {low} to {high}; what lies between has expired "
                f"or the topic was made anew: {REBUILD}"
            )
        elif error.code() in _GONE:
            raise SourceChanged(gone(self._brokers, str(message.topic()), self.places(str(message.topic()))))
        elif error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            self._brokers.news.tell("group", f"its user may not use the group {self._group}, so that it shows no lag")
        elif error.code() in RIGHTS:
            raise self._brokers.refused(error, f"read topic {message.topic()}")
        elif not error.retriable() and error.code() not in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            raise SourceUnusable(f"{name} of {self._brokers} cannot be read: {said(error)}")
        return True  # brokers that are away for a while are waited for

    def _sort(self, messages: list[Message]) -> None:
        """To their partitions: they come in runs of one partition, so that no message is looked at by itself."""
        if not messages:
            return
        codes = {topic: number for number, topic in enumerate(sorted({topic for topic, _ in self._held}))}
        topics = np.fromiter(map(codes.__getitem__, map(_topic, messages)), dtype=np.int64, count=len(messages))
        partitions = np.fromiter(map(_partition, messages), dtype=np.int64, count=len(messages))
        edges = np.flatnonzero(np.diff(topics) | np.diff(partitions)) + 1
        for start, end in zip([0, *edges], [*edges, len(messages)], strict=True):
            run = messages[start:end]
            held = self._held[str(run[0].topic()), int(run[0].partition() or 0)]
            held.runs.append(run)
            held.count += len(run)
            held.behind = int(run[-1].offset() or 0) + 1
            if held.count > HELD_MAX and not held.paused:
                held.paused = True
                self._client.pause([TopicPartition(str(run[0].topic()), int(run[0].partition() or 0))])


def commit_positions(brokers: Brokers, group: str, positions: Mapping[str, int]) -> None:
    """Tell a group, once a run has ended, how far each partition ("topic/number") is done; for whoever watches its lag."""
    client: Consumer = brokers.made(Consumer, group_id=group, enable_auto_commit=False)
    ends = [TopicPartition(name.rpartition("/")[0], int(name.rpartition("/")[2]), at) for name, at in positions.items()]
    why = ["nobody answers"]

    def commit() -> None:
        try:
            client.commit(offsets=ends, asynchronous=False)
            why.clear()
        except KafkaException as error:
            why[0] = said(error)
        client.close()

    within(LEAVE_S, commit)
    if why:
        brokers.news.tell("group", f"group {group} is not told how far the run came ({why[0]}): its lag is too large")


def values(messages: list[Message]) -> list[bytes | None]:
    """What they hold."""
    return list(map(_value, messages))


def offsets(messages: list[Message]) -> Any:
    """Where they stand."""
    return np.fromiter(map(_offset, messages), dtype=np.int64, count=len(messages))


def written_at(messages: list[Message]) -> Any:
    """When each was written, by the broker's or the producer's clock, in microseconds."""
    stamps = map(tuple.__getitem__, map(_timestamp, messages), repeat(1))
    return np.fromiter(stamps, dtype=np.int64, count=len(messages)) * 1_000
