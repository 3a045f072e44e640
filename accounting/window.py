"""Usage windows: the hours, days or months of an entity's local time over which usage is summarised."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from accounting.calendar import (
    HOUR_US,
    MICROSECOND,
    add_months,
    local_date,
    start_of_day,
    start_of_month,
    to_datetime,
)


class WindowSize(StrEnum):
    """Policy `usage_window` (events.md, fine print); a day by default."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Half-open span [start, end) in microseconds UTC and the local day it ends on."""

    start: int
    end: int
    last_day: date


@dataclass(frozen=True, slots=True)
class Windows:
    """How time is cut into windows in one zone: their size, and the instants from which it is another one.

    A window in which the size changes ends there, so that windows never overlap and leave nothing out.
    """

    zone_name: str
    size: WindowSize = WindowSize.DAY  # until the first change
    changes: tuple[tuple[int, WindowSize], ...] = ()

    def of(self, instant: int) -> Window:
        """The window in which an instant falls."""
        if not self.changes:
            return window_of(instant, self.size, self.zone_name)
        return _cut_window(self, instant)

    def start(self, instant: int) -> int:
        """The start of the window in which an instant falls."""
        return self.of(instant).start


@lru_cache(maxsize=65536)
def _cut_window(windows: Windows, instant: int) -> Window:
    index = bisect_right(windows.changes, instant, key=lambda change: change[0])
    size = windows.changes[index - 1][1] if index else windows.size
    whole = window_of(instant, size, windows.zone_name)
    start, end = whole.start, whole.end
    if index:
        start = max(start, windows.changes[index - 1][0])
    if index < len(windows.changes):
        end = min(end, windows.changes[index][0])
    if (start, end) == (whole.start, whole.end):
        return whole
    return Window(start, end, local_date(end - 1, windows.zone_name))


@lru_cache(maxsize=65536)
def window_of(instant: int, size: WindowSize, zone_name: str) -> Window:
    """The window in which an instant falls (accounting.md, rule 4: entity time zone, DST-safe).

    An hour is an hour of elapsed time aligned to the zone's whole hours, so that the hour which a DST change
    repeats makes two windows and never one of two hours. A change by part of an hour (Lord Howe) cuts the
    windows around it: windows never overlap.
    """
    day = local_date(instant, zone_name)
    if size is WindowSize.DAY:
        return Window(start_of_day(day, zone_name), start_of_day(day + timedelta(days=1), zone_name), day)
    if size is WindowSize.MONTH:
        first = day.replace(day=1)
        after = add_months(first, 1)
        end = start_of_month(after.year, after.month, zone_name)
        return Window(start_of_month(first.year, first.month, zone_name), end, after - timedelta(days=1))
    shift = _minutes_shift(instant, zone_name)
    start = (instant + shift) // HOUR_US * HOUR_US - shift
    end = start + HOUR_US
    if _minutes_shift(start, zone_name) != shift:
        start = _change(start, instant, zone_name)
    if _minutes_shift(end - 1, zone_name) != shift:
        end = _change(instant, end - 1, zone_name)
    return Window(start, end, day)


def _minutes_shift(instant: int, zone_name: str) -> int:
    """By how much the zone's whole hours lie beside those of UTC, in microseconds."""
    offset = to_datetime(instant, ZoneInfo(zone_name)).utcoffset() or timedelta()
    return offset // MICROSECOND % HOUR_US


def _change(before: int, after: int, zone_name: str) -> int:
    """The first instant in (before, after] with the shift of `after`; it changes once between the two."""
    shift = _minutes_shift(after, zone_name)
    while after - before > 1:
        middle = (before + after) // 2
        if _minutes_shift(middle, zone_name) == shift:
            after = middle
        else:
            before = middle
    return after
