"""The control topic of a Kafka: its records and the order they give to everything else."""

from __future__ import annotations

from connectors.batch import Batch
from connectors.errors import SourceAway
from connectors.follow import Follow
from connectors.held_line import Lines
from connectors.kafka.asking import ANSWER_S
from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.taken import Taken
from connectors.record_rows import judged
from connectors.timeline import Ends, Timeline
from schemas.control import ControlEvent
from schemas.topics import CONTROL

WAIT_S = 0.1
ALL = 2**62


class KafkaControls:
    """Every control record there is: what comes first decides what comes later, so that all of them are read at the start."""

    def __init__(self, consumer: SharedConsumer, forms: Forms, end: int, follow: Follow | None = None) -> None:
        """Reads up to `end`; SourceUnusable when the broker does not send them.

        Waits for their schemas; asked to stop meanwhile, a run that follows its source has not read all of them.
        """
        self._consumer, self._forms = consumer, forms
        self._end = end if follow is None else ALL
        self._batches: list[Batch] = []
        self._times: list[int | None] = []
        self._ends: dict[int, Ends] = {}
        self.timeline = Timeline.of([])
        self._kept = Taken.joined([])  # taken, and not read for want of a schema
        self._held = consumer.assign(CONTROL, 0, 0)
        waited = 0.0
        while (self.look() < end and self._held.position < end) or self._kept:
            if follow is not None and follow.ended:
                return
            if waited > ANSWER_S:
                raise SourceAway(f"{CONTROL} sends nothing for {ANSWER_S} s: are its brokers up?")
            before = self.position
            consumer.poll(WAIT_S)
            waited = 0.0 if self.position > before or self._kept else waited + WAIT_S

    @property
    def position(self) -> int:
        """Behind the last record that is known."""
        return self._batches[-1].end if self._batches else 0

    def since(self, position: int) -> list[Batch]:
        """A batch for each record from a position on."""
        return [batch for batch in self._batches if batch.start >= position]

    def look(self) -> int:
        """Take in what has come; the position then."""
        self._consumer.poll()
        found = Taken.joined([self._kept, self._consumer.take(CONTROL, 0, ALL)])
        found = found.before(self._end)  # what came since is not of this run
        if not found:
            return self.position
        ready = Messages(found.values, self._forms).readable()
        found, self._kept = found.part(0, ready), found.part(ready)
        if not found:
            return self.position
        messages = Messages(found.values, self._forms, traces=found.traces)
        for row, (offset, one) in enumerate(zip(found.offsets.tolist(), messages.outcomes(CONTROL), strict=True)):
            self._add(offset, one, messages.payload(row))
        self.timeline = Timeline.of(self._times, self._ends, [batch.end for batch in self._batches])
        return self.position

    @property
    def positions(self) -> list[int]:
        """Behind the first 0, 1, 2, ... records."""
        return [0, *(batch.end for batch in self._batches)]

    def hold(self, lines: Lines) -> None:
        """Rows come before those records that they came before in another run; of an input that ends."""
        self.timeline = lines.timeline(self._times, self._ends)

    def close(self) -> None:
        """The consumer is everybody's."""

    def _add(self, offset: int, one: object, payload: bytes) -> None:
        start, (records, rejected) = self.position, judged(offset, one, payload)
        self._batches.append(Batch(CONTROL, 0, start, offset + 1, None, start, None, records, rejected))
        self._times.append(one.reaches if isinstance(one, ControlEvent) else None)
        if isinstance(one, ControlEvent) and one.ends:
            self._ends[len(self._batches) - 1] = {f"{end.topic}/{end.partition}": end.offset for end in one.ends}
