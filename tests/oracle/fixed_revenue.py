"""Fixed revenue: what the ratable, point-in-time and milestone lines of a contract earn in each period."""

import math
from fractions import Fraction

from . import instant, number, period
from .consideration import Plan, fixed_lines


class FixedRevenue:
    """The fixed lines of one contract, recognised as the business date passes (accounting.md rule 3)."""

    def __init__(self, history, reference, policies):
        self.history = history
        self.zone = history.zone
        self.policies = policies
        self.plan = Plan(history, reference)
        self.not_covered = self.plan.not_covered

    def opening(self):
        """(recognised, billed) in minor units that the position starts from (events.md, opening)."""
        first = self.history.first
        if first.opening is None:
            return (0, 0)
        return tuple(number.to_minor(amount, first.currency) for amount in first.opening[1:])

    def recognised(self, due):
        """(period, line_id, amount) due: the cumulative rounded half-even at each period end, as differences."""
        if self.policies.value("residual", due, "cumulative") == "last_full_period":
            if len(self.history.versions) == 1 and not self.plan.opened:
                yield from self._truncated(due)
                return
            self.not_covered.add("residual = last_full_period after a modification")
        posted = dict(self.plan.opened)
        for name, at in self._cut_offs(due):
            for line_id in self.plan.line_ids:
                cumulative = round(self.plan.earned(line_id, at))
                if cumulative != posted.get(line_id, 0):
                    yield name, line_id, cumulative - posted.get(line_id, 0)
                    posted[line_id] = cumulative

    def _truncated(self, due):
        """Policy residual = last_full_period: truncate each period, the rest goes to the last full one (rule 3)."""
        for line_id in self.plan.line_ids:
            line, rows, before = self.history.last.line(line_id), [], Fraction(0)
            for name, at in self._cut_offs(instant.FAR_FUTURE):
                cumulative = self.plan.earned(line_id, at)
                rows.append([name, math.trunc(cumulative - before)])
                before = cumulative
            full = [row for row in rows if self._is_full(row[0], line)]
            (full or rows)[-1][1] += round(before) - sum(amount for _, amount in rows)
            for name, amount in rows:
                if amount and period.end(name, self.zone) <= due:
                    yield name, line_id, amount

    def _is_full(self, name, line):
        return line.start <= period.start(name, self.zone) and period.end(name, self.zone) <= line.end

    def _cut_offs(self, due):
        """(period, instant) at which recognition is posted: period ends, and today by policy recognise = daily."""
        instants = self._instants()
        if not instants:
            return
        name = period.of_instant(min(instants), self.zone)
        while period.start(name, self.zone) <= max(instants) and period.end(name, self.zone) <= due:
            yield name, period.end(name, self.zone)
            name = period.following(name)
        if self.policies.value("recognise", due, "period_end") == "daily" and period.start(name, self.zone) < due:
            yield name, instant.midnight(instant.local_date(due, self.zone), self.zone)

    def _instants(self):
        """All instants at which something can be earned."""
        opening = self.history.first.opening
        found = []
        for version in self.history.versions:
            for line in fixed_lines(version):
                found += [version.effective, line.start, line.end]
                found += [line.satisfied_at] if line.satisfied_at is not None else []
        return [max(at, opening[0]) for at in found] if opening else found
