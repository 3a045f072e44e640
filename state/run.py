"""One sorted run of identities: written once, read by binary search, stored in chunks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from state.errors import StateDamaged
from state.keys import SEEN
from state.store import ShardStore

# What is stored for each identity: 44 bytes. Integers are little-endian on disk, whatever the machine.
ROW = np.dtype(
    [
        ("high", "<u8"),  # the identity's 128 bits
        ("low", "<u8"),
        ("print_high", "<u8"),  # the fingerprint's 128 bits
        ("print_low", "<u8"),
        ("partition", "<u4"),  # index of topic/partition
        ("offset", "<u8"),  # first position
    ]
)
CHUNK_ROWS = 128  # 5.6 kB: what one exact look-up reads
RESIDENT_ROWS = 1 << 16  # runs up to this many rows stay in memory whole
_FORMAT = b"\x01"


@dataclass(slots=True)
class Run:
    """Rows sorted by (high, low), unique. `high` is always in memory; the rest is, for small runs."""

    number: int
    bucket: int  # the stretch of event time in which it was written
    high: NDArray[np.uint64]
    rows: NDArray[np.void] | None = field(default=None)

    def __len__(self) -> int:
        return len(self.high)

    def read(self, store: ShardStore) -> NDArray[np.void]:
        """All rows."""
        if self.rows is not None:
            return self.rows
        return np.concatenate([_chunk(store, self.number, at) for at in range(0, len(self), CHUNK_ROWS)])

    def find(self, store: ShardStore, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> list[tuple[int, np.void]]:
        """(index into the question, stored row) of each identity that the run holds."""
        found = []
        at = np.searchsorted(self.high, high)
        # Two identities may share their upper 64 bits: walk on while the upper half is equal.
        for index in np.flatnonzero((at < len(self)) & (self.high[np.minimum(at, len(self) - 1)] == high)):
            number = int(at[index])
            while number < len(self) and self.high[number] == high[index]:
                row = self._row(store, number)
                if row["low"] == low[index]:
                    found.append((int(index), row))
                    break
                number += 1
        return found

    def _row(self, store: ShardStore, number: int) -> np.void:
        if self.rows is not None:
            return self.rows[number]
        return _chunk(store, self.number, number // CHUNK_ROWS * CHUNK_ROWS)[number % CHUNK_ROWS]


def _key(number: int, part: bytes, at: int = 0) -> bytes:
    return SEEN + part + number.to_bytes(4, "big") + at.to_bytes(4, "big")


def _chunk(store: ShardStore, number: int, at: int) -> NDArray[np.void]:
    data = store.get(_key(number, b"r", at))
    if data is None or data[:1] != _FORMAT:
        raise StateDamaged(f"run {number} of identities in {store.path} has no readable chunk at row {at}")
    return np.frombuffer(data, dtype=ROW, offset=1)


def write(store: ShardStore, number: int, bucket: int, rows: NDArray[np.void]) -> Run:
    """Put a new run into the batch in hand."""
    high = np.ascontiguousarray(rows["high"])
    for at in range(0, len(rows), CHUNK_ROWS):
        store.put(_key(number, b"r", at), _FORMAT + rows[at : at + CHUNK_ROWS].tobytes())
    store.put(_key(number, b"h"), _FORMAT + bucket.to_bytes(8, "big", signed=True) + high.tobytes())
    return Run(number, bucket, high, rows if len(rows) <= RESIDENT_ROWS else None)


def drop(store: ShardStore, run: Run) -> None:
    """Delete a run with the batch in hand."""
    for at in range(0, len(run), CHUNK_ROWS):
        store.delete(_key(run.number, b"r", at))
    store.delete(_key(run.number, b"h"))


def load(store: ShardStore) -> list[Run]:
    """The runs of a store, oldest first."""
    runs = []
    for key, data in store.scan(SEEN + b"h"):
        if data[:1] != _FORMAT:
            raise StateDamaged(f"a run of identities in {store.path} has format {data[:1].hex()}")
        number, bucket = int.from_bytes(key[2:6], "big"), int.from_bytes(data[1:9], "big", signed=True)
        high = np.frombuffer(data, dtype="<u8", offset=9).copy()  # aligned, so that searches need no copy
        run = Run(number, bucket, high)
        if len(run) <= RESIDENT_ROWS:
            run.rows = run.read(store)
        runs.append(run)
    return runs


def in_order(rows: NDArray[np.void]) -> NDArray[np.intp]:
    """The order of rows by (high, low), equal identities as they came."""
    order = np.argsort(rows["high"], kind="stable")  # quick on rows that are sorted in stretches
    high, low = rows["high"][order], rows["low"][order]
    if np.any((high[1:] == high[:-1]) & (low[1:] != low[:-1])):  # upper halves collide: sort by both
        order = np.lexsort((rows["low"], rows["high"]))
    return order


def merge(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """Rows of several runs as one sorted run; the runs share no identity."""
    rows = np.concatenate(parts)
    return rows[in_order(rows)]
