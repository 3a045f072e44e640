"""Instants on the command line and in tables."""

from __future__ import annotations

from datetime import date

from ops.show.sink import UsageError
from schemas.instants import instant_text, parse_instant

MIDNIGHT = "T00:00:00Z"
DAY_US = 86_400_000_000


def moment(instant: int) -> str:
    """An instant for people: the date alone at midnight UTC."""
    return instant_text(instant).removesuffix(MIDNIGHT)


def span(start: int, end: int | None) -> str:
    """A half-open term for people."""
    return f"{moment(start)} to {'open' if end is None else moment(end)}"


def parsed_moment(flag: str, text: str) -> int:
    """An instant of the command line, microseconds UTC: RFC 3339, or a date for its first moment in UTC."""
    try:
        return parse_instant(text + MIDNIGHT if len(text) == 10 else text)
    except ValueError as error:
        raise UsageError(f"{flag} {text!r} is no instant: write 2026-01-31 or 2026-01-31T00:00:00Z.") from error


def instant_or_none(text: str | None) -> int | None:
    """The instant that a record states; None when it states none."""
    try:
        return None if text is None else parse_instant(text)
    except ValueError:
        return None


def day_end(day: str) -> int | None:
    """The instant at which a day YYYY-MM-DD is over in UTC; None for anything else."""
    try:
        return parse_instant(date.fromisoformat(day).isoformat() + MIDNIGHT) + DAY_US
    except ValueError:
        return None
