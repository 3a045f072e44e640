"""The identities of one stretch of event time: stored once each, in order of arrival, in chunks of equal size.

The first 32 bits of each, its head, are stored once more, many in one value: a start needs no more than them, and reads an
eleventh of what the rows are. No answer rests on them: they tell which rows to look at.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from accounting.require import require
from state import keys
from state.errors import StateDamaged, StateForeign
from state.index import HEAD_BITS, Index
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
Row = tuple[bytes, bytes, bytes]  # identity, fingerprint, position: compared whole
CHUNK_ROWS = 128  # 5.6 kB: what one exact look-up reads, and what is written again while the last chunk fills
RECENT_CHUNKS = 512  # 2.9 MB for the stretch that is written
CHUNK_BYTES = CHUNK_ROWS * ROW.itemsize
HEAD = np.dtype("<u4")
BLOCK_ROWS = 1 << 12  # whose heads are one value; the rows behind the last such a start reads whole: 90 kB on average
BLOCK_BYTES = BLOCK_ROWS * HEAD.itemsize
MOST_ROWS = 1 << 32  # what the index can number
_FORMAT = b"\x02"
_ROW = struct.Struct("16s16s12s")
_POSITION = struct.Struct("<IQ")


class Stretch:
    """Rows numbered from 0; row n is in chunk n // CHUNK_ROWS. Only the last chunk is not full."""

    def __init__(self, store: ShardStore, name: int) -> None:
        """Empty; `name` orders the stretches by event time."""
        self._store, self.name = store, name
        self.index = Index()
        self._count = 0
        self._last = b""  # the rows of the last chunk, unless it is full
        self._loose = b""  # the heads behind the last block of them
        self._recent: dict[int, bytes] = {}  # the newest chunks, since redeliveries are mostly recent

    def __len__(self) -> int:
        return self._count

    def append(self, rows: NDArray[np.void]) -> None:
        """Put new identities into the batch in hand."""
        require(self._count + len(rows) <= MOST_ROWS, "a stretch of identities fits its index", rows=len(rows))
        found = heads(rows)
        self.index.add(found, self._count)
        chunk = self._count // CHUNK_ROWS
        self._count += len(rows)
        self._keep(found.astype(HEAD).tobytes())
        data = self._last + rows.tobytes()
        for at in range(0, len(data), CHUNK_BYTES):
            self._last = data[at : at + CHUNK_BYTES]
            self._recent[chunk] = _FORMAT + self._last
            self._store.put(_key(self.name, chunk), self._recent[chunk])
            self._recent.pop(chunk - RECENT_CHUNKS, None)
            chunk += 1
        if len(self._last) == CHUNK_BYTES:
            self._last = b""

    def find(self, wanted: NDArray[np.uint64]) -> Iterator[Row]:
        """Every row that has one of the heads."""
        for _, number in self.index.find(wanted):
            chunk = number // CHUNK_ROWS
            data = self._recent.get(chunk) or self._read(chunk)
            yield _ROW.unpack_from(data, 1 + number % CHUNK_ROWS * ROW.itemsize)

    def settle(self) -> None:
        """Take less memory and be looked up faster, since little more will come."""
        self.index.settle()
        self._recent.clear()

    def drop(self) -> None:
        """Delete all rows with the batch in hand."""
        for chunk in range(-(-self._count // CHUNK_ROWS)):
            self._store.delete(_key(self.name, chunk))
        for block in range(self._count // BLOCK_ROWS):
            self._store.delete(_block_key(self.name, block))

    def _keep(self, found: bytes) -> None:
        """Put the heads of the newest rows into the batch in hand, as far as they fill blocks."""
        data = self._loose + found
        block = (self._count - len(data) // HEAD.itemsize) // BLOCK_ROWS
        full = len(data) // BLOCK_BYTES * BLOCK_BYTES
        for at in range(0, full, BLOCK_BYTES):
            self._store.put(_block_key(self.name, block), _FORMAT + data[at : at + BLOCK_BYTES])
            block += 1
        self._loose = data[full:]

    def _read(self, chunk: int) -> bytes:
        data = self._store.get(_key(self.name, chunk))
        rows = min(self._count - chunk * CHUNK_ROWS, CHUNK_ROWS)
        if data is None or data[:1] != _FORMAT or len(data) != 1 + rows * ROW.itemsize:
            raise _damaged(self._store, self.name, chunk)
        return data

    def restore(self) -> None:
        """Be what is stored. Blocks of heads that are not there, of a program that wrote none, are put into the batch in hand."""
        known = self._blocks()
        # From the last chunk on whose heads are known, to see that they are those of these rows.
        first = max(len(known) // HEAD.itemsize // CHUNK_ROWS - 1, 0)
        found = known[: first * CHUNK_ROWS * HEAD.itemsize] + self._heads_from(first)
        if not found.startswith(known):
            raise _damaged(self._store, self.name, first)
        self._count = len(found) // HEAD.itemsize
        self.index.add(np.frombuffer(found, dtype=HEAD).astype(np.uint64), 0)
        self._keep(found[len(known) :])

    def _blocks(self) -> bytes:
        """The heads of all rows that are in blocks."""
        found: list[bytes] = []
        for key, data in chain.from_iterable(self._store.walk(keys.HEADS + keys.number(self.name))):
            _check_format(self._store, data)
            if key != _block_key(self.name, len(found)) or len(data) != 1 + BLOCK_BYTES:
                raise _damaged(self._store, self.name, len(found), "block of heads")
            found.append(data[1:])
        return b"".join(found)

    def _heads_from(self, chunk: int) -> bytes:
        """The heads of the rows from this chunk on, of which the last may not be full."""
        found = []
        stored = self._store.walk(keys.SEEN + keys.number(self.name), start=chunk.to_bytes(4, "big"))
        for key, data in chain.from_iterable(stored):
            _check_format(self._store, data)
            count, rest = divmod(len(data) - 1, ROW.itemsize)
            if key != _key(self.name, chunk) or self._last or rest or not 0 < count <= CHUNK_ROWS:
                raise _damaged(self._store, self.name, chunk)
            found.append(heads(np.frombuffer(data, dtype=ROW, offset=1)).astype(HEAD).tobytes())
            self._last = data[1:] if count < CHUNK_ROWS else b""
            chunk += 1
        return b"".join(found)


def heads(rows: NDArray[np.void]) -> NDArray[np.uint64]:
    """The first 32 bits of each identity."""
    found: NDArray[np.uint64] = rows["high"] >> HEAD_BITS
    return found


def rows_of(rows: NDArray[np.void]) -> Iterator[Row]:
    """ROWs as they are compared."""
    return _ROW.iter_unpack(rows.tobytes())


def position(row: Row) -> tuple[int, int]:
    """Partition and offset."""
    found: tuple[int, int] = _POSITION.unpack(row[2])
    return found


def _key(name: int, chunk: int) -> bytes:
    return keys.SEEN + keys.number(name) + chunk.to_bytes(4, "big")


def _block_key(name: int, block: int) -> bytes:
    return keys.HEADS + keys.number(name) + block.to_bytes(4, "big")


def _check_format(store: ShardStore, data: bytes) -> None:
    if data[:1] != _FORMAT:
        raise StateForeign(
            f"the identities in {store.path} are stored in format {data[:1].hex() or 'none'}, this program "
            f"reads {_FORMAT.hex()}: use the program that wrote them, or rebuild with an empty --state and --sink"
        )


def _damaged(store: ShardStore, name: int, number: int, what: str = "chunk") -> StateDamaged:
    return StateDamaged(
        f"{what} {number} of stretch {name} of the identities in {store.path} is missing or not whole; restore the state "
        "from a backup, or rebuild with an empty --state and --sink"
    )


def load(store: ShardStore) -> dict[int, Stretch]:
    """The stretches of a store by name; StateForeign and StateDamaged when it is not what `append` writes."""
    stretches: dict[int, Stretch] = {}
    start = b""
    while (first := next(store.scan(keys.SEEN, start, limit=1), None)) is not None:
        _check_format(store, first[1])  # before the key is taken for one of ours
        name = keys.from_number(first[0][1:9])
        stretches[name] = stretch = Stretch(store, name)
        stretch.restore()
        start = keys.number(name + 1)
    return stretches
