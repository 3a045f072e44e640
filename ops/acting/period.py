"""Closing and reopening a period: one checked control record, appended to the control topic of the source."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from accounting.calendar import HOUR_US, Period
from accounting.journal import entry_id
from connectors.errors import SourceUnusable
from ops.acting.control_end import ControlEnd
from ops.acting.control_topic import ControlTopic, Noted
from schemas.decode import decode
from schemas.encode import encode
from schemas.fault import Fault
from schemas.instants import instant_text, parse_instant
from schemas.topics import CONTROL

SOURCE = "accrual-cli"
SHOWN_ENTITIES = 10
EARLIEST_ZONE_US = 14 * HOUR_US  # nowhere is local time further ahead of UTC
VERBS = {"period_close": "close", "period_reopen": "reopen"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    kind: str  # period_close or period_reopen
    entity: str
    period: str
    actor: str
    approver: str | None
    at: str | None  # None: now

    @property
    def verb(self) -> str:
        """The command's name."""
        return VERBS[self.kind]


@dataclass(frozen=True, slots=True)
class Written:
    """The record as it stands in the topic."""

    record: dict[str, Any]
    place: str
    offset: int
    warnings: tuple[str, ...]


def write_period_event(end: ControlEnd, asked: Asked) -> Written:
    """Check what was asked against the topic, append the record, and give it back.

    Raises ValueError for what is refused, SourceUnusable for a topic that cannot be added to, OSError when it cannot be
    written; nothing is written then.
    """
    with end.turn():
        place, topic = end.place, end.topic()
        instant, period = _instant(asked, topic), _period(asked.period)
        _check_people(asked)
        _check_state(asked, period, topic)
        record = _record(asked, instant, topic)
        judged = decode(CONTROL, encode(record))
        if isinstance(judged, Fault):
            raise ValueError(f"the record is not one that a run would take: {judged.reason}")
        warnings = _warnings(end, asked, instant, period)
        end.append(record)
    return Written(record, place, topic.count, warnings)


def _period(text: str) -> Period:
    try:
        return Period.parse(text)
    except ValueError as error:
        raise ValueError(f"PERIOD {text!r} is no month: write YYYY-MM, for example 2025-01") from error


def _instant(asked: Asked, topic: ControlTopic) -> int:
    """The time of the record, microseconds UTC, not before what the topic has reached."""
    if asked.at is None:
        instant = time.time_ns() // 1_000
    else:
        try:
            instant = parse_instant(f"{asked.at}T00:00:00Z" if len(asked.at) == 10 else asked.at)
        except ValueError as error:
            raise ValueError(
                f"--at {asked.at!r} is no instant: {error}; write 2026-01-31T00:00:00Z or 2026-01-31"
            ) from error
    furthest = topic.furthest
    if furthest is not None and instant < furthest.event.reaches:
        given = "the clock of this machine" if asked.at is None else "--at"
        reached = instant_text(furthest.event.reaches)
        raise ValueError(
            f"{given} says {instant_text(instant)}, but record {furthest.number} of {topic.place} ({furthest.event.kind}) "
            f"has taken the business date to {reached}, and control records never move it back: give --at {reached} or later"
        )
    return instant


def _check_people(asked: Asked) -> None:
    for option, name in (("--actor", asked.actor), ("--approver", asked.approver)):
        if name is not None and not name.strip():
            raise ValueError(f"{option} is empty: name the person")
    if not asked.entity.strip():
        raise ValueError("ENTITY is empty: name the legal entity as its contracts do")
    if asked.approver is not None and asked.approver.strip().casefold() == asked.actor.strip().casefold():
        raise ValueError(f"--approver {asked.approver!r} is the --actor: reopening a period needs two different people")


def _check_state(asked: Asked, period: Period, topic: ControlTopic) -> None:
    noted = topic.closed.get((asked.entity, period))
    if asked.kind == "period_close" and noted is not None:
        raise ValueError(
            f"{period} of {asked.entity} is closed already: {_told(noted)}, record {noted.number} of {topic.place}; leave "
            "it, or reopen it first (accrual reopen)"
        )
    if asked.kind == "period_reopen" and noted is None:
        others = ", ".join(str(one) for entity, one in sorted(topic.closed) if entity == asked.entity)
        raise ValueError(
            f"{period} of {asked.entity} is not closed, so that there is nothing to reopen; closed periods of "
            f"{asked.entity} in {topic.place}: {others or 'none'}"
        )


def _told(noted: Noted) -> str:
    by = f"by {noted.event.actor} " if noted.event.actor else ""
    return f"closed {by}on {instant_text(noted.event.event_time)}"


def _record(asked: Asked, instant: int, topic: ControlTopic) -> dict[str, Any]:
    when = instant_text(instant)
    # How often periods have changed before tells a second close of the period from the first one.
    parts = (asked.kind, asked.entity, asked.period, when, asked.actor, asked.approver, topic.changes)
    record: dict[str, Any] = {
        "event_id": f"{asked.verb}-{asked.entity}-{asked.period}-{entry_id(*parts)[:12]}",
        "source": SOURCE,
        "event_time": when,
        "kind": asked.kind,
        "entity": asked.entity,
        "period": asked.period,
        "actor": asked.actor.strip(),
    }
    return record if asked.approver is None else {**record, "approver": asked.approver.strip()}


def _warnings(end: ControlEnd, asked: Asked, instant: int, period: Period) -> tuple[str, ...]:
    """What is allowed and may yet be a slip."""
    found = []
    if asked.kind == "period_close" and instant < period.end("UTC") - EARLIEST_ZONE_US:
        found.append(
            f"{period} is not over anywhere at {instant_text(instant)}: usage of it that comes later is booked in the first "
            "open period"
        )
    if instant > (now := time.time_ns() // 1_000):
        found.append(
            f"{instant_text(instant)} lies ahead of this machine's clock ({instant_text(now)}): the business date goes "
            "there and never back"
        )
    try:
        entities = _entities(end, asked.entity)
    except SourceUnusable as error:
        found.append(f"whether a contract names entity {asked.entity} is not known, because {error}")
    else:
        if asked.entity not in entities:
            known = ", ".join(sorted(entities)[:SHOWN_ENTITIES]) or "none"
            found.append(f"no contract of {end.source} names entity {asked.entity}; contracts name: {known}")
    return tuple(found)


def _entities(end: ControlEnd, wanted: str) -> set[str]:
    """The entities that contracts name; read only until the wanted one is found."""
    found: set[str] = set()
    for entity in end.entities():
        found.add(entity)
        if entity == wanted:
            break
    return found
