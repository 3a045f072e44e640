"""Moments of random feeds: where they start, and times as they are written."""

from __future__ import annotations

from datetime import UTC, datetime

START = datetime(2025, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond:06d}" if moment.microsecond else "") + "Z"


def moment(text: str) -> datetime:
    """The moment that an RFC 3339 text in UTC names."""
    return datetime.fromisoformat(text)
