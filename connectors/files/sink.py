"""Files as a Bytewax sink: one file per output topic and shard, each record once.

Records are written when an epoch closes: the shards have made their state durable by then, so that the file never runs
ahead of the state. What is in the file already is known by its sequence and dropped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from accounting.require import require
from connectors.batch import Emitted
from connectors.crash_point import crash_point, dies_next
from connectors.errors import SinkUnusable
from connectors.timings import Timings, unseen

_TAIL_BYTES = 1 << 16


class _Numbered(msgspec.Struct):
    sequence: int


def topic_file(root: Path, topic: str, shard: int) -> Path:
    """Where a shard's records of a topic go."""
    return root / topic / f"{shard}.jsonl"


def last_sequence(path: Path) -> tuple[int, int]:
    """(sequence of the last whole record, bytes up to its end); (0, 0) when there is none."""
    if not path.exists():
        return 0, 0
    lines, end = _last_lines(path, 1)
    if not lines:
        return 0, 0
    try:
        return msgspec.json.decode(lines[0], type=_Numbered).sequence, end
    except msgspec.DecodeError as error:
        raise SinkUnusable(f"the last line of {path} is no record of ours ({error}): name another --sink") from error


def _last_lines(path: Path, count: int) -> tuple[list[bytes], int]:
    """Up to so many of the last whole lines, and the bytes up to their end."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        at, tail = size, b""
        while at > 0 and tail.count(b"\n") <= count:
            step = min(at, max(_TAIL_BYTES, len(tail)))
            at -= step
            file.seek(at)
            tail = file.read(step) + tail
    whole = tail[: tail.rfind(b"\n") + 1]
    return whole.split(b"\n")[:-1][-count:], size - (len(tail) - len(whole))


def durable_sequence(path: Path) -> int:
    """The last sequence of a file, once a torn last line is cut and the file is on the disk."""
    last, whole = last_sequence(path)
    if last or (path.exists() and path.stat().st_size > whole):
        with open(path, "rb+") as file:
            file.truncate(whole)  # a torn last line was never a record
            os.fsync(file.fileno())
    return last


@dataclass
class FileSink(FixedPartitionedSink[Emitted, None]):
    """One Bytewax partition per shard; `keys` are the shards' names in order."""

    root: Path
    keys: tuple[str, ...]
    timings: Timings = field(default_factory=unseen)

    def list_parts(self) -> list[str]:
        return list(self.keys)

    def part_fn(self, item_key: str) -> int:
        # Bytewax counts the parts in the order of their names: from ten shards on that is not the shards' own.
        return sorted(self.keys).index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> FileSinkPartition:
        return FileSinkPartition(self.root, self.keys.index(for_part), self.timings)


class FileSinkPartition(StatefulSinkPartition[Emitted, None]):
    """A shard's output files."""

    def __init__(self, root: Path, shard: int, timings: Timings | None = None) -> None:
        self._root, self._shard, self._timings = root, shard, timings or unseen()
        self._files: dict[str, _TopicFile] = {}
        self._waiting: list[Emitted] = []

    def write_batch(self, items: list[Emitted]) -> None:
        self._waiting.extend(items)

    def snapshot(self) -> None:
        # Not in write_batch: only here is every shard's state of this epoch known to be durable.
        if any(item.lines for item in self._waiting):
            with self._timings.steps.write:
                self._write_down()
        self._waiting = []

    def _write_down(self) -> None:
        written: dict[str, _TopicFile] = {}
        arrived: list[Emitted] = []
        for item in self._waiting:
            if not item.lines:
                continue  # the shard's greeting
            require(item.shard == self._shard, "a record comes to its own shard's file", shard=item.shard)
            file = self._files.get(item.topic)
            if file is None:
                file = self._files[item.topic] = _TopicFile(topic_file(self._root, item.topic, self._shard))
            if file.append(item):
                arrived.append(item)
            written[item.topic] = file
        for file in written.values():
            file.sync()
        for item in arrived:
            self._timings.arrived(item.topic, item.read_at)

    def close(self) -> None:
        # Runs while unwinding after a failure too: nothing is written here.
        for file in self._files.values():
            file.close()


def _sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


class _TopicFile:
    """One append-only file whose records are numbered without a gap."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._named():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._last, created = durable_sequence(path), not path.exists()
            # Unbuffered: what a full disk refuses is not tried again, half of it, when the file is closed.
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115
            if created:
                # Its name too survives a power cut: what is in it will not be said again.
                for directory in (path.parent, path.parent.parent):
                    _sync_directory(directory)

    def append(self, item: Emitted) -> bool:
        """Write what the file does not hold; whether that was anything."""
        if item.new and item.first <= self._last:
            raise SinkUnusable(item.known(str(self._path)))
        if item.first <= self._last:
            self._check_same(item)
        fresh = item.lines[max(0, self._last + 1 - item.first) :]
        if not fresh:
            return False
        require(
            item.first <= self._last + 1,
            "the sink's sequence has no gap",
            file=str(self._path),
            last=self._last,
            next=item.first,
        )
        crash_point("file-to-write")
        data = b"".join(line + b"\n" for line in fresh)
        if dies_next("file-half-written"):
            self._write(data[: -(len(fresh[-1]) // 2 + 1)])
        crash_point("file-half-written")
        self._write(data)
        crash_point("file-written")
        self._last = item.first + len(item.lines) - 1
        return True

    def _check_same(self, item: Emitted) -> None:
        """What is said again is what the file holds."""
        there, _ = _last_lines(self._path, self._last - item.first + 1)
        for sequence, (again, line) in enumerate(zip(item.lines, there, strict=False), start=item.first):
            if again != line:
                try:
                    msgspec.json.decode(line)
                except msgspec.DecodeError as error:  # nobody wrote this: the disk has spoilt it
                    raise SinkUnusable(
                        f"{self._path}, line {sequence}: {error}. Only a run writes this file: restore it from a copy, or "
                        "rebuild with an empty --state and --sink"
                    ) from error
                raise SinkUnusable(item.other(str(self._path), sequence))

    def sync(self) -> None:
        with self._named():
            os.fsync(self._file.fileno())
        crash_point("file-synced")

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        with self._named():
            while rest:
                rest = rest[self._file.write(rest) :]

    @contextmanager
    def _named(self) -> Iterator[None]:
        """An error of the file system names the file."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def close(self) -> None:
        self._file.close()
