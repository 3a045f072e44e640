"""Reads the records of a topic back from the files of a sink, each with the line it was read from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A record and its line, byte for byte."""

    line: bytes
    value: T


class UnreadableRecordError(Exception):
    """A complete line of a sink file is not a record of its topic."""


def topic_files(directory: Path, topic: str) -> list[Path]:
    """The files of a topic: `<topic>.jsonl`, then `<topic>/<partition>.jsonl` by partition."""
    whole = directory / f"{topic}.jsonl"
    partitions = [path for path in (directory / topic).glob("*.jsonl") if path.stem.isdigit()]
    return [whole] * whole.is_file() + sorted(partitions, key=lambda path: int(path.stem))


def read_records(directory: Path, topic: str, record_type: type[T]) -> list[Stored[T]]:
    """Every record of a topic, partition by partition in stored order; a torn last line is left out."""
    decoder = msgspec.json.Decoder(record_type)
    return [record for path in topic_files(directory, topic) for record in _read_file(path, decoder)]


def _read_file(path: Path, decoder: msgspec.json.Decoder[T]) -> Iterator[Stored[T]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.rstrip(b"\r\n")
            if not text.strip():
                continue
            try:
                value = decoder.decode(text)
            except msgspec.DecodeError as error:
                if not line.endswith(b"\n"):
                    return
                raise UnreadableRecordError(
                    f"{path}, line {number}: {error}. Only a run writes this file: "
                    "restore it from a copy, or run again into a new directory."
                ) from error
            yield Stored(text, value)
