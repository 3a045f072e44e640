"""How many bytes each row of a frame takes in Avro, by the schema it was decoded with.

Messages that were decoded as one block are whole only if each row has its own message's length: a message cut short and
one with too much could even out, and all between them be read as other values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Lengths = NDArray[np.int64]

_ENUM_ONE_BYTE = 64  # indices below it take one byte
_SIZES = {"boolean": 1, "float": 4, "double": 8}
_SIZE_BITS = 30  # of a text or an array: no message is longer


def encoded_lengths(schema: Any, frame: pl.DataFrame) -> Lengths | None:
    """Bytes by row, for a record schema that polars reads; None where values do not tell them.

    Arrays in one block and decimals in as few bytes as they need: what was written otherwise is longer, and looks like a
    damaged message until it is read by itself.
    """
    try:
        return _record(schema, frame)
    except _Untold:
        return None


class _Untold(Exception):
    """A type whose values do not tell their length."""


def _record(schema: Any, frame: pl.DataFrame) -> Lengths:
    total = np.zeros(frame.height, dtype=np.int64)
    for field in schema["fields"]:
        total += _length(field["type"], frame[field["name"]])
    return total


def _length(schema: Any, values: pl.Series) -> Lengths:
    if isinstance(schema, list):  # null and one other, each with a byte for the branch
        other = next(one for one in schema if one != "null")
        there = values.is_not_null().to_numpy()
        found = np.ones(len(values), dtype=np.int64)
        found[there] += _length(other, values.drop_nulls())
        return found
    kind = schema["type"] if isinstance(schema, dict) else schema
    if isinstance(kind, dict | list):
        return _length(kind, values)
    if isinstance(schema, dict) and schema.get("logicalType") == "decimal" and kind == "bytes":
        return 1 + _decimal(values)
    match kind:
        case "string":
            return _with_size(values.str.len_bytes())
        case "bytes":
            return _with_size(values.bin.size())
        case "int" | "long":
            number = values.to_physical().to_numpy().astype(np.int64)
            return _varint(np.where(number < 0, -1 - number, number), 63)
        case "record":
            return _record(schema, values.struct.unnest())
        case "array":
            return _array(schema, values)
        case "fixed":
            return np.full(len(values), int(schema["size"]), dtype=np.int64)
        case "enum" if len(schema["symbols"]) <= _ENUM_ONE_BYTE:
            return np.ones(len(values), dtype=np.int64)
    if kind not in _SIZES:
        raise _Untold(kind)
    return np.full(len(values), _SIZES[kind], dtype=np.int64)


def _array(schema: Any, values: pl.Series) -> Lengths:
    """A count, the items and a zero; nothing but the zero where there are none."""
    counts = values.list.len().to_numpy().astype(np.int64)
    filled = counts > 0
    ends = np.cumsum(counts)
    items = _length(schema["items"], values.filter(filled).explode())
    sums = np.concatenate(([0], np.cumsum(items)))
    return np.where(filled, _varint(counts, _SIZE_BITS) + sums[ends] - sums[ends - counts] + 1, 1)


def _with_size(sizes: pl.Series) -> Lengths:
    size = sizes.to_numpy().astype(np.int64)
    return _varint(size, _SIZE_BITS) + size


def _varint(magnitude: Lengths, bits: int) -> Lengths:
    """Bytes of a zigzag number whose magnitude (-x - 1 of a negative x) has up to so many bits: 6 bits, then 7 each."""
    found = np.ones(len(magnitude), dtype=np.int64)
    highest = int(magnitude.max(initial=0))
    for shift in range(6, bits, 7):
        if highest < 1 << shift:
            break
        found += magnitude >= 1 << shift
    return found


def _decimal(values: pl.Series) -> Lengths:
    """Of unscaled values in two's complement, without bytes that only repeat the sign."""
    number = values.to_physical()
    negative = number < 0
    magnitude = (pl.Series([-1], dtype=pl.Int128) - number).zip_with(negative, number) if negative.any() else number
    found = np.ones(len(values), dtype=np.int64)
    highest = int(magnitude.max() or 0)  # type: ignore[arg-type]
    for shift in range(7, 127, 8):
        if highest < 1 << shift:
            break
        found += (magnitude >= pl.Series([1 << shift], dtype=pl.Int128)).to_numpy()
    return found
