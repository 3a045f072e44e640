"""Records as messages: JSON lines in the Confluent wire format."""

from __future__ import annotations

import base64
import io
from typing import Any, NamedTuple, Protocol

import fastavro
import msgspec

from accounting.require import InvariantBroken
from accounting.trace import Trace
from connectors.kafka.headers import headers_of
from schemas.avro_writing import record_writer
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.reference import ReferenceEvent
from schemas.topics import TOPICS

PAYLOAD_BYTES = 8_388_608  # of an exception: with more no topic would take it, and the run could not go on


class Numbers(Protocol):
    """Which number the schema of a topic has."""

    def number(self, topic: str) -> int: ...


class Written(NamedTuple):
    """A record as a message."""

    key: bytes | None  # its customer, where it has one; of master data what is compacted
    value: bytes
    headers: dict[str, str]  # what its cause was sent under


class Writer:
    """Records of one topic, whoever made them."""

    def __init__(self, topic: str, numbers: Numbers) -> None:
        self._topic = topic
        self._schema: Any = fastavro.parse_schema(TOPICS[topic].avsc())
        self._head = _head(topic, numbers)

    def message(self, line: bytes) -> Written:
        """A line that its topic takes."""
        record = decode(self._topic, line)
        if isinstance(record, Fault):
            raise InvariantBroken(f"what is sent is a record of {self._topic}: {record}")
        out = io.BytesIO()
        out.write(self._head)
        fastavro.schemaless_writer(out, self._schema, avro_record(record))
        customer = getattr(record, "customer_id", None)
        key = record.compaction_key() if isinstance(record, ReferenceEvent) else customer and customer.encode()
        names = headers_of(Trace(*(getattr(record, name, None) for name in Trace._fields)))
        return Written(key or None, out.getvalue(), names)


class OutputWriter:
    """What we say ourselves in an output topic."""

    def __init__(self, topic: str, numbers: Numbers) -> None:
        self._topic, self._write = topic, record_writer(TOPICS[topic].avsc())
        self._head = _head(topic, numbers)

    def message(self, line: bytes) -> Written:
        """A line that we have made."""
        record = _bounded(msgspec.json.decode(line))
        try:
            value = self._head + self._write(record)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise InvariantBroken(f"what we say is a record of {self._topic}: {error}, in {line[:500]!r}") from error
        customer = record.get("customer_id")
        names = headers_of(Trace(*map(record.get, Trace._fields)))
        return Written(customer.encode() if customer else None, value, names)


def _head(topic: str, numbers: Numbers) -> bytes:
    return b"\x00" + numbers.number(topic).to_bytes(4, "big")


def _bounded(record: dict[str, Any]) -> dict[str, Any]:
    """An exception with as much of its payload as a topic takes; the rest is where the record says it came from."""
    text = record.get("payload")
    if text is None or len(text) <= PAYLOAD_BYTES:  # base64 is longer than what it stands for
        return record
    if len(payload := base64.b64decode(text)) <= PAYLOAD_BYTES:
        return record
    reason = f"{record['reason']} (the payload is the first {PAYLOAD_BYTES} of its {len(payload)} bytes)"
    return {**record, "payload": base64.b64encode(payload[:PAYLOAD_BYTES]).decode(), "reason": reason}
