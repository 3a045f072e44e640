"""Windows: the hours, days or months of an entity's zone that usage is summarised in."""

from dataclasses import dataclass
from datetime import timedelta

from . import instant, period


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time."""

    start: int
    end: int

    @property
    def last(self):
        """Its last microsecond: the instant at which policies and master data are looked up for it."""
        return self.end - 1


def day_of(at, zone):
    """The local day an instant lies in, whatever its length (accounting.md rule 4: DST-safe)."""
    return whole_day(instant.local_date(at, zone), zone)


def whole_day(day, zone):
    """A local date as a window."""
    return Window(instant.midnight(day, zone), instant.midnight(day + timedelta(days=1), zone))


def window_by_policy(at, zone, policies):
    """The window an instant lies in, cut where policy usage_window changes the size (events.md, Fine print)."""
    whole = window_of(at, zone, policies.value("usage_window", at))
    changes = policies.changes("usage_window")
    start = max([whole.start, *(change for change in changes if change <= at)])
    return Window(start, min([whole.end, *(change for change in changes if change > at)]))


def window_of(at, zone, size="day"):
    """The whole hour, day or month of a zone an instant lies in."""
    if size == "hour":
        return _hour(at, zone)
    if size == "month":
        name = period.of_instant(at, zone)
        return Window(period.start(name, zone), period.end(name, zone))
    return day_of(at, zone)


def _hour(at, zone):
    """The hour of the wall clock; one that a change of clocks repeats or breaks off is a window of its own."""
    wall, ahead = instant.local(at, zone), instant.ahead(at, zone)
    start = at - (wall.minute * 60 + wall.second) * instant.SECOND - wall.microsecond
    end = start + instant.HOUR
    while instant.ahead(start, zone) != ahead:
        start += instant.HOUR // 4  # clocks change on quarters of an hour
    while instant.ahead(end - 1, zone) != ahead:
        end -= instant.HOUR // 4
    return Window(start, end)


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
    return period.of_instant(window.last, zone)
