"""The control topic's file: its records and the order they give to everything else."""

from __future__ import annotations

from pathlib import Path

from connectors.batch import Batch
from connectors.files.partition import PartitionReader
from connectors.record_rows import judged
from connectors.timeline import Timeline
from schemas.control import ControlEvent
from schemas.topics import CONTROL

READ_AT_ONCE = 10_000


class Controls:
    """Every control record there is; `look` reads those that have come since."""

    def __init__(self, files: tuple[Path, ...], following: bool = False) -> None:
        self._reader = PartitionReader(CONTROL, files, {}, following)
        self._batches: list[Batch] = []  # one for each record
        self.timeline = Timeline.of([])
        self._times: list[int | None] = []
        self.look()

    @property
    def place(self) -> str:
        """Where it is, for messages."""
        return self._reader.name

    @property
    def position(self) -> int:
        """Behind the last record that is known."""
        return len(self._batches)

    def since(self, position: int) -> list[Batch]:
        """A batch for each record from a position on."""
        return self._batches[position:]

    def look(self) -> int:
        """Read on; the position then."""
        known = self.position
        while piece := self._reader.take(READ_AT_ONCE):
            for row, one in enumerate(piece.outcomes(CONTROL)):
                self._add(one, piece.payload(row))
        if self.position > known:
            self.timeline = Timeline.of(self._times)
        return self.position

    def extend(self, files: tuple[Path, ...]) -> None:
        """The files there are now."""
        self._reader.extend(files)

    def close(self) -> None:
        """Release the file."""
        self._reader.close()

    def _add(self, one: object, payload: bytes) -> None:
        offset = self.position
        records, rejected = judged(offset, one, payload)
        self._batches.append(Batch(CONTROL, 0, offset, offset + 1, None, offset, None, records, rejected))
        self._times.append(one.reaches if isinstance(one, ControlEvent) else None)
