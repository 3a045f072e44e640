"""Encoding: records as JSON lines, and as what fastavro writes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from schemas.decimals import decimal_text
from schemas.fields import Record
from schemas.instants import instant_of, instant_text


def encode(record: Record | Mapping[str, Any]) -> bytes:
    """One JSON line in UTF-8, without the newline.

    Decimals become strings with the fraction digits they have, instants RFC 3339 UTC with Z, dates
    YYYY-MM-DD, bytes base64; keys keep their order and None becomes null. In a mapping an instant must be
    an aware datetime: an int stays a number. Raises TypeError for a float or another type, which no record
    may hold, ValueError for a naive datetime or a decimal that is not finite.
    """
    if isinstance(record, Record):
        return record.model_dump_json(by_alias=True).encode()
    return msgspec.json.encode(_plain(record))


def avro_record(record: Record) -> dict[str, Any]:
    """A record as fastavro writes it with its topic's schema: Decimal, int microseconds, date and bytes."""
    return record.model_dump(by_alias=True)


def _plain(value: object) -> object:
    """A value with only the types JSON has."""
    match value:
        case None | bool() | str() | int():
            return value
        case Decimal():
            if not value.is_finite():
                raise ValueError(f"a decimal must be finite, got {value}")
            return decimal_text(value)
        case datetime():
            return instant_text(instant_of(value))
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case Record():
            return value.model_dump(mode="json", by_alias=True)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no place in a record")
