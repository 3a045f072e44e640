"""Records on a Kafka: JSON lines as messages in, messages as JSON lines out."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fastavro

from connectors.files.layout import partitions
from connectors.kafka.client import Brokers
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import TopicAdmin, forms
from ops.books_digest import journal_books
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.topics import INPUTS, OUTPUTS, REFERENCE, TOPICS
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


def sayable(root: Path, copy: Path) -> Iterator[tuple[str, int, list[tuple[bytes, bytes]]]]:
    """Topic, partition and (line, message) of each record of a directory that Avro can say; they make another directory."""
    for topic in INPUTS:
        for number, files in partitions(root, topic).items():
            lines = [line for path in files for line in path.read_bytes().splitlines()]
            found = [(line, sent) for line in lines if (sent := message(topic, line)) is not None]
            place = copy / topic / f"{number}.jsonl"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"".join(line + b"\n" for line, _ in found))
            yield topic, number, found


def write_said(brokers: Brokers, shards: int, out: Path) -> None:
    """What is committed in the output topics, as the files of a sink."""
    for topic in OUTPUTS:
        for shard, lines in enumerate(said(brokers, topic, shards)):
            place = out / topic / f"{shard}.jsonl"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(b"".join(line + b"\n" for line in lines))


def books(brokers: Brokers, shards: int, out: Path) -> str:
    """The digest of what is committed in the journal."""
    write_said(brokers, shards, out)
    return journal_books(out).digest()


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
