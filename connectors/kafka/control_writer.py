"""Writes control records to a Kafka: each names the end of every input partition as it is when it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, OffsetSpec

from connectors.errors import SourceUnusable
from connectors.kafka.asking import ANSWER_S
from connectors.kafka.client import Brokers
from connectors.kafka.offsets import listed
from connectors.kafka.refusal import said
from connectors.kafka.written import Numbers, Writer
from connectors.source import TOPICS
from schemas.encode import encode
from schemas.topics import CONTROL


class ControlWriter:
    """The control topic's end. What is there when a record is written precedes it, whatever its event time."""

    def __init__(self, brokers: Brokers, numbers: Numbers) -> None:
        self._brokers = brokers
        self._writer = Writer(CONTROL, numbers)
        self._admin: AdminClient = brokers.made(AdminClient)
        # A record that is tried again must not be there twice.
        self._producer: Producer = brokers.made(Producer, enable_idempotence=True, acks="all")

    def write(self, record: Mapping[str, Any]) -> int:
        """Add a record (as its JSON form) with `ends`; gives its offset. SourceUnusable when it is not acknowledged."""
        line = encode({**record, "ends": self.ends()})
        key, value, _ = self._writer.message(line)
        done: list[tuple[KafkaError | None, int]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            done.append((error, message.offset() or 0))

        try:
            self._producer.produce(CONTROL, value, key, 0, on_delivery=delivered)
            self._producer.flush(ANSWER_S)
        except KafkaException as error:
            raise SourceUnusable(f"{CONTROL} at {self._brokers} takes no record: {said(error)}") from error
        if not done:
            # It must not be sent later, when nobody expects it any more.
            self._producer.purge()
            raise SourceUnusable(f"{CONTROL} at {self._brokers} does not acknowledge a record in {ANSWER_S} s")
        failed, offset = done[0]
        if failed is not None:
            raise SourceUnusable(f"{CONTROL} at {self._brokers} takes no record: {said(failed)}")
        return offset

    def ends(self) -> list[dict[str, str | int]]:
        """Topic, partition and end of every input partition that has a record of it."""
        try:
            there = self._admin.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise SourceUnusable(f"{self._brokers} does not say which topics it has: {said(error)}") from error
        places = [(name, number) for name in TOPICS if name in there for number in there[name].partitions]
        ends = listed(self._brokers, self._admin, places, OffsetSpec.latest())
        return [
            {"topic": topic, "partition": number, "offset": offset} for (topic, number), offset in sorted(ends.items())
        ]
