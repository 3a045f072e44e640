"""The end of a source partition: where one more record goes, and how it gets there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import SourceUnusable
from connectors.files.layout import PLAIN, partitions, suffix_of

TAIL_BYTES = 1 << 16
FIRST_OF_DIRECTORY = "0001"


@dataclass(frozen=True, slots=True)
class PartitionEnd:
    """The file that the next record of a partition goes to; `append` makes it if it is not there."""

    topic: str
    partition: int
    path: Path

    def last_line(self) -> bytes | None:
        """The last whole line without its newline; None where there is none, or it is very long."""
        if not self.path.exists():
            return None
        with _named(self.path), open(self.path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]
        # Of the lines in the tail only the first one may have lost its beginning.
        return lines[-1] if len(lines) > 1 or (lines and size <= TAIL_BYTES) else None

    def append(self, lines: Sequence[bytes]) -> None:
        """Add whole lines with one write, durable when it returns; after a failure the file is as it was.

        Raises SourceUnusable when the file does not end with a newline, OSError when it cannot be written.
        """
        data = b"".join(line + b"\n" for line in lines)
        with _named(self.path):
            if self.path.exists():
                self._extend(data)
            else:
                self._create(data)

    def _extend(self, data: bytes) -> None:
        number = os.open(self.path, os.O_RDWR | os.O_APPEND)
        try:
            size = os.fstat(number).st_size
            # Half a line is somebody's open write: what is added would become a part of it.
            if size and os.pread(number, 1, size - 1) != b"\n":
                raise SourceUnusable(
                    f"the last line of {self.path} has no newline: whoever writes it has not finished; let them finish, or "
                    "add the newline yourself if the line is whole, and run the same command again"
                )
            _write(number, data, size)
        finally:
            os.close(number)

    def _create(self, data: bytes) -> None:
        # Written aside and linked: a run that follows sees the whole file or none, and nobody's file is replaced.
        aside = self.path.with_name(f".{self.path.name}.new")
        # One that a killed command left may be another name of a file that is in use: it is not written into.
        aside.unlink(missing_ok=True)
        number = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            _write(number, data, 0)
            os.link(aside, self.path)
        finally:
            os.close(number)
            aside.unlink()
        _sync_names(self.path.parent)


def source_at(root: Path) -> Path:
    """The source directory; SourceUnusable when it is none."""
    if not root.is_dir():
        raise SourceUnusable(f"the source directory {root} does not exist: name the one that holds the topics")
    return root


def partition_end(root: Path, topic: str, partition: int) -> PartitionEnd:
    """Where the next record of a partition goes; a topic that is not there yet gets its flat file.

    Raises SourceUnusable when the topic has another shape, lacks the partition, or ends with a file that cannot grow.
    """
    found, folder = partitions(root, topic), root / topic
    if not found and partition == 0:
        return PartitionEnd(topic, 0, folder / f"0{PLAIN}" if folder.is_dir() else root / f"{topic}{PLAIN}")
    if partition not in found:
        has = ", ".join(map(str, found)) or "none"
        raise SourceUnusable(
            f"{root} has no partition {partition} of {topic} (it has {has}): name the source that the run reads"
        )
    files, several = found[partition], folder / str(partition)
    if not files:
        return PartitionEnd(topic, partition, _folder(folder, partition) / f"{FIRST_OF_DIRECTORY}{PLAIN}")
    last = files[-1]
    # A named pipe would keep whoever opens it waiting for ever.
    if last.exists() and not stat.S_ISREG(last.stat().st_mode):
        raise SourceUnusable(f"{last} is no regular file: nothing can be added to it safely")
    if suffix_of(last) == PLAIN:
        return PartitionEnd(topic, partition, last)
    ending = suffix_of(last) or ""
    if last.parent in (root, folder):
        raise SourceUnusable(
            f"{last} cannot be added to: move it to {several / FIRST_OF_DIRECTORY}{ending} (no run may be following), "
            "where later files are read behind it and its positions stay, and run the same command again"
        )
    # "_" sorts behind the "." of the file's own ending and before whatever number comes next.
    return PartitionEnd(topic, partition, last.with_name(f"{last.name.removesuffix(ending)}_1{PLAIN}"))


def _folder(folder: Path, partition: int) -> Path:
    """The directory of a partition, whatever zeros its name begins with."""
    return next(
        path for path in sorted(folder.iterdir()) if path.is_dir() and path.name.lstrip("0") == str(partition or "")
    )


def _write(number: int, data: bytes, size: int) -> None:
    """Write at the end, all of it and durably, or leave the file with `size` bytes."""
    written = 0
    try:
        while written < len(data):
            written += os.write(number, data[written:])
        os.fsync(number)
    except OSError:
        # Half a line would spoil whatever the next writer adds; what others have added since is theirs.
        if os.fstat(number).st_size == size + written:
            os.ftruncate(number, size)
        raise


def _sync_names(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """An error of the file system names the file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
