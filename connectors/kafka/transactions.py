"""What the shards of a process say in an epoch, as one transaction.

Of one process, since eight transactions cost a broker eight times as much and wait for each other; its id is that of the first
of its shards, and whoever starts the processes has fenced off all of the ids before. A commit of which nobody knows the outcome
is not tried again in place: the run stops, and the next one reads back what became of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from connectors.crash_point import crash_point
from connectors.errors import SinkAway, SinkUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import said
from connectors.kafka.topics import MESSAGE_BYTES
from connectors.kafka.written import Written

COMMIT_S = 60
AWAY_S = 5  # brokers that are there commit a transaction sooner
FENCE_S = 10
STOP_S = 3  # of the ten seconds in which a service ends when it is told to
FENCED = (KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH)
TRANSACTION_MS = 60_000  # a process that hangs for longer has its transaction aborted by the broker

Headers = dict[str, str | bytes | None]


class Speaker(Protocol):
    """A shard's part of the sink."""

    shard: int

    def gather(self) -> bool:
        """Sort out what is new of what was said since the last epoch; False where that is nothing."""

    def speak(self, send: Callable[[str, Written, int, Headers], None]) -> None:
        """Send it: topic, record, partition and headers."""

    def done(self) -> None:
        """It is there."""


class Transactions:
    """Of one process. No record of the next epoch exists before every part of this one has closed, so the first part that is told
    to close closes for all.
    """

    def __init__(self, brokers: Brokers, namespace: str, stopping: Callable[[], bool]) -> None:
        self._brokers, self._namespace, self._stopping = brokers, namespace, stopping
        self._speakers: list[Speaker] = []
        self._producer: Producer | None = None
        self._failed: list[KafkaError] = []

    def open(self, shard: int) -> None:
        """Before a shard's part reads what is there: a transaction of a process before is committed or aborted by then.
        SinkAway when the brokers do not answer.
        """
        if self._producer is None:
            name = f"{self._namespace}-{shard}"
            made = _producer(self._brokers, name)
            try:
                self._in_steps(made, made.init_transactions)
            except KafkaException as error:
                raise _not_begun(self._brokers, name, error) from error
            self._brokers.news.answered()
            self._producer = made
        crash_point("kafka-initialised")

    def join(self, speaker: Speaker) -> None:
        self._speakers.append(speaker)

    def leave(self, speaker: Speaker) -> None:
        """Nothing is committed: it may be that the run fails."""
        if speaker in self._speakers:
            self._speakers.remove(speaker)

    def close_epoch(self) -> bool:
        """Commit what all shards have said, whole or not at all; False where that is nothing: then none is opened."""
        speakers = [one for one in self._speakers if one.gather()]
        producer = self._producer
        if not speakers or producer is None:
            return False
        crash_point("kafka-to-begin")
        with self._committing(producer):
            producer.begin_transaction()
            crash_point("kafka-begun")
            for one in speakers:
                one.speak(self._send)
            crash_point("kafka-produced")
            left = self._flushed(producer)
            if left or self._failed:
                if self._failed:
                    self._failed[0] = _cause(producer, self._failed[0])
                    self._brokers.refuses(self._failed[0], f"write what shard {self._shards} says")
                why = said(self._failed[0]) if self._failed else f"{left} records are not acknowledged in time"
                raise self._stopped(why, self._failed[0] if self._failed else None)
            crash_point("kafka-flushed")
            self._in_steps(producer, producer.commit_transaction)
            self._brokers.news.answered()
            crash_point("kafka-committed")
        for one in speakers:
            one.done()
        return True

    def _send(self, topic: str, record: Written, partition: int, headers: Headers) -> None:
        producer = self._producer
        assert producer is not None
        while True:
            try:
                return producer.produce(
                    topic, record.value, record.key, partition, on_delivery=self._delivered, headers=headers
                )
            except BufferError:  # the client's queue is full: let it send some
                producer.poll(1)

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error)

    @contextmanager
    def _committing(self, producer: Producer) -> Iterator[None]:
        """What the client raises, as what stops the run."""
        try:
            yield
        except SystemError as error:  # a client that was fenced off calls back and raises at once
            raise self._stopped(str(error.__cause__ or error), KafkaError(KafkaError._FENCED)) from error
        except KafkaException as error:
            cause = _cause(producer, error.args[0])
            self._brokers.refuses(cause, f"commit what shard {self._shards} says")
            raise self._stopped(said(cause), cause) from error

    def _in_steps(self, producer: Producer, call: Callable[[float], None]) -> None:
        """Wait for an answer second by second, so that a refusal ends it at once and a service that shall stop does: to call
        again what ran out of its time is to wait on for the one answer, nothing is sent anew.
        """
        for step in itertools.count(1):
            try:
                return call(1)
            except KafkaException as error:
                producer.poll(0)
                self._brokers.check()
                if self._in_vain(step) or not error.args[0].retriable():
                    raise

    def _in_vain(self, step: int) -> bool:
        """Another second has passed without an answer: tell, after some, that brokers are away; True when it is enough."""
        if step > AWAY_S:
            self._brokers.news.away("a transaction is not committed")
        return step >= (STOP_S if self._stopping() else COMMIT_S)

    def _flushed(self, producer: Producer) -> int:
        """How many records are not acknowledged in time."""
        left = 0
        for step in itertools.count(1):
            left = producer.flush(1)
            self._brokers.check()
            if not left or self._failed or self._in_vain(step):
                break
        return left

    @property
    def _shards(self) -> str:
        """Those of the process, for people."""
        return ", ".join(str(one.shard) for one in self._speakers)

    def _stopped(self, why: str, error: KafkaError | None = None) -> SinkUnusable:
        if error is not None and error.code() in FENCED:
            return SinkUnusable(
                f"another process writes for shard {self._shards} to {self._brokers} ({why}): one deployment is one state and "
                "one kafka_group; stop one of the two"
            )
        if error is not None and error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            why += (
                f"; a topic takes less than {MESSAGE_BYTES} bytes, raise its max.message.bytes (accrual topics check)"
            )
        return SinkAway(
            f"shard {self._shards} could not commit to {self._brokers}: {why}; nothing is lost or sent twice: what was "
            "committed is read back when it is taken up again"
        )


def fence_off(brokers: Brokers, namespace: str, shards: int) -> None:
    """What processes before were committing is committed or aborted, and they commit nothing any more. SinkAway."""

    def one(shard: int) -> None:
        name = f"{namespace}-{shard}"
        try:
            _producer(brokers, name).init_transactions(FENCE_S)
        except KafkaException as error:
            raise _not_begun(brokers, name, error) from error

    with ThreadPoolExecutor(shards) as threads:
        list(threads.map(one, range(shards)))


def _not_begun(brokers: Brokers, name: str, error: KafkaException) -> SinkAway:
    """What to raise; a refusal is raised at once."""
    brokers.refuses(error, f"write with the transactional id {name}")
    return SinkAway(f"{brokers} does not begin transactions of {name}: {said(error)}")


def _cause(producer: Producer, error: KafkaError) -> KafkaError:
    """Why a record was not sent: one that went with its transaction, or after a fatal error, does not say so itself. Of who
    was fenced off it must be known: he would come again, and fence off his successor.
    """
    if error.code() not in (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FATAL):
        return error
    try:
        producer.commit_transaction(1)  # of a transaction that has failed: says why, and sends nothing
    except KafkaException as failed:
        return failed.args[0]
    return error


def _producer(brokers: Brokers, name: str) -> Producer:
    return brokers.made(
        Producer, transactional_id=name, transaction_timeout_ms=TRANSACTION_MS, enable_idempotence=True, acks="all",
        linger_ms=5, compression_type="lz4", message_max_bytes=MESSAGE_BYTES,
    )  # fmt: skip
