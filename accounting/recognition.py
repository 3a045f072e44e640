"""Recognition of fixed lines: which amount is earned when, as effects on the books.

Ratable lines are recognised at cut-offs, the ends of periods (policy `recognise` = daily: of days); a point-in-time line
at `satisfied_at`, a milestone whenever its progress changes. Amounts are cumulative, rounded half-even, and posted as
differences, so that nothing drifts (accounting.md, rule 3).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from math import gcd
from operator import sub
from typing import NamedTuple

from accounting.calendar import Period, local_date, month_number, start_of_day
from accounting.contract import Line
from accounting.coverage import ALWAYS, FOREVER
from accounting.policy import Policies
from accounting.schedule import Method, curve, last_full_period, round_shares

RECOGNITION = "recognition"
CATCH_UP = "catch_up"


class Effect(NamedTuple):
    """What one line adds to recognised revenue at an instant."""

    instant: int  # due when time has come to it
    day: date  # its accounting date, where that period is open
    line_id: str
    amount: int  # minor units
    version: int  # of the contract, that decided it
    rule: str
    kind: str = RECOGNITION
    product_id: str = ""  # of the line then; a modification may give it another one from its day on


@dataclass(frozen=True, slots=True)
class Step:
    """The progress of a point-in-time line or a milestone from an instant on, as the ratio incurred / expected."""

    instant: int
    incurred: int
    expected: int
    version: int


class Phase(NamedTuple):
    """From `since` on, a line has earned `base` and earns `amount` over what was not yet transferred then."""

    since: int
    base: int  # minor units
    amount: int  # minor units
    transferred: tuple[int, int]  # what was over by `since`: part and whole of the term, or incurred and expected
    line: Line
    version: int
    method: Method = Method.DAILY
    opened: bool = False  # from an opening balance on: what is left counts by shares of the whole
    ended: bool = False  # removed or cancelled: nothing is transferred any more
    by_share: bool = False  # what is left counts by shares of the whole, whatever the measure of progress becomes

    @property
    def is_over(self) -> bool:
        """Whether nothing was left to transfer when it began: what it still has to earn is earned at once."""
        part, whole = self.transferred
        return self.ended or part >= whole

    def goes_on_as(self, other: Phase) -> bool:
        """Whether it earns what another one does, whenever they begin and whichever version says so."""
        return self[1:5] == other[1:5] and self[6:] == other[6:]


class CutOff(NamedTuple):
    """An instant at which scheduled recognition is posted, and the day it is dated."""

    instant: int
    day: date


@dataclass(frozen=True, slots=True)
class LinePlan:
    """The course of one fixed line: its phases in time order, and its steps where it has progress."""

    line_id: str
    product_id: str
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...] | None  # None: ratable
    residual_last: bool = False  # policy residual = last_full_period

    def earned(self, instants: Sequence[int], zone_name: str) -> list[int]:
        """The cumulative amount before each instant (with steps: up to and with it), rounded; `instants` ascend."""
        if self.steps is not None:
            return [self._at_step(instant) for instant in instants]
        found: list[int] = []
        for phase, own in _by_phase(self.phases, instants):
            found += self._in_phase(phase, own, zone_name)
        return found

    def _in_phase(self, phase: Phase | None, instants: tuple[int, ...], zone_name: str) -> list[int]:
        if phase is None:
            return [self.phases[0].base] * len(instants)
        if not phase.amount or phase.is_over:
            return [phase.base + phase.amount] * len(instants)
        line, (part, whole) = phase.line, phase.transferred
        shares = curve(line.start, _end(line), phase.method, zone_name, instants)
        # (share - part/whole) / (1 - part/whole), in integers; less than nothing is a schedule that begins later
        scale = shares.denominator
        if not part:
            return round_shares(phase.base, phase.amount, shares.numerators, scale)
        common = gcd(whole, scale)
        times, over = whole // common, part * (scale // common)
        parts = [max(number * times - over, 0) for number in shares.numerators]
        return round_shares(phase.base, phase.amount, parts, (whole - part) * (scale // common))

    def _at_step(self, instant: int) -> int:
        phase = next((one for one in reversed(self.phases) if one.since <= instant), None)
        if phase is None:
            return self.phases[0].base
        # An opening's own instant is in its balance; what it leaves of what was delivered whole comes right after it.
        at_once = phase.base + (phase.amount if instant > phase.since or not phase.opened else 0)
        step = next((one for one in reversed(self.steps or ()) if one.instant <= instant), None)
        if phase.ended or step is None:
            return at_once if phase.is_over else phase.base
        then, whole = phase.transferred
        done, left = step.incurred - then, step.expected - then
        if phase.opened or phase.by_share:
            done, left = step.incurred * whole - then * step.expected, (whole - then) * step.expected
        if left <= 0:  # nothing was left to transfer: what is added is earned at once
            return at_once
        # Progress of what remains = (incurred - incurred then) / (expected - incurred then), rule 5b; less than nothing
        # where progress is less than it was when the phase began: a catch-up downwards.
        return round_shares(phase.base, phase.amount, (min(done, left),), left)[0]

    @property
    def first(self) -> int:
        """The first instant at which something can be earned; a credit may come before the line begins."""
        begun = self.phases[0]
        first = max(begun.since, begun.line.start)
        return first if len(self.phases) == 1 else min(first, self.phases[1].since)

    @property
    def last(self) -> int:
        """The instant from which on a ratable line earns no more."""
        final = self.phases[-1]
        ends = _end(final.line) if final.amount else final.since
        return max(ends, final.since, self.first)

    def catch_ups(self, zone_name: str) -> list[Effect]:
        """What a ratable line's changes of phase post at once: the new phase's amount by then less the old one's."""
        found: list[Effect] = []
        for old, new in pairwise(self.phases):
            at = (new.since,)
            amount = self._in_phase(new, at, zone_name)[0] - self._in_phase(old, at, zone_name)[0]
            if amount:
                rule = f"cumulative catch-up of version {new.version}"
                day = local_date(new.since, zone_name)
                product = new.line.product_id
                found.append(Effect(new.since, day, self.line_id, amount, new.version, rule, CATCH_UP, product))
        return found

    def turns(self) -> list[int]:
        """The instants at which a line with steps may earn: its steps and the starts of its phases."""
        begun = self.phases[0].since
        found = {step.instant for step in self.steps or ()}
        # What an opening leaves of a line that was delivered whole by then is earned right after it.
        found |= {phase.since + (phase.opened and phase.is_over) for phase in self.phases}
        return sorted(one for one in found if one >= begun)


def effects(plan: LinePlan, zone_name: str, policies: Policies, since: int, until: int) -> list[Effect]:
    """The effects of one line with since < instant <= until, in time order."""
    if plan.steps is not None:
        return _step_effects(plan, zone_name, since, until)
    if plan.residual_last:
        return _truncated(plan, zone_name, since, until)
    # The start of a period is a cut-off always: what was earned by then is what the next difference begins from.
    begin = plan.first
    if since > begin:
        begin = max(begin, Period.of_date(local_date(since, zone_name)).start(zone_name))
    marks = list(cut_offs(begin, plan.last, zone_name, policies, until))
    before, *cumulative = plan.earned([begin, *(mark.instant for mark in marks)], zone_name)
    found: list[Effect] = []
    jumps = [jump for jump in plan.catch_ups(zone_name) if begin <= jump.instant <= until]
    later = list(plan.phases[:0:-1])
    phase, line_id = plan.phases[0], plan.line_id
    rule, product = _rule(phase), phase.line.product_id
    for (instant, day), amount in zip(marks, cumulative, strict=True):
        while jumps and jumps[0].instant < instant:
            before += jumps[0].amount
            found.append(jumps.pop(0))
        if amount != before:
            while later and later[-1].since < instant:
                phase = later.pop()
                rule, product = _rule(phase), phase.line.product_id
            found.append(Effect(instant, day, line_id, amount - before, phase.version, rule, RECOGNITION, product))
        before = amount
    return [one for one in (*found, *jumps) if one.instant > since]


def recognised(plan: LinePlan, zone_name: str, policies: Policies, since: int, until: int) -> int:
    """The sum of `effects`."""
    if plan.steps is not None or plan.residual_last or policies.course("recognise"):
        return sum(one.amount for one in effects(plan, zone_name, policies, since, until))
    return _posted_by(plan, zone_name, until) - _posted_by(plan, zone_name, since) if since < until else 0


def _posted_by(plan: LinePlan, zone_name: str, instant: int) -> int:
    """What is earned by the last end of a month up to an instant, with what changes of phase post from then on."""
    last = max(plan.first, Period.of_date(local_date(instant, zone_name)).start(zone_name))
    jumps = sum(one.amount for one in plan.catch_ups(zone_name) if last <= one.instant <= instant)
    return plan.earned([last], zone_name)[0] + jumps


def _rule(phase: Phase) -> str:
    return f"{phase.method} schedule, cumulative amount rounded half-even"


def by_month(plan: LinePlan, zone_name: str, policies: Policies) -> dict[int, int]:
    """What a line recognises over its whole life, by month number: its effects, summed."""
    if plan.steps is not None or plan.residual_last:
        found: dict[int, int] = {}
        for one in effects(plan, zone_name, policies, ALWAYS, FOREVER):
            month = month_number(one.day)
            found[month] = found.get(month, 0) + one.amount
        return found
    first, instants = _months(plan.first, plan.last, zone_name)
    cumulative = plan.earned(instants, zone_name)
    *monthly, rest = map(sub, cumulative[1:], cumulative)
    found = dict(enumerate(monthly, first))
    if 0 in monthly:
        found = {month: amount for month, amount in found.items() if amount}
    if rest:  # a change of phase at the last of them
        month = month_number(local_date(plan.phases[-1].since, zone_name))
        found[month] = found.get(month, 0) + rest
    return found


@lru_cache(maxsize=4096)
def _months(begin: int, last: int, zone_name: str) -> tuple[int, tuple[int, ...]]:
    """The month in which a plan begins, and between which instants its months lie: many lines have the same ones."""
    first = month_number(local_date(begin, zone_name))
    return first, (begin, *(mark.instant for mark in _month_ends(first, last, zone_name)), FOREVER)


def _step_effects(plan: LinePlan, zone_name: str, since: int, until: int) -> list[Effect]:
    found: list[Effect] = []
    done = plan.earned([since], zone_name)[0]
    for turn in plan.turns():
        if not since < turn <= until:
            continue
        amount = plan.earned([turn], zone_name)[0]
        step = next((one for one in reversed(plan.steps or ()) if one.instant <= turn), None)
        phase = _phase_at(plan.phases, turn + 1)
        version = max(phase.version, step.version if step else 0)
        rule = f"{phase.line.kind}, cumulative amount by progress, rounded half-even"
        caught = done
        if any(turn == one.since for one in plan.phases[1:]):
            # What is incurred at that very instant is no catch-up: that is what was incurred before, by what is expected now.
            before = tuple(one for one in plan.steps or () if one.instant < turn)
            if step is not None and step.instant == turn:
                before = (*before, replace(step, incurred=min(before[-1].incurred if before else 0, step.incurred)))
            caught = replace(plan, steps=before).earned([turn], zone_name)[0]
        for part, kind in ((amount - caught, RECOGNITION), (caught - done, CATCH_UP)):
            if part:
                day, product = local_date(turn, zone_name), phase.line.product_id
                found.append(Effect(turn, day, plan.line_id, part, version, rule, kind, product))
        done = amount
    return found


def _truncated(plan: LinePlan, zone_name: str, since: int, until: int) -> list[Effect]:
    """Policy residual = last_full_period: each period truncated, the rest in the last one that the line covers wholly."""
    phase, line = plan.phases[0], plan.phases[0].line
    if not phase.amount:
        return []
    marks = list(cut_offs(plan.first, plan.last, zone_name, Policies(), FOREVER))
    shares = curve(line.start, _end(line), phase.method, zone_name, tuple(mark.instant for mark in marks))
    full = [line.start <= Period.of_date(mark.day).start(zone_name) and mark.instant <= _end(line) for mark in marks]
    amounts = last_full_period(phase.amount, shares, full)
    rule = f"{phase.method} schedule, truncated, the rest in the last full period"
    return [
        Effect(mark.instant, mark.day, plan.line_id, amount, phase.version, rule, RECOGNITION, line.product_id)
        for mark, amount in zip(marks, amounts, strict=True)
        if amount and since < mark.instant <= until
    ]


def cut_offs(first: int, last: int, zone_name: str, policies: Policies, until: int) -> Iterator[CutOff]:
    """The cut-offs after `first`, up to `until` and to the first one at or after `last`."""
    if not any(value == "daily" for _, value in policies.course("recognise")):
        marks = _month_ends(month_number(local_date(first, zone_name)), min(last, until), zone_name)
        yield from marks if marks[-1].instant <= until else marks[:-1]
        return
    period = Period.of_date(local_date(first, zone_name))
    while True:
        end = period.end(zone_name)
        day = max(period.first_day, local_date(first, zone_name))
        while (turn := start_of_day(day + timedelta(days=1), zone_name)) < end:
            if turn > until:
                return
            if policies.value("recognise", turn - 1) == "daily":
                yield CutOff(turn, day)
                if turn >= last:
                    return
            day += timedelta(days=1)
        if end > until:
            return
        yield CutOff(end, local_date(end - 1, zone_name))
        if end >= last:
            return
        period = period.next


def _month_ends(first: int, last: int, zone_name: str) -> list[CutOff]:
    """The ends of a month, by number, and of those after it, to the first one at or after `last` (or the calendar's)."""
    found: list[CutOff] = []
    for year in range(first // 12, 10_000):
        found += _ends_of(year, zone_name)
        if found[-1].instant >= last:
            break
    return found[first % 12 : max(first % 12, bisect_left(found, (last,))) + 1]


@lru_cache(maxsize=4096)
def _ends_of(year: int, zone_name: str) -> tuple[CutOff, ...]:
    """The ends of the twelve months of a year: many lines have the same ones."""
    ends = [Period(year, month).end(zone_name) for month in range(1, 13)]
    return tuple(CutOff(end, local_date(end - 1, zone_name)) for end in ends)


def next_effect(plan: LinePlan, zone_name: str, policies: Policies, after: int) -> int | None:
    """The next instant after `after` at which the line may have an effect, or None."""
    if plan.steps is not None:
        return next((turn for turn in plan.turns() if turn > after), None)
    # The last cut-off may lie behind the line's end.
    begin = max(plan.first, min(after, plan.last - 1))
    # Truncated amounts wait for the period's end, also where recognition is daily.
    marks = cut_offs(begin, begin + 1, zone_name, Policies() if plan.residual_last else policies, FOREVER)
    ahead = [jump.instant for jump in plan.catch_ups(zone_name) if jump.instant > after]
    following = next((mark.instant for mark in marks if mark.instant > after), None)
    return min((one for one in (*ahead, following) if one is not None), default=None)


def _by_phase(phases: Sequence[Phase], instants: Sequence[int]) -> Iterator[tuple[Phase | None, tuple[int, ...]]]:
    """The instants that each phase answers for: those after its start, up to the next one's."""
    at = 0
    for number in range(-1, len(phases)):
        begun = at
        at = len(instants)
        if number + 1 < len(phases):
            at = bisect_right(instants, phases[number + 1].since, begun)
        if at > begun:
            yield phases[number] if number >= 0 else None, tuple(instants[begun:at])


def _phase_at(phases: Sequence[Phase], instant: int) -> Phase:
    return next((one for one in reversed(phases) if one.since < instant), phases[0])


def _end(line: Line) -> int:
    return FOREVER if line.end is None else line.end
