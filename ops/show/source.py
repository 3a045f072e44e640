"""The records of a topic as a run's source holds them, with their positions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from connectors.errors import SourceUnusable
from connectors.files.layout import partitions
from connectors.files.partition import PartitionReader
from connectors.piece import Lines, Piece
from ops.show.exception_record import Position
from ops.show.sink import UsageError
from schemas.fault import Fault
from schemas.fields import Record

AT_ONCE = 5_000  # records of a source taken at once


class Received(msgspec.Struct, frozen=True):
    """One record of a low-volume topic, or why it is none."""

    position: Position
    outcome: Record | Fault
    payload: bytes


def received(root: Path, topic: str, needle: bytes | None = None) -> Iterator[Received]:
    """The records of a topic, partition by partition; with a needle only those whose text may hold it."""
    for number, files in partitions(root, topic).items():
        reader = PartitionReader(topic, files, {})
        offset = 0
        try:
            while piece := reader.take(AT_ONCE):
                yield from _chosen(topic, number, offset, piece, needle)
                offset += len(piece)
        finally:
            reader.close()


def payloads(root: Path, topic: str) -> Iterator[bytes]:
    """The bytes of every record of a topic."""
    for files in partitions(root, topic).values():
        reader = PartitionReader(topic, files, {})
        try:
            while piece := reader.take(AT_ONCE):
                yield from (piece.payload(row) for row in range(len(piece)))
        finally:
            reader.close()


def _chosen(topic: str, number: int, offset: int, piece: Piece, needle: bytes | None) -> Iterator[Received]:
    if needle is not None and isinstance(piece, Lines):
        # Decoding is what takes time; an escape may spell the needle in another way.
        rows = [row for row, line in enumerate(piece.lines) if needle in line or b"\\" in line]
        outcomes = Lines([piece.lines[row] for row in rows], piece.meters).outcomes(topic)
    else:
        rows, outcomes = list(range(len(piece))), piece.outcomes(topic)
    for row, found in zip(rows, outcomes, strict=True):
        yield Received(Position(topic, number, offset + row), found, piece.payload(row))


def pieces(
    root: Path, topic: str, partition: int, ranges: Sequence[tuple[int, int]], meters: Mapping[str, str]
) -> Iterator[tuple[int, Piece]]:
    """(offset of the first record, records) of the ranges [from, to) of one partition.

    UsageError when the source does not hold them: it is not the one that the entry comes from.
    """
    files = partitions(root, topic).get(partition)
    if files is None:
        raise UsageError(f"{topic}/{partition} is not in {str(root)!r}: --source is not what the run has read.")
    reader, at = PartitionReader(topic, files, meters), 0
    try:
        for start, stop in sorted(ranges):
            _skip(reader, max(start, at) - at, at, f"{topic}/{partition}")
            at = max(start, at)
            while at < stop:
                piece = reader.take(min(AT_ONCE, stop - at))
                if piece is None:
                    raise UsageError(_too_short(f"{topic}/{partition}", at, stop))
                yield at, piece
                at += len(piece)
    finally:
        reader.close()


def _skip(reader: PartitionReader, count: int, at: int, name: str) -> None:
    try:
        reader.skip(count)
    except SourceUnusable as error:
        raise UsageError(_too_short(name, at, at + count) + f" ({error})") from error


def _too_short(name: str, at: int, wanted: int) -> str:
    return f"{name} ends before offset {wanted}, it has fewer records: --source is not what the run has read."
