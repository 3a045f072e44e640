"""Admitted rows summed by cell: one item for each cell and partition, and no step of Python for each event."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from polars_hash import NonCryptographicHashingNameSpace as Hashes

from dataflows.usage_cells import Usage
from state.records import Source

# The value of the dimension "unique_key" in the canonical text of dimensions: JSON pairs, so quotes are escaped.
UNIQUE_PATTERN = r'\["unique_key","((?:[^"\\]|\\.)*)"\]'
NAMES = ("customer_id", "contract_id", "meter")
# Most quantities are whole multiples of one of these, in 1e-18: one, a millionth, a billionth.
STEPS = (10**18, 10**12, 10**9)
_HALF = 15  # a time inside a cell has 30 bits: its products are summed by halves
_INDEX = 32  # bits of a row's number
_FITS = 2**62
_NO_NAME = 2**32 - 1

_Column = NDArray[Any]


def groups(rows: pl.DataFrame, origins: list[tuple[str, int]]) -> Iterator[Usage]:
    """Rows summed by customer, contract, meter, cell and origin, in the order of their first rows.

    `origin` indexes `origins`; the rows of one origin stand in the order of their positions.
    """
    if not rows.height:
        return
    order, starts = _runs(rows)
    counts = np.diff(starts, append=rows.height)
    heads = order[starts]
    shown = np.argsort(heads)  # the groups in the order of their first rows
    offset, cell = (rows[name].to_numpy()[order] for name in ("offset", "cell"))
    past = rows["event_time"].to_numpy()[order] - cell
    # The number of the row decides between equal times: the last one counts.
    latest = np.maximum.reduceat(past << _INDEX | np.arange(rows.height), starts) & (2**_INDEX - 1)
    values, step = _values(rows["quantity"].to_physical(), int(counts.max()))
    values = values[order]
    found = [
        column[shown].tolist()
        for column in (
            cell[starts], rows["origin"].to_numpy()[heads], np.add.reduceat(values, starts), counts,
            np.bitwise_xor.reduceat(rows["high"].to_numpy()[order], starts),
            np.bitwise_xor.reduceat(rows["low"].to_numpy()[order], starts),
            offset[starts], offset[starts + counts - 1], np.maximum.reduceat(values, starts),
            past[latest], offset[latest], values[latest],
            np.add.reduceat(values * (past >> _HALF), starts), np.add.reduceat(values * (past & (2**_HALF - 1)), starts),
        )
    ]  # fmt: skip
    names = [rows[name].gather(heads[shown]) for name in NAMES]
    distinct = _distinct(rows, order, starts, shown)
    for (
        customer, contract, meter, start, origin, quantity, events, high, low, first, final, largest, last_past,
        last_offset, last_quantity, upper, lower, values_seen,
    ) in zip(*(column.to_list() for column in names), *found, distinct, strict=True):  # fmt: skip
        topic, partition = origins[origin]
        yield Usage(
            customer, contract, meter, start, quantity * step, events, high << 64 | low,
            Source(topic, partition, first, final + 1), largest * step, start + last_past, last_offset,
            last_quantity * step, ((upper << _HALF) + lower) * step, values_seen,
        )  # fmt: skip


def unique_value(dimensions: str) -> tuple[bytes, ...]:
    """The hash of the value that `unique` counts, of one row; nothing where it has none."""
    value = pl.DataFrame({"dimensions": [dimensions]}).select(_unique_value()).item()
    return () if value is None else (int(value).to_bytes(16, "big"),)


def _unique_value() -> pl.Expr:
    """A hash of the value of the dimension that `unique` counts; null where a row has none."""
    value = pl.col("dimensions").str.extract(UNIQUE_PATTERN)
    return Hashes(value).xxh3_128().alias("unique_value")


def _runs(rows: pl.DataFrame) -> tuple[_Column, _Column]:
    """(numbers of rows in an order in which those of a group are neighbours and stay in theirs, where each group begins)."""
    # Names become numbers that are exact; of no interest is which. Nothing holds the category when this is over.
    numbered = pl.Categorical(pl.Categories("name", "accrual.usage"))
    key, size = np.zeros(rows.height, np.int64), 1
    columns = [rows["cell"].to_numpy(), rows["origin"].to_numpy().astype(np.int64)]
    for name in NAMES:
        if (missing := rows[name].null_count()) < rows.height:
            codes = rows[name].cast(numbered).to_physical()
            columns.append((codes.fill_null(_NO_NAME) if missing else codes).to_numpy().astype(np.int64))
    for column in columns:
        low = int(column.min())
        span = int(column.max()) - low + 1
        if span == 1:
            continue
        column = column - low
        if size * span >= _FITS:
            (key, size), (column, span) = _ranked(key), _ranked(column)
        key, size = key * span + column, size * span
    order = np.argsort(key, kind="stable")
    key = key[order]
    return order, np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))


def _ranked(column: _Column) -> tuple[_Column, int]:
    """The same with the smallest numbers, and how many they are."""
    known, ranks = np.unique(column, return_inverse=True)
    return ranks.astype(np.int64), len(known)


def _values(units: pl.Series, most: int) -> tuple[_Column, int]:
    """Units (1e-18) as multiples of a step, and the step: in 64 bits where all sums of `most` of them fit, else Python's."""
    for step in STEPS:
        exact = pl.Series([step], dtype=pl.Int128)
        rest = units % exact
        if rest.min() != 0 or rest.max() != 0:
            continue
        whole = (units // exact).cast(pl.Int64, strict=False)
        if not whole.null_count():
            values = whole.to_numpy()
            if max(abs(int(values.min())), abs(int(values.max()))) * most << _HALF < _FITS:
                return values, step
    return np.array(units.to_list(), dtype=object), 1


def _distinct(rows: pl.DataFrame, order: _Column, starts: _Column, shown: _Column) -> list[tuple[bytes, ...]]:
    """What of a unique key each group has, in the order of `shown`."""
    found: list[list[bytes]] = [[] for _ in shown]
    if rows["dimensions"].str.contains("unique_key", literal=True).any():
        place = np.empty(len(shown), np.int64)
        place[shown] = np.arange(len(shown))
        group = np.empty(rows.height, np.int64)
        group[order] = np.repeat(place, np.diff(starts, append=rows.height))
        values = rows.select(_unique_value(), pl.Series("group", group)).drop_nulls().unique()
        for value, number in values.iter_rows():
            found[number].append(value.to_bytes(16, "big"))
    return [tuple(values) for values in found]
