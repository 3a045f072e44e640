"""Windows: the hours, days or months of an entity's zone that usage is summarised in."""

from dataclasses import dataclass
from datetime import timedelta

from . import instant, period


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time."""

    start: int
    end: int


def day_of(at, zone):
    """The local day an instant lies in, whatever its length (accounting.md rule 4: DST-safe)."""
    day = instant.local_date(at, zone)
    return Window(instant.midnight(day, zone), instant.midnight(day + timedelta(days=1), zone))


def window_of(at, zone, size="day"):
    """The window of policy usage_window an instant lies in (events.md, Fine print)."""
    if size == "hour":
        start = at - at % instant.HOUR
        skew = instant.at(instant.local(start, zone).replace(minute=0), zone)
        return Window(start, start + instant.HOUR) if skew == start else _odd_hour(at, zone)
    if size == "month":
        name = period.of_instant(at, zone)
        return Window(period.start(name, zone), period.end(name, zone))
    return day_of(at, zone)


def _odd_hour(at, zone):
    """The local hour of a zone whose offset is no whole hour, or the second of a repeated one."""
    wall = instant.local(at, zone)
    into = (wall.minute * 60 + wall.second) * instant.SECOND + wall.microsecond
    return Window(at - into, at - into + instant.HOUR)


def days(start, end, zone):
    """The local days that touch [start, end)."""
    found, at = [], start
    while at < end:
        day = day_of(at, zone)
        found.append(day)
        at = day.end
    return found


def period_of(window, zone):
    """The period of a window: that of its last day (events.md, Fine print)."""
    return period.of_instant(window.end - 1, zone)
