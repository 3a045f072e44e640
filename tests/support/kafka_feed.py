"""Records on a Kafka: JSON lines as messages in, messages as JSON lines out."""

import io
import time
from dataclasses import replace

import fastavro

from connectors.kafka.client import Brokers
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, forms
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.topics import REFERENCE, TOPICS
from tests.support import kafka


def message(topic: str, line: bytes) -> bytes | None:
    """A line as a message; None: it is no record, so that Avro cannot say it."""
    record = decode(topic, line)
    if isinstance(record, Fault):
        return None
    out = io.BytesIO(FileRegistry().number(topic).to_bytes(5, "big"))
    out.seek(5)
    fastavro.schemaless_writer(out, fastavro.parse_schema(TOPICS[topic].avsc()), avro_record(record))
    return out.getvalue()


def topics(brokers: Brokers, partitions: int, shards: int) -> None:
    """All of them; master data too may be in several partitions in a test."""
    made = [
        replace(one, partitions=partitions) if one.name == REFERENCE else one
        for one in forms(partitions, shards, 36_500)
    ]
    TopicAdmin(brokers).create(tuple(made), 1)


def said(brokers: Brokers, topic: str, shards: int) -> list[list[bytes]]:
    """What is committed, by shard, as JSON lines."""
    found = []
    for shard in range(shards):
        values = [one.value() for one in kafka.held(brokers, topic, shard)]
        messages = Messages(values, Forms(topic, FileRegistry()))
        found.append([messages.payload(row) for row in range(len(values))])
    return found


def awaited(brokers: Brokers, topic: str, shards: int, count: int, seconds: float = 60) -> list[bytes]:
    """What is committed once there are so many records."""
    end = time.monotonic() + seconds
    while len(found := [line for lines in said(brokers, topic, shards) for line in lines]) < count:
        assert time.monotonic() < end, f"{topic}: {len(found)} of {count} after {seconds} s"
    return found
