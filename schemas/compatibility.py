"""Compatibility: whether readers and writers of different releases of a schema understand each other.

The rules are Avro's schema resolution, and one more: a logical type may not change, because a reader of
another decimal scale would resolve without error to another amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas.topics import TOPICS

Schema = Any  # parsed JSON: a name, a list (union) or an object

PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
LOGICAL = ("logicalType", "precision", "scale")
PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason why a schema may not be used: its topic, the release it clashes with and what is wrong."""

    topic: str
    release: int | None
    direction: Literal["current reads released", "released reads current", "release"]
    what: str


def check_topic(topic: str, current: Schema, released: Mapping[int, Schema]) -> list[Problem]:
    """Every problem of a topic's current schema against all its releases (FULL_TRANSITIVE); empty = good.

    A current schema that differs from the last release is a problem too: it must be released first.
    """
    problems: list[Problem] = []
    for number, schema in sorted(released.items()):
        for what in clashes(reader=current, writer=schema):
            problems.append(Problem(topic, number, "current reads released", what))
        for what in clashes(reader=schema, writer=current):
            problems.append(Problem(topic, number, "released reads current", what))
    last = max(released, default=0)
    if not last or released[last] != current:
        file = f"schemas/released/{topic}/{last + 1}.avsc"
        what = f"the current schema is not the last released one: copy schemas/avro/{topic}.avsc to {file}"
        problems.append(Problem(topic, last or None, "release", what))
    return problems


def check_all() -> list[Problem]:
    """Every problem of every topic's schema; empty = good."""
    problems: list[Problem] = []
    for topic in TOPICS.values():
        problems += check_topic(topic.name, topic.avsc(), topic.released())
    return problems


def clashes(reader: Schema, writer: Schema) -> list[str]:
    """Why a reader's schema cannot read what a writer's schema wrote, each with its path; empty = it can."""
    return list(_Resolution(_names(reader), _names(writer)).clashes(reader, writer, _short(reader)))


def _names(schema: Schema, namespace: str = "") -> dict[str, Schema]:
    """The named types of a schema, by full and by short name."""
    found: dict[str, Schema] = {}
    if isinstance(schema, list):
        for branch in schema:
            found.update(_names(branch, namespace))
    elif isinstance(schema, dict):
        space = schema.get("namespace", namespace)
        if "name" in schema:
            found[schema["name"]] = schema
            found[f"{space}.{schema['name']}"] = schema
        for part in ("type", "items", "values"):
            if isinstance(schema.get(part), dict | list):
                found.update(_names(schema[part], space))
        for field in schema.get("fields", ()):
            found.update(_names(field["type"], space))
    return found


def _short(schema: Schema) -> str:
    """The unqualified name of a type, which is what Avro compares."""
    name = schema.get("name", schema["type"]) if isinstance(schema, dict) else schema
    return str(name).rsplit(".", 1)[-1]


class _Resolution:
    """One resolution of a writer's schema by a reader's; remembers the records under way, so that it ends."""

    def __init__(self, reader_names: dict[str, Schema], writer_names: dict[str, Schema]) -> None:
        self._reader_names = reader_names
        self._writer_names = writer_names
        self._seen: set[tuple[str, str]] = set()

    def clashes(self, reader: Schema, writer: Schema, path: str) -> Iterator[str]:
        reader, writer = _named(reader, self._reader_names), _named(writer, self._writer_names)
        if isinstance(writer, list):
            for branch in writer:
                yield from self.clashes(reader, branch, path)
            return
        if isinstance(reader, list):
            if not any(self._fits(branch, writer, path) for branch in reader):
                yield f"{path}: no branch of the reader's union takes {_short(writer)}"
            return
        yield from self._single(_as_object(reader), _as_object(writer), path)

    def _fits(self, reader: Schema, writer: Schema, path: str) -> bool:
        return next(self.clashes(reader, writer, path), None) is None

    def _single(self, reader: dict[str, Any], writer: dict[str, Any], path: str) -> Iterator[str]:
        for name in LOGICAL:
            if reader.get(name) != writer.get(name):
                yield f"{path}: the reader's {name} {reader.get(name)} is not the writer's {writer.get(name)}"
        kind, written = reader["type"], writer["type"]
        if kind != written:
            if kind not in PROMOTIONS.get(written, ()):
                yield f"{path}: the reader's {kind} does not take the writer's {written}"
            return
        if "name" in reader and _short(reader) != _short(writer):
            yield f"{path}: the reader's {_short(reader)} is not the writer's {_short(writer)}"
            return
        match kind:
            case "record":
                yield from self._record(reader, writer, path)
            case "enum":
                missing = [symbol for symbol in writer["symbols"] if symbol not in reader["symbols"]]
                if missing and "default" not in reader:
                    yield f"{path}: the reader's enum lacks {', '.join(missing)}"
            case "array":
                yield from self.clashes(reader["items"], writer["items"], f"{path}[]")
            case "map":
                yield from self.clashes(reader["values"], writer["values"], f"{path}{{}}")
            case "fixed":
                if reader["size"] != writer["size"]:
                    yield f"{path}: the reader's {reader['size']} bytes are not the writer's {writer['size']}"

    def _record(self, reader: dict[str, Any], writer: dict[str, Any], path: str) -> Iterator[str]:
        pair = (reader["name"], writer["name"])
        if pair in self._seen:  # a record inside itself: already under way
            return
        self._seen.add(pair)
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            names = [field["name"], *field.get("aliases", ())]
            match = next((written[name] for name in names if name in written), None)
            if match is not None:
                yield from self.clashes(field["type"], match["type"], f"{path}.{field['name']}")
            elif "default" not in field:
                yield f"{path}.{field['name']}: the writer lacks it and the reader has no default"
        self._seen.discard(pair)


def _named(schema: Schema, names: dict[str, Schema]) -> Schema:
    """The definition behind a reference to a named type, anything else as it is."""
    if isinstance(schema, str) and schema not in PRIMITIVES:
        return names[schema]
    return schema


def _as_object(schema: Schema) -> dict[str, Any]:
    """A type as an object; {"type": {...}} counts as what it wraps."""
    if isinstance(schema, str):
        return {"type": schema}
    if isinstance(schema["type"], dict):
        return _as_object(schema["type"])
    return dict(schema)
