"""From where to where a replay reads: what the command line says, as offsets of every partition."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from connectors.errors import SourceChanged
from connectors.kafka.client import Brokers
from connectors.kafka.offsets import Place, at_instant, ends, starts
from schemas.instants import parse_instant
from schemas.topics import REFERENCE, USAGE

START, END = "start", "end"
Offsets = dict[Place, int]


@dataclass(frozen=True, slots=True)
class Bound:
    """One side of the range: a word, an instant in microseconds UTC, or offsets."""

    text: str
    instant: int | None = None
    offsets: Mapping[Place, int] | None = None

    @classmethod
    def parse(cls, text: str, option: str, word: str) -> Bound:
        """`word` is the one that is allowed. ValueError says what is not understood, and what is."""
        if text == word:
            return cls(text)
        if Path(text).is_file():
            return cls(text, offsets=_read(Path(text), option))
        try:
            return cls(text, parse_instant(f"{text}T00:00:00Z" if len(text) == 10 else text))
        except ValueError as error:
            raise ValueError(
                f"{option} {text!r} is no file of offsets, no instant ({error}) and not the word {word}: write for example "
                "2026-01-31T00:00:00Z, or name a file with lines like usage.events,0,1200"
            ) from error


def resolved(brokers: Brokers, places: Iterable[Place], begin: Bound, end: Bound) -> dict[Place, tuple[int, int]]:
    """[from, to) of every place. ValueError where they contradict the topics, SourceChanged where records have expired.

    An instant is looked up on the broker by the time at which records were written. `begin` as an instant is for usage: the
    other topics never expire, and give the terms by which it is booked, so that they are read from their beginning, as are
    partitions that a file does not name.
    """
    wanted = sorted(places)
    first, last = starts(brokers, wanted), ends(brokers, wanted)
    low = _begins(brokers, wanted, begin, first)
    high = last if end.text == END else _high(brokers, wanted, end, last)
    for place in wanted:
        name = f"{place[0]}/{place[1]}"
        if low[place] > last[place] or high[place] > last[place]:
            raise ValueError(
                f"{name} ends at offset {last[place]}, and the replay is to read from {low[place]} to {high[place]}"
            )
        if low[place] > high[place]:
            raise ValueError(
                f"{name} is to be read from {low[place]} to {high[place]}: the end lies before the beginning"
            )
    if gone := [one for one in wanted if low[one] < first[one] and one[0] != REFERENCE]:
        earliest = ", ".join(f"{topic},{number},{first[topic, number]}" for topic, number in gone)
        raise SourceChanged(
            f"records from which the replay is to begin have expired in {brokers}; the earliest that exist: {earliest}; name "
            "these by --from FILE, or restore what is missing"
        )
    return {place: (low[place], high[place]) for place in wanted}


def _begins(brokers: Brokers, places: list[Place], begin: Bound, first: Mapping[Place, int]) -> Offsets:
    """Where to begin: what has expired has a begin before the first offset, so that nobody takes it for all there was."""
    if begin.offsets is not None:
        _known(begin, places)
        return {place: begin.offsets.get(place, 0) for place in places}
    if begin.instant is not None:
        usage = [place for place in places if place[0] == USAGE]
        found = at_instant(brokers, usage, begin.instant)
        # Where the first record there is was written after the instant, others may have expired between the two.
        return {place: found.get(place, 0) for place in places}
    return dict.fromkeys(places, 0)


def _high(brokers: Brokers, places: list[Place], end: Bound, last: Mapping[Place, int]) -> Offsets:
    if end.offsets is not None:
        _known(end, places)
        return {place: end.offsets.get(place, last[place]) for place in places}
    return at_instant(brokers, places, end.instant or 0)


def _known(bound: Bound, places: list[Place]) -> None:
    if strange := sorted(set(bound.offsets or {}).difference(places)):
        topic, number = strange[0]
        raise ValueError(f"{bound.text} names partition {number} of {topic}, which is none of the input")


def _read(path: Path, option: str) -> dict[Place, int]:
    """Lines of topic,partition,offset as Kafka's own tools write them, or a JSON object {"topic/partition": offset}."""
    text = path.read_text()
    reads: Callable[[str], dict[Place, int]] = _json if text.lstrip().startswith("{") else _lines
    try:
        return reads(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{option} names {path}, which is no file of offsets ({error}): lines like usage.events,0,1200, or JSON like "
            '{"usage.events/0": 1200}'
        ) from error


def _json(text: str) -> dict[Place, int]:
    found = {}
    for name, offset in json.loads(text).items():
        topic, _, number = name.rpartition("/")
        found[topic, int(number)] = _offset(offset)
    return found


def _lines(text: str) -> dict[Place, int]:
    found = {}
    for line in text.splitlines():
        if line.strip():
            topic, number, offset = (part.strip().strip('"') for part in line.split(","))
            found[topic, int(number)] = _offset(int(offset))
    return found


def _offset(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no offset")
    return value
