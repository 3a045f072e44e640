"""Periods: the accounting months of an entity, written YYYY-MM."""

import re
from datetime import date, timedelta

from . import instant

_PATTERN = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)


def is_period(text):
    """Whether a text names a period (events.md, Out: period is YYYY-MM)."""
    return isinstance(text, str) and _PATTERN.fullmatch(text) is not None and text[:4] != "0000"


def of_date(day):
    """The period a local date lies in."""
    return f"{day.year:04d}-{day.month:02d}"


def of_instant(micros, zone):
    """The period an instant lies in, in a time zone."""
    return of_date(instant.local_date(micros, zone))


def following(period):
    """The next period."""
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def start(period, zone):
    """The instant a period begins."""
    return instant.midnight(date(int(period[:4]), int(period[5:]), 1), zone)


def end(period, zone):
    """The instant a period ends (half-open)."""
    return start(following(period), zone)


def last_day(period):
    """The last local date of a period."""
    following_period = following(period)
    return date(int(following_period[:4]), int(following_period[5:]), 1) - timedelta(days=1)


def first_open(period, closed):
    """The period itself, or the first one after it that is not closed (architecture.md, The one idea)."""
    while period in closed:
        period = following(period)
    return period
