"""The course of a usage line: its billing periods as the versions of its contract made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from functools import cached_property

from accounting.billing_period import billing_period_of
from accounting.calendar import Period, local_date, start_of_day
from accounting.contract import Aggregation, RateModel
from accounting.coverage import FOREVER, Cover
from accounting.money import Exact, exact_from_minor
from accounting.policy import Policies
from accounting.rating import has_flat_at_zero

# Aggregations whose last value may go on into the next billing period (policy `carry`).
CARRIED = (Aggregation.LAST, Aggregation.WEIGHTED_SUM)


@dataclass(frozen=True, slots=True)
class Part:
    """A span [start, end) of a billing period under one cover."""

    start: int
    end: int
    cover: Cover


@dataclass(frozen=True)
class BillingSpan:
    """A billing period as it came about. It ends as planned, or where the line ends or starts another one.

    What follows from its parts alone is found once; what a policy decides is asked each time, as policies may change.
    """

    start: int
    parts: tuple[Part, ...]
    zone_name: str
    policies: Policies = field(default_factory=Policies, compare=False, repr=False)

    @cached_property
    def end(self) -> int:
        """The first instant after it; FOREVER for an open-ended term."""
        return self.parts[-1].end

    @cached_property
    def spans_months(self) -> bool:
        """Whether it lies in more than one accounting month: then the minimum is due by elapsed share (rule 4)."""
        if self.end == FOREVER:
            return True
        first, last = local_date(self.start, self.zone_name), local_date(self.end - 1, self.zone_name)
        return Period.of_date(first) != Period.of_date(last)

    @property
    def has_dues(self) -> bool:
        """Whether something is due in it even without usage."""
        # A first tier's flat fee counts also where it is not due at zero: the last rate of the period may bring it.
        return any(has_dues(part.cover, self.policies) for part in self.parts)

    @property
    def flat_at_zero(self) -> bool:
        """Whether a flat fee is due without units (policy `zero_flat_fee`)."""
        return self.policies.value("zero_flat_fee", self.end - 1) == "yes"

    @property
    def carries(self) -> bool:
        """Whether it goes on from the last value of the billing period before (policy `carry`)."""
        return carries(self.parts[0].cover, self.policies)

    def is_plain(self, at: int) -> bool:
        """Whether it lies under one cover, and an instant in it."""
        part = self.parts[0]
        return len(self.parts) == 1 and part.start <= at < part.end

    def due_instants(self, until: int) -> list[int]:
        """The last microseconds of the windows in which something is due: its end, and month ends before."""
        if not self.has_dues:
            return []
        found = set()
        if self.end <= until:
            found.add(self.end - 1)
        # Between its ends only a minimum grows, and a volume price list can change what is due as a whole.
        if self.spans_months and any(
            part.cover.rate.minimum or part.cover.rate.model is RateModel.VOLUME for part in self.parts
        ):
            period = Period.of_date(local_date(self.start, self.zone_name))
            while (end := period.end(self.zone_name)) < min(self.end, until + 1):
                found.add(end - 1)
                period = period.next
        return sorted(found)

    def due_cover(self, due: int) -> Cover:
        """The price list by which something is due: that of the period's last day, which is not the date of its end (rule 3).

        A version that takes over on that date has no day in the period: what falls due then is not its matter.
        """
        first = due + 1
        if first == self.end:
            first = start_of_day(local_date(first, self.zone_name), self.zone_name)
        return next((part.cover for part in reversed(self.parts) if part.start < first), self.parts[0].cover)

    def minimum(self, until: int) -> Exact:
        """The minimum of the days that began before `until`, each day at its own rate's share, in 1e-30.

        Nothing where a version ends the line on the first day: the local date of its effective_at belongs to it (rule 5).
        """
        if self._is_cut_on_its_first_day:
            return exact_from_minor(0, self.parts[-1].cover.currency)
        return self._share([part.cover.rate.minimum or 0 for part in self.parts], until)

    def maximum(self) -> Exact | None:
        """The maximum, days weighted as the minimum; None where a rate has none."""
        limits = [part.cover.rate.maximum for part in self.parts]
        if None in limits:
            return None
        return self._share([limit or 0 for limit in limits], self.end)

    @property
    def _is_cut_on_its_first_day(self) -> bool:
        _, planned = _period(self.parts[-1].cover, self.start, self.zone_name)
        cut = planned is None or self.end < planned
        return cut and not any(self._days(part.start, part.end) for part in self.parts)

    def _share(self, amounts: Sequence[int], until: int) -> Exact:
        days = [self._days(part.start, part.end) for part in self.parts]
        total = sum(days)
        if not total:  # shorter than a day: it has no middle
            return exact_from_minor(amounts[-1], self.parts[-1].cover.currency)
        begun = [self._days(part.start, min(part.end, until), whole=False) for part in self.parts]
        currency = self.parts[-1].cover.currency
        weighted = sum(
            exact_from_minor(amount, currency) * min(some, every)
            for amount, some, every in zip(amounts, begun, days, strict=True)
        )
        return Fraction(weighted, total)

    def _days(self, start: int, end: int, whole: bool = True) -> int:
        """Local days in [start, end): the start's date counts, the end's does not (rule 3); `whole` = False: it does
        when the day has begun by then."""
        if end <= start:
            return 0
        first, last = local_date(start, self.zone_name), local_date(end, self.zone_name)
        days = (last - first).days
        if not whole and end > start_of_day(last, self.zone_name):
            days += 1
        return days


def billing_spans(
    covers: Sequence[Cover], zone_name: str, since: int, until: int, policies: Policies | None = None
) -> list[BillingSpan]:
    """The billing periods of one line, from the one in which `since` falls to the last that began by `until`.

    `covers` are the line's, in time order.
    """
    policies = policies or Policies()
    first = _first_start(covers, zone_name, since)
    spans: list[BillingSpan] = []
    for cover in covers:
        at = max(cover.start, first)
        while at < cover.end:
            start, end = _period(cover, at, zone_name)
            # The last billing period is taken whole: what is due by then depends on all of its days.
            if at > until and not (spans and spans[-1].start == start):
                break
            stop = min(cover.end, FOREVER if end is None else end)
            part = Part(at, stop, cover)
            if spans and spans[-1].start == start:
                spans[-1] = BillingSpan(start, (*spans[-1].parts, part), zone_name, policies)
            else:
                spans.append(BillingSpan(start, (part,), zone_name, policies))
            at = stop
    return spans


@dataclass(slots=True)
class LineCourse:
    """The billing periods of one line. Mostly it is asked for the one of the last time again: window after window."""

    covers: Sequence[Cover]  # the line's, in time order; they stay as they are
    zone_name: str
    lacks_estimate: bool = field(init=False)  # see Cover: one of them does
    _last: BillingSpan | None = None  # the one that was asked for, where it is plain

    def __post_init__(self) -> None:
        self.lacks_estimate = any(cover.lacks_estimate for cover in self.covers)

    def spans(self, since: int, until: int, policies: Policies) -> list[BillingSpan]:
        """See `billing_spans`."""
        last = self._last
        if last is not None and last.policies is policies and last.is_plain(since) and last.is_plain(until):
            return [last]
        found = billing_spans(self.covers, self.zone_name, since, until, policies)
        # Of several parts, or one before the instant, what is found depends on which others `until` lets begin.
        self._last = found[0] if len(found) == 1 and found[0].is_plain(since) else None
        return found

    def has_dues(self, policies: Policies) -> bool:
        """Whether something may be due in any of them without usage."""
        return any(has_dues(cover, policies) for cover in self.covers)


def _first_start(covers: Sequence[Cover], zone_name: str, since: int) -> int:
    for cover in covers:
        if cover.end > since:
            return _period(cover, max(cover.start, since), zone_name)[0]
    return FOREVER


def _period(cover: Cover, at: int, zone_name: str) -> tuple[int, int | None]:
    return billing_period_of(at, cover.line_start, cover.line_end, cover.rate.billing_period, zone_name)


def carries(cover: Cover, policies: Policies) -> bool:
    """Whether a line's billing periods go on from the last value of the one before (policy at the line's start)."""
    return cover.rate.aggregation in CARRIED and policies.value("carry", cover.line_start) == "yes"


def has_dues(cover: Cover, policies: Policies) -> bool:
    """Whether something may be due without usage: a minimum, a flat fee at zero units, a carried value, a true-up."""
    if cover.rate.model is RateModel.VOLUME and cover.estimate is not None:
        return True  # the estimate gives way to the price that was reached
    return bool(cover.rate.minimum) or has_flat_at_zero(cover.rate) or carries(cover, policies)


def next_due(covers: Sequence[Cover], zone_name: str, after: int, policies: Policies | None = None) -> int | None:
    """The first instant after `after` at which something is due without usage, or None."""
    policies = policies or Policies()
    if not any(has_dues(cover, policies) for cover in covers):
        return None
    ahead = timedelta(days=366) // timedelta(microseconds=1)
    for span in billing_spans(covers, zone_name, after, min(after, FOREVER - ahead) + ahead, policies):
        horizon = min(span.end, FOREVER - 1)
        found = [due for due in span.due_instants(horizon) if due > after] if horizon < FOREVER - 1 else []
        if not found and span.end == FOREVER:
            found = [due for due in span.due_instants(after + ahead) if due > after]
        if found:
            return found[0]
    return None
