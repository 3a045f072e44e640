"""Local time of an entity: days, months and accounting periods as instants, right across DST changes.

Instants are integer microseconds UTC. A local day is the span between two local midnights (23, 24 or 25 hours); where
a midnight does not exist, the day starts at the first instant that does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, reset_tzpath

# The rules of the pinned package, not those of the machine: a replay elsewhere must find the same midnights.
reset_tzpath(())
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LAST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
_PERIOD = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def to_instant(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime."""
    return (moment - EPOCH) // MICROSECOND


def to_datetime(instant: int, zone: tzinfo = UTC) -> datetime:
    """The aware datetime of an instant in `zone`; outside the years 1 to 9999 the nearest one there is."""
    moment = EPOCH + timedelta(microseconds=min(max(instant, FIRST), LAST))
    try:
        return moment.astimezone(zone)
    except OverflowError:  # a zone's offset leads out of the calendar: terms such as 0001-01-01 or 9999-12-31
        return moment.replace(tzinfo=zone)


def rfc3339(instant: int) -> str:
    """An instant as RFC 3339 UTC; the fraction is left out when it is zero."""
    return to_datetime(instant).replace(tzinfo=None).isoformat() + "Z"


@lru_cache(maxsize=65536)
def local_date(instant: int, zone_name: str) -> date:
    """The local day [start_of_day, next start_of_day) in which an instant falls."""
    day = to_datetime(instant, ZoneInfo(zone_name)).date()
    # Where clocks went back over midnight, the minutes before they did so count to the day that was resumed.
    if instant < start_of_day(day, zone_name) and day > date.min:
        return day - timedelta(days=1)
    return day


@lru_cache(maxsize=65536)
def start_of_day(day: date, zone_name: str) -> int:
    """The first instant of a local day: no later one shows a day before it.

    A midnight that a DST gap leaves out stands for the end of the gap. Of a midnight that comes twice the
    first one counts, unless clocks went back to the day before (St John's until 2011, 00:01 to 23:01): then it
    is the second.
    """
    zone = ZoneInfo(zone_name)
    wall = datetime.combine(day, time.min, tzinfo=zone)
    first, second = to_instant(wall), to_instant(wall.replace(fold=1))
    if second > first and to_datetime(second - 1, zone).date() < day:
        return second
    return first


def start_of_month(year: int, month: int, zone_name: str) -> int:
    """The first instant of a local calendar month."""
    return start_of_day(date(year, month, 1), zone_name)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has fewer days."""
    index = month_number(day) + months
    year, month = divmod(index, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


def month_number(day: date) -> int:
    """The month of a day as a number: consecutive months are consecutive (Period.numbered is the way back)."""
    return day.year * 12 + day.month - 1


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """An accounting month of an entity."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """From YYYY-MM, years 0001 to 9998; ValueError for anything else."""
        if _PERIOD.fullmatch(text) is None or text[:4] in ("0000", "9999"):
            raise ValueError(f"a period is YYYY-MM, not {text[:80]!r}")
        return cls(int(text[:4]), int(text[5:]))

    @classmethod
    def of_date(cls, day: date) -> Period:
        """The period in which a day lies."""
        return _period(day)

    @classmethod
    def numbered(cls, number: int) -> Period:
        """The period of a month number."""
        return cls(number // 12, number % 12 + 1)

    @property
    def next(self) -> Period:
        """The month after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1)

    def start(self, zone_name: str) -> int:
        """Its first instant."""
        return start_of_month(self.year, self.month, zone_name)

    def end(self, zone_name: str) -> int:
        """The first instant after it; of December 9999, after which no date can be said, 31 days after its first."""
        if (self.year, self.month) == (9999, 12):
            return self.start(zone_name) + 31 * DAY_US
        return self.next.start(zone_name)

    @property
    def first_day(self) -> date:
        """Its first calendar day."""
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        """The last day."""
        return date.fromordinal(self.next.first_day.toordinal() - 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


@lru_cache(maxsize=65536)
def _period(day: date) -> Period:
    return Period(day.year, day.month)
