"""Usage in Avro: how a writer's schema is read into columns, and the JSON line that states the same as one record.

A record that is not accepted in columns is written as the JSON line it would have been, and `decode` decides: so one
record has one outcome, whichever form it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.decimals import decimal_text
from schemas.dimensions import dimensions_text
from schemas.instants import EARLIEST, LATEST, instant_text
from schemas.native import UsageReader
from schemas.usage import UsageEvent

FIELDS = tuple(UsageEvent.model_fields)
MICROS_PER_MILLI = 1_000
_PAIR = ["key", "value"]


def usage_reader(parsed: Any, millis: bool) -> UsageReader | None:
    """Reads what was written with a schema that fastavro has parsed; `millis`: event_time is in milliseconds.

    None where quantity is no decimal of at most 18 fraction digits, or dimensions are more than keys and values.
    """
    names: dict[str, Any] = {}
    fields = []
    for field in parsed["fields"]:
        name = field["name"] if field["name"] in FIELDS else ""
        argument = 0
        if name == "event_time":
            argument = MICROS_PER_MILLI if millis else 1
        elif name == "quantity":
            argument = next((one["scale"] for one in _branches(field["type"]) if _is_decimal(one)), -1)
        elif name == "dimensions" and not any(map(_is_pairs, _branches(field["type"]))):
            return None
        fields.append((name, argument, _kind(field["type"], names)))
    try:
        return UsageReader(fields, EARLIEST, LATEST, dimensions_text)
    except ValueError:
        return None


def usage_line(record: Mapping[str, Any], millis: bool = False) -> bytes:
    """A record as the JSON line that states the same; event_time in microseconds, or in milliseconds."""
    fields = {name: record.get(name) for name in FIELDS}
    if fields["quantity"] is not None:
        fields["quantity"] = decimal_text(fields["quantity"])
    if isinstance(time := fields["event_time"], int):
        time = time * MICROS_PER_MILLI if millis else time
        fields["event_time"] = instant_text(time) if EARLIEST <= time <= LATEST else time
    return msgspec.json.encode(fields)


def _branches(schema: Any) -> list[Any]:
    return schema if isinstance(schema, list) else [schema]


def _is_decimal(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("logicalType") == "decimal"


def _is_pairs(schema: Any) -> bool:
    items = schema.get("items") if isinstance(schema, dict) else None
    if not isinstance(items, dict) or items["type"] != "record":
        return False
    return [(field["name"], _plain(field["type"])) for field in items["fields"]] == [(name, "string") for name in _PAIR]


def _plain(schema: Any) -> Any:
    return schema["type"] if isinstance(schema, dict) else schema


def _kind(schema: Any, names: dict[str, Any]) -> tuple[Any, ...]:
    """A type as native.UsageReader is told of it; `names`: the named types so far."""
    if isinstance(schema, list):
        return "union", [_kind(one, names) for one in schema]
    if isinstance(schema, str):
        return names.get(schema, (schema,))
    kind = schema["type"]
    if kind in ("record", "error"):
        found: tuple[Any, ...] = "record", [_kind(field["type"], names) for field in schema["fields"]]
    elif kind in ("array", "map"):
        return kind, _kind(schema["items" if kind == "array" else "values"], names)
    elif kind in ("enum", "fixed"):
        found = kind, len(schema["symbols"]) if kind == "enum" else schema["size"]
    else:
        return _kind(kind, names)
    names[schema["name"]] = found
    return found
