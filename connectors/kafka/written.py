"""Records as messages: JSON lines in the Confluent wire format."""

from __future__ import annotations

import base64
import io
import json
from typing import Any, NamedTuple, Protocol

import fastavro
import msgspec

from accounting.require import InvariantBroken
from accounting.trace import Trace
from connectors.kafka.headers import headers_of
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.native import RecordWriter
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


class _Named(msgspec.Struct):
    """What a record's message says beside it: its key, and the fields of Trace."""

    customer_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None


class OutputWriter:
    """What we say ourselves in an output topic."""

    def __init__(self, topic: str, numbers: Numbers) -> None:
        self._topic, self._writer = topic, RecordWriter(json.dumps(TOPICS[topic].avsc()))
        self._head = _head(topic, numbers)

    def message(self, line: bytes) -> Written:
        """A line that we have made."""
        try:
            named, value = _named(line), self._writer.write(self._head, _bounded(line))
        except ValueError as error:
            raise InvariantBroken(f"what we say is a record of {self._topic}: {error}, in {line[:500]!r}") from error
        names = headers_of(Trace(*(getattr(named, name) for name in Trace._fields)))
        return Written(named.customer_id.encode() if named.customer_id else None, value, names)


_named = msgspec.json.Decoder(_Named).decode


def _head(topic: str, numbers: Numbers) -> bytes:
    return b"\x00" + numbers.number(topic).to_bytes(4, "big")


def _bounded(line: bytes) -> bytes:
    """An exception with as much of its payload as a topic takes; the rest is where the record says it came from."""
    if len(line) <= PAYLOAD_BYTES:  # base64 is longer than what it stands for
        return line
    record = msgspec.json.decode(line)
    payload = base64.b64decode(record.get("payload") or "")
    if len(payload) <= PAYLOAD_BYTES:
        return line
    reason = f"{record['reason']} (the payload is the first {PAYLOAD_BYTES} of its {len(payload)} bytes)"
    return msgspec.json.encode(
        {**record, "payload": base64.b64encode(payload[:PAYLOAD_BYTES]).decode(), "reason": reason}
    )
