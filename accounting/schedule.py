"""Schedules: the share of a ratable line that is earned before given instants."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from math import gcd, lcm
from zoneinfo import ZoneInfo

from accounting.calendar import (
    DAY_US,
    Period,
    local_date,
    month_number,
    start_of_month,
    to_datetime,
    to_instant,
)
from accounting.require import require

_LAST_MONTH = 9999 * 12 + 11  # December 9999

# A share is (units + part / length) over units that the whole line has.
Spot = tuple[int, int, int]  # units, part, length
Shares = tuple[int, list[int]]  # denominator, numerators


class Method(StrEnum):
    """How a ratable line is earned over its term (events.md, line.method)."""

    DAILY = "daily"
    MONTHLY = "monthly"
    MONTHLY_PRORATED_ENDS = "monthly_prorated_ends"
    MONTH_FRACTION = "month_fraction"
    EXACT = "exact"


@dataclass(frozen=True, slots=True)
class Curve:
    """Shares at given instants: integers over one denominator, in lowest terms together."""

    denominator: int  # > 0
    numerators: tuple[int, ...]  # each 0..denominator, none less than one of an earlier instant


@lru_cache(maxsize=2048)
def curve(start: int, end: int, method: Method, zone_name: str, instants: tuple[int, ...]) -> Curve:
    """The shares of a line [start, end) earned before each of `instants` (accounting.md, rule 3).

    Nothing at or before `start`, all of it at or after `end`; `instants` in any order. By days, an instant inside a
    local day counts the days before that day: an amendment's local date belongs to the new version. Raises
    InvariantBroken for an empty term (the schemas admit none).
    """
    require(start < end, "a schedule needs a term", start=start, end=end)
    denominator, numerators = _METHODS[method](start, end, zone_name, instants)
    common = gcd(denominator, *numerators)
    return Curve(denominator // common, tuple([number // common for number in numerators]))


def round_share(amount: int, numerator: int, denominator: int) -> int:
    """amount x numerator / denominator, half to even (accounting.md, rule 3); `denominator` > 0."""
    whole, rest = divmod(amount * numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and whole % 2):
        return whole + 1
    return whole


def round_shares(base: int, amount: int, numerators: Iterable[int], denominator: int) -> list[int]:
    """base + amount x numerator / denominator for each, every sum rounded half to even; `denominator` > 0."""
    start, twice, width = (2 * base + 1) * denominator, 2 * amount, 2 * denominator
    if denominator % 2:
        return [(start + twice * numerator) // width for numerator in numerators]
    # floor(x + 1/2) rounds half up: one too many where nothing is left of an exact half and the result is odd.
    half_up = [divmod(start + twice * numerator, width) for numerator in numerators]
    return [whole - (whole & 1) if not rest else whole for whole, rest in half_up]


def last_full_period(total: int, earned: Curve, full: Sequence[bool]) -> tuple[int, ...]:
    """What each period of one line books under policy residual = last_full_period (accounting.md, rule 3).

    `earned` at the periods' ends, one after another until all is earned; `full`: which periods the line covers wholly.
    Each amount is truncated toward zero; what is left goes to the last full period, without one to the last that
    earns anything. Minor units in and out; the sum is `total`.
    """
    shares, whole = earned.numerators, earned.denominator
    require(
        bool(shares) and shares[-1] == whole and len(shares) == len(full),
        "periods cover the line",
        shares=shares,
        whole=whole,
        full=full,
    )
    steps = [share - before for before, share in zip((0, *shares), shares, strict=False)]
    sign = -1 if total < 0 else 1
    amounts = [sign * (abs(total) * step // whole) for step in steps]
    keeper = max(index for index, step in enumerate(steps) if step)
    if any(full):
        keeper = max(index for index, covered in enumerate(full) if covered)
    amounts[keeper] += total - sum(amounts)
    return tuple(amounts)


def _exact(start: int, end: int, _zone_name: str, instants: Iterable[int]) -> Shares:
    """To the microsecond."""
    return end - start, [min(max(instant, start), end) - start for instant in instants]


def _daily(start: int, end: int, zone_name: str, instants: Iterable[int]) -> Shares:
    """By local dates: the start's counts, the end's does not; a line within one is earned at its end."""
    first = local_date(start, zone_name).toordinal()
    days = local_date(end, zone_name).toordinal() - first
    if not days:
        return 1, [int(instant >= end) for instant in instants]
    return days, [
        0 if instant <= start else days if instant >= end else local_date(instant, zone_name).toordinal() - first
        for instant in instants
    ]


def _monthly(start: int, end: int, zone_name: str, instants: Iterable[int]) -> Shares:
    """1/n to each of the first n calendar months, n the months from start (a broken one counts); by days inside.

    A month that the line enters without a day of its own (its end's date does not count) is earned at the end.
    """
    first, last = local_date(start, zone_name), local_date(end, zone_name)
    months, origin, final = _months(start, end, zone_name), month_number(first), month_number(last)
    spots: list[Spot] = []
    for instant in instants:
        day = local_date(instant, zone_name)
        index = month_number(day) - origin
        if instant <= start:
            spots.append((0, 0, 1))
        elif instant >= end or index >= months:
            spots.append((months, 0, 1))
        else:
            low = first.day if index == 0 else 1
            high = last.day if index == final - origin else monthrange(day.year, day.month)[1] + 1
            spots.append((index, day.day - low, high - low or 1))
    return _shares(months, spots)


def _monthly_prorated_ends(start: int, end: int, zone_name: str, instants: Iterable[int]) -> Shares:
    """Broken first and last months by their part of the duration, the rest equally over the whole calendar months."""
    opening, tail = _first_whole(start, zone_name), month_number(local_date(end, zone_name))
    whole = tail - opening
    if whole <= 0:
        return _exact(start, end, zone_name, instants)
    head = _month_start(opening, zone_name) - start
    body = _month_start(tail, zone_name) - start - head
    spots: list[Spot] = []
    for instant in instants:
        passed = min(max(instant, start), end) - start
        if passed <= head or passed >= head + body:
            spots.append((passed * whole, 0, 1))
        else:
            index, begun, length = _within(instant, zone_name)
            spots.append((head * whole + body * (index - opening), body * begun, length))
    return _shares((end - start) * whole, spots)


def _month_fraction(start: int, end: int, zone_name: str, instants: Iterable[int]) -> Shares:
    """Each calendar month by the fraction of it that the line covers, normalised to one."""
    origin, tail = month_number(local_date(start, zone_name)), month_number(local_date(end, zone_name))
    _, started, first_length = _within(start, zone_name)
    _, ended, last_length = _within(end, zone_name)
    month = lcm(first_length, last_length)  # the units of one whole calendar month
    missing, closing = started * (month // first_length), ended * (month // last_length)
    total = (tail - origin) * month - missing + closing
    spots: list[Spot] = []
    for instant in instants:
        if instant <= start:
            spots.append((0, 0, 1))
        elif instant >= end:
            spots.append((total, 0, 1))
        else:
            index, begun, length = _within(instant, zone_name)
            spots.append(((index - origin) * month - missing, begun * month, length))
    return _shares(total, spots)


_METHODS = {
    Method.DAILY: _daily,
    Method.MONTHLY: _monthly,
    Method.MONTHLY_PRORATED_ENDS: _monthly_prorated_ends,
    Method.MONTH_FRACTION: _month_fraction,
    Method.EXACT: _exact,
}


def _shares(units: int, spots: list[Spot]) -> Shares:
    """The shares (units + part / length) / `units` over one denominator."""
    scale = lcm(*{length for _, _, length in spots})
    return units * scale, [whole * scale + part * (scale // length) for whole, part, length in spots]


def _months(start: int, end: int, zone_name: str) -> int:
    """The smallest n with start + n months >= end in local wall time, at least 1."""
    zone = ZoneInfo(zone_name)
    first, last = to_datetime(start, zone), to_datetime(end, zone)
    months = (last.year - first.year) * 12 + last.month - first.month
    day = min(first.day, monthrange(last.year, last.month)[1])
    turn = last.replace(day=day, hour=first.hour, minute=first.minute, second=first.second, fold=0)
    turn = turn.replace(microsecond=first.microsecond)
    # Two times of one zone compare as the wall shows them. A time that clocks leave out (midnight of 4 November 2018 in
    # Sao Paulo) stands for the end of the gap, else a term up to that day would have a month too many.
    return max(1, months if turn >= last or to_instant(turn) >= end else months + 1)


def _month_start(month: int, zone_name: str) -> int:
    """The first instant of a month; of January 10000, which no date can say, 31 days after December's."""
    if month > _LAST_MONTH:
        return start_of_month(9999, 12, zone_name) + 31 * DAY_US
    return Period.numbered(month).start(zone_name)


def _first_whole(start: int, zone_name: str) -> int:
    """The first month that begins at `start` or later."""
    month = month_number(local_date(start, zone_name))
    return month if start == _month_start(month, zone_name) else month + 1


def _within(instant: int, zone_name: str) -> Spot:
    """The month of an instant, how much of that month lies before it, and how long the month is."""
    month = month_number(local_date(instant, zone_name))
    begin = _month_start(month, zone_name)
    return month, instant - begin, _month_start(month + 1, zone_name) - begin
