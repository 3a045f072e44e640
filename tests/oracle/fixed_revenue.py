"""Fixed revenue: what the ratable, point-in-time and milestone lines of a contract earn, and when."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from . import instant, number, period, window
from .consideration import Plan


@dataclass(frozen=True)
class Effect:
    """Something a line earns: at which instant, dated which local day, how many minor units."""

    at: int
    day: date
    line_id: str
    amount: int


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

    def effects(self, due):
        """Everything due, in the order in which it moves the contract's position: by instant, then by line."""
        if self.plan.undecidable:
            return []
        found = []
        for line_id in self.plan.phases:
            lines = [phase.line for phase in self.plan.phases[line_id]]
            if lines[-1].kind != "ratable":
                found += self._by_moments(line_id, due)
            elif self._is_truncated(line_id):
                found += self._truncated(lines[-1], due)
            else:
                start, end = min(line.start for line in lines), max(line.end for line in lines)
                found += self._by_cut_offs(line_id, start, end, due)
        return sorted(found, key=lambda effect: (effect.at, self._rank(effect.line_id)))

    def _rank(self, line_id):
        """The order of the lines in the latest version; those no longer there last."""
        line_ids = [line.line_id for line in self.history.last.lines]
        return (0, line_ids.index(line_id), "") if line_id in line_ids else (1, 0, line_id)

    def _by_moments(self, line_id, due):
        """Point in time and by progress: at their own instant, dated its local day."""
        moments = sorted(at for at in set(self.plan.moments(line_id)) if at <= due)
        return self._differences(line_id, [(at, instant.local_date(at, self.zone)) for at in moments])

    def _by_cut_offs(self, line_id, start, end, due):
        """Over time: the difference of the rounded cumulative amount at each cut-off, dated the day it ends."""
        return self._differences(line_id, self._cut_offs(start, end, due))

    def _differences(self, line_id, dated):
        opening = self.history.first.opening
        dated = [(at, day) for at, day in dated if opening is None or at > opening[0]]
        found, posted = [], self.plan.opened.get(line_id, 0)
        for at, day in dated:
            cumulative = round(self.plan.earned(line_id, at))
            if cumulative != posted:
                found.append(Effect(at, day, line_id, cumulative - posted))
                posted = cumulative
        return found

    def _cut_offs(self, start, end, due):
        """(instant, day it ends): every period end, and every day's end under policy recognise = daily."""
        found, day = [], instant.local_date(start, self.zone)
        while (span := window.whole_day(day, self.zone)).end <= due:
            following = day + timedelta(days=1)
            if following.day == 1 or self.policies.value("recognise", span.last) == "daily":
                found.append((span.end, day))
            if following.day == 1 and span.end >= end:
                break
            day = following
        return found

    def _is_truncated(self, line_id):
        policy = self.policies.value("residual", self.history.first.start)
        return policy == "last_full_period" and self.plan.keeps_its_schedule(line_id)

    def _truncated(self, line, due):
        """Policy residual = last_full_period: truncate each period, the rest goes to the last full one (rule 3)."""
        rows, before, total = [], Fraction(0), self.plan.phases[line.line_id][0].amount
        ends = [at for at, day in self._cut_offs(line.start, line.end, instant.FAR_FUTURE) if _ends_period(day)]
        for at in ends:
            cumulative = self.plan.earned(line.line_id, at)
            rows.append([at, math.trunc(cumulative - before)])
            before = cumulative
        full = [row for row in rows if self._is_full(row[0], line)]
        (full or rows)[-1][1] += total - sum(amount for _, amount in rows)
        return [
            Effect(at, instant.local_date(at - 1, self.zone), line.line_id, amount)
            for at, amount in rows
            if amount and at <= due
        ]

    def _is_full(self, at, line):
        name = period.of_instant(at - 1, self.zone)
        return line.start <= period.start(name, self.zone) and at <= line.end


def _ends_period(day):
    return (day + timedelta(days=1)).day == 1
