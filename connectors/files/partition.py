"""The records of one partition: its files one after the other, with positions that go on from file to file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from connectors.errors import SourceUnusable
from connectors.files.avro import AvroReader
from connectors.files.layout import AVRO, PLAIN, suffix_of
from connectors.files.lines import LineReader
from connectors.piece import Lines, Piece

REMEDY = "restore it, or start with an empty --state and --sink"
SKIPPED_AT_ONCE = 20_000
T = TypeVar("T")


class PartitionReader:
    """`take` gives pieces until None: the end, or, while `following`, the end for now."""

    unit = "bytes"

    def __init__(self, topic: str, files: tuple[Path, ...], meters: Mapping[str, str], following: bool = False) -> None:
        self._topic, self._meters, self._following = topic, meters, following
        self._files = files
        self._number = 0  # of the file that is open
        self._reader: LineReader | AvroReader | None = None
        self._sizes: dict[Path, int] = {}  # of the files that are read to their end
        self._began_with = self.size

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return sum(path.stat().st_size for path in self._files)

    @property
    def read(self) -> int:
        """Bytes read."""
        return sum(self._sizes.values()) + (self._reader.read_bytes if self._reader else 0)

    @property
    def end(self) -> int:
        """Bytes of all its files."""
        return self.size

    def passed(self, offset: int, all_sent: bool) -> int | None:
        """Bytes of the lines that were taken."""
        if not all_sent:
            return None
        return sum(self._sizes.values()) + (self._reader.taken_bytes if self._reader else 0)

    @property
    def left(self) -> int:
        """Bytes that were there at the start and are not read; 1 where they are, and not all of it has been taken."""
        held = self._reader is not None and self._reader.holds
        return max(self._began_with - self.read, 1 if held else 0)

    @property
    def stalled(self) -> bool:
        """Never: a file has its schema."""
        return False

    def take(self, most: int) -> Piece | None:
        """Up to `most` records, all of one file."""
        return self._first_of_files(lambda reader: self._piece(reader, most))

    def behind(self, offset: int) -> int:
        """A file that gives no more has no more, for now."""
        return offset

    def skip(self, count: int) -> None:
        """Pass over the records that are applied; SourceUnusable when there are fewer."""
        left = count
        while left:
            passed = self._first_of_files(partial(self._pass_over, left))
            if passed is None and left == 1 and isinstance(self._reader, LineReader) and self._reader.pass_rest():
                return
            if passed is None:
                raise SourceUnusable(
                    f"{self.name} has {count - left} lines, but {count} were applied already: it was cut or replaced; "
                    f"{REMEDY}"
                )
            left -= passed

    @property
    def name(self) -> str:
        """The file, or the directory of several."""
        return (
            str(self._files[0] if len(self._files) == 1 else self._files[0].parent)
            if self._files
            else f"topic {self._topic}"
        )

    def extend(self, files: tuple[Path, ...]) -> None:
        """The files there are now; more may have come behind the last one, no other change is one that can be followed."""
        if files[: len(self._files)] != self._files:
            strange = next((str(path) for path in files if path not in self._files), "one of its files is gone")
            raise SourceUnusable(
                f"{self.name} has changed while it was followed ({strange}): new files come last by name; {REMEDY}"
            )
        for path, size in self._sizes.items():
            # Nobody would read what is added to a file behind which another one is open.
            if path.stat().st_size != size:
                raise SourceUnusable(f"{path} has changed after it was read to its end; {REMEDY}")
        if len(files) > len(self._files):
            self._files = files
            # A later file is there: what the one before holds now is all of it.
            if isinstance(self._reader, LineReader):
                self._reader.growing = False

    def close(self) -> None:
        """Release the file."""
        if self._reader is not None:
            self._reader.close()

    def _first_of_files(self, ask: Callable[[LineReader | AvroReader], T | None]) -> T | None:
        """What the open file gives, or the first one behind it that gives something."""
        while self._number < len(self._files):
            if self._reader is None:
                self._reader = self._open(self._files[self._number])
            if found := ask(self._reader):
                return found
            if isinstance(self._reader, LineReader) and self._reader.growing:
                self._reader.check_same()
                return None
            self._next()
        return None

    def _piece(self, reader: LineReader | AvroReader, most: int) -> Piece | None:
        return Lines(reader.take(most), self._meters) if isinstance(reader, LineReader) else reader.take(most)

    @staticmethod
    def _pass_over(most: int, reader: LineReader | AvroReader) -> int:
        return (
            reader.skip(most) if isinstance(reader, LineReader) else len(reader.take(min(most, SKIPPED_AT_ONCE)) or ())
        )

    def _open(self, path: Path) -> LineReader | AvroReader:
        if suffix_of(path) == AVRO:
            return AvroReader(path, self._topic)
        last = self._number == len(self._files) - 1
        return LineReader(path, growing=self._following and last and suffix_of(path) == PLAIN)

    def _next(self) -> None:
        if self._reader is not None:
            # A damaged container is not read to its end; lines may have come since its size was asked.
            at_end = self._reader.size if isinstance(self._reader, AvroReader) else self._reader.read_bytes
            self._sizes[self._reader.path] = at_end
            self._reader.close()
        self._reader = None
        self._number += 1
