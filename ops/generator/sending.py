"""Sends the made-up business to a Kafka at a pace, and goes on there where the topics end."""

from __future__ import annotations

import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from connectors.errors import ConnectorError, SourceUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.control_writer import ControlWriter
from connectors.kafka.offsets import ends
from connectors.kafka.refusal import said
from connectors.kafka.topics import TopicAdmin
from connectors.kafka.written import Numbers, Writer
from ops.generator.course import Course, Sent
from schemas.encode import encode
from schemas.topics import CONTROL, INPUTS, USAGE

SLICE_S = 0.1  # between two looks at the pace
FLUSH_S = 60


class Unsent(ConnectorError):
    """Records that the brokers did not take."""


class Pace:
    """So many usage events a second, 0 = as many as go, and none that lies ahead of the machine's clock."""

    def __init__(self, rate: int, stopped: threading.Event, alive: Callable[[], None]) -> None:
        self._rate, self._stopped, self._alive = rate, stopped, alive
        self._began, self._sent = time.monotonic(), 0

    def kept(self, at: datetime, before: Callable[[], None]) -> bool:
        """Wait until an event of that time is due; False when the end was asked for. `before` is called before each wait."""
        self._sent += 1
        while not self._stopped.is_set():
            early = self._sent / self._rate - (time.monotonic() - self._began) if self._rate else 0.0
            ahead = (at - datetime.now(UTC)).total_seconds()
            if max(early, ahead) <= 0:
                return True
            if max(early, ahead) >= SLICE_S:
                before()
                self._alive()
                self._stopped.wait(SLICE_S)
            else:
                self._stopped.wait(max(early, ahead))
        return False


class Sending:
    """The topics of one Kafka as the end of a course."""

    def __init__(self, brokers: Brokers, numbers: Numbers) -> None:
        """SourceUnusable where a topic is missing."""
        there = TopicAdmin(brokers).topics(INPUTS)
        if missing := [one for one in INPUTS if one not in there]:
            raise SourceUnusable(f"{brokers} has no topic {missing[0]}: accrual topics create makes what is missing")
        self._brokers, self._failed = brokers, list[KafkaError]()
        self._producer: Producer = brokers.made(Producer, enable_idempotence=True, acks="all", linger_ms=5)
        self._controls = ControlWriter(brokers, numbers)
        self._writers = {topic: Writer(topic, numbers) for topic in INPUTS}
        self._width = {topic: one.partitions for topic, one in there.items()}
        places = [(USAGE, partition) for partition in range(self._width[USAGE])]
        self._held = {partition: offset for (_, partition), offset in ends(brokers, places).items()}

    def send(self, course: Course, most: int | None, pace: Pace) -> int:
        """Send until so many rows of usage are in the topic (None: for ever), or the end is asked for; gives how many were
        sent.

        What the topics hold already is passed over: a partition's rows are always the same, in the same order. Of all else
        what lies between the last row that is there and the first one that is missing is sent again: it may be missing, too,
        and says nothing new where it is not.
        """
        passed, sent, rows, between = Counter[int](), 0, 0, list[Sent]()
        for one in course:
            if one.topic != USAGE:
                between.append(one)
                continue
            rows += 1
            partition = self._partition(one)
            passed[partition] += 1
            if passed[partition] <= self._held[partition]:
                between.clear()
                continue
            if (most is not None and rows > most) or not pace.kept(one.at, self.flush):
                break
            for other in between:
                self._other(other)
            between.clear()
            self._usage(one, partition)
            sent += 1
        self.flush()
        return sent

    def flush(self) -> None:
        """All that was sent is acknowledged. Unsent when it is not."""
        left = self._producer.flush(FLUSH_S)
        if left or self._failed:
            why = said(self._failed[0]) if self._failed else f"{left} records are not acknowledged in {FLUSH_S} s"
            raise Unsent(f"{self._brokers} did not take everything: {why}; start it again, it goes on there")

    def _partition(self, one: Sent) -> int:
        customer = one.record["customer_id"] if isinstance(one.record, dict) else ""
        return zlib.crc32(customer.encode()) % self._width[one.topic]

    def _usage(self, one: Sent, partition: int) -> None:
        if isinstance(one.record, bytes):
            key, value = None, one.record
        else:
            key, value, _ = self._writers[USAGE].message(encode(one.record))
        while True:
            try:
                self._producer.produce(USAGE, value, key, partition, on_delivery=self._delivered)
                self._producer.poll(0)
                return
            except BufferError:  # the brokers are slower than we
                self.flush()

    def _other(self, one: Sent) -> None:
        """A record that rows behind it depend on: what is before it and itself are acknowledged first."""
        assert isinstance(one.record, dict)
        self.flush()
        if one.topic == CONTROL:
            self._controls.write(one.record)
            return
        key, value, headers = self._writers[one.topic].message(encode(one.record))
        partition = zlib.crc32(key or b"") % self._width[one.topic]
        self._producer.produce(
            one.topic, value, key, partition, on_delivery=self._delivered, headers=list(headers.items())
        )
        self.flush()

    def _delivered(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed.append(error)


def touched(path: Path | None) -> Callable[[], None]:
    """Says that it is alive by a file's time, where one is named."""
    return (lambda: None) if path is None else path.touch
