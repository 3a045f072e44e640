"""Usage in Avro: how a writer's schema is read into columns, and the JSON line that states the same as one record.

A record that is not accepted in columns is written as the JSON line it would have been, and `decode` decides: so one
record has one outcome, whichever form it came in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from schemas.compatibility import PRIMITIVES
from schemas.decimals import PRECISION, decimal_text, unscaled_decimal
from schemas.dimensions import dimensions_text
from schemas.instants import EARLIEST, LATEST, instant_text
from schemas.native import UsageReader
from schemas.usage import UsageEvent

FIELDS = tuple(UsageEvent.model_fields)
MICROS_PER_MILLI = 1_000
QUANTITY_BYTES_MAX = 17  # 38 digits take 16, and one more may repeat the sign
_PAIR = ["key", "value"]
_TEXTS = ("event_id", "source", "customer_id", "contract_id", "meter")


def quantity_scale(schema: Any) -> int | None:
    """Fraction digits of the quantities that are written with a schema; None where they are no decimals."""
    branches = _branches(next((one["type"] for one in schema["fields"] if one["name"] == "quantity"), []))
    return next((one.get("scale", 0) for one in branches if _is_decimal(one)), None)


def plain_quantity(schema: Any) -> Any:
    """The schema with quantities as the bytes they are: fastavro rounds a decimal to the precision that the schema states, and
    takes minutes for one of many bytes.
    """
    fields = [
        {**one, "type": _without_meaning(one["type"])} if one["name"] == "quantity" else one for one in schema["fields"]
    ]
    return {**schema, "fields": fields}


def usage_reader(parsed: Any, scale: int | None, millis: bool) -> UsageReader | None:
    """Reads what was written with a schema that fastavro has parsed; `scale`: of its quantities, `millis`: event_time is in
    milliseconds. None where quantity is no decimal of at most 18 fraction digits, or dimensions are more than keys and values.
    """
    names: dict[str, Any] = {}
    fields = []
    for field in parsed["fields"]:
        name = field["name"] if field["name"] in FIELDS else ""
        argument = 0
        if name == "event_time":
            argument = MICROS_PER_MILLI if millis else 1
        elif name == "quantity":
            argument = -1 if scale is None else scale
        elif name == "dimensions" and not any(map(_is_pairs, _branches(field["type"]))):
            return None
        fields.append((name, argument, _kind(field["type"], names)))
    try:
        return UsageReader(fields, EARLIEST, LATEST, dimensions_text)
    except ValueError:
        return None


def usage_values(record: dict[str, Any], scale: int | None) -> dict[str, Any]:
    """A record as it was read, with texts that were written as bytes, and the quantity's bytes, as what they mean.

    ValueError where they mean nothing: no UTF-8, or more digits than any quantity has.
    """
    for name in _TEXTS:
        record[name] = _text(record.get(name))
    for pair in record.get("dimensions") or ():
        pair.update({name: _text(pair.get(name)) for name in _PAIR})
    quantity = record.get("quantity")
    if isinstance(quantity, bytes) and scale is not None:
        repeated = b"\xff" if quantity[:1] >= b"\x80" else b"\x00"  # bytes that only say the sign again
        if len(quantity) > QUANTITY_BYTES_MAX and len(quantity.lstrip(repeated)) >= QUANTITY_BYTES_MAX:
            raise ValueError(f"quantity has {len(quantity)} bytes, more than any decimal({PRECISION})")
        record["quantity"] = unscaled_decimal(int.from_bytes(quantity, "big", signed=True), scale)
    return record


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


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def _without_meaning(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_meaning(one) for one in schema]
    return {name: part for name, part in schema.items() if name != "logicalType"} if _is_decimal(schema) else schema


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
        return (schema,) if schema in PRIMITIVES else names[schema]
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
