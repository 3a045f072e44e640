"""What is sent to the topics of a Kafka, and a copy of it in files, for the oracle."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from connectors.kafka.client import Brokers
from connectors.kafka.registry import FileRegistry
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.topics import TOPICS
from tests.support import kafka

Record = dict[str, Any]


class Feed:
    """Of one Kafka, which nobody else writes to."""

    def __init__(self, brokers: Brokers, root: Path) -> None:
        self._brokers, self.root = brokers, root

    def send(self, topic: str, records: Sequence[Record], partition: int = 0) -> None:
        """Records; all of them are acknowledged."""
        lines = [json.dumps(one).encode() for one in records]
        self._keep(topic, partition, lines, [_message(topic, line) for line in lines])

    def garbage(self, topic: str, count: int, partition: int = 0) -> None:
        """Messages that are no records."""
        lines = [b"no record" for _ in range(count)]
        self._keep(topic, partition, lines, lines)

    def _keep(self, topic: str, partition: int, lines: list[bytes], messages: list[bytes]) -> None:
        kafka.sent(self._brokers, topic, *messages, partition=partition)
        place = self.root / topic / f"{partition}.jsonl"
        place.parent.mkdir(parents=True, exist_ok=True)
        with open(place, "ab") as file:
            file.write(b"".join(line + b"\n" for line in lines))


@cache
def _schema(topic: str) -> tuple[bytes, Any]:
    head = bytes(1) + FileRegistry().number(topic).to_bytes(4, "big")
    return head, fastavro.parse_schema(TOPICS[topic].avsc())


def _message(topic: str, line: bytes) -> bytes:
    record, (head, schema) = decode(topic, line), _schema(topic)
    assert not isinstance(record, Fault), record
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, avro_record(record))
    return head + out.getvalue()
