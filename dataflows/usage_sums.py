"""Admitted rows summed by cell: one item for each cell and partition, and no step of Python for each event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from dataflows.contract_table import QUARTER_US
from dataflows.usage_cells import Usage
from schemas.native import hashed, sum_cells
from state.records import Source

# The value of the dimension "unique_key" in the canonical text of dimensions: JSON pairs, so quotes are escaped.
_UNIQUE = pl.col("dimensions").str.extract(r'\["unique_key","((?:[^"\\]|\\.)*)"\]').alias("unique_value")


class UsageSums:
    """Rows summed by customer, contract, meter, cell and origin, in the order of their first rows."""

    def __init__(
        self,
        rows: pl.DataFrame,
        counted: NDArray[np.bool_],
        edges: dict[str, list[int]],
        origins: list[tuple[str, int]],
    ) -> None:
        """`counted`: which of the rows are summed. `origin` of a row indexes `origins`; the rows of one origin stand in the order
        of their positions. A cell is a quarter of an hour, cut at the customer's `edges` (microseconds).
        """
        self._rows, self._origins = rows, origins
        self._sums, of_rows, self._unique = sum_cells(rows, counted.view(np.uint8), QUARTER_US, edges)
        self._of_rows: NDArray[np.uint32] = np.frombuffer(of_rows, dtype=np.uint32)

    def __iter__(self) -> Iterator[Usage]:
        """The sums; their numbers follow from their order."""
        for (name, marks, values), distinct in zip(self._sums, self._distinct(), strict=True):
            customer, contract, meter, cell, quantity, events = name
            digest, origin, first, final = marks
            topic, partition = self._origins[origin]
            yield Usage(
                customer, contract, meter, cell, quantity, events, digest, Source(topic, partition, first, final + 1),
                *values, distinct,
            )  # fmt: skip

    def rows_of(self, numbers: Sequence[int]) -> pl.DataFrame:
        """The rows of some sums."""
        return self._rows.filter(np.isin(self._of_rows, numbers))

    def _distinct(self) -> list[tuple[bytes, ...]]:
        """What of a unique key each sum has."""
        found: list[list[bytes]] = [[] for _ in self._sums]
        if self._unique:
            numbers = pl.Series("sum", self._of_rows)
            values = self._rows.select(_UNIQUE, numbers).filter(numbers < len(found)).drop_nulls().unique()
            for value, number in values.iter_rows():
                found[number].append(_marked(value))
        return [tuple(values) for values in found]


def unique_value(dimensions: str) -> tuple[bytes, ...]:
    """The hash of the value that `unique` counts, of one row; nothing where it has none."""
    value = pl.DataFrame({"dimensions": [dimensions]}).select(_UNIQUE).item()
    return () if value is None else (_marked(value),)


def _marked(value: str) -> bytes:
    """What is kept of a value: 16 bytes, however long it is."""
    return hashed(value).to_bytes(16, "big")
