"""Services: for which period a billed line is served, and how much of that has been recognised."""

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from . import instant, number, schedule
from .terms import fixed_lines


@dataclass(frozen=True)
class Service:
    """A line over a service period; None: a contract without lines. `own`: it is that of the line itself."""

    plan: Any
    line: Any
    start: int
    end: int
    zone: Any
    own: bool = False

    def is_that_of(self, other):
        """Whether it is the same period, of one line."""
        return (self.start, self.end) == (other.start, other.end)

    def later(self, at):
        """[(day, service)]: the terms the line has from a moment on, where the service is over its own."""
        if not self.own or self.line.line_id not in self.plan.courses:
            return []
        phases = self.plan.phases(self.line.line_id)
        now = [phase for phase in phases if phase.since <= at][-1:] or phases[:1]
        lines = [(phase.since, phase.line) for phase in [*now, *(phase for phase in phases if phase.since > at)]]
        return [(since, replace(self, line=line, start=line.start, end=line.end)) for since, line in lines]

    @property
    def terms(self):
        """What its schedule is made of."""
        return self.start, self.end, self.plan.transfer.method(self.line)

    @property
    def position(self):
        """The position it counts in: one for the fixed lines, one for each usage line (accounting.md rule 1)."""
        return self.line.line_id if self.line is not None and self.line.kind == "usage" else None

    @property
    def is_scheduled(self):
        """Whether a schedule recognises it, which a credit can shorten."""
        return self.line is not None and self.line.kind != "usage"

    def share(self, at):
        """The share recognised by an instant; a cancelled schedule comes no further than its end."""
        if not self.is_scheduled:
            return Fraction(int(self.line is not None))
        if self.line.line_id not in self.plan.courses:
            return Fraction(0)  # nobody could decide what it earns: nothing is recognised
        ended = self.plan.ended(self.line.line_id)
        if ended is not None and ended <= self.line.start:
            return Fraction(0)  # as if it never was
        at = at if ended is None else min(at, ended)
        transfer = self.plan.transfer
        if self.line.kind != "ratable":
            return min(transfer.share(self.line, at), Fraction(1))
        served = replace(self.line, start=self.start, end=self.end)
        return Fraction(schedule.share(served, transfer.method(self.line), at, self.zone))

    def share_on(self, at, credited=False):
        """The share recognised when something happens: by time, at the start of that local day (rule 5, Credits).

        `credited`: what a cancellation leaves over counts as recognised where that is the policy.
        """
        kept = self.plan.kept_since
        if credited and self.is_scheduled and kept is not None and at >= kept:
            return Fraction(1)
        if self.is_scheduled and self.line.kind == "ratable":
            at = instant.midnight(instant.local_date(at, self.zone), self.zone)
        return self.share(at)


class Services:
    """Finds the services of the lines of a contract, and spreads amounts that name no line."""

    def __init__(self, history, plan):
        self.history = history
        self.plan = plan

    def knows(self, line_id):
        """Whether any version of the contract has the line."""
        return any(version.line(line_id) for version in self.history.versions)

    def of(self, line_id, at, start=None, end=None):
        """The service of a line over the period that is said, else over its own."""
        version = self.history.in_force(at)
        versions = [one for one in self.history.versions if one.line(line_id)]
        line = version.line(line_id) or versions[-1].line(line_id)
        if line_id in self.plan.courses:  # the local date of a modification belongs to it
            phases = self.plan.phases(line_id)
            line = ([phase for phase in phases if phase.since <= at] or phases[:1])[-1].line
        start, end = line.start if start is None else start, line.end if end is None else end
        own = (start, end) == (line.start, line.end)
        return Service(self.plan, line, start, end, self.history.zone, own)

    def spread(self, minor, at):
        """[(line id, minor)] over the fixed lines by total, else over the usage lines equally."""
        versions = [self.history.in_force(at), *reversed(self.history.versions)]
        for version in versions:
            fixed = fixed_lines(version)
            if fixed:
                return list(zip(_names(fixed), number.split(minor, [line.total for line in fixed])))
            usage = [line for line in version.lines if line.kind == "usage"]
            if usage:
                return list(zip(_names(usage), number.split(minor, [1] * len(usage))))
        return []

    def nothing(self):
        """The service of a contract without lines."""
        return Service(self.plan, None, 0, 0, self.history.zone)


def _names(lines):
    return [line.line_id for line in lines]
