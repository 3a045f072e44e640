"""Whether records of a writer's Avro schema can be read as records of a topic.

Records are decoded with the schema they were written with, so the reader may be laxer than schema resolution where the
writer's own words leave no doubt about a value: names of types, null where a value is required (the record is then
invalid), another scale of a decimal, milliseconds.
"""

from __future__ import annotations

from typing import Any

from schemas.compatibility import PRIMITIVES, Schema, clashes
from schemas.topics import TOPICS

TIMESTAMPS = ("timestamp-micros", "timestamp-millis")


def unreadable(topic: str, writer: Schema) -> list[str]:
    """Why records written with `writer` are no records of the topic, each with the field's path; empty = they are."""
    if not isinstance(writer, dict) or writer.get("type") != "record":
        return ["it is the schema of something that is no record"]
    reader = TOPICS[topic].avsc()
    # A file of another of our topics may have every field that is required here.
    if _full_name(writer) != _full_name(reader) and _full_name(writer) in {
        _full_name(one.avsc()) for one in TOPICS.values()
    }:
        return [f"it is the schema {_full_name(writer)}, not {_full_name(reader)}"]
    try:
        return clashes(_lenient(reader, writer, _types(reader, {}), _types(writer, {})), writer)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        return [f"it is no Avro schema ({error!r})"]


def _full_name(schema: dict[str, Any]) -> str:
    name = str(schema.get("name", ""))
    return name if "." in name else f"{schema.get('namespace', '')}.{name}".lstrip(".")


def _lenient(reader: Schema, writer: Schema, mine: dict[str, Schema], theirs: dict[str, Schema]) -> Schema:
    """Our schema with the writer's way of saying the same."""
    kind, written = _plain(reader, mine), _plain(writer, theirs)
    if not isinstance(kind, dict) or not isinstance(written, dict):
        result = kind
    elif kind["type"] == "record" and written["type"] == "record":
        of = {field["name"]: field["type"] for field in written["fields"]}
        fields = [
            {**field, "type": _lenient(field["type"], of[field["name"]], mine, theirs)}
            if field["name"] in of
            else field
            for field in kind["fields"]
        ]
        result = {**kind, "name": written["name"], "namespace": written.get("namespace", ""), "fields": fields}
    elif kind["type"] == "array" and written["type"] == "array":
        result = {**kind, "items": _lenient(kind["items"], written["items"], mine, theirs)}
    elif kind["type"] == "enum" and written["type"] == "enum":
        result = {**kind, "name": written["name"], "namespace": written.get("namespace", "")}
    else:
        result = written if _says_the_same(kind, written) else kind
    # null where we want a value: the one record is invalid, its neighbours are read.
    return ["null", result] if isinstance(writer, list) or isinstance(reader, list) else result


def _says_the_same(mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    if mine.get("logicalType") == "decimal" == theirs.get("logicalType"):
        return bool(theirs.get("scale", 0) <= mine["scale"])  # a finer scale might not fit exactly
    return mine.get("logicalType") in TIMESTAMPS and theirs.get("logicalType") in TIMESTAMPS


def _plain(schema: Schema, names: dict[str, Schema]) -> Schema:
    """What a type is besides null, named types and wrappers resolved; unions of several stay."""
    if isinstance(schema, list):
        branches = [branch for branch in schema if branch != "null"]
        return _plain(branches[0], names) if len(branches) == 1 else schema
    if isinstance(schema, str):
        return schema if schema in PRIMITIVES else _plain(names[schema], names)
    return _plain(schema["type"], names) if isinstance(schema["type"], dict) else schema


def _types(schema: Schema, found: dict[str, Schema]) -> dict[str, Schema]:
    """The named types of a schema, by their full and their short names."""
    if isinstance(schema, list):
        for branch in schema:
            _types(branch, found)
    elif isinstance(schema, dict):
        if "name" in schema:
            found[schema["name"]] = schema
            found[_full_name(schema)] = schema
        for part in ("type", "items", "values"):
            if isinstance(schema.get(part), dict | list):
                _types(schema[part], found)
        for field in schema.get("fields", ()):
            _types(field["type"], found)
    return found
