"""Sending excepted records again: as new records at the end of the partitions they came from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from ops.acting.advice import Refused, Sendable, judged
from ops.acting.control_topic import ControlTopic
from ops.acting.partition_end import PartitionEnd, partition_end, source_at
from ops.acting.turn import alone
from ops.settings import Settings
from ops.show.exception_record import ExceptionRecord
from ops.show.records import read_records
from schemas.control import ControlEvent
from schemas.decode import decode
from schemas.instants import instant_text
from schemas.topics import CONTROL, EXCEPTIONS
from schemas.usage import UsageEvent

SHORTEST_PREFIX = 6
SECOND_US, DAY_US = 1_000_000, 86_400_000_000


@dataclass(frozen=True, slots=True)
class Choice:
    """Which exceptions: some by their ids, or every open one of a class."""

    ids: Sequence[str]
    exception_class: str | None = None
    every: bool = False

    def check(self, corrected: bool) -> None:
        """ValueError for a choice that cannot be meant."""
        if self.ids and (self.every or self.exception_class):
            raise ValueError("give EXCEPTION_IDs, or --class CLASS --all, not both")
        if not self.ids and not (self.every and self.exception_class):
            raise ValueError(
                "say which exceptions: EXCEPTION_IDs (accrual exceptions list --json shows them), or --class CLASS --all"
            )
        if corrected and len(self.ids) != 1:
            raise ValueError("--payload corrects one exception: give one EXCEPTION_ID with it")


@dataclass(slots=True)
class Outcome:
    """What was sent, and to which file; what was not, and why."""

    sent: list[tuple[ExceptionRecord, Path]] = field(default_factory=list)
    refused: list[tuple[ExceptionRecord, str]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        sent = [{"exception_id": one.exception_id, "class": one.kind, "file": str(path)} for one, path in self.sent]
        refused = [{"exception_id": one.exception_id, "class": one.kind, "reason": why} for one, why in self.refused]
        return {"sent": sent, "refused": refused}


def retry(sink: Path, source: Path, choice: Choice, payload: Path | None, settings: Settings, outcome: Outcome) -> None:
    """Send what can be sent; `outcome` tells how far it came, also when it fails midway.

    Ids are all sent or none of them is; of a class those that can be sent are. Raises ValueError for wrong usage,
    SourceUnusable where a partition cannot be added to, OSError where it cannot be written.
    """
    choice.check(payload is not None)
    corrected = None if payload is None else corrected_record(payload)
    latest = {stored.value.exception_id: stored.value for stored in read_records(sink, EXCEPTIONS, ExceptionRecord)}
    chosen = _chosen(list(latest.values()), choice)
    ready: list[tuple[ExceptionRecord, Sendable]] = []
    for one in chosen:
        match judged(one, corrected, settings.cloudevent_meters):
            case Refused(reason):
                outcome.refused.append((one, reason))
            case Sendable() as sendable:
                ready.append((one, sendable))
    with alone(source_at(source)):
        _send(source, ready, settings, outcome, whole=bool(choice.ids))


def corrected_record(path: Path) -> bytes:
    """The one record of a file as a line; ValueError when it is not one JSON object."""
    try:
        text = path.read_bytes().strip()
    except OSError as error:
        raise ValueError(f"--payload {path} cannot be read: {error.strerror}") from error
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"--payload {path} is not one JSON object: {error}; it holds one corrected record") from error
    if not isinstance(value, dict):
        raise ValueError(f"--payload {path} is not one JSON object; it holds one corrected record")
    # A record laid out over several lines becomes one.
    return msgspec.json.encode(value) if b"\n" in text else text


def _chosen(every: Sequence[ExceptionRecord], choice: Choice) -> list[ExceptionRecord]:
    if choice.ids:
        return [_named(every, name) for name in dict.fromkeys(choice.ids)]
    found = [one for one in every if one.kind == choice.exception_class and one.status == "open"]
    if not found:
        classes = ", ".join(sorted({one.kind for one in every if one.status == "open"})) or "none"
        raise ValueError(f"no exception of class {choice.exception_class} is open; open classes: {classes}")
    return found


def _named(every: Sequence[ExceptionRecord], name: str) -> ExceptionRecord:
    found = [one for one in every if one.exception_id == name]
    if not found and len(name) >= SHORTEST_PREFIX:
        found = [one for one in every if one.exception_id.startswith(name)]
    if not found:
        raise ValueError(
            f"no exception {name!r} among {len(every)}: accrual exceptions list --json shows their exception_id"
        )
    if len(found) > 1:
        raise ValueError(f"{name!r} begins {len(found)} exception ids: give more of the one that is meant")
    return found[0]


def _send(
    source: Path, ready: list[tuple[ExceptionRecord, Sendable]], settings: Settings, outcome: Outcome, whole: bool
) -> None:
    ends: dict[tuple[str, int], PartitionEnd] = {}
    going: dict[tuple[str, int], list[tuple[ExceptionRecord, bytes]]] = defaultdict(list)
    for one, sendable in sorted(ready, key=lambda item: _position(item[0])):
        place = _position(one)[:2]
        if place not in ends:
            ends[place] = partition_end(source, *place)
        if reason := _comes_back(source, ends[place], sendable, settings):
            outcome.refused.append((one, reason))
        else:
            going[place].append((one, sendable.line))
    if whole and outcome.refused:
        return
    for place, several in going.items():
        ends[place].append([line for _, line in several])
        outcome.sent += [(one, ends[place].path) for one, _ in several]


def _position(one: ExceptionRecord) -> tuple[str, int, int]:
    at = one.source
    return ("", 0, 0) if at is None else (at.topic, at.partition or 0, at.offset or 0)


def _comes_back(source: Path, end: PartitionEnd, sendable: Sendable, settings: Settings) -> str | None:
    """Why the record would certainly be refused where it would stand now."""
    record = sendable.record
    if isinstance(record, ControlEvent):
        furthest = ControlTopic.read(source).furthest
        if furthest is not None and record.reaches < furthest.event.reaches:
            reached = instant_text(furthest.event.reaches)
            return f"its event_time is before {reached}, which {CONTROL} has reached: correct it with that time or a later one"
    if isinstance(record, UsageEvent):
        newest = _last_time(end, settings.cloudevent_meters)
        # The last record's time is at most the partition's newest: beyond this there is no doubt.
        limit = settings.lateness_s * SECOND_US + settings.horizon_days * DAY_US
        if newest is not None and record.event_time < newest - limit:
            return (
                f"its event_time {instant_text(record.event_time)} is more than {settings.horizon_days} days behind the end of "
                f"its partition ({instant_text(newest)}): it would be too_late; correct it with a later event_time and "
                "--payload FILE"
            )
    return None


def _last_time(end: PartitionEnd, meters: Mapping[str, str]) -> int | None:
    line = end.last_line()
    last = None if line is None else decode(end.topic, line, meters)
    return last.event_time if isinstance(last, UsageEvent) else None
