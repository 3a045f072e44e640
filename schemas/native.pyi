"""The steps whose cost hangs on each event, compiled from native/: Avro to columns, and what events are told apart by, sums."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# (customer, contract, meter, start of the cell, quantity, events), (exclusive or of the identities, origin, first offset,
# last offset), (largest quantity, the latest event's time, offset and quantity, sum of quantity x time since the cell's
# start); quantities in 1e-18, times in microseconds; of events of one time the later row is the latest.
Sum = tuple[tuple[str, str | None, str, int, int, int], tuple[int, int, int, int], tuple[int, int, int, int, int]]

class Columns:
    """Columns that polars takes without a copy: `pl.DataFrame(columns)`."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...

class UsageReader:
    """Reads usage that was written with one Avro schema. See schemas.usage_avro.usage_reader."""

    def __init__(
        self,
        fields: list[tuple[str, int, tuple[Any, ...]]],
        earliest: int,
        latest: int,
        canonical: Callable[[list[tuple[str, str]]], str],
    ) -> None:
        """`fields`: (name or "", argument, kind) in the writer's order; `event_time` is accepted from `earliest` to `latest`
        in microseconds; `canonical` gives the text of dimensions. ValueError for what is told in another way.
        """

    def read(self, values: Sequence[bytes | None], head: bytes) -> tuple[Columns, list[int]]:
        """(columns of the accepted records, rows of the other values) of values that are `head` and one record each.

        Columns: those of schemas.usage_columns.SCHEMA and of `identify`. `values` is a list.
        """

    def split(self, block: bytes, count: int) -> list[bytes] | None:
        """The records of a block one by one; None unless they are so many and nothing else."""

class HeadFilter:
    """Which heads of identities (numbers below 2^32) were certainly never seen. It only ever spares look-ups."""

    def __init__(self, capacity: int) -> None:
        """With room for so many; beyond it more and more heads are suspects."""

    def add(self, heads: NDArray[np.uint64]) -> None:
        """Remember heads."""

    def suspects(self, heads: NDArray[np.uint64]) -> tuple[bytes, bytes]:
        """Remember heads; rows (UInt32, ascending) of all but some that are there once only, here and before, and those of
        these rows whose head may have been there before.
        """

def heads(values: Sequence[bytes | None], size: int) -> list[tuple[bytes, int]]:
    """What values (a list) begin with, each once, and the first row that does; of None it is b""."""

def identify(frame: Any) -> Columns:
    """high, low, print_high, print_low and home (UInt64 each) of a frame's rows. See schemas.identity.identified.

    KeyError where a column is missing, TypeError where one is of another type.
    """

def identity(customer_id: str, source: str, event_id: str) -> int:
    """128 bits, as `identify` has them in high and low."""

def fingerprint(
    customer_id: str, contract_id: str | None, meter: str, quantity: int, event_time: int, dimensions: str
) -> int:
    """128 bits, as `identify` has them in print_high and print_low; `quantity` in 1e-18, `event_time` in microseconds."""

def hashed(text: str) -> int:
    """128 bits (xxh3) of any text."""

def home_of(customer_id: str) -> int:
    """64 bits, as `identify` has them in home."""

def sum_cells(
    frame: Any, counted: NDArray[np.uint8], cell_us: int, edges: Mapping[str, list[int]]
) -> tuple[list[Sum], bytes, bool]:
    """A frame's rows summed by customer, contract, meter, cell and origin, the number (UInt32) of each row's sum, and whether
    one of the rows has a dimension "unique_key", or may have one.

    `counted`: 1 for each row that is summed, else 0; the number of another row is 2^32 - 1. Sums stand in the order of their
    first rows. A cell begins at a multiple of `cell_us`, or at the last of the customer's `edges` before the event, if that is
    later. KeyError and TypeError as `identify`; ValueError where `counted` has not as many rows as the frame.
    """

def unsnapped(data: bytes, most: int) -> bytes:
    """What snappy packed; ValueError where it is damaged, or holds more than `most` bytes."""

class RecordWriter:
    """Writes our own records as Avro, straight from their JSON form (decimals, instants, dates and bytes as text)."""

    def __init__(self, schema: str) -> None:
        """`schema`: Avro's, as JSON. ValueError where it has a type that none of our own topics has."""

    def write(self, head: bytes, line: bytes) -> bytes:
        """`head`, and behind it the Avro of a record's JSON.

        What the form lacks or has as null is the field's default. ValueError names the field that is not of the schema's type.
        """
