"""Avro records of one topic as one writer's schema puts them: many at once in columns, or one by one."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import fastavro
import msgspec
import polars as pl
from polars.exceptions import PanicException, PolarsError
from pydantic import ValidationError

from connectors.avro_bounds import unbounded
from schemas.avro_reading import unreadable
from schemas.avro_writing import zigzag
from schemas.encode import encode
from schemas.fault import Fault, invalid
from schemas.fields import Record
from schemas.topics import TOPICS, USAGE
from schemas.trace import trace_in
from schemas.usage_avro import is_columnar, usage_line

MAGIC = b"Obj\x01"
HEAD = "message_head"  # the field of what stands before a record
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
        try:
            self.parsed: Any = fastavro.parse_schema(_plain_instants(schema, RAW_USAGE if topic == USAGE else RAW))
        except Exception as error:  # whatever somebody's schema makes the parser say
            raise FormUnusable(f"has a schema that cannot be read: {error}") from error
        if problem := unbounded(self.parsed):
            raise FormUnusable(f"has a schema that is not read: {problem}")
        self.columnar = topic == USAGE and is_columnar(schema)
        self._millis = topic == USAGE and "timestamp-millis" in _logical(schema, "event_time")

    def rows(
        self, blocks: Sequence[tuple[int, bytes]], codec: str = "null", head_bytes: int = 0
    ) -> pl.DataFrame | None:
        """What blocks of (records, their bytes) hold, as it was written; None when polars cannot read them.

        `head_bytes`: so many stand before each record, and are read as a first field of it.
        """
        try:
            schema = _headed(self.schema, head_bytes) if head_bytes else self.schema
            return pl.read_avro(container_of(schema, codec, blocks))
        except (PolarsError, PanicException, OSError, ValueError, OverflowError):
            # OSError too: polars reads memory here, and says so where the bytes run out.
            return None

    def read_one(self, file: io.BytesIO) -> dict[str, Any]:
        """The next record of a file. Raises whatever damaged bytes make the decoder say."""
        return dict(fastavro.schemaless_reader(file, self.parsed, None))  # type: ignore[arg-type]

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


def container_of(schema: Any, codec: str, blocks: Sequence[tuple[int, bytes]]) -> io.BytesIO:
    """A container in memory, for readers that take nothing else; blocks as (records, their bytes)."""
    sync = bytes(SYNC_BYTES)
    out = io.BytesIO()
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec.encode()}
    fastavro.schemaless_writer(out, HEADER, {"magic": MAGIC, "meta": meta, "sync": sync})
    for count, data in blocks:
        for part in (zigzag(count), zigzag(len(data)), data, sync):
            out.write(part)
    out.seek(0)
    return out


def _headed(schema: Any, size: int) -> Any:
    """A record's schema with so many bytes before its fields. A clash of names makes it unreadable, no wrong value."""
    head = {"name": HEAD, "type": {"type": "fixed", "name": "MessageHead", "size": size}}
    return {**schema, "fields": [head, *schema["fields"]]}


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
