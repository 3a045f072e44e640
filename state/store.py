"""One shard's RocksDB: reads see the writes of the batch in hand, and a batch becomes durable as one WriteBatch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rocksdict import (
    AccessType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    RdictIter,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from state.errors import StateDamaged, StateLocked, StateUnwritable

# One budget for a process, shared by its shards: memory is bounded by settings, not by the number of keys.
BLOCK_CACHE_BYTES = 128 << 20
WRITE_BUFFER_BYTES = 16 << 20

# How many keys a walk reads at a time.
WALK_KEYS = 128

# A table letter and a 128-bit name: scans are over one of them, and must not look at the whole batch in hand.
_BUCKET = 17

_cache: Cache | None = None


def _options() -> Options:
    global _cache
    if _cache is None:
        _cache = Cache(BLOCK_CACHE_BYTES)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, False)
    blocks.set_block_cache(_cache)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    options.set_block_based_table_factory(blocks)
    # What has just been written is mostly identities, which are random, and is soon written again further down.
    options.set_compression_per_level([DBCompressionType.none(), DBCompressionType.lz4()])
    options.set_keep_log_file_num(2)
    return options


class ShardStore:
    """Bytes to bytes. `put` and `delete` gather in memory until `commit`, which writes them atomically."""

    def __init__(self, path: Path) -> None:
        """Open or create the store; StateLocked when another process has it, StateDamaged when it does not open."""
        self.path = path
        try:
            self._db = Rdict(str(path), _options(), access_type=AccessType.read_write())
        except Exception as error:  # rocksdict raises bare Exception
            text = str(error)
            if any(sign in text for sign in _LOCKED):
                raise StateLocked(f"the store {path} is in use by another process: {text}") from error
            if any(reason in text for reason in _UNWRITABLE):
                raise StateUnwritable(_unwritable(path, error)) from error
            raise StateDamaged(
                f"the store {path} does not open: {text}; restore it from a backup, or rebuild with an empty --state "
                "and --sink"
            ) from error
        self._pending: dict[bytes, dict[bytes, bytes | None]] = {}  # by table and name: see _BUCKET
        self._write = WriteOptions()

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, pending writes included."""
        bucket = self._pending.get(key[:_BUCKET])
        if bucket is not None and key in bucket:
            return bucket[key]
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:  # rocksdict raises bare Exception
            raise self._damaged(error) from error
        return value

    def scan(
        self, prefix: bytes, start: bytes = b"", stop: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys of a prefix in order, from prefix+start up to (not including) prefix+stop, pending writes included.

        With a `limit` about so many of them, the first ones, and none only where there is none.
        """
        first, last = prefix + start, None if stop is None else prefix + stop
        changed = self._changed(prefix, first, last)
        found: dict[bytes, bytes] = {}
        # The upper bound keeps the iterator from reading past its range over keys deleted long ago.
        bound = ReadOptions()
        if (end := last if last is not None else _after(prefix)) is not None:
            bound.set_iterate_upper_bound(end)
        iterator = self._db.iter(bound)
        iterator.seek(first)
        while iterator.valid():
            key = iterator.key()
            if not key.startswith(prefix) or (last is not None and key >= last):
                break
            if changed.get(key, b"") is not None:
                found[key] = iterator.value()
                if limit is not None and len(found) >= limit:
                    changed = {other: value for other, value in changed.items() if other <= key}
                    break
            iterator.next()
        self._check(iterator)
        del iterator  # a scan that is not read to its end must not keep the store open
        found.update((key, value) for key, value in changed.items() if value is not None)
        yield from sorted(found.items())

    def walk(self, prefix: bytes, stop: bytes | None = None, start: bytes = b"") -> Iterator[list[tuple[bytes, bytes]]]:
        """The same as `scan`, some keys at a time: each part is as it is then, whatever happened since the last one."""
        while found := list(self.scan(prefix, start, stop, WALK_KEYS)):
            yield found
            start = found[-1][0][len(prefix) :] + b"\x00"

    def last_before(self, prefix: bytes, stop: bytes) -> tuple[bytes, bytes] | None:
        """The last key of a prefix before prefix+stop, pending writes included."""
        changed = self._changed(prefix, prefix, prefix + stop)
        found: tuple[bytes, bytes] | None = None
        bound = ReadOptions()
        bound.set_iterate_upper_bound(prefix + stop)
        iterator = self._db.iter(bound)
        # Forwards first: backwards from a prefix without a key lies the outbox, with records deleted by the hundred thousand,
        # and to go past them took 2 ms for each line that is booked for the first time. A lower bound does not help.
        iterator.seek(prefix)
        if iterator.valid():
            iterator.seek_for_prev(prefix + stop)
        while iterator.valid() and (key := iterator.key()).startswith(prefix):
            if key < prefix + stop and key not in changed:
                found = (key, iterator.value())
                break
            iterator.prev()
        self._check(iterator)
        last = max((key for key, value in changed.items() if value is not None), default=None)
        if last is not None and (found is None or last > found[0]):
            found = (last, changed[last] or b"")
        return found

    def any_from(self, prefix: bytes, start: bytes) -> bool:
        """Whether a prefix has a key at or after prefix+start, pending writes included."""
        first = prefix + start
        changed = self._changed(prefix, first, None)
        if any(value is not None for value in changed.values()):
            return True
        bound = ReadOptions()
        if (end := _after(prefix)) is not None:
            bound.set_iterate_upper_bound(end)
        iterator = self._db.iter(bound)
        iterator.seek(first)
        while iterator.valid() and (key := iterator.key()).startswith(prefix):
            if key not in changed:
                return True
            iterator.next()
        self._check(iterator)
        return False

    def put(self, key: bytes, value: bytes) -> None:
        """Write with the next commit."""
        bucket = self._pending.get(key[:_BUCKET])
        if bucket is None:
            bucket = self._pending[key[:_BUCKET]] = {}
        bucket[key] = value

    def delete(self, key: bytes) -> None:
        """Delete with the next commit."""
        self._pending.setdefault(key[:_BUCKET], {})[key] = None

    def commit(self) -> None:
        """Apply everything gathered as one atomic write; after a crash either all of it is there or nothing."""
        batch = WriteBatch(raw_mode=True)
        for bucket in sorted(self._pending):
            for key, value in sorted(self._pending[bucket].items()):
                if value is None:
                    batch.delete(key)
                else:
                    batch.put(key, value)
        with self._writing():
            self._db.write(batch, self._write)
        self._pending = {}

    def sync(self) -> None:
        """Make every commit so far survive a power cut (one fsync of the log)."""
        with self._writing():
            self._db.flush_wal(True)

    def _changed(self, prefix: bytes, first: bytes, last: bytes | None) -> dict[bytes, bytes | None]:
        """Pending writes of a prefix in [first, last)."""
        if len(prefix) >= _BUCKET:
            buckets = [self._pending.get(prefix[:_BUCKET], {})]
        else:
            buckets = [found for name, found in self._pending.items() if name.startswith(prefix)]
        return {
            key: value
            for bucket in buckets
            for key, value in bucket.items()
            if key.startswith(prefix) and key >= first and (last is None or key < last)
        }

    def _check(self, iterator: RdictIter) -> None:
        """An iterator stops at a block it cannot read as it does at the end: ask which of the two it was."""
        try:
            iterator.status()
        except Exception as error:  # rocksdict raises bare Exception
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> StateDamaged:
        return StateDamaged(
            f"the store {self.path} cannot be read: {error}; restore it from a backup, or rebuild with an "
            "empty --state and --sink"
        )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # rocksdict raises bare Exception
            raise StateUnwritable(_unwritable(self.path, error)) from error

    def close(self) -> None:
        """Give the lock back."""
        self._db.close()


# RocksDB about a lock that another process, or this one, holds; other errors speak of blocks and locks too.
_LOCKED = ("While lock file: ", "lock hold by current process")

# What RocksDB says when the file system refuses: nothing is wrong with what the store holds.
_UNWRITABLE = (
    "No space left", "File too large", "quota exceeded", "Read-only file system", "Permission denied"
)  # fmt: skip


def _unwritable(path: Path, error: Exception) -> str:
    return (
        f"the store {path} cannot be written: {error}; make room, or let it be written, and run the same command again: "
        "nothing is lost"
    )


def disk_bytes(path: Path) -> int:
    """The bytes of a store's files, also while it is open: what is deleted meanwhile counts nothing."""
    size = 0
    with suppress(FileNotFoundError), os.scandir(path) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                size += entry.stat().st_size
    return size


def _after(prefix: bytes) -> bytes | None:
    """The first key after every key of a prefix."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None
