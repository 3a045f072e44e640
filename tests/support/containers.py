"""Avro container files for tests."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro

from connectors.avro_form import HEADER, MAGIC, SYNC_BYTES
from ops.bench.message import zigzag
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fields import Record
from schemas.topics import TOPICS


def as_avro(topic: str, record: dict[str, Any]) -> dict[str, Any]:
    """What a JSON record is to fastavro."""
    model = decode(topic, json.dumps(record).encode())
    assert isinstance(model, Record), model
    return avro_record(model)


def schema_with(topic: str, **types: Any) -> dict[str, Any]:
    """The topic's schema with other types for some fields; None leaves the field out."""
    schema = TOPICS[topic].avsc()
    kept = [field for field in schema["fields"] if types.get(field["name"], "") is not None]
    known = {field["name"] for field in kept}
    changed = [
        {"name": field["name"], "type": types[field["name"]]} if field["name"] in types else field for field in kept
    ]
    new = [{"name": name, "type": kind} for name, kind in types.items() if name not in known and kind is not None]
    return {**schema, "fields": [*new, *changed]}


def container(
    path: Path, topic: str, records: list[dict[str, Any]], schema: Any = None, codec: str = "null", block: int = 400
) -> Path:
    """Write records (as fastavro takes them) with a block for about every `block` bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        parsed = fastavro.parse_schema(schema or TOPICS[topic].avsc())
        fastavro.writer(file, parsed, records, codec=codec, sync_interval=block)
    return path


def container_of(schema: Any, codec: str, blocks: list[tuple[int, bytes]]) -> bytes:
    """A container with these blocks, (records, their bytes as the codec packs them)."""
    out, sync = io.BytesIO(), bytes(SYNC_BYTES)
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec.encode()}
    fastavro.schemaless_writer(out, HEADER, {"magic": MAGIC, "meta": meta, "sync": sync})
    for count, data in blocks:
        out.write(zigzag(count) + zigzag(len(data)) + data + sync)
    return out.getvalue()
