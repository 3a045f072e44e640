"""Line courses: a usage line through the versions of its contract, and its billing periods."""

from dataclasses import dataclass
from functools import cached_property

from . import instant, window

MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True)
class BillingPeriod:
    """A billing period as one version of the line plans it."""

    start: int
    end: int


def billing_period(line, at, zone):
    """The billing period of an instant, anchored to the line's start (events.md, line.rate), cut at its end."""
    if line.rate.billing_period == "term":
        return BillingPeriod(line.start, line.end)
    months = MONTHS[line.rate.billing_period]
    anchor = instant.local(line.start, zone)

    def boundary(index):
        return line.start if index == 0 else instant.at(instant.add_months(anchor, index * months), zone)

    wall = instant.local(at, zone)
    index = max(0, ((wall.year - anchor.year) * 12 + wall.month - anchor.month) // months - 1)
    while boundary(index + 1) <= at:
        index += 1
    return BillingPeriod(boundary(index), min(boundary(index + 1), line.end))


@dataclass
class CoursePeriod:
    """A billing period as it came about: its span and its days, each with the line that prices it.

    The start's local date counts, the end's does not (accounting.md rule 3).
    """

    start: int
    end: int
    days: list


class LineCourse:
    """One usage line of a contract through all its versions."""

    def __init__(self, history, line_id):
        self.history = history
        self.line_id = line_id
        self.zone = history.zone

    def line_for(self, span):
        """The line that prices a window, or None when it does not run then (accounting.md rules 4 and 5)."""
        version = self.history.governing(span)
        line = version.line(self.line_id)
        if version.kind == "cancelled" or line is None or line.kind != "usage":
            return None
        start, end = max(line.start, version.start), min(line.end, version.end)
        return line if start < span.end and end > span.start else None

    def joined_line(self, at):
        """The line as the version in force at an instant states it."""
        return self.history.in_force(at).line(self.line_id)

    def pricing_line(self, span, at):
        """The line that prices usage at an instant in a window; the joined one where the window's has ended."""
        return self.line_for(span) or self.joined_line(at)

    @cached_property
    def periods(self):
        """All billing periods of the line by their start, with their days, as the governing versions plan them.

        A period ends as planned, or before, where the line ends, is cancelled or starts another billing period.
        """
        found = {}
        for day in self._days():
            line = self.line_for(day)
            if line is None:
                continue
            at, end = max(day.start, line.start), min(day.end, line.end)
            while at < end:
                planned = billing_period(line, at, self.zone)
                until = min(planned.end, end)
                known = found.setdefault(planned.start, CoursePeriod(planned.start, until, []))
                known.end = until
                if until == day.end or not known.days:
                    known.days.append((day, line))
                at = until
        return found

    def _days(self):
        """All days on which the line may run, over all versions."""
        lines = [version.line(self.line_id) for version in self.history.versions]
        lines = [line for line in lines if line is not None and line.kind == "usage"]
        return window.days(min(line.start for line in lines), max(line.end for line in lines), self.zone)
