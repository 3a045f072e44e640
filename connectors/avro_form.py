"""Avro records of one topic as one writer's schema puts them: many at once in columns, or one by one."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import fastavro
import msgspec
import numpy as np
import polars as pl
from pydantic import ValidationError

from connectors.avro_bounds import unbounded
from schemas.avro_reading import unreadable
from schemas.encode import encode
from schemas.fault import Fault, invalid
from schemas.fields import Record
from schemas.topics import TOPICS, USAGE
from schemas.trace import trace_in
from schemas.usage_avro import plain_quantity, quantity_scale, usage_line, usage_reader, usage_values
from schemas.usage_columns import NOTHING, UsageColumns, decode_usage, merged

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
HEADER = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Header",
        "fields": [
            {"name": "magic", "type": {"type": "fixed", "name": "Magic", "size": len(MAGIC)}},
            {"name": "meta", "type": {"type": "map", "values": "bytes"}},
            {"name": "sync", "type": {"type": "fixed", "name": "Sync", "size": SYNC_BYTES}},
        ],
    }
)
# Read as the numbers they are. The models take numbers for microseconds; other topics' milliseconds become datetimes.
RAW = ("timestamp-micros",)
RAW_USAGE = ("timestamp-micros", "timestamp-millis")


class FormUnusable(Exception):
    """Records of the topic cannot be read by this schema; the message says why, without naming the place."""


class AvroForm:
    """A writer's schema of a topic."""

    def __init__(self, topic: str, schema: Any) -> None:
        """FormUnusable when it is not a schema of the topic's records."""
        self.topic, self.schema = topic, schema
        if problems := unreadable(topic, schema):
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise FormUnusable(f"was not written with a schema of {topic}: {problems[0]}{more}")
        usage = topic == USAGE
        self._millis = usage and "timestamp-millis" in _logical(schema, "event_time")
        self._scale = quantity_scale(schema) if usage else 0
        try:
            plain = _plain_instants(schema, RAW_USAGE if usage else RAW)
            self.parsed: Any = fastavro.parse_schema(plain_quantity(plain) if usage else plain)
            problem = unbounded(self.parsed)
            reads = usage and not problem
            self._reader = usage_reader(self.parsed, self._scale, self._millis) if reads else None
        except Exception as error:  # whatever somebody's schema makes the parser say
            raise FormUnusable(f"has a schema that cannot be read: {error!r}") from error
        if problem:
            raise FormUnusable(f"has a schema that is not read: {problem}")

    def columns(self, values: list[bytes], head: bytes = b"") -> UsageColumns:
        """Usage: what values are that are `head` and a record each. What columns do not accept is looked at by itself."""
        if self._reader is None:
            return self._singly(values, len(head))
        accepted, refused = self._reader.read(values, head)
        fast = UsageColumns(pl.DataFrame(accepted), [])
        if not refused:
            return fast
        slow = self._singly([values[row] for row in refused], len(head))
        return merged([(np.arange(len(values)), fast), (np.array(refused), slow)])

    def split(self, block: bytes, count: int) -> list[bytes] | None:
        """The usage records of a block one by one; None where they are not so many, or have to be looked at to tell."""
        return None if self._reader is None else self._reader.split(block, count)

    def _singly(self, values: list[bytes], skip: int) -> UsageColumns:
        records = [self.record(value[skip:]) for value in values]
        faults = [(at, one) for at, one in enumerate(records) if isinstance(one, Fault)]
        good = [at for at, one in enumerate(records) if not isinstance(one, Fault)]
        found = decode_usage([self.line(one) for one in records if not isinstance(one, Fault)])
        return merged(
            [(np.array(good, dtype=np.int64), found), (np.arange(len(values)), UsageColumns(NOTHING, faults))]
        )

    def record(self, body: bytes) -> dict[str, Any] | Fault:
        """The record that bytes are, all of them."""
        file = io.BytesIO(body)
        try:
            record = self.read_one(file)
        except Exception as error:  # whatever damaged bytes make the decoder say
            return Fault("undecodable", f"its {len(body)} bytes are no record of the schema that it names: {error!r}")
        if file.tell() != len(body):
            return Fault("undecodable", f"{len(body) - file.tell()} of its {len(body)} bytes are left after the record")
        return record

    def read_one(self, file: io.BytesIO) -> dict[str, Any]:
        """The next record of a file. Raises whatever damaged bytes make the decoder say."""
        record = dict(fastavro.schemaless_reader(file, self.parsed, None))  # type: ignore[arg-type]
        return usage_values(record, self._scale) if self.topic == USAGE else record

    def line(self, record: dict[str, Any]) -> bytes:
        """A record of usage as the JSON line that states the same."""
        return usage_line(record, self._millis)

    def judged(self, record: dict[str, Any]) -> tuple[Record | Fault, bytes]:
        """A record of another topic as its model, or what is wrong with it; and its bytes."""
        try:
            found = TOPICS[self.topic].model.model_validate(record)
        except ValidationError as error:
            return replace(invalid(error), trace=trace_in(record)), msgspec.json.encode(record, enc_hook=str)
        return found, encode(found)


def _logical(schema: dict[str, Any], name: str) -> str:
    """What a field's type is said to mean."""
    return str(next(field["type"] for field in schema["fields"] if field["name"] == name))


def _plain_instants(schema: Any, raw: tuple[str, ...]) -> Any:
    """The schema with instants as numbers: a time outside the calendar is an invalid record, no unreadable block."""
    if isinstance(schema, list):
        return [_plain_instants(one, raw) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("logicalType") in raw:
        return "long"
    return {
        name: _plain_instants(part, raw) if name in ("type", "items", "values", "fields") else part
        for name, part in schema.items()
    }
