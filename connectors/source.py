"""The input topics as a Bytewax source: every partition, side by side, in batches, whatever they are kept in."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.batch import ENDED, Batch
from connectors.crash_point import crash_point
from connectors.follow import Follow
from connectors.gate import Gate
from connectors.held_line import HeldLine
from connectors.piece import Piece
from connectors.record_rows import record_batches
from connectors.spans import Spans
from connectors.timeline import Timeline
from connectors.timings import Timings, unseen
from connectors.usage_rows import Lateness, usage_batches
from connectors.vitals import Reach, Vitals
from schemas.topics import BILLING, CONTRACTS, CONTROL, POSTINGS, REFERENCE, USAGE

RECORDS = 500  # most of a batch of what is no usage: usage waits for one batch of them
CONTROL_SOURCE = f"{CONTROL}/0"
TOPICS = (REFERENCE, CONTRACTS, BILLING, USAGE, POSTINGS)  # in the order in which they are read inside a phase
WAIT, LONG_WAIT = timedelta(milliseconds=2), timedelta(milliseconds=20)
# Of a service: its partitions are looked at together, since what a batch costs hardly hangs on its rows.
TICK_US = 20_000


class Position(Protocol):
    """Where a partition is taken up again."""

    @property
    def offset(self) -> int: ...
    @property
    def newest(self) -> int | None: ...


class Reader(Protocol):
    """One partition, from where it is taken up."""

    @property
    def size(self) -> int: ...  # bytes, or offsets: what `read` counts up to
    @property
    def read(self) -> int: ...
    @property
    def unit(self) -> str: ...  # of both, in plural
    @property
    def left(self) -> int: ...  # of what was there at the start and has not been taken
    @property
    def stalled(self) -> bool: ...  # what comes next cannot be read yet, and nobody knows for how long
    def take(self, most: int) -> Piece | None:
        """Up to so many records; None where there are none, or none yet."""

    @property
    def end(self) -> int: ...  # behind what is there by now, as far as is known; asked in any thread
    def passed(self, offset: int, all_sent: bool) -> int | None:
        """How much of what `end` counts lies before an offset; None: that is not known while not `all_sent` is what was taken."""

    def behind(self, offset: int) -> int | None:
        """Behind which position nothing is left, when all before `offset` was taken; None: more may be on its way."""

    def close(self) -> None: ...


class ControlRecords(Protocol):
    """Every control record there is."""

    timeline: Timeline

    @property
    def position(self) -> int: ...  # behind the last one
    def look(self) -> int:
        """Read on; the position then."""

    def since(self, position: int) -> list[Batch]:
        """A batch for each record from a position on."""

    def close(self) -> None: ...


class Plan(Protocol):
    """What a run reads, on files or on Kafka."""

    @property
    def follow(self) -> Follow | None: ...
    @property
    def controls(self) -> ControlRecords: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    def held(self, shard: int) -> HeldLine | None:
        """Which rows precede each control record in a shard, where a run before has decided it."""

    def look(self) -> None: ...
    def check_there(self, name: str, applied: int) -> None: ...
    def reader(self, name: str, offset: int, meters: Mapping[str, str]) -> Any: ...
    def extend(self, name: str, reader: Any) -> None: ...
    def durable(self, name: str, offset: int) -> None:
        """All before a partition's offset is applied and written, everywhere."""

    def close(self) -> None:
        """The run has ended, well or not."""


@dataclass(slots=True)
class Progress:
    """What has been read, for whoever shows it."""

    total: int = 0  # bytes of files, offsets of Kafka
    read: int = 0
    rows_read: int = 0


@dataclass
class TopicSource(FixedPartitionedSource):
    """One Bytewax partition for each of the topics', and one for the control topic."""

    plan: Plan
    starts: dict[str, Position]
    batch_rows: int
    lateness: Lateness
    progress: Progress = field(default_factory=Progress)
    meters: Mapping[str, str] = field(default_factory=dict)  # of types of CloudEvents
    timings: Timings = field(default_factory=unseen)
    vitals: Vitals = field(default_factory=Vitals)
    spans: Spans | None = None

    def __post_init__(self) -> None:
        self.gate = Gate(in_turn=self.plan.follow is not None)
        for name, start in self.starts.items():
            self.plan.check_there(name, start.offset)

    def list_parts(self) -> list[str]:
        return [CONTROL_SOURCE, *self.plan.sources]

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> StatefulSourcePartition:
        start = self.starts.get(for_part)
        offset, newest = (start.offset, start.newest) if start else (0, None)
        topic, _, number = for_part.rpartition("/")
        if topic == CONTROL:
            return ControlPartition(self.plan, offset, self.timings, self.vitals)
        reader: Reader = self.plan.reader(for_part, offset, self.meters)
        self.progress.total += reader.size
        self.progress.read += reader.read  # what an earlier run applied counts as read
        self.gate.join(for_part, TOPICS.index(topic))
        return TopicPartition(self, topic, int(number), reader, offset, newest)


class ControlPartition(StatefulSourcePartition[Batch, None]):
    """Every control record at once: the shards apply each one when its turn has come."""

    def __init__(self, plan: Plan, offset: int, timings: Timings, vitals: Vitals) -> None:
        self._plan, self._offset, self._timings, self._vitals = plan, offset, timings, vitals
        vitals.control_end = lambda: plan.controls.position
        self._greeted = self._ended = False

    def next_batch(self) -> list[Batch]:
        follow, controls = self._plan.follow, self._plan.controls
        self._vitals.steps()
        if self._ended or (follow is not None and follow.ended):
            raise StopIteration
        self._plan.look()
        known = controls.look()
        # The first, empty batch touches every shard, so that what an earlier run left unsent is sent now.
        greeting = [] if self._greeted else [Batch(CONTROL, 0, self._offset, self._offset, None, 0)]
        batches = greeting + controls.since(self._offset)
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


class TopicPartition(StatefulSourcePartition[Batch, None]):
    """One partition, a batch ahead of what is sent, so that the gate knows the phase of what comes next."""

    def __init__(
        self, source: TopicSource, topic: str, number: int, reader: Reader, offset: int, newest: int | None
    ) -> None:
        self._source, self._topic, self._number, self._reader = source, topic, number, reader
        self._name = f"{topic}/{number}"
        self._offset, self._newest = offset, newest
        self._ahead: deque[Batch] = deque()
        self._ended = self._wait = self._dry = self._gathers = False
        self._told, self._sent, self._sent_newest = -1, offset, newest
        self._closing: int | None = None  # what was sent when the last epoch closed
        self._known = 0  # control records when the file was last looked at
        self._backlog = source.vitals.backlog(self._name, reader.unit)
        self._backlog.stands(reader.left, waiting=False)
        reach = Reach(lambda: reader.end, reader.passed(offset, True) or 0, reader.unit)
        self._reach = source.vitals.reach(self._name, reach)
        self._closing_at: int | None = None

    def next_batch(self) -> list[Batch]:
        follow = self._source.plan.follow
        self._source.vitals.steps()
        self._gathers = False
        if self._closing is not None:
            # The barrier: what was sent before the last snapshot is done by every shard and by the sink.
            self._source.plan.durable(self._name, self._closing)
            self._backlog.barrier()
            if self._source.spans is not None:
                self._source.spans.durable(self._name, self._closing)
            if self._closing_at is not None:
                self._reach.at = self._closing_at
            self._closing = None
        if not self._backlog.booked:
            self._backlog.stands(self._reader.left, waiting=bool(self._ahead))
        if self._ended or (follow is not None and follow.ended):
            raise StopIteration
        if not self._ahead:
            self._read()
        if not self._ahead:
            behind = self._reader.behind(self._offset)
            self._wait = behind is None
            if behind is None:
                if self._reader.stalled:
                    self._source.gate.stalled(self._name, max(self._told, 0))
                return []
            return self._end(behind) if follow is None else self._end_for_now(behind)
        self._dry = False
        gate = self._source.gate
        phase = self._ahead[0].phase
        gate.at(self._name, phase)
        if phase > self._told:
            # The shards wait for everything that precedes a control record: say that this partition has come past it.
            self._told = phase
            at = self._ahead[0].start
            return [self._empty(at, at, self._sent_newest, phase)]
        self._wait = not gate.may_go(self._name)
        if self._wait:
            return []
        batch = self._ahead.popleft()
        self._gathers = follow is not None and not self._ahead and batch.end - batch.start < self._source.batch_rows
        gate.goes(self._name)
        self._sent, self._sent_newest = batch.end, batch.newest
        self._source.progress.rows_read += batch.end - batch.start
        if self._ahead:
            gate.at(self._name, self._ahead[0].phase)
        return [batch]

    def next_awake(self) -> datetime | None:
        if self._dry and (follow := self._source.plan.follow) is not None and not follow.ended:
            return follow.next
        if not self._wait and not self._gathers:
            return None
        now = datetime.now(UTC)
        if self._source.plan.follow is not None:
            return now + timedelta(microseconds=TICK_US - now.microsecond % TICK_US)
        return now + (LONG_WAIT if self._source.gate.waits else WAIT)

    def snapshot(self) -> None:
        self._closing = self._sent
        self._closing_at = self._reader.passed(self._sent, not self._ahead)
        self._backlog.epoch_closes()

    def close(self) -> None:
        self._reader.close()

    def _empty(self, start: int, end: int, newest: int | None, phase: int) -> Batch:
        now = self._source.timings.clock()
        return Batch(self._topic, self._number, start, end, newest, phase, read_at=now)

    def _end(self, behind: int) -> list[Batch]:
        self._ended = True
        self._backlog.ends()
        self._source.gate.ended(self._name)
        return [self._empty(self._offset, behind, self._newest, ENDED)]

    def _end_for_now(self, behind: int) -> list[Batch]:
        """Nothing is unread: as far as this partition goes, every control record known before it was read may apply.

        The order between files (events.md, fine print) holds for what is there. Rows that come later with an earlier
        event time come after those control records, as they do on Kafka; the books converge all the same.
        """
        self._source.plan.look()
        self._source.gate.ended(self._name)  # until it has rows again nobody waits for it
        told = max(self._told, self._source.plan.controls.timeline.past(self._name, behind, self._known))
        news = not self._dry or told > self._told or behind > self._offset
        start, self._offset, self._told, self._dry = self._offset, behind, told, True
        self._sent = behind  # markers of transactions behind the last message are done with it
        return [self._empty(start, behind, self._newest, told)] if news else []

    def _read(self) -> None:
        plan = self._source.plan
        if plan.follow is not None:
            # First the control records, then this file: what was there before a control record is read before it applies.
            self._known = plan.controls.look()
            plan.extend(self._name, self._reader)
        before, began = self._reader.read, self._source.timings.clock()
        steps = self._source.timings.steps
        steps.fetch.begins()
        piece = self._reader.take(self._source.batch_rows if self._topic == USAGE else RECORDS)
        progress = self._source.progress
        progress.read += self._reader.read - before
        progress.total = max(progress.total, progress.read)  # what is followed has grown
        if not piece:
            return  # an idle look is no fetch
        steps.fetch.ends()
        timeline = plan.controls.timeline
        if self._topic == USAGE:
            batches = usage_batches(
                self._number, self._offset, piece, self._newest, timeline, self._source.lateness, steps
            )
        else:
            with steps.decode:
                batches = record_batches(self._topic, self._number, self._offset, piece, self._newest, timeline)
        # A followed partition that has said that it is past a control record: what comes now comes after it.
        told = -1 if plan.follow is None else self._told
        batches = [replace(batch, phase=max(batch.phase, told), read_at=began) for batch in batches]
        if self._source.spans is not None:
            batches = self._source.spans.reads(batches)
        crash_point("batch-read")
        self._ahead.extend(batches)
        self._offset, self._newest = batches[-1].end, batches[-1].newest
