"""Our own records as Avro, straight from their JSON form: each leaf is turned into its bytes once and remembered.

A model would check again what the same process has just made, and took three quarters of a service's time. What has not the
schema's types is refused all the same; patterns and ranges are the models' business, which read what others send.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from schemas.decimals import parse_decimal, scaled
from schemas.instants import parse_instant

Write = Callable[[Any], bytes]

REMEMBERED = 1 << 16  # leaves of a kind: names, periods and amounts come again and again
EPOCH_DAY = date(1970, 1, 1).toordinal()
END = b"\x00"  # of an array; an empty one is nothing else
SHORT = 64  # so long is a text whose length takes one byte


def record_writer(schema: Mapping[str, Any]) -> Write:
    """Gives the Avro of a record in its JSON form (decimals, instants, dates and bytes as text) by a topic's schema.

    What the form lacks or has as null is the field's default. What the writer is given must be of the schema's types, else it
    raises TypeError, ValueError, KeyError or AttributeError, whichever the wrong value causes.
    """
    return _writer(schema, {})


def _writer(schema: Any, named: dict[str, Write]) -> Write:
    if isinstance(schema, str):
        return named[schema] if schema in named else _PLAIN[schema]
    if isinstance(schema, list):
        null, kind = schema  # every union of ours is one with null, and null comes first
        if null != "null":
            raise ValueError(f"no union with null: {schema}")
        return _optional(_writer(kind, named))
    if (logical := schema.get("logicalType")) is not None:
        return _decimal(schema["scale"]) if logical == "decimal" else _LOGICAL[logical]
    match schema["type"]:
        case "array":
            return _array(_writer(schema["items"], named))
        case "enum":
            symbols = {symbol: zigzag(number) for number, symbol in enumerate(schema["symbols"])}
            made: Write = symbols.__getitem__
        case "record":
            made = _record([(field["name"], _field(field, named)) for field in schema["fields"]])
        case plain:
            return _writer(plain, named)
    named[schema["name"]] = made
    return made


def _field(field: Mapping[str, Any], named: dict[str, Write]) -> Write:
    write = _writer(field["type"], named)
    if field.get("default", None) != []:
        return write
    return lambda value: END if value is None else write(value)


def _record(fields: list[tuple[str, Write]]) -> Write:
    def write(value: Mapping[str, Any]) -> bytes:
        get = value.get
        return b"".join([field(get(name)) for name, field in fields])

    return write


def _array(item: Write) -> Write:
    def write(values: list[Any]) -> bytes:
        # Not of its truth: an entry whose lines are missing must not pass for one that has none.
        return b"".join((zigzag(len(values)), *map(item, values), END)) if len(values) else END

    return write


def _optional(kind: Write) -> Write:
    return lambda value: b"\x00" if value is None else b"\x02" + kind(value)


def zigzag(value: int) -> bytes:
    """Avro's number of at most 64 bits."""
    left, out = (value << 1) ^ (value >> 63), bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


_HEADS = [zigzag(length) for length in range(SHORT)]


@lru_cache(REMEMBERED)
def _text(value: str) -> bytes:
    return _bytes(value.encode())


def _bytes(value: bytes) -> bytes:
    length = len(value)
    return (_HEADS[length] if length < SHORT else zigzag(length)) + value


def _whole(value: int) -> bytes:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise TypeError(f"{value!r} is no whole number of 64 bits")
    return zigzag(value)


def _decimal(scale: int) -> Write:
    @lru_cache(REMEMBERED)
    def write(text: str) -> bytes:
        units = scaled(parse_decimal(text, scale), scale)
        return _bytes(units.to_bytes((abs(units).bit_length() + 8) // 8, "big", signed=True))

    return write


@lru_cache(REMEMBERED)
def _instant(text: str) -> bytes:
    return zigzag(parse_instant(text))


@lru_cache(REMEMBERED)
def _day(text: str) -> bytes:
    return zigzag(date.fromisoformat(text).toordinal() - EPOCH_DAY)


def _payload(text: str) -> bytes:
    return _bytes(base64.b64decode(text, validate=True))


def _flag(value: bool) -> bytes:
    return {True: b"\x01", False: b"\x00"}[value]


_PLAIN: dict[str, Write] = {"string": _text, "int": _whole, "long": _whole, "bytes": _payload, "boolean": _flag}
_LOGICAL: dict[str, Write] = {"timestamp-micros": _instant, "date": _day}
