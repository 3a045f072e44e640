"""Our own records as messages: JSON lines of the outbox in the Confluent wire format."""

from __future__ import annotations

import io
from typing import Any, NamedTuple, Protocol

import fastavro

from accounting.require import require
from accounting.trace import Trace
from connectors.kafka.headers import headers_of
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
    """Records of one topic."""

    def __init__(self, topic: str, numbers: Numbers) -> None:
        self._topic = topic
        self._schema: Any = fastavro.parse_schema(TOPICS[topic].avsc())
        self._head = b"\x00" + numbers.number(topic).to_bytes(4, "big")

    def message(self, line: bytes) -> Written:
        """A line that we have made."""
        record = decode(self._topic, line)
        require(not isinstance(record, Fault), "what we say is a record of its topic", topic=self._topic, fault=record)
        record = _bounded(record)
        out = io.BytesIO()
        out.write(self._head)
        fastavro.schemaless_writer(out, self._schema, avro_record(record))
        customer = getattr(record, "customer_id", None)
        key = record.compaction_key() if isinstance(record, ReferenceEvent) else customer and customer.encode()
        names = headers_of(Trace(*(getattr(record, name, None) for name in Trace._fields)))
        return Written(key or None, out.getvalue(), names)


def _bounded(record: Any) -> Any:
    """An exception with as much of its payload as a topic takes; the rest is where the record says it came from."""
    payload = getattr(record, "payload", None)
    if not isinstance(payload, bytes) or len(payload) <= PAYLOAD_BYTES:
        return record
    reason = f"{record.reason} (the payload is the first {PAYLOAD_BYTES} of its {len(payload)} bytes)"
    return record.model_copy(update={"payload": payload[:PAYLOAD_BYTES], "reason": reason})
