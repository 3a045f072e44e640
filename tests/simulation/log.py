"""The input topics in memory: a log that may grow, as the source reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.batch import Batch
from connectors.follow import Follow
from connectors.piece import Judged, Lines, Piece
from connectors.record_rows import judged
from connectors.source import CONTROL_SOURCE, TOPICS
from connectors.timeline import Timeline
from schemas.control import ControlEvent
from schemas.decode import decode
from schemas.topics import CONTROL, USAGE
from schemas.usage_columns import UsageColumns
from tests.support.feed import Feed


@dataclass
class Log:
    """Lines by partition ("topic/number"), of which the first `there` can be seen."""

    lines: dict[str, list[bytes]]
    there: dict[str, int] = field(default_factory=dict)
    _read: dict[str, list[tuple[Any, bytes]]] = field(default_factory=dict)
    _pieces: dict[tuple[str, int, int], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lines.setdefault(CONTROL_SOURCE, [])
        if not self.there:
            self.all_there()

    def all_there(self) -> None:
        """Nothing is to come."""
        self.there = {name: len(lines) for name, lines in self.lines.items()}

    @property
    def sources(self) -> tuple[str, ...]:
        """The partitions besides the control topic's, in the order in which the product lists them."""
        found = [name for name in self.lines if name != CONTROL_SOURCE]
        return tuple(
            sorted(found, key=lambda name: (TOPICS.index(name.rpartition("/")[0]), int(name.rpartition("/")[2])))
        )

    def outcomes(self, name: str) -> list[tuple[Any, bytes]]:
        """The records of a partition that has no usage: what each one reads as, and its bytes."""
        if name not in self._read:
            topic = name.rpartition("/")[0]
            self._read[name] = [(decode(topic, line, {}), line) for line in self.lines[name]]
        return self._read[name]

    def usage(self, name: str, start: int, stop: int) -> Piece:
        """Some of a partition's usage: what is read in every life is decoded once."""
        if (name, start, stop) not in self._pieces:
            self._pieces[name, start, stop] = Decoded(Lines(self.lines[name][start:stop]))
        return self._pieces[name, start, stop]


def log_of(feed: Feed) -> Log:
    """A feed as partitions."""
    found = {f"{topic}/{number}": lines for topic, parts in feed.topics.items() for number, lines in parts.items()}
    return Log({name: list(lines) for name, lines in found.items()})


class Decoded:
    """A piece that remembers its columns; nobody changes them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._columns: UsageColumns | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lines, name)

    def columns(self) -> UsageColumns:
        if self._columns is None:
            self._columns = self._lines.columns()
        return self._columns


class Following(Follow):
    """Follow, by a clock that is always far enough."""

    def due(self) -> bool:
        return True

    @property
    def next(self) -> datetime:
        return datetime(2025, 1, 1, tzinfo=UTC)


def following() -> Following:
    """How a run follows the log."""
    return Following(timedelta(0))


class LogPlan:
    """What a process reads of the log: a connectors.source.Plan."""

    def __init__(self, log: Log, follow: Follow | None) -> None:
        self.log, self.follow, self.controls = log, follow, LogControls(log)
        self.sources = log.sources
        self.done: dict[str, int] = {}  # what it was told to be durable

    def held(self, shard: int) -> None:
        """Nothing was decided by a run before."""

    def look(self) -> None:
        """The partitions are always the same."""

    def check_there(self, name: str, applied: int) -> None:
        """The log is never cut."""

    def reader(self, name: str, offset: int, meters: Mapping[str, str]) -> LogReader:
        """Of a partition, from an offset on."""
        return LogReader(self.log, name, offset)

    def extend(self, name: str, reader: LogReader) -> None:
        """Lines come by themselves."""

    def durable(self, name: str, offset: int) -> None:
        """Noted."""
        self.done[name] = offset

    def close(self) -> None:
        """Nothing is held."""


class LogReader:
    """One partition."""

    unit = "lines"
    stalled = False

    def __init__(self, log: Log, name: str, offset: int) -> None:
        self._log, self._name, self.read = log, name, offset
        self._began_with = self.size

    @property
    def size(self) -> int:
        return self._log.there[self._name]

    @property
    def left(self) -> int:
        return max(0, self._began_with - self.read)

    @property
    def end(self) -> int:
        return self.size

    def passed(self, offset: int, all_sent: bool) -> int:
        return offset

    def take(self, most: int) -> Piece | None:
        start, self.read = self.read, min(self.read + most, self.size)
        if start >= self.read:
            return None
        if self._name.startswith(USAGE):
            return self._log.usage(self._name, start, self.read)
        return Judged(self._log.outcomes(self._name)[start : self.read])

    def behind(self, offset: int) -> int:
        return offset

    def close(self) -> None:
        """Nothing is held."""


class LogControls:
    """The control records that can be seen."""

    def __init__(self, log: Log) -> None:
        self._log, self._batches = log, list[Batch]()
        self._times: list[int | None] = []
        self.timeline = Timeline.of([])
        self.look()

    @property
    def position(self) -> int:
        return len(self._batches)

    def since(self, position: int) -> list[Batch]:
        return self._batches[position:]

    def look(self) -> int:
        known = self.position
        for offset in range(known, self._log.there[CONTROL_SOURCE]):
            one, payload = self._log.outcomes(CONTROL_SOURCE)[offset]
            records, rejected = judged(offset, one, payload)
            self._batches.append(Batch(CONTROL, 0, offset, offset + 1, None, offset, None, records, rejected))
            self._times.append(one.reaches if isinstance(one, ControlEvent) else None)
        if self.position > known:
            self.timeline = Timeline.of(self._times)
        return self.position

    def close(self) -> None:
        """Nothing is held."""
