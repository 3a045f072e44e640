"""Rated windows: what every closed window of a usage line earned, by exact cumulative amounts."""

from dataclasses import dataclass, replace
from fractions import Fraction

from . import instant, number, period, window
from .aggregate import CARRIED, aggregate, last_value
from .line_course import LineCourse, billing_period
from .rate import Stretch, price


@dataclass
class WindowAmount:
    """A closed window: its own events and amount, and both cumulated over the billing period it ends in."""

    span: window.Window
    period: str
    events: int
    amount: int
    cumulative_events: int
    cumulative_amount: int


class RatedLine:
    """A usage line of one contract with the usage joined to it, priced up to the closed windows."""

    def __init__(self, history, line_id, events, frontier, policies):
        self.course = LineCourse(history, line_id)
        self.zone = history.zone
        self.currency = history.first.currency
        self.policies = policies
        self.frontier = frontier
        self.events = {}
        self.prices = {}
        for event in sorted(events, key=lambda event: event.time):
            self._take(event)
        lines = [version.line(line_id) for version in history.versions]
        self.lines = [line for line in lines if line is not None and line.rate is not None]
        self.carries = self.lines[0].rate.aggregation in CARRIED
        self.carries &= policies.value("carry", self.lines[0].start) == "yes"
        self._add_due_dates()

    def _take(self, event):
        """File an event under its billing period, window and day, when the window is closed."""
        span = self._span(event.time)
        if span.end > self.frontier:
            return
        part = self._part(span, event.time)
        line = self.course.pricing_line(part, event.time)
        self._file(billing_period(line, event.time, self.zone).start, span, part, line).append(event)

    def _file(self, start, span, part, line):
        """The events of a part of a window; of two lines the first one prices it."""
        self.prices.setdefault((start, part), line)
        return self.events.setdefault(start, {}).setdefault(span, {}).setdefault(part, [])

    def _span(self, at):
        return window.window_by_policy(at, self.zone, self.policies)

    def _part(self, span, at):
        """The local day in a longer window: each unit takes the price in force at its time (rule 4)."""
        day = window.day_of(at, self.zone)
        return window.Window(max(span.start, day.start), min(span.end, day.end))

    def _add_due_dates(self):
        """Windows in which something is due without usage: a period's end, and month ends under a minimum."""
        due = any(line.rate.minimum is not None or line.rate.zero_flat_fee() for line in self.lines)
        if not due and not self.carries:
            return
        for start, planned in self.course.periods.items():
            ends = {planned.end}
            if due and self._spans_months(planned):
                ends |= {period.end(period.of_instant(day.start, self.zone), self.zone) for day, _ in planned.days}
            for end in ends:
                at = min(end, planned.end) - 1
                span = self._span(at)
                if span.end <= self.frontier:
                    line = next(line for day, line in reversed(planned.days) if day.start <= at)
                    self._file(start, span, self._part(span, at), line)

    def _spans_months(self, planned):
        """Whether a billing period lies in more than one accounting month (accounting.md rule 4, minimum)."""
        first, last = (period.of_instant(at, self.zone) for at in (planned.start, planned.end - 1))
        return first != last

    def windows(self):
        """All closed windows of the line in chronological order."""
        found, carried = {}, self._carried()
        for start in sorted(self.events):
            for amount in self._period_windows(start, carried.get(start, Fraction(0))):
                known = found.setdefault(amount.span, amount)
                if known is not amount:
                    amount.events += known.events
                    amount.amount += known.amount
                    found[amount.span] = amount
        return [found[span] for span in sorted(found)]

    def _carried(self):
        """By billing period what it begins with: what the one before ended with (policy carry), else nothing."""
        found, value = {}, Fraction(0)
        for start in sorted(self.course.periods.keys() | self.events.keys()) if self.carries else ():
            found[start] = value
            parts = [part for span in self.events.get(start, {}).values() for part in span.values()]
            events = [event for part in parts for event in part]
            value = last_value(self.lines[0].rate, events, value)
        return found

    def _period_windows(self, start, carried):
        """Windows of one billing period: differences of the rounded cumulative amount (architecture.md, Money)."""
        events, stretches, before = [], [], 0
        for span in sorted(self.events[start]):
            count = len(events)
            for part in sorted(self.events[start][span]):
                line = self.prices[start, part]
                planned = self.course.periods.get(start) if self._needs_plan(line.rate) else None
                end = planned.end if planned else billing_period(line, start, self.zone).end
                if not stretches or stretches[-1].rate != line.rate:
                    quantity = aggregate(line.rate, events, start, end, carried) if stretches else Fraction(0)
                    stretches.append(Stretch(line.rate, quantity, quantity))
                events += self.events[start][span][part]
                stretches[-1] = replace(stretches[-1], after=aggregate(line.rate, events, start, end, carried))
            ended = span.end >= end
            cost = price(stretches, ended, self.policies.value("zero_flat_fee", end - 1) == "yes")
            limit = None if planned else line.rate.maximum  # without a day of its own: of usage before it was cut short
            cost = self._bounded(cost, span, ended, planned) if planned else cost
            cost = cost if limit is None else min(cost, Fraction(limit))
            amount = number.to_minor(cost, self.currency)
            name = window.period_of(span, self.zone)
            yield WindowAmount(span, name, len(events) - count, amount - before, len(events), amount)
            before = amount

    def _bounded(self, cost, span, ended, planned):
        """A cost between minimum and maximum, both prorated over the days of their rates (rule 4).

        The minimum is due at the end, or by elapsed share when the period lies in several accounting months.
        """
        if ended or self._spans_months(planned):
            shares = [line.rate.minimum or 0 for day, line in planned.days if day.start < span.end]
            cost = max(cost, Fraction(sum(shares), len(planned.days))) if any(shares) else cost
        limits = [line.rate.maximum for _, line in planned.days]
        return cost if None in limits else min(cost, Fraction(sum(limits), len(limits)))

    def _needs_plan(self, rate):
        plain = rate.minimum is None and rate.maximum is None and not rate.zero_flat_fee()
        return not plain or rate.aggregation == "weighted_sum" or len(self.course.history.versions) > 1


def frontier_of(entity, frontier, closed_until):
    """Windows close at the frontier, or at the end of a closed period (events.md, Fine print, period_close)."""
    return max(frontier, closed_until.get(entity, instant.FAR_PAST))
