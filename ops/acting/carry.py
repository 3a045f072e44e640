"""`accrual topics send|fetch`: records of files to a Kafka, and what is committed there to files, which `show` reads."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from confluent_kafka import KafkaError, Message, Producer

from connectors.errors import ConnectorError, SourceUnusable
from connectors.files.layout import partitions
from connectors.files.partition import PartitionReader
from connectors.kafka.client import Brokers
from connectors.kafka.committed import committed_lines
from connectors.kafka.forms import Forms, Registry
from connectors.kafka.refusal import said
from connectors.kafka.topics import TopicAdmin
from connectors.kafka.written import Numbers, Writer
from schemas.decode import decode
from schemas.fault import Fault
from schemas.topics import INPUTS, OUTPUTS, REFERENCE

AT_ONCE = 10_000
FLUSH_S = 60


class Unsent(ConnectorError):
    """Records that Avro cannot say, or that the brokers did not take."""


def send(root: Path, brokers: Brokers, numbers: Numbers) -> dict[str, int]:
    """Send every record of the input topics below `root`; how many of each topic.

    A partition keeps its number where the Kafka's topic has so many, else a record goes by its customer. SourceUnusable
    where a topic is missing.
    """
    there = TopicAdmin(brokers).topics(INPUTS)
    producer: Producer = brokers.made(Producer, enable_idempotence=True, acks="all", linger_ms=5)
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    sent = {}
    for topic in INPUTS:
        if not (found := partitions(root, topic)):
            continue
        if topic not in there:
            raise SourceUnusable(f"{brokers} has no topic {topic}: accrual topics create makes what is missing")
        writer, count, width = Writer(topic, numbers), 0, there[topic].partitions
        for number, files in found.items():
            for line in _lines(topic, files):
                # What is no record goes as it is: the run makes an exception of it, and what follows keeps its position.
                fault = isinstance(decode(topic, line), Fault)
                # A compacted topic takes nothing without a key, and keeps of each key the last.
                strange = b"no record %d/%d" % (number, count) if topic == REFERENCE else None
                key, value, _ = (strange, line, None) if fault else writer.message(line)
                partition = number if max(found) < width else zlib.crc32(key or b"") % width
                producer.produce(topic, value, key, partition, on_delivery=delivered)
                count += 1
                if count % AT_ONCE == 0:
                    producer.flush(FLUSH_S)
        sent[topic] = count
    left = producer.flush(FLUSH_S)
    if left or failed:
        why = said(failed[0]) if failed else f"{left} records are not acknowledged in {FLUSH_S} s"
        raise Unsent(f"{brokers} did not take everything: {why}")
    return sent


def fetch(brokers: Brokers, registry: Registry, out: Path) -> dict[str, int]:
    """Write what is committed in the output topics below `out`, as a run's sink has it; how many of each topic."""
    there, fetched = TopicAdmin(brokers).topics(OUTPUTS), {}
    for topic in OUTPUTS:
        if topic not in there:
            raise SourceUnusable(f"{brokers} has no topic {topic}: accrual topics create makes what is missing")
        forms, count = Forms(topic, registry), 0
        for partition in range(there[topic].partitions):
            place = out / topic / f"{partition}.jsonl"
            place.parent.mkdir(parents=True, exist_ok=True)
            with open(place, "wb") as file:
                for line in committed_lines(brokers, forms, topic, partition):
                    file.write(line + b"\n")
                    count += 1
        fetched[topic] = count
    return fetched


def _lines(topic: str, files: tuple[Path, ...]) -> Iterator[bytes]:
    reader = PartitionReader(topic, files, {})
    try:
        while piece := reader.take(AT_ONCE):
            yield from (piece.payload(row) for row in range(len(piece)))
    finally:
        reader.close()
