"""One consumer for all partitions that a process reads: a broker sends to one connection what many would have to ask for."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from connectors.crash_point import crash_point
from connectors.errors import SourceAway, SourceChanged, SourceUnusable
from connectors.kafka.asking import ANSWER_S, MISSING, answered, within
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import RIGHTS, said
from connectors.kafka.taken import Taken

AT_ONCE = 10_000
HELD_MAX = 50_000  # messages of one partition that wait here before the broker is asked for no more of them
LEAVE_S = 3
# The state says which sources each entry has: one that was read before and is not there would be a hole without a word.
REBUILD = (
    "restore it as it was and say so by accrual topics accept, or rebuild from what is there with an empty --state and new "
    "output topics"
)
# Functions of the class: methodcaller looks them up by name for each message, which takes five times as long.
_topic, _partition, _error = Message.topic, Message.partition, Message.error
_EXPIRED = (KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET)


def gone(brokers: Brokers, topic: str, places: str) -> str:
    """What is to be said of a topic that was deleted."""
    return f"topic {topic} is gone from {brokers}, and {places} is where it was left: {REBUILD}"


class Held:
    """What of one partition has come and is not taken yet."""

    def __init__(self, position: int) -> None:
        self.runs: deque[Taken] = deque()
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
        # A client whose queue is full asks for no more for a second, in which what it has runs out: a sixth of the speed.
        self._client: Consumer = brokers.made(
            Consumer, group_id=group, enable_auto_commit=False, enable_auto_offset_store=False, auto_offset_reset="error",
            isolation_level="read_committed", enable_partition_eof=True, queued_min_messages=100_000, fetch_wait_max_ms=20,
            fetch_queue_backoff_ms=5,
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

    def take(self, topic: str, partition: int, most: int) -> Taken:
        """Up to so many messages of a partition that have come."""
        held, parts, left = self._held[topic, partition], list[Taken](), most
        while held.runs and left:
            run = held.runs.popleft()
            if len(run) > left:
                held.runs.appendleft(run.part(left))
                run = run.part(0, left)
            left -= len(run)
            parts.append(run)
        taken = Taken.joined(parts)
        held.count -= len(taken)
        if held.paused and held.count < HELD_MAX // 2:
            held.paused = False
            self._client.resume([TopicPartition(topic, partition)])
        return taken

    def commit(self, positions: dict[tuple[str, int], int]) -> None:
        """Tell the group how far all is done, for whoever watches its lag; nothing depends on it."""
        crash_point("group-to-tell")
        self._client.commit(
            offsets=[TopicPartition(*name, offset) for name, offset in positions.items()], asynchronous=True
        )
        crash_point("group-told")

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

    def high(self, topic: str, partition: int) -> int:
        """Where the broker said that a partition ends when it last sent something of it; -1: not yet. Nothing is asked."""
        try:
            _, high = self._client.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
        except KafkaException:
            return -1
        return int(high)

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
        elif error.code() in MISSING:
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
        topics = list(map(_topic, messages))
        partitions = np.fromiter(map(_partition, messages), dtype=np.int64, count=len(messages))
        changes = np.diff(partitions)
        if topics.count(topics[0]) < len(topics):  # mostly all are usage
            codes = {topic: number for number, topic in enumerate(dict.fromkeys(topics))}
            changes |= np.diff([codes[topic] for topic in topics])
        edges = np.flatnonzero(changes) + 1
        for start, end in zip([0, *edges], [*edges, len(messages)], strict=True):
            topic, partition = topics[start], int(partitions[start])
            held, run = self._held[topic, partition], Taken.of(topic, messages[start:end])
            held.runs.append(run)
            held.count += len(run)
            held.behind = int(run.offsets[-1]) + 1
            if held.count > HELD_MAX and not held.paused:
                held.paused = True
                self._client.pause([TopicPartition(topic, partition)])


def commit_positions(brokers: Brokers, group: str, positions: Mapping[str, int]) -> None:
    """Tell a group, once a run has ended, how far each partition ("topic/number") is done; for whoever watches its lag."""
    client: Consumer = brokers.made(Consumer, group_id=group, enable_auto_commit=False)
    ends = [TopicPartition(name.rpartition("/")[0], int(name.rpartition("/")[2]), at) for name, at in positions.items()]
    why = ["nobody answers"]

    def commit() -> None:
        crash_point("group-to-tell")
        try:
            client.commit(offsets=ends, asynchronous=False)
            why.clear()
        except KafkaException as error:
            why[0] = said(error)
        crash_point("group-told")
        client.close()

    within(LEAVE_S, commit)
    if why:
        brokers.news.tell("group", f"group {group} is not told how far the run came ({why[0]}): its lag is too large")
