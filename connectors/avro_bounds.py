"""Schemas with which a few bytes can claim a record of any depth or size: they are refused before a record is read."""

from __future__ import annotations

from typing import Any

FIELDS_MAX = 10_000
DEPTH_MAX = 64
_PLAIN = {
    "null": False, "boolean": True, "int": True, "long": True, "float": True, "double": True, "bytes": True,
    "string": True,
}  # fmt: skip


def unbounded(schema: Any) -> str | None:
    """What has no bound in a schema that fastavro has parsed (names are whole); None: everything has one.

    A type that contains itself is read by recursion in C: some 10,000 levels, one byte each, end the process. Of an array
    whose items take no bytes a message of ten bytes can hold 2^60.
    """
    return _problem(schema, (), {}) or _too_large(schema)


def _problem(schema: Any, inside: tuple[str, ...], takes: dict[str, bool]) -> str | None:
    if isinstance(schema, str):
        return f"its type {schema} contains itself: records of any depth are not read" if schema in inside else None
    if isinstance(schema, list):
        return next((told for one in schema if (told := _problem(one, inside, takes))), None)
    kind = schema["type"]
    if kind in ("record", "error"):
        within = (*inside, schema["name"])
        told = next((told for one in schema["fields"] if (told := _problem(one["type"], within, takes))), None)
        takes[schema["name"]] = any(_takes(one["type"], takes) for one in schema["fields"])
        return told
    if kind == "map":
        return _problem(schema["values"], inside, takes)
    if kind == "array":
        told = _problem(schema["items"], inside, takes)
        if told is None and not _takes(schema["items"], takes):
            return "it has an array whose items take no bytes: records that claim any number of them are not read"
        return told
    if kind in ("enum", "fixed"):
        takes[schema["name"]] = kind == "enum" or schema["size"] > 0
    return None


def _too_large(schema: Any) -> str | None:
    """A few records that hold each other by name can unfold into billions of fields, or into any depth."""
    fields, depth = _extent(schema, {})
    if fields > FIELDS_MAX:
        return (
            f"its records have more than {FIELDS_MAX:,} fields in all, those of records inside them counted each time"
        )
    return f"its records are more than {DEPTH_MAX} deep" if depth > DEPTH_MAX else None


def _extent(schema: Any, known: dict[str, tuple[int, int]]) -> tuple[int, int]:
    """(types in all, how deep they go); `known` by the names so far, so that each record is looked at once."""
    if isinstance(schema, str):
        return known.get(schema, (1, 1))
    if isinstance(schema, list):
        inside = schema
    else:
        match schema["type"]:
            case "record" | "error":
                inside = [one["type"] for one in schema["fields"]]
            case "array":
                inside = [schema["items"]]
            case "map":
                inside = [schema["values"]]
            case _:
                inside = []
    parts = [_extent(one, known) for one in inside]
    found = 1 + sum(part[0] for part in parts), 1 + max((part[1] for part in parts), default=0)
    if isinstance(schema, dict) and "name" in schema:
        known[schema["name"]] = found
    return found


def _takes(schema: Any, takes: dict[str, bool]) -> bool:
    """Whether each value takes a byte at least."""
    if isinstance(schema, list):
        return True  # the branch
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind in ("record", "error", "enum", "fixed"):
        return takes[schema["name"]]
    return takes.get(kind, _PLAIN.get(kind, True))  # arrays and maps: the zero at their end
