"""RocksDB in memory: batches are atomic, what was synced survives a power cut, of what was not a suffix may be lost."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path

from state.errors import StateLocked
from state.store import ShardStore

Writes = dict[bytes, bytes | None]


class Image:
    """One store as the disk has it."""

    def __init__(self) -> None:
        self.synced: dict[bytes, bytes] = {}
        self.unsynced: list[Writes] = []
        self.open = False

    def copy(self) -> Image:
        """As a backup would have it that was taken now."""
        other = Image()
        other.synced = self.content()
        return other

    def content(self) -> dict[bytes, bytes]:
        """All that was committed."""
        found = dict(self.synced)
        for writes in self.unsynced:
            _apply(found, writes)
        return found

    def sync(self) -> None:
        """Everything so far is on the disk."""
        for writes in self.unsynced:
            _apply(self.synced, writes)
        self.unsynced = []

    def crash(self, rng: random.Random | None) -> int:
        """The process is gone; with `rng` the power too: a suffix of what was not synced. Gives how much of it is lost."""
        self.open = False
        lost = rng.randint(0, len(self.unsynced)) if rng is not None else 0
        if lost:
            del self.unsynced[-lost:]
        self.sync()  # what a restart finds in the log is written into tables
        return lost


class Disk:
    """The stores of one machine, by path."""

    def __init__(self) -> None:
        self.images: dict[Path, Image] = {}

    def opened(self, path: Path) -> MemoryStore:
        """What stands in for ShardStore(path)."""
        return MemoryStore(path, self)

    def image(self, path: Path) -> Image:
        """The store of a path, made where there is none."""
        path.mkdir(exist_ok=True)  # the program asks the file system whether there is a store
        return self.images.setdefault(path, Image())

    def crash(self, rng: random.Random | None) -> int:
        """As Image.crash, of every store."""
        return sum(self.images[path].crash(rng) for path in sorted(self.images))

    def backup(self) -> dict[Path, Image]:
        """What can be restored later."""
        return {path: image.copy() for path, image in self.images.items()}

    def copy(self) -> Disk:
        """Another machine's disk with a copy of everything."""
        other = Disk()
        other.images = self.backup()
        return other


class MemoryStore:
    """What state.store.ShardStore does, on an Image."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path, self._image = path, disk.image(path)
        if self._image.open:
            raise StateLocked(f"the store {path} is in use")
        self._image.open = True
        self._live = self._image.content()  # with the writes of the batch in hand
        self._keys = sorted(self._live)
        self._pending: Writes = {}
        self._closed = False

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._live.get(key)

    def scan(
        self, prefix: bytes, start: bytes = b"", stop: bytes | None = None, limit: int | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Keys of a prefix in order, as they are when the first one is asked for."""
        found = []
        for at in range(bisect_left(self._keys, prefix + start), len(self._keys)):
            key = self._keys[at]
            if not key.startswith(prefix) or (stop is not None and key >= prefix + stop) or len(found) == limit:
                break
            found.append((key, self._live[key]))
        yield from found

    walk = ShardStore.walk  # it only scans

    def last_before(self, prefix: bytes, stop: bytes) -> tuple[bytes, bytes] | None:
        """The last key of a prefix before prefix+stop."""
        at = bisect_left(self._keys, prefix + stop) - 1
        if at < 0 or not self._keys[at].startswith(prefix):
            return None
        return self._keys[at], self._live[self._keys[at]]

    def any_from(self, prefix: bytes, start: bytes) -> bool:
        """Whether a prefix has a key at or after prefix+start."""
        at = bisect_left(self._keys, prefix + start)
        return at < len(self._keys) and self._keys[at].startswith(prefix)

    def put(self, key: bytes, value: bytes) -> None:
        """Write with the next commit."""
        if key not in self._live:
            insort(self._keys, key)
        self._live[key] = self._pending[key] = value

    def delete(self, key: bytes) -> None:
        """Delete with the next commit."""
        if key in self._live:
            del self._live[key]
            del self._keys[bisect_left(self._keys, key)]
        self._pending[key] = None

    def commit(self) -> None:
        """One atomic write."""
        self._image.unsynced.append(self._pending)
        self._pending = {}

    def sync(self) -> None:
        """Every commit so far survives a power cut."""
        self._image.sync()

    def close(self) -> None:
        """Give the lock back."""
        if not self._closed:
            self._closed, self._image.open = True, False


def _apply(content: dict[bytes, bytes], writes: Writes) -> None:
    for key, value in writes.items():
        if value is None:
            content.pop(key, None)
        else:
            content[key] = value
