"""A Kafka as sink: what a shard says in an epoch is one transaction, in its own partition of each output topic.

Every record has shard and sequence in its headers, and what its cause was sent under. After a restart what is committed is
read back and dropped from what the shards say again: each result is there once. A commit of which nobody knows the outcome
is not tried again in place: the run stops, and the next one reads back what became of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from accounting.require import require
from connectors.batch import Emitted
from connectors.crash_point import crash_point
from connectors.errors import SinkAway, SinkUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.closing import Closing
from connectors.kafka.joined import HEAD_BYTES
from connectors.kafka.refusal import said
from connectors.kafka.tail import SEQUENCE, last_sequences, values_from
from connectors.kafka.topics import MESSAGE_BYTES
from connectors.kafka.written import Numbers, OutputWriter
from connectors.timings import Timings, unseen
from schemas.topics import OUTPUTS

SHARD = "shard"
COMMIT_S = 60
AWAY_S = 5  # brokers that are there commit a transaction sooner
STOP_S = 3  # of the ten seconds in which a service ends when it is told to
FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
TRANSACTION_MS = 60_000  # a process that hangs for longer has its transaction aborted by the broker


@dataclass
class KafkaSink(FixedPartitionedSink[Emitted, None]):
    """One Bytewax partition per shard; `keys` are the shards' names in order."""

    brokers: Brokers
    keys: tuple[str, ...]
    namespace: str  # two deployments on one Kafka do not fence each other
    numbers: Numbers
    timings: Timings = field(default_factory=unseen)
    stopping: Callable[[], bool] = lambda: False  # whether the run shall end: then nobody is waited for long
    closing: Closing = field(default_factory=Closing)

    def list_parts(self) -> list[str]:
        return list(self.keys)

    def part_fn(self, item_key: str) -> int:
        return self.keys.index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> KafkaSinkPartition:
        return KafkaSinkPartition(self, self.keys.index(for_part))


class KafkaSinkPartition(StatefulSinkPartition[Emitted, None]):
    """A shard's transactions."""

    def __init__(self, sink: KafkaSink, shard: int) -> None:
        """SinkUnusable when the brokers do not answer. Another process that writes for the shard is fenced off."""
        self._shard, self._timings, self._brokers, self._stopping = shard, sink.timings, sink.brokers, sink.stopping
        self._writers = {topic: OutputWriter(topic, sink.numbers) for topic in OUTPUTS}
        self._waiting: list[Emitted] = []
        self._failed: list[KafkaError] = []
        name = f"{sink.namespace}-{shard}"
        self._producer = _producer(sink.brokers, name)
        try:
            self._in_steps(self._producer.init_transactions)
        except KafkaException as error:
            sink.brokers.refuses(error, f"write with the transactional id {name}")
            raise SinkAway(f"{sink.brokers} does not begin transactions of shard {shard}: {said(error)}") from error
        sink.brokers.news.answered()
        crash_point("kafka-initialised")
        # After init_transactions: what a process before this one was committing is committed or aborted by now.
        there = last_sequences(sink.brokers, [(topic, shard) for topic in OUTPUTS])
        self._last = {topic: there[topic, shard] for topic in OUTPUTS}
        self._next, self._fresh_items = self._last, list[tuple[Emitted, tuple[bytes, ...]]]()
        self._closing = sink.closing
        self._closing.join(self)

    def write_batch(self, items: list[Emitted]) -> None:
        self._waiting.extend(items)

    def snapshot(self) -> None:
        # Not in write_batch: only here is every shard's state of this epoch known to be durable.
        write = self._timings.steps.write
        write.begins()
        if self._closing.close():
            write.ends()  # an idle epoch writes nothing

    def begin(self) -> bool:
        waiting, self._waiting = self._waiting, []
        self._next = dict(self._last)
        self._fresh_items = [(item, lines) for item in waiting if (lines := self._fresh(item, self._next))]
        if not self._fresh_items:
            return False  # an idle shard opens no transaction
        crash_point("kafka-to-begin")
        with self._committing():
            self._producer.begin_transaction()
            crash_point("kafka-begun")
            for item, lines in self._fresh_items:
                self._send(item, lines)
            crash_point("kafka-produced")
        return True

    def finish(self) -> None:
        with self._committing():
            left = self._flushed()
            if left or self._failed:
                if self._failed:
                    self._failed[0] = self._cause(self._failed[0])
                    self._brokers.refuses(self._failed[0], f"write what shard {self._shard} says")
                why = said(self._failed[0]) if self._failed else f"{left} records are not acknowledged in time"
                raise self._stopped(why, self._failed[0] if self._failed else None)
            crash_point("kafka-flushed")
            self._in_steps(self._producer.commit_transaction)
            self._brokers.news.answered()
            crash_point("kafka-committed")

    def done(self) -> None:
        self._last = self._next
        for item, _ in self._fresh_items:
            self._timings.arrived(item.topic, item.read_at)

    @contextmanager
    def _committing(self) -> Iterator[None]:
        """What the client raises, as what stops the run."""
        try:
            yield
        except SystemError as error:  # a client that was fenced off calls back and raises at once
            raise self._stopped(str(error.__cause__ or error), KafkaError(KafkaError._FENCED)) from error
        except KafkaException as error:
            cause = self._cause(error.args[0])
            self._brokers.refuses(cause, f"commit what shard {self._shard} says")
            raise self._stopped(said(cause), cause) from error

    def close(self) -> None:
        # Runs while unwinding after a failure too: nothing is committed here. An open transaction is aborted by whoever
        # comes next with the same transactional.id, or by the broker in its time.
        self._waiting = []
        self._closing.leave(self)

    def _in_steps(self, call: Callable[[float], None]) -> None:
        """Wait for an answer second by second, so that a refusal ends it at once and a service that shall stop does: to call
        again what ran out of its time is to wait on for the one answer, nothing is sent anew.
        """
        for step in itertools.count(1):
            try:
                return call(1)
            except KafkaException as error:
                self._producer.poll(0)
                self._brokers.check()
                if self._in_vain(step) or not error.args[0].retriable():
                    raise

    def _in_vain(self, step: int) -> bool:
        """Another second has passed without an answer: tell, after some, that brokers are away; True when it is enough."""
        if step > AWAY_S:
            self._brokers.news.away("a transaction is not committed")
        return step >= (STOP_S if self._stopping() else COMMIT_S)

    def _flushed(self) -> int:
        """How many records are not acknowledged in time."""
        left = 0
        for step in itertools.count(1):
            left = self._producer.flush(1)
            self._brokers.check()
            if not left or self._failed or self._in_vain(step):
                break
        return left

    def _cause(self, error: KafkaError) -> KafkaError:
        """Why a record was not sent: one that went with its transaction, or after a fatal error, does not say so itself. Of who
        was fenced off it must be known: he would come again, and fence off his successor.
        """
        if error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FATAL):
            return error
        try:
            self._producer.commit_transaction(1)  # of a transaction that has failed: says why, and sends nothing
        except KafkaException as failed:
            return failed.args[0]
        return error

    def _fresh(self, item: Emitted, last: dict[str, int]) -> tuple[bytes, ...]:
        """What the partition does not hold yet; `last` by topic moves on."""
        require(item.shard == self._shard, "a record comes to its own shard's partition", shard=item.shard)
        has = last[item.topic]
        if item.new and item.first <= has:
            raise SinkUnusable(item.known(f"{item.topic}/{self._shard} of {self._brokers}"))
        if item.lines and item.first <= has:
            self._check_same(item, has)
        require(item.first <= has + 1, "the sink's sequence has no gap", topic=item.topic, last=has, next=item.first)
        last[item.topic] = max(has, item.first + len(item.lines) - 1)
        return item.lines[max(0, has + 1 - item.first) :]

    def _check_same(self, item: Emitted, has: int) -> None:
        """What is said again is what the partition holds."""
        there = values_from(self._brokers, (item.topic, self._shard), item.first, has)
        for sequence, line in enumerate(item.lines[: has + 1 - item.first], start=item.first):
            value, found = self._writers[item.topic].message(line).value, there.get(sequence)
            # A record that was written with another schema has other bytes.
            if found is not None and found != value and found[:HEAD_BYTES] == value[:HEAD_BYTES]:
                raise SinkUnusable(item.other(f"{item.topic}/{self._shard} of {self._brokers}", sequence))

    def _send(self, item: Emitted, lines: tuple[bytes, ...]) -> None:
        """The last ones of an item."""
        writer, end = self._writers[item.topic], item.first + len(item.lines)
        for sequence, line in enumerate(lines, start=end - len(lines)):
            if sequence == end - (len(lines) + 1) // 2:
                crash_point("kafka-half-produced")
            key, value, names = writer.message(line)
            headers: dict[str, str | bytes | None] = {SHARD: str(self._shard), SEQUENCE: str(sequence), **names}
            while True:
                try:
                    self._producer.produce(
                        item.topic, value, key, self._shard, on_delivery=self._delivered, headers=headers
                    )
                    break
                except BufferError:  # the client's queue is full: let it send some
                    self._producer.poll(1)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error)

    def _stopped(self, why: str, error: KafkaError | None = None) -> SinkUnusable:
        if error is not None and error.code() in FENCED:
            return SinkUnusable(
                f"another process writes for shard {self._shard} to {self._brokers} ({why}): one deployment is one state and one "
                "kafka_group; stop one of the two"
            )
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            why += (
                f"; a topic takes less than {MESSAGE_BYTES} bytes, raise its max.message.bytes (accrual topics check)"
            )
        return SinkAway(
            f"shard {self._shard} could not commit to {self._brokers}: {why}; nothing is lost or sent twice: what was "
            "committed is read back when it is taken up again"
        )


def fence_off(brokers: Brokers, namespace: str, shards: int) -> None:
    """What a process before was committing is committed or aborted, and it commits nothing any more. SinkAway."""
    for shard in range(shards):
        name = f"{namespace}-{shard}"
        try:
            _producer(brokers, name).init_transactions(COMMIT_S)
        except KafkaException as error:
            brokers.refuses(error, f"write with the transactional id {name}")
            raise SinkAway(f"{brokers} does not begin transactions of shard {shard}: {said(error)}") from error


def _producer(brokers: Brokers, name: str) -> Producer:
    return brokers.made(
        Producer, transactional_id=name, transaction_timeout_ms=TRANSACTION_MS, enable_idempotence=True, acks="all",
        linger_ms=5, compression_type="lz4", message_max_bytes=MESSAGE_BYTES,
    )  # fmt: skip
