"""The course of a line's month, day by day: units so far, what they cost by then, and so what each day books."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ops.demo.terms import ZERO, Terms, Tier, cents


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a line: cost is cumulative in the month, so `booked` is negative where earlier units got cheaper."""

    day: str
    units: Decimal
    so_far: Decimal  # units of the month up to and with this day
    cost: Decimal  # of them all
    booked: Decimal
    true_up: Decimal = ZERO  # part of `booked` that lifts the month to its minimum


@dataclass(frozen=True, slots=True)
class TierSpan:
    """The days of a month on which its total stood in one volume tier."""

    tier: Tier
    first_day: str
    units: Decimal  # of these days
    earlier: Decimal  # units of the month before them, which took the new price
    price_change: Decimal  # of each earlier unit
    booked: Decimal

    @property
    def repriced(self) -> Decimal:
        """What the earlier units cost at this tier's price, less what they cost before."""
        return cents(self.earlier * self.tier.price) - cents(self.earlier * (self.tier.price - self.price_change))

    @property
    def own(self) -> Decimal:
        """The rest of what is booked: these days' own units at the tier's price."""
        return self.booked - self.repriced


def month_course(terms: Terms, usage: Mapping[str, Decimal], month: str, over: bool) -> list[Day]:
    """The days of `month` with usage, in order; when it is `over`, also its last day, where the minimum is due."""
    last_day = f"{month}-{monthrange(int(month[:4]), int(month[5:]))[1]:02d}"
    days = {day for day in usage if day.startswith(month)} | ({last_day} if over and terms.minimum else set())
    course: list[Day] = []
    so_far, booked = Decimal(0), ZERO
    for day in sorted(days):
        units = usage.get(day, Decimal(0))
        so_far += units
        cost = terms.cost(so_far)
        true_up = max(terms.minimum - cost, ZERO) if over and day == last_day else ZERO
        course.append(Day(day, units, so_far, cost + true_up, cost + true_up - booked, true_up))
        booked = cost + true_up
    return course


def tier_spans(terms: Terms, course: list[Day]) -> list[TierSpan]:
    """The month cut where its total reached another tier."""
    spans: list[TierSpan] = []
    for day in course:
        tier, earlier = terms.tier_at(day.so_far), day.so_far - day.units
        if spans and spans[-1].tier == tier:
            last = spans[-1]
            spans[-1] = TierSpan(
                tier, last.first_day, last.units + day.units, last.earlier, last.price_change, last.booked + day.booked
            )
        else:
            change = tier.price - spans[-1].tier.price if spans else ZERO
            spans.append(TierSpan(tier, day.day, day.units, earlier, change, day.booked))
    return spans
