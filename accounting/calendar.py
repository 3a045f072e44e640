"""Local time of an entity: days, months and accounting periods as instants, right across DST changes.

Instants are integer microseconds UTC. A local day is the span between two local midnights (23, 24 or 25 hours); where
a midnight does not exist, the day starts at the first instant that does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def to_instant(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime."""
    return (moment - EPOCH) // MICROSECOND


def to_datetime(instant: int, zone: tzinfo = UTC) -> datetime:
    """The aware datetime of an instant in `zone`."""
    return (EPOCH + timedelta(microseconds=instant)).astimezone(zone)


def rfc3339(instant: int) -> str:
    """An instant as RFC 3339 UTC; the fraction is left out when it is zero."""
    moment = to_datetime(instant)
    return (
        moment.strftime("%Y-%m-%dT%H:%M:%S")
        + (f".{moment.microsecond:06d}" if moment.microsecond else "")
        + "Z"
    )


@lru_cache(maxsize=65536)
def local_date(instant: int, zone_name: str) -> date:
    """The calendar day on which an instant falls in the zone."""
    return to_datetime(instant, ZoneInfo(zone_name)).date()


@lru_cache(maxsize=65536)
def start_of_day(day: date, zone_name: str) -> int:
    """The first instant of a local day."""
    zone = ZoneInfo(zone_name)
    wall = datetime.combine(day, time.min, tzinfo=zone)
    instant = to_instant(wall)
    # A midnight inside a DST gap does not exist: fold=0 maps it before the gap, on the previous local day.
    if to_datetime(instant, zone).date() < day:
        instant = to_instant(wall.replace(fold=1))
    return instant


def start_of_month(year: int, month: int, zone_name: str) -> int:
    """The first instant of a local calendar month."""
    return start_of_day(date(year, month, 1), zone_name)


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has fewer days."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    last = (date(year + (month == 11), (month + 1) % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month + 1, min(day.day, last))


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """An accounting month of an entity."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """From YYYY-MM; ValueError for anything else."""
        year, _, month = text.partition("-")
        if len(year) != 4 or len(month) != 2 or not (year + month).isdecimal() or not 1 <= int(month) <= 12:
            raise ValueError(f"a period is YYYY-MM, not {text!r}")
        return cls(int(year), int(month))

    @classmethod
    def of_date(cls, day: date) -> Period:
        """The period in which a day lies."""
        return cls(day.year, day.month)

    @property
    def next(self) -> Period:
        """The month after."""
        return Period(self.year + self.month // 12, self.month % 12 + 1)

    def start(self, zone_name: str) -> int:
        """Its first instant."""
        return start_of_month(self.year, self.month, zone_name)

    def end(self, zone_name: str) -> int:
        """The first instant after it."""
        return self.next.start(zone_name)

    @property
    def first_day(self) -> date:
        """Its first calendar day."""
        return date(self.year, self.month, 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
