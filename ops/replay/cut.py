"""Where replayed books and posted books can be compared: at the end of the range if the service has booked exactly that, else
at a control record for which the service has noted where it stood.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.batch import Batch
from connectors.errors import SourceUnusable
from connectors.held_line import Lines
from connectors.kafka.asking import ANSWER_S
from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.controls import KafkaControls
from connectors.kafka.forms import Forms
from connectors.kafka.offsets import Place, ends
from ops.replay.service import Line, Service
from ops.replay.source import GROUP
from schemas.corrections import CorrectedPosting
from schemas.topics import APPLIED, CONTROL, USAGE

Spans = dict[Place, tuple[int, int]]
PATIENCE_S = 60  # for a service that is behind; counted anew whenever it has come further
LOOK_S, STEP_S = 0.25, 0.1


class NotComparable(SourceUnusable):
    """There is no point at which both books stand."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a replay reads, and up to which entry the journal goes with it."""

    spans: Spans
    lines: Lines
    posted: Mapping[int, int]  # last sequence of the journal by shard
    goes_on: bool  # the service waits for partitions that have no row yet
    told: str  # where that is, in words
    pending: tuple[CorrectedPosting, ...] = ()  # of corrections that are sent and not in this part of the journal


def plain(service: Service, spans: Spans) -> Cut:
    """The whole range, to be compared with nothing."""
    noted, controls = _noted(service, spans)
    return Cut(spans, _lines(noted, controls, _common(noted)), {}, any(noted.values()), "the end of the range")


def comparable(service: Service, spans: Spans, wait: Callable[[str], None]) -> Cut:
    """The latest point of the range; `wait` is told what is waited for. NotComparable says what to do where there is none."""
    behind = _await(service, spans, wait)
    noted, controls = _noted(service, spans)
    posted = service.posted()
    if behind is None and _applied_all(service, noted, controls, spans):
        # What a group tells comes after what is posted: only where there is no more input nothing is posted beyond the range.
        if ends(service.brokers, spans) == {place: high for place, (_, high) in spans.items()}:
            lines = _lines(noted, controls, _common(noted))
            told = "the end of the range, which is as far as the service has come"
            return Cut(spans, lines, posted, _goes_on(service, noted, posted, spans), told)
        behind = "there is more input than the range, and the service may have posted some of it"
    return _at_line(service, spans, noted, controls, behind or "not every control record of the range is applied")


def whole(service: Service, spans: Spans) -> Cut:
    """All there is, beside the journal as it is: for a state that is rebuilt while no service runs."""
    noted, controls = _noted(service, spans)
    posted = service.posted()
    return Cut(
        spans,
        _lines(noted, controls, _common(noted)),
        posted,
        _goes_on(service, noted, posted, spans),
        "the end of the input",
    )


def end_of(spans: Spans, name: str) -> int:
    """How far a partition ("topic/number") is read; 0 where it is not."""
    topic, _, number = name.rpartition("/")
    return spans.get((topic, int(number)), (0, 0))[1]


def _at_line(service: Service, spans: Spans, noted: Mapping[int, list[Line]], controls: list[Batch], why: str) -> Cut:
    """The last control record of the range at which every shard has noted where it stood."""
    count = _common(noted)
    for number in range(count - 1, -1, -1):
        stood = [lines[number] for lines in noted.values()]
        bounds = [one.bounds for one in stood]
        within = all(at <= end_of(spans, name) for one in bounds for name, at in one.items())
        if within and stood[0].offset < spans[CONTROL, 0][1] and all(one.posted is not None for one in stood):
            lines = _lines(noted, controls, number + 1, stops=True)
            furthest = lines.furthest()
            cut = {
                place: (min(begin, end), end)
                for place, (begin, _) in spans.items()
                for end in [furthest.get(f"{place[0]}/{place[1]}", 0)]
            }
            cut[CONTROL, 0] = (0, stood[0].offset + 1)
            return Cut(
                cut, lines, {one.shard: one.posted or 0 for one in stood}, True,
                f"control record {stood[0].offset}, where the service has noted how far it was ({why})",
                _pending(service, stood[0].offset),
            )  # fmt: skip
    raise NotComparable(
        f"{why}, and there is no control record in the range at which it has noted where it stood: write a clock record (or set "
        "clock_every_s of the service), or replay to another --to; without --compare and --post the range is only replayed"
    )


def _noted(service: Service, spans: Spans) -> tuple[dict[int, list[Line]], list[Batch]]:
    """(By shard what is noted, the control records of the range.)"""
    end = spans[CONTROL, 0][1]
    controls = _controls(service, end)
    places = [batch.end - 1 for batch in controls]
    noted = {shard: [one for one in lines if one.offset < end] for shard, lines in service.lines().items()}
    first = _first(noted, controls)
    for shard, lines in noted.items():
        if lines and [one.offset for one in lines] != places[first : first + len(lines)]:
            raise NotComparable(
                f"{APPLIED} of shard {shard} leaves a control record out, so that nobody knows which rows came before it: it was "
                f"not written by one deployment (kafka_group {service.group})"
            )
    return noted, controls


def _first(noted: Mapping[int, list[Line]], controls: list[Batch]) -> int:
    """The number of the first control record that is noted: those before were applied by a run that did not follow."""
    begins = {lines[0].offset for lines in noted.values() if lines}
    return next((number for number, batch in enumerate(controls) if batch.end - 1 in begins), 0)


def _lines(noted: Mapping[int, list[Line]], controls: list[Batch], count: int, stops: bool = False) -> Lines:
    """The first `count` of them."""
    ends = {shard: [one.bounds for one in lines[:count]] for shard, lines in noted.items()}
    return Lines(ends, stops, _first(noted, controls) if count else 0)


def _common(noted: Mapping[int, list[Line]]) -> int:
    return min((len(lines) for lines in noted.values()), default=0)


def _await(service: Service, spans: Spans, wait: Callable[[str], None]) -> str | None:
    """Wait until the service has posted all of the range; why it has not, or None."""
    places = [place for place in spans if place[0] != CONTROL]
    best, since = -1, time.monotonic()
    while True:
        at = service.positions(spans)
        if not any(place in at for place in places) and not any(high for _, high in spans.values()):
            return None
        left = sum(_unread(service, place, at.get(place, 0), spans[place][1]) for place in places)
        if not left:
            beyond = [place for place in places if at.get(place, 0) > spans[place][1]]
            return "the service has gone on beyond the range" if beyond else None
        done = sum(at.values())
        if done > best:
            best, since = done, time.monotonic()
        elif time.monotonic() - since > PATIENCE_S:
            return f"the service (group {service.group}) has {left:,} records of the range before it and does not come further"
        wait(f"waiting for the service (group {service.group}): {left:,} records of the range are before it")
        time.sleep(LOOK_S)


def _goes_on(service: Service, noted: Mapping[int, list[Line]], posted: Mapping[int, int], spans: Spans) -> bool:
    """Whether windows wait for usage partitions that have no row yet, as they do in a service, and not in a run to the end."""
    if any(noted.values()) or not any(topic == USAGE and low == high for (topic, _), (low, high) in spans.items()):
        return True
    return not any(entry.kind == "usage" for entry in service.entries(posted))


def _unread(service: Service, place: Place, at: int, end: int) -> int:
    """How many offsets of a partition are before the service; 0 where there are only markers of transactions."""
    if at >= end:
        return 0
    consumer = SharedConsumer(service.brokers, GROUP)
    try:
        held = consumer.assign(*place, at)
        waited = 0.0
        while held.position < end and not held.count and waited < ANSWER_S:
            consumer.poll(STEP_S)
            waited += STEP_S
        first = consumer.take(*place, 1)
        return end - at if first.before(end) else 0
    finally:
        consumer.close()


def _applied_all(service: Service, noted: Mapping[int, list[Line]], controls: list[Batch], spans: Spans) -> bool:
    """Whether every control record of the range has been applied by every shard."""
    if (count := _common(noted)) and _first(noted, controls) + count == len(controls):
        return True
    return service.positions([(CONTROL, 0)]).get((CONTROL, 0), 0) >= spans[CONTROL, 0][1]


def _controls(service: Service, end: int | None = None) -> list[Batch]:
    """The control records up to an offset, or all of them."""
    consumer = SharedConsumer(service.brokers, GROUP)
    try:
        until = consumer.span(CONTROL, 0)[1] if end is None else end
        return KafkaControls(consumer, Forms(CONTROL, service.schemas.at_once), until, None).since(0)
    finally:
        consumer.close()


def _pending(service: Service, line: int) -> tuple[CorrectedPosting, ...]:
    """What corrections say that were sent behind a control record: to be posted, and not in the journal up to there."""
    events = [record.model for batch in _controls(service) for record in batch.records if record.offset > line]
    return tuple(row for event in events if event.kind == "correction" for row in event.postings)
