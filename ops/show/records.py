"""Reads the records of a topic back from the files of a sink, each with the line it was read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import msgspec

T = TypeVar("T")

Place = tuple[int, int]  # number of the file, byte at which the line begins


class Stored(msgspec.Struct, Generic[T], frozen=True, gc=False):
    """A record, its line byte for byte, and where that is."""

    line: bytes
    value: T
    place: Place


class UnreadableRecordError(Exception):
    """A complete line of a sink file is not a record of its topic."""


def topic_files(directory: Path, topic: str) -> list[Path]:
    """The files of a topic: `<topic>.jsonl`, then `<topic>/<partition>.jsonl` by partition."""
    whole = directory / f"{topic}.jsonl"
    partitions = [path for path in (directory / topic).glob("*.jsonl") if path.stem.isdigit()]
    return [whole] * whole.is_file() + sorted(partitions, key=lambda path: int(path.stem))


def read_records(directory: Path, topic: str, record_type: type[T]) -> Iterator[Stored[T]]:
    """Every record of a topic, partition by partition in stored order, one at a time; a torn last line is left out."""
    return StoredTopic(directory, topic).records(record_type)


def needle(value: str) -> bytes | None:
    """The bytes in which a line must name `value`; None when it may be written in more than one way."""
    return value.encode() if value.isprintable() and '"' not in value and "\\" not in value else None


class StoredTopic:
    """The files of a topic as they are now: read through one record at a time, or at places found before."""

    def __init__(self, directory: Path, topic: str) -> None:
        self.directory, self.topic = directory, topic
        self._paths = topic_files(directory, topic)
        self._open: dict[int, BinaryIO] = {}
        self.lines = 0  # of the last time it was read through, those passed over included

    def records(self, record_type: type[T], needles: Sequence[bytes] = ()) -> Iterator[Stored[T]]:
        """Every record whose line holds all the needles, in stored order; a torn last line is left out."""
        decoder = msgspec.json.Decoder(record_type)
        self.lines = 0
        for number, path in enumerate(self._paths):
            yield from self._read_file(number, path, decoder, needles)

    def at(self, record_type: type[T], places: Iterable[Place]) -> Iterator[Stored[T]]:
        """The records at some places, in their order."""
        decoder = msgspec.json.Decoder(record_type)
        for place in places:
            line = self.line_at(place)
            yield Stored(line, decoder.decode(line), place)

    def line_at(self, place: Place) -> bytes:
        """Only its line."""
        number, offset = place
        if number not in self._open:
            self._open[number] = self._paths[number].open("rb")
        self._open[number].seek(offset)
        return self._open[number].readline().rstrip(b"\r\n")

    def _read_file(
        self, number: int, path: Path, decoder: msgspec.json.Decoder[T], needles: Sequence[bytes]
    ) -> Iterator[Stored[T]]:
        at = 0
        with path.open("rb") as file:
            for count, line in enumerate(file, start=1):
                here, at = at, at + len(line)
                if needles and _lacks(line, needles):
                    self.lines += 1
                    continue
                text = line.rstrip(b"\r\n")
                if not text.strip():
                    continue
                try:
                    value = decoder.decode(text)
                except msgspec.DecodeError as error:
                    if not line.endswith(b"\n"):
                        return
                    raise UnreadableRecordError(
                        f"{path}, line {count}: {error}. Only a run writes this file: "
                        "restore it from a copy, or run again into a new directory."
                    ) from error
                self.lines += 1
                yield Stored(text, value, (number, here))


def _lacks(line: bytes, needles: Sequence[bytes]) -> bool:
    """Whether a whole record can be passed over unread; a line with escapes, or that is no record, cannot."""
    if b"\\" in line or line[:1] != b"{" or line[-2:] != b"}\n":
        return False
    return any(one not in line for one in needles)
