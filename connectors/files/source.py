"""Files as a Bytewax source: every partition of every input topic, side by side, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.batch import ENDED, Batch, Record, Rejected
from connectors.errors import SourceUnusable
from connectors.files.controls import Controls
from connectors.files.follow import CONTROL_SOURCE, Follow, files_of
from connectors.files.partition import REMEDY, PartitionReader
from connectors.gate import Gate
from connectors.piece import Piece
from connectors.timeline import Timeline
from connectors.timings import Timings, unseen
from connectors.usage_rows import Lateness, usage_batches
from schemas.decode import Fault, decode
from schemas.topics import BILLING, CONTRACTS, CONTROL, REFERENCE, USAGE

RECORDS = 500  # most of a batch of what is no usage: usage waits for one batch of them
TOPICS = (REFERENCE, CONTRACTS, BILLING, USAGE)  # in the order in which they are read inside a phase
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

    root: Path
    files: dict[str, tuple[Path, ...]]  # topic/partition -> its files in order, without the control topic
    controls: Controls
    as_of: int | None  # microseconds: a clock record after all input
    follow: Follow | None = None  # None: read to the end

    @property
    def sources(self) -> tuple[str, ...]:
        """The partitions besides the control topic's one."""
        return tuple(self.files)

    def look(self) -> None:
        """See, once per interval, which files have come while the run goes on; SourceUnusable if it cannot go on."""
        if self.follow is None or not self.follow.due():
            return
        now = files_of(self.root, (CONTROL, *TOPICS))
        self.controls.extend(now.pop(CONTROL_SOURCE, ()))
        if gone := sorted(set(self.files) - set(now)):
            raise SourceUnusable(f"partition {gone[0]} is gone while it was followed: {REMEDY}")
        self.follow.regrouping = self.follow.regrouping or set(now) != set(self.files)
        self.files.update(now)


def plan(root: Path, as_of: int | None, follow: Follow | None = None) -> FilePlan:
    """Look at the source directory; SourceUnusable when it is missing or of another shape."""
    files = files_of(root, (CONTROL, *TOPICS))
    control = files.pop(CONTROL_SOURCE, ())
    if strays := [str(paths[0]) for name, paths in files.items() if name.startswith(f"{CONTROL}/")]:
        raise SourceUnusable(
            f"{', '.join(strays)}: {CONTROL} has one partition, 0, so that its order is one: put all its records there"
        )
    return FilePlan(root, files, Controls(control, follow is not None), as_of, follow)


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
    meters: Mapping[str, str] = field(default_factory=dict)  # of types of CloudEvents
    timings: Timings = field(default_factory=unseen)

    def __post_init__(self) -> None:
        self.gate = Gate(in_turn=self.plan.follow is not None)
        for name, start in self.starts.items():
            self._check_there(name, start.offset)

    def _check_there(self, name: str, applied: int) -> None:
        """What was applied is there still: a partition that has gone would be taken for one without rows."""
        if name == CONTROL_SOURCE:
            lines = len(self.plan.controls.batches)
            if lines < applied:
                raise SourceUnusable(
                    f"{self.plan.controls.place} has {lines} lines, but {applied} were applied already: it was cut or "
                    f"replaced; {REMEDY}"
                )
        elif applied and name not in self.plan.files:
            raise SourceUnusable(
                f"partition {name} is not in the source any more, but {applied} of its lines were applied already: {REMEDY}"
            )

    def list_parts(self) -> list[str]:
        return [CONTROL_SOURCE, *self.plan.sources]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> StatefulSourcePartition:
        start = self.starts.get(for_part)
        offset, newest = (start.offset, start.newest) if start else (0, None)
        topic, _, number = for_part.rpartition("/")
        if topic == CONTROL:
            return ControlPartition(self.plan, offset, self.timings)
        reader = PartitionReader(topic, self.plan.files[for_part], self.meters, self.plan.follow is not None)
        self.progress.bytes_total += reader.size
        reader.skip(offset)
        self.progress.bytes_read += reader.read_bytes  # what an earlier run applied counts as read
        self.gate.join(for_part, TOPICS.index(topic))
        return FilePartition(self, topic, int(number), reader, offset, newest)


class ControlPartition(StatefulSourcePartition[Batch, None]):
    """Every control record at once: the shards apply each one when its turn has come."""

    def __init__(self, plan: FilePlan, offset: int, timings: Timings) -> None:
        self._plan, self._offset, self._timings = plan, offset, timings
        self._greeted = self._ended = False

    def next_batch(self) -> list[Batch]:
        follow, controls = self._plan.follow, self._plan.controls
        if self._ended or (follow is not None and follow.ended):
            raise StopIteration
        self._plan.look()
        known = controls.look()
        # The first, empty batch touches every shard, so that what an earlier run left unsent is sent now.
        greeting = [] if self._greeted else [Batch(CONTROL, 0, self._offset, self._offset, None, 0)]
        batches = greeting + controls.batches[self._offset : known]
        self._greeted, self._offset = True, max(self._offset, known)
        if follow is None:
            self._ended = True
            batches.append(Batch(CONTROL, 0, known, known, None, ENDED))
        now = self._timings.clock()
        return [replace(batch, read_at=now) for batch in batches]

    def next_awake(self) -> datetime | None:
        follow = self._plan.follow
        return None if follow is None or follow.ended or not self._greeted else follow.next

    def snapshot(self) -> None:
        return None

    def close(self) -> None:
        self._plan.controls.close()


class FilePartition(StatefulSourcePartition[Batch, None]):
    """One partition, a batch ahead of what is sent, so that the gate knows the phase of what comes next."""

    def __init__(
        self, source: FileSource, topic: str, number: int, reader: PartitionReader, offset: int, newest: int | None
    ) -> None:
        self._source, self._topic, self._number, self._reader = source, topic, number, reader
        self._name = f"{topic}/{number}"
        self._offset, self._newest = offset, newest
        self._ahead: deque[Batch] = deque()
        self._ended = self._wait = self._dry = False
        self._told, self._sent_newest = -1, newest
        self._known = 0  # control records when the file was last looked at

    def next_batch(self) -> list[Batch]:
        follow = self._source.plan.follow
        if self._ended or (follow is not None and follow.ended):
            raise StopIteration
        if not self._ahead:
            self._read()
        if not self._ahead:
            return self._end() if follow is None else self._end_for_now()
        self._dry = False
        gate = self._source.gate
        phase = self._ahead[0].phase
        gate.at(self._name, phase)
        if phase > self._told:
            # The shards wait for everything that precedes a control record: say that this partition has come past it.
            self._told = phase
            return [self._empty(self._ahead[0].start, self._sent_newest, phase)]
        self._wait = not gate.may_go(self._name)
        if self._wait:
            return []
        batch = self._ahead.popleft()
        gate.goes(self._name)
        self._sent_newest = batch.newest
        self._source.progress.rows_read += batch.end - batch.start
        if self._ahead:
            gate.at(self._name, self._ahead[0].phase)
        return [batch]

    def next_awake(self) -> datetime | None:
        if self._dry and (follow := self._source.plan.follow) is not None and not follow.ended:
            return follow.next
        return datetime.now(UTC) + WAIT if self._wait else None

    def snapshot(self) -> None:
        return None

    def close(self) -> None:
        self._reader.close()

    def _empty(self, at: int, newest: int | None, phase: int) -> Batch:
        now = self._source.timings.clock()
        return Batch(self._topic, self._number, at, at, newest, phase, read_at=now)

    def _end(self) -> list[Batch]:
        self._ended = True
        self._source.gate.ended(self._name)
        return [self._empty(self._offset, self._newest, ENDED)]

    def _end_for_now(self) -> list[Batch]:
        """Nothing is unread: as far as this partition goes, every control record known before it was read may apply.

        The order between files (events.md, fine print) holds for what is there. Rows that come later with an earlier
        event time come after those control records, as they do on Kafka; the books converge all the same.
        """
        self._source.plan.look()
        self._source.gate.ended(self._name)  # until it has rows again nobody waits for it
        news = not self._dry or self._known > self._told
        self._dry, self._wait = True, False
        self._told = max(self._told, self._known)
        return [self._empty(self._offset, self._newest, self._told)] if news else []

    def _read(self) -> None:
        plan = self._source.plan
        if plan.follow is not None:
            # First the control records, then this file: what was there before a control record is read before it applies.
            self._known = plan.controls.look()
            self._reader.extend(plan.files[self._name])
        before, began = self._reader.read_bytes, self._source.timings.clock()
        piece = self._reader.take(self._source.batch_rows if self._topic == USAGE else RECORDS)
        progress = self._source.progress
        progress.bytes_read += self._reader.read_bytes - before
        progress.bytes_total = max(progress.bytes_total, progress.bytes_read)  # a followed file has grown
        if not piece:
            return
        timeline = plan.controls.timeline
        if self._topic == USAGE:
            batches = usage_batches(self._number, self._offset, piece, self._newest, timeline, self._source.lateness)
        else:
            batches = self._record_batches(piece, timeline)
        self._source.timings.decode.since(began)
        # A followed partition that has said that it is past a control record: what comes now comes after it.
        told = -1 if plan.follow is None else self._told
        batches = [replace(batch, phase=max(batch.phase, told), read_at=began) for batch in batches]
        self._ahead.extend(batches)
        self._offset, self._newest = batches[-1].end, batches[-1].newest

    def _record_batches(self, piece: Piece, timeline: Timeline) -> list[Batch]:
        """Low-volume records, one batch for each run of the same phase."""
        batches: list[Batch] = []
        newest = self._newest
        for row, (offset, one) in enumerate(zip(piece.offsets(self._offset), piece.outcomes(self._topic), strict=True)):
            records, rejected = _judged(offset, one, piece.payload(row))
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
                    Batch(self._topic, self._number, offset, offset + 1, newest, phase, None, records, rejected)
                )
        return batches


def decoded(topic: str, offset: int, lines: list[bytes]) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """Lines of a low-volume topic as typed records, and the faulty ones with their reason."""
    found = [_judged(number, decode(topic, line), line) for number, line in enumerate(lines, start=offset)]
    return tuple(one for good, _ in found for one in good), tuple(one for _, bad in found for one in bad)


def _judged(offset: int, one: object, payload: bytes) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """A decoded record at its position, as the one it is."""
    if isinstance(one, Fault):
        return (), (Rejected(offset, one.cls, one.reason, payload),)
    return (Record(offset, one, payload),), ()
