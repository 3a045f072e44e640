"""Instants: integer microseconds since 1970-01-01T00:00:00Z, read from and written as RFC 3339 text."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_TEXT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
MICROS_PER_SECOND = 1_000_000
EARLIEST = (date.min.toordinal() - _EPOCH_DAY) * 86_400 * MICROS_PER_SECOND
LATEST = (date.max.toordinal() + 1 - _EPOCH_DAY) * 86_400 * MICROS_PER_SECOND - 1

_FORM = 'must be an RFC 3339 time with Z or an offset, such as "2024-01-31T23:59:59.5Z"'


@lru_cache(maxsize=4_096)  # the terms of most contracts begin and end at the same few midnights
def parse_instant(text: str) -> int:
    """Microseconds UTC of an RFC 3339 time with Z or a numeric offset.

    Raises ValueError, whose text says what is allowed: for another form, a date or time that does not exist
    (second 60 included), a fraction finer than a microsecond that is not zero, and a UTC year outside 0001
    to 9999.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(_FORM)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hours, offset_minutes = match.groups()[6:]
    fraction = (fraction or "").ljust(9, "0")
    if fraction[6:] != "000":
        raise ValueError("must not be finer than a microsecond")
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("must be a time of day from 00:00:00 to 23:59:59")
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        raise ValueError("must be a date that exists") from None
    seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - _offset_s(sign, offset_hours, offset_minutes)
    micros = seconds * MICROS_PER_SECOND + int(fraction[:6])
    if not EARLIEST <= micros <= LATEST:
        raise ValueError("must lie in the years 0001 to 9999 UTC")
    return micros


def _offset_s(sign: str | None, hours: str, minutes: str) -> int:
    if sign is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("must have an offset from -23:59 to +23:59")
    offset_s = int(hours) * 3_600 + int(minutes) * 60
    return -offset_s if sign == "-" else offset_s


def instant_of(moment: datetime) -> int:
    """Microseconds UTC of an aware datetime; ValueError for a naive one, whose zone would be a guess."""
    if moment.utcoffset() is None:
        raise ValueError("must carry a time zone")
    return (moment - _EPOCH) // _MICROSECOND


def instant_text(micros: int) -> str:
    """RFC 3339 UTC text: no fraction when it is zero, else 6 digits. OverflowError outside 0001-9999."""
    return (_EPOCH + micros * _MICROSECOND).replace(tzinfo=None).isoformat() + "Z"
