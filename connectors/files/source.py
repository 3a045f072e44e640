"""Files as a Bytewax source: every partition of every input topic, side by side, in batches."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.batch import ENDED, Batch, Record, Rejected
from connectors.errors import SourceUnusable
from connectors.files.layout import partitions
from connectors.files.lines import LineReader
from connectors.gate import Gate
from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from schemas.control import ControlEvent
from schemas.decode import Fault, decode
from schemas.topics import CONTRACTS, CONTROL, USAGE

TOPICS = (CONTRACTS, USAGE)
WAIT = timedelta(milliseconds=2)


class Position(Protocol):
    """Where a partition is taken up again."""

    @property
    def offset(self) -> int: ...
    @property
    def newest(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a run reads: found once at the start, the same in every process."""

    files: dict[str, Path]  # topic/partition -> file, without the control topic
    control: Path | None
    timeline: Timeline
    as_of: int | None  # microseconds: a clock record after all input

    @property
    def sources(self) -> tuple[str, ...]:
        """The partitions besides the control topic's one."""
        return tuple(self.files)


def plan(root: Path, as_of: int | None) -> FilePlan:
    """Look at the source directory; SourceUnusable when it is missing or of another shape."""
    files = {
        f"{topic}/{number}": path for topic in TOPICS for number, path in partitions(root, topic).items()
    }
    controls = partitions(root, CONTROL)
    if strays := [str(path) for number, path in controls.items() if number]:
        raise SourceUnusable(
            f"{', '.join(strays)}: {CONTROL} has one partition, 0, so that its order is one: put all its records there"
        )
    control = controls.get(0)
    times: list[int | None] = []
    for line in _all_lines(control):
        model = decode(CONTROL, line)
        times.append(model.reaches if isinstance(model, ControlEvent) else None)
    return FilePlan(files, control, Timeline.of(times), as_of)


def _all_lines(path: Path | None) -> list[bytes]:
    if path is None:
        return []
    reader = LineReader(path, 0)
    lines = []
    while taken := reader.take(10_000):
        lines.extend(taken)
    reader.close()
    return lines


@dataclass(slots=True)
class Progress:
    """What has been read, for whoever shows it."""

    bytes_total: int = 0
    bytes_read: int = 0
    rows_read: int = 0


@dataclass
class FileSource(FixedPartitionedSource):
    """One Bytewax partition per file, and one for the control topic."""

    plan: FilePlan
    starts: dict[str, Position]
    batch_rows: int
    lateness: Lateness
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        self.gate = Gate()
        for name, start in self.starts.items():
            self._check_there(name, start.offset)

    def _check_there(self, name: str, applied: int) -> None:
        """What was applied is there still: a partition that has gone would be taken for one without rows."""
        remedy = "restore it, or start with an empty --state and --sink"
        if name == f"{CONTROL}/0":
            lines = len(self.plan.timeline.times)
            if lines < applied:
                where = self.plan.control or f"topic {CONTROL}"
                raise SourceUnusable(
                    f"{where} has {lines} lines, but {applied} were applied already: it was cut or replaced; {remedy}"
                )
        elif applied and name not in self.plan.files:
            raise SourceUnusable(
                f"partition {name} is not in the source any more, but {applied} of its lines were applied already: {remedy}"
            )

    def list_parts(self) -> list[str]:
        return [f"{CONTROL}/0", *self.plan.sources]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> StatefulSourcePartition:
        start = self.starts.get(for_part)
        offset, newest = (start.offset, start.newest) if start else (0, None)
        topic, _, number = for_part.rpartition("/")
        if topic == CONTROL:
            return ControlPartition(self.plan, offset)
        reader = LineReader(self.plan.files[for_part], offset)
        self.progress.bytes_total += reader.size
        self.gate.join(for_part, usage=topic == USAGE)
        return FilePartition(self, topic, int(number), reader, offset, newest)


class ControlPartition(StatefulSourcePartition[Batch, None]):
    """Every control record at once: the shards apply each one when its turn has come."""

    def __init__(self, plan: FilePlan, offset: int) -> None:
        self._plan, self._offset, self._done = plan, offset, False

    def next_batch(self) -> list[Batch]:
        if self._done:
            raise StopIteration
        self._done = True
        lines = _all_lines(self._plan.control)
        # The first, empty batch touches every shard, so that what an earlier run left unsent is sent now.
        batches = [Batch(CONTROL, 0, self._offset, self._offset, None, 0)]
        for offset in range(self._offset, len(lines)):
            records, rejected = decoded(CONTROL, offset, [lines[offset]])
            batches.append(Batch(CONTROL, 0, offset, offset + 1, None, offset, None, records, rejected))
        batches.append(Batch(CONTROL, 0, len(lines), len(lines), None, ENDED))
        return batches

    def snapshot(self) -> None:
        return None


class FilePartition(StatefulSourcePartition[Batch, None]):
    """One file, a batch ahead of what is sent, so that the gate knows the phase of what comes next."""

    def __init__(
        self, source: FileSource, topic: str, number: int, reader: LineReader, offset: int, newest: int | None
    ) -> None:
        self._source, self._topic, self._number, self._reader = source, topic, number, reader
        self._name = f"{topic}/{number}"
        self._offset, self._newest = offset, newest
        self._ahead: deque[Batch] = deque()
        self._ended = self._wait = False
        self._told, self._sent_newest = -1, newest

    def next_batch(self) -> list[Batch]:
        if self._ended:
            raise StopIteration
        if not self._ahead:
            self._read()
        gate = self._source.gate
        if not self._ahead:
            self._ended = True
            gate.ended(self._name)
            return [Batch(self._topic, self._number, self._offset, self._offset, self._newest, ENDED)]
        phase = self._ahead[0].phase
        gate.at(self._name, phase)
        if phase > self._told:
            # The shards wait for everything that precedes a control record: say that this partition has come past it.
            self._told = phase
            return [
                Batch(
                    self._topic,
                    self._number,
                    self._ahead[0].start,
                    self._ahead[0].start,
                    self._sent_newest,
                    phase,
                )
            ]
        self._wait = not gate.may_go(self._name)
        if self._wait:
            return []
        batch = self._ahead.popleft()
        self._sent_newest = batch.newest
        self._source.progress.rows_read += batch.end - batch.start
        if self._ahead:
            gate.at(self._name, self._ahead[0].phase)
        return [batch]

    def next_awake(self) -> datetime | None:
        return datetime.now(UTC) + WAIT if self._wait else None

    def snapshot(self) -> None:
        return None

    def close(self) -> None:
        self._reader.close()

    def _read(self) -> None:
        before = self._reader.read_bytes
        lines = self._reader.take(self._source.batch_rows)
        self._source.progress.bytes_read += self._reader.read_bytes - before
        if not lines:
            return
        timeline = self._source.plan.timeline
        if self._topic == USAGE:
            batches = usage_batches(
                self._number, self._offset, lines, self._newest, timeline, self._source.lateness
            )
        else:
            batches = self._record_batches(lines, timeline)
        self._ahead.extend(batches)
        self._offset, self._newest = batches[-1].end, batches[-1].newest

    def _record_batches(self, lines: list[bytes], timeline: Timeline) -> list[Batch]:
        """Low-volume records, one batch for each run of the same phase."""
        batches: list[Batch] = []
        newest = self._newest
        for offset, line in enumerate(lines, start=self._offset):
            records, rejected = decoded(self._topic, offset, [line])
            if records and (time := records[0].model.event_time) is not None:
                newest = time if newest is None else max(newest, time)
            phase = 0 if newest is None else int(timeline.phases(np.array([newest]))[0])
            last = batches[-1] if batches else None
            if last is not None and last.phase == phase:
                batches[-1] = Batch(
                    self._topic, self._number, last.start, offset + 1, newest, phase, None,
                    last.records + records, last.rejected + rejected,
                )  # fmt: skip
            else:
                batches.append(
                    Batch(
                        self._topic, self._number, offset, offset + 1, newest, phase, None, records, rejected
                    )
                )
        return batches


def decoded(topic: str, offset: int, lines: list[bytes]) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """Lines of a low-volume topic as typed records, and the faulty ones with their reason."""
    records, rejected = [], []
    for number, line in enumerate(lines, start=offset):
        model = decode(topic, line)
        if isinstance(model, Fault):
            rejected.append(Rejected(number, model.cls, model.reason, line))
        else:
            records.append(Record(number, model, line))
    return tuple(records), tuple(rejected)
