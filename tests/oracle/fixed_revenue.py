"""Fixed revenue: what the ratable, point-in-time and milestone lines of a contract earn, and when."""

import math
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from . import instant, number, period, window


@dataclass(frozen=True)
class Effect:
    """Something a line earns: at which instant, dated which local day, how many minor units."""

    at: int
    day: date
    line_id: str
    amount: int


class FixedRevenue:
    """The fixed lines of one contract, recognised as the business date passes (accounting.md rule 3).

    `credited` is what credits take from the schedules, and when it comes back.
    """

    def __init__(self, history, plan, policies, credited):
        self.history = history
        self.zone = history.zone
        self.policies = policies
        self.plan = plan
        self.credited = credited

    def opening(self):
        """(recognised, billed) in minor units that the position starts from (events.md, opening)."""
        first = self.history.first
        if first.opening is None:
            return (0, 0)
        return tuple(number.to_minor(amount, first.currency) for amount in first.opening[1:])

    def effects(self, due):
        """Everything due, in the order in which it moves the contract's position: by instant, then by line."""
        found = []
        for line_id in self.plan.line_ids():
            lines = [phase.line for phase in self.plan.phases(line_id)]
            if lines[-1].kind != "ratable":
                found += self._by_moments(line_id, due)
            elif self._is_truncated(line_id):
                found += self._truncated(lines[-1], due)
            else:
                found += self._by_cut_offs(line_id, lines, due)
        return sorted(found, key=lambda effect: (effect.at, self._rank(effect.line_id)))

    def cumulative(self, line_id, at, settled=False):
        """What a line has earned by an instant, less what credits have taken of that."""
        return round(self.plan.earned(line_id, at, settled)) - self.credited.taken(line_id, at, settled)

    def _rank(self, line_id):
        """The order of the lines in the latest version; those no longer there last."""
        line_ids = [line.line_id for line in self.plan.taken.last.lines]
        return (0, line_ids.index(line_id), "") if line_id in line_ids else (1, 0, line_id)

    def _since_opening(self, moments, due):
        opening = self.history.first.opening
        return sorted({at for at in moments if at <= due and (opening is None or at > opening[0])})

    def _beginnings(self, line_id):
        """The instants at which phases begin, but for what has always been there."""
        return {phase.since for phase in self.plan.phases(line_id) if phase.since > instant.FAR_PAST}

    def _by_moments(self, line_id, due):
        """Point in time and by progress: at their own instant, dated its local day."""
        moments = self.plan.transfer.moments(self.plan.line(line_id))
        moments += [*self._beginnings(line_id), *self.credited.moments(line_id)]
        # What an opening leaves of a line that was delivered before comes right after it.
        moments += [self.history.first.opening[0] + 1] if self.history.first.opening else []
        found, posted = [], self.plan.opened(line_id)
        for at in self._since_opening(moments, due):
            cumulative = self.cumulative(line_id, at)
            found.append(Effect(at, instant.local_date(at, self.zone), line_id, cumulative - posted))
            posted = cumulative
        return [effect for effect in found if effect.amount]

    def _by_cut_offs(self, line_id, lines, due):
        """Over time: the difference of the rounded cumulative amount at each cut-off, dated the day it ends.

        Where a phase begins or a credit comes back, what it changes of the past is posted at once.
        """
        start, end = min(line.start for line in lines), max(line.end for line in lines)
        end = max([end, *self._beginnings(line_id)])  # an opening may leave something of a line that has ended
        days = dict(self._cut_offs(start, end, due))
        jumps = self._beginnings(line_id) | set(self.credited.returns(line_id))
        found, posted = [], self.plan.opened(line_id)
        for at in self._since_opening(days.keys() | jumps, due):
            if at in days:
                cumulative = self.cumulative(line_id, at, settled=True)
                found.append(Effect(at, days[at], line_id, cumulative - posted))
                posted = cumulative
            if at in jumps:
                before, after = self._around(line_id, at)
                found.append(Effect(at, instant.local_date(at, self.zone), line_id, after - before))
                posted += after - before
        return [effect for effect in found if effect.amount]

    def _around(self, line_id, at):
        """The cumulative amounts just before and just after an instant, both by the start of its local day."""
        day = instant.midnight(instant.local_date(at, self.zone), self.zone)
        if at == day:
            return self.cumulative(line_id, at, settled=True), self.cumulative(line_id, at)
        earned = round(self.plan.earned(line_id, day))
        before, after = (self.credited.taken(line_id, day, settled, now=at) for settled in (True, False))
        return earned - before, earned - after

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
        kept = self.plan.keeps_its_schedule(line_id) and not self.credited.moments(line_id)
        return policy == "last_full_period" and kept

    def _truncated(self, line, due):
        """Policy residual = last_full_period: truncate each period, the rest goes to the last full one (rule 3)."""
        rows, before, total = [], Fraction(0), self.plan.phases(line.line_id)[0].amount
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
