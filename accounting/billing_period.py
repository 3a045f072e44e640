"""Billing periods: the spans, anchored to a line's start, over which rating is cumulative."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo

from accounting.calendar import add_months, start_of_day, to_datetime, to_instant
from accounting.contract import BillingPeriod

_MONTHS = {BillingPeriod.MONTH: 1, BillingPeriod.QUARTER: 3, BillingPeriod.YEAR: 12}


@lru_cache(maxsize=65536)
def _boundary(anchor: int, months: int, zone_name: str) -> int:
    """The anchor's local day and wall-clock time, `months` later (the last day of a shorter month)."""
    if not months:
        return anchor  # as it is: its wall-clock time may come twice on that day
    zone = ZoneInfo(zone_name)
    local = to_datetime(anchor, zone)
    day = add_months(local.date(), months)
    if local.time() == local.time().min:
        return start_of_day(day, zone_name)
    return to_instant(local.replace(year=day.year, month=day.month, day=day.day, fold=0))


@lru_cache(maxsize=65536)
def billing_period_of(
    instant: int, anchor: int, end: int | None, period: BillingPeriod, zone_name: str
) -> tuple[int, int | None]:
    """The billing period [start, end) in which an instant at or after the line's start (`anchor`) falls.

    `end` is the line's end (None: open-ended) and cuts the last period. A term is one period. Boundaries keep the
    anchor's local day and time (events.md: "anchored to the line's start").
    """
    if period is BillingPeriod.TERM:
        return anchor, end
    step = _MONTHS[period]
    zone = ZoneInfo(zone_name)
    first, now = to_datetime(anchor, zone), to_datetime(instant, zone)
    count = max(0, ((now.year - first.year) * 12 + now.month - first.month) // step)
    # The month difference can be one too many (15 Jan to 14 Feb) or, where clocks go back over midnight, one too few.
    while count and _boundary(anchor, count * step, zone_name) > instant:
        count -= 1
    while _boundary(anchor, (count + 1) * step, zone_name) <= instant:
        count += 1
    stop = _boundary(anchor, (count + 1) * step, zone_name)
    return _boundary(anchor, count * step, zone_name), stop if end is None else min(stop, end)
