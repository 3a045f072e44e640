"""What a reader takes from a file at once: consecutive records, whatever form they have there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from connectors.avro_form import AvroForm
from schemas.decode import decode
from schemas.fault import Fault
from schemas.fields import Record
from schemas.usage_columns import NOTHING, UsageColumns, decode_usage

Offsets = Sequence[int] | NDArray[np.int64]


class Piece(Protocol):
    """Consecutive records of one topic."""

    def __len__(self) -> int: ...

    def part(self, start: int, stop: int | None = None) -> Piece:
        """Some of the records."""

    def offsets(self, start: int) -> Offsets:
        """Where each of them stands, when all before position `start` has been taken."""

    def written(self) -> NDArray[np.int64] | None:
        """When each was written, in microseconds UTC, below zero where that is not known; None: of none it is known."""

    def payload(self, row: int) -> bytes:
        """A record's bytes, for an exception or to keep: JSON, if the file's form is no text."""

    def columns(self) -> UsageColumns:
        """All of them as usage."""

    def outcomes(self, topic: str) -> list[Record | Fault]:
        """Each of them as a record of a low-volume topic."""


@dataclass(frozen=True, slots=True)
class Lines:
    """JSON lines."""

    lines: list[bytes]
    meters: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)

    def part(self, start: int, stop: int | None = None) -> Lines:
        return Lines(self.lines[start:stop], self.meters)

    def offsets(self, start: int) -> Sequence[int]:
        return range(start, start + len(self))

    def written(self) -> None:
        return None

    def payload(self, row: int) -> bytes:
        return self.lines[row]

    def columns(self) -> UsageColumns:
        return decode_usage(self.lines, self.meters)

    def outcomes(self, topic: str) -> list[Record | Fault]:
        return [decode(topic, line, self.meters) for line in self.lines]


@dataclass(frozen=True, slots=True)
class Bodies:
    """Usage in Avro, one body for each record. A part shares the bodies: a large block is taken in many."""

    form: AvroForm
    bodies: list[bytes]
    start: int = 0
    stop: int | None = None

    def __len__(self) -> int:
        return (len(self.bodies) if self.stop is None else self.stop) - self.start

    def part(self, start: int, stop: int | None = None) -> Bodies:
        end = self.start + (len(self) if stop is None else min(stop, len(self)))
        return Bodies(self.form, self.bodies, self.start + start, end)

    def offsets(self, start: int) -> Sequence[int]:
        return range(start, start + len(self))

    def written(self) -> None:
        return None

    def payload(self, row: int) -> bytes:
        body = self.bodies[self.start + row]
        record = self.form.record(body)
        return body if isinstance(record, Fault) else self.form.line(record)

    def columns(self) -> UsageColumns:
        return self.form.columns(self.bodies[self.start : self.stop])

    def outcomes(self, topic: str) -> list[Record | Fault]:
        return [decode(topic, self.payload(row)) for row in range(len(self))]


@dataclass(frozen=True, slots=True)
class Judged:
    """Records of which it is known already what they are, each with its bytes."""

    known: list[tuple[Record | Fault, bytes]]

    def __len__(self) -> int:
        return len(self.known)

    def part(self, start: int, stop: int | None = None) -> Judged:
        return Judged(self.known[start:stop])

    def offsets(self, start: int) -> Sequence[int]:
        return range(start, start + len(self))

    def written(self) -> None:
        return None

    def payload(self, row: int) -> bytes:
        return self.known[row][1]

    def columns(self) -> UsageColumns:
        # Only what cannot be read at all is judged before it is usage.
        faults = [(row, one) for row, (one, _) in enumerate(self.known) if isinstance(one, Fault)]
        return UsageColumns(NOTHING, faults)

    def outcomes(self, topic: str) -> list[Record | Fault]:
        return [one for one, _ in self.known]
