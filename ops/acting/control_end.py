"""Where a close or a reopening is written: the control topic of a directory, or of a Kafka."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from connectors.files.layout import partitions
from connectors.files.partition import PartitionReader
from connectors.kafka.client import Brokers
from connectors.kafka.committed import committed_lines
from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.control_writer import ControlWriter
from connectors.kafka.controls import KafkaControls
from connectors.kafka.forms import Forms
from connectors.kafka.topics import TopicAdmin
from ops.acting.control_topic import ControlTopic
from ops.acting.partition_end import partition_end, source_at
from ops.acting.turn import alone
from ops.places.registry import Schemas
from schemas.contracts import ContractEvent
from schemas.decode import decode
from schemas.encode import encode
from schemas.topics import CONTRACTS, CONTROL

READ_AT_ONCE = 10_000


class ControlEnd(Protocol):
    """The end of a control topic."""

    @property
    def source(self) -> str: ...  # what holds the topic, for messages
    @property
    def place(self) -> str: ...  # where the record goes
    def turn(self) -> AbstractContextManager[None]:
        """Only one command at a time reads and writes, where that can be had."""

    def topic(self) -> ControlTopic:
        """What the topic says so far."""

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record. SourceUnusable or OSError when it is not written."""

    def entities(self) -> Iterator[str]:
        """The entities that contracts name, each as often as it is named."""


@dataclass(frozen=True, slots=True)
class FileControlEnd:
    """Of a directory."""

    root: Path

    @property
    def source(self) -> str:
        return str(self.root)

    @property
    def place(self) -> str:
        return str(partition_end(self.root, CONTROL, 0).path)

    def turn(self) -> AbstractContextManager[None]:
        return alone(source_at(self.root))

    def topic(self) -> ControlTopic:
        return ControlTopic.read(self.root)

    def append(self, record: Mapping[str, Any]) -> None:
        partition_end(self.root, CONTROL, 0).append([encode(record)])

    def entities(self) -> Iterator[str]:
        for files in partitions(self.root, CONTRACTS).values():
            reader = PartitionReader(CONTRACTS, files, {})
            try:
                while piece := reader.take(READ_AT_ONCE):
                    for one in piece.outcomes(CONTRACTS):
                        if isinstance(one, ContractEvent):
                            yield one.entity
            finally:
                reader.close()


@dataclass(frozen=True, slots=True)
class KafkaControlEnd:
    """Of a Kafka. Two commands at once are not kept apart: the second close is then an exception of the run."""

    brokers: Brokers
    schemas: Schemas

    @property
    def source(self) -> str:
        return str(self.brokers)

    @property
    def place(self) -> str:
        return f"{CONTROL} of {self.brokers}"

    @contextmanager
    def turn(self) -> Iterator[None]:
        yield

    def topic(self) -> ControlTopic:
        consumer = SharedConsumer(self.brokers, "accrual-control")
        try:
            _, end = consumer.span(CONTROL, 0)
            controls = KafkaControls(consumer, Forms(CONTROL, self.schemas.at_once), end, None)
            return ControlTopic.of(self.place, controls.since(0))
        finally:
            consumer.close()

    def append(self, record: Mapping[str, Any]) -> None:
        ControlWriter(self.brokers, self.schemas.numbers).write(record)

    def entities(self) -> Iterator[str]:
        there = TopicAdmin(self.brokers).topics([CONTRACTS])
        forms = Forms(CONTRACTS, self.schemas.at_once)
        for number in range(there[CONTRACTS].partitions if there else 0):
            for line in committed_lines(self.brokers, forms, CONTRACTS, number):
                if isinstance(one := decode(CONTRACTS, line), ContractEvent):
                    yield one.entity
