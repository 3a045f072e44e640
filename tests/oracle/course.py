"""Courses: the phases of the lines of one group, from its beginning through every change (accounting.md rule 5)."""

from dataclasses import replace
from fractions import Fraction

from . import instant, number
from .estimates import Estimates, Round, of_lines, of_pool, shifted
from .phase import Phase
from .terms import terms


class Course:
    """Replays the surviving changes of a group in the order of their days."""

    def __init__(self, group, decisions, transfer, opening=None):
        self.group = group
        self.decisions = decisions
        self.history = decisions.history
        self.currency = decisions.currency
        self.transfer = transfer
        self.phases, self.opened, self.ended, self.unearned, self.rounds, self.origins = {}, {}, {}, {}, [], {}
        self.earlier = {}  # by line what it had earned by terms that were over when it was renewed
        self.own = {}  # by line the estimates that belong to it, and what of them was transferred when its phase began
        main = group is decisions.groups[0]
        self.estimates = Estimates(decisions.taken, self.history.zone, self.currency, group, main)
        first, *changes = group.changes
        self.known = self.estimates.at(first.day)
        self._begin(first, opening)
        by_day = {change.day: change for change in changes}
        for day in sorted(by_day.keys() | set(self.estimates.days(first.day))):
            self._estimate_or_change(day, by_day.get(day))

    def earned(self, line_id, at, settled=False, before=None):
        """The exact amount a line has earned by an instant, what happens at it included.

        `settled`: by the phases of the days before alone; `before`: without the progress that version states.
        """
        phases = self.phases.get(line_id, ())
        known = [phase for phase in phases if phase.since < at or (phase.since == at and not settled)]
        if not known:
            return Fraction(0)
        phase = known[-1]
        if phase.amount == 0:
            return Fraction(phase.base)
        return phase.base + phase.amount * self.transfer.phase_share(phase, at, before)

    def _begin(self, change, opening):
        """Allocate by relative SSP, a separate contract by its totals; an opening is where the books start from."""
        at = change.version.effective if self.group.separate else self.history.first.start
        lines, amounts = change.lines, self._allocated(change, at)
        for line in lines:
            self._add(line.line_id, Phase(change.day, 0, amounts[line.line_id], line))
        if opening is None or not lines:
            return
        as_of, recognised, _ = opening
        weights = [abs(self.earned(line.line_id, as_of)) for line in lines]
        if not any(weights):
            weights = [abs(amounts[line.line_id]) for line in lines]
        for line, base in zip(lines, number.split(number.to_minor(recognised, self.currency), weights)):
            self.opened[line.line_id] = base
            share = self.transfer.share(line, as_of)
            self.phases[line.line_id] = [Phase(as_of, base, amounts[line.line_id] - base, line, share)]
            own, _ = self.own[line.line_id]
            self.own[line.line_id] = (own, round(own * share))  # the opening has it, as the schedule does

    def _allocated(self, change, at):
        """Minor units by line of a version's totals and estimates; begins the round they belong to."""
        lines = change.lines
        totals = [number.to_minor(line.total, self.currency) for line in lines]
        prices = self.decisions.weights(list(lines), change.version, at, self.group)
        names = [line.line_id for line in lines]
        allocation = Round(change.day, dict(zip(names, prices)), sum(totals) + of_pool(self.known))
        self.rounds.append(allocation)
        for name in self.known:
            self.origins.setdefault(name, allocation)
        parts = totals
        if not (self.group.separate and change.begins):
            parts = number.split(allocation.total, prices) if lines else []
        own = of_lines(self.known, allocation.ssp)
        self.own |= {line_id: (own[line_id], 0) for line_id in names}
        return {line_id: part + own[line_id] for line_id, part in zip(names, parts)}

    def _estimate_or_change(self, day, change):
        """A change of an estimate that belongs to what was there before, then a modification."""
        parts, own = {}, dict(self.own)
        after = self.known if change and not change.lines else self.estimates.at(day)
        for name in dict.fromkeys([*self.known, *after]):
            if change is not None and name not in self.origins:
                continue  # it comes with the modification and joins its pool
            old, scope = self.known.get(name, (0, after.get(name, (0, None))[1]))
            new = after.get(name, (0, None))[0]
            origin = self.origins.setdefault(name, self.rounds[0])
            if new == old:
                continue
            for line_id, part in shifted((old, scope), new, origin, self.rounds).items():
                parts[line_id] = parts.get(line_id, 0) + part
                if scope is not None and line_id in self.own:
                    self.own[line_id] = (self.own[line_id][0] + part, self.own[line_id][1])
        self.known = after
        if change is not None:
            self._modify(change, parts, own)
            return
        for line_id, part in parts.items():
            phase = self.phases[line_id][-1] if self.phases.get(line_id) else None
            if part and phase is not None and line_id not in self.ended:
                amount = phase.amount + part
                self._add(line_id, Phase(day, phase.base, amount, phase.line, phase.transferred, phase.incurred))

    def _modify(self, change, parts, own):
        """Rule 5b to d: prospective, cumulative catch-up, or mixed by line."""
        day, version, kept = change.day, change.version, {line.line_id for line in change.lines}
        gone = [line_id for line_id in self.phases if line_id not in kept and line_id not in self.ended]
        for line_id in gone:
            self._end(line_id, day)
        if not change.lines:
            self._settle(gone, self._past_credits(change, {line_id: self.phases[line_id][-1].base for line_id in gone}))
            return
        if not parts and self._is_as_planned(change):
            return
        bases = {line.line_id: self._earned_before(line.line_id, day, version) for line in change.lines}
        for line in change.lines:
            if self._is_renewed(line, day):
                self.earlier[line.line_id] = bases[line.line_id]
        for line_id in kept & parts.keys():
            if self._is_transferred(line_id, day, version):
                bases[line_id] += parts[line_id]
        before = {line_id: self._own_earned(line_id, day, version, own) for line_id in bases}
        allocated = self._allocated(change, version.effective)
        going_on = [line for line in change.lines if not _catches_up(line, version)]
        credits = self._past_credits(change, bases | {line_id: self.phases[line_id][-1].base for line_id in gone})
        self._settle(gone, credits)
        for line in change.lines:
            name = line.line_id
            self.ended.pop(name, None)
            if line not in going_on:
                earlier = self.earlier.get(name, 0)
                self._add(name, Phase(day, earlier - credits[name], allocated[name] + credits[name], line))
        bases = {name: base - credits[name] for name, base in bases.items()}
        self.own |= {line.line_id: (self.own[line.line_id][0], before[line.line_id]) for line in going_on}
        self._pool(day, version, going_on, bases, allocated)

    def _settle(self, gone, credits):
        for line_id in gone:
            last = self.phases[line_id][-1]
            self.phases[line_id][-1] = replace(last, base=last.base - credits[line_id])

    def _earned_before(self, line_id, day, version):
        """What a line had earned when a day of change began: what is delivered at that instant belongs to the day."""
        phases = self.phases.get(line_id)
        at = day - 1 if phases and phases[-1].line.kind != "ratable" else day
        return round(self.earned(line_id, at, before=version))

    def _is_as_planned(self, change):
        """Whether what goes on earns what it was to earn, on the terms that it had: then its schedule stays."""
        last = {line.line_id: self.phases[line.line_id][-1] for line in change.lines if line.line_id in self.phases}
        if change.past_credit or self.ended.keys() & last.keys():
            return False
        if terms(change.lines) != terms([phase.line for phase in last.values()]):
            return False
        planned = sum(last[name].base + last[name].amount - self.earlier.get(name, 0) for name in last)
        own = sum(minor for minor, scope in self.known.values() if scope is not None and last.keys() & set(scope))
        totals = sum(number.to_minor(line.total, self.currency) for line in change.lines)
        return planned == totals + own + of_pool(self.known)

    def _pool(self, day, version, lines, bases, allocated):
        """What is not yet recognised of the lines that go on, by current SSP x the share not yet transferred."""
        shares = {line.line_id: self._transferred(line, day, version) for line in lines}
        allocation = self.rounds[-1]
        weights = {line_id: allocation.ssp[line_id] * (1 - share[0]) for line_id, share in shares.items()}
        amounts = {name: allocated[name] - bases[name] + self.earlier.get(name, 0) for name in weights}
        if any(weights.values()):
            own = {line_id: self.own[line_id][0] - self.own[line_id][1] for line_id in weights}
            pool = sum(amounts.values()) - sum(own.values())
            allocation.weights, allocation.pool = weights, pool
            parts = number.split(pool, list(weights.values()))
            amounts = {line_id: part + own[line_id] for line_id, part in zip(weights, parts)}
        for line in lines:
            name = line.line_id
            self._add(name, Phase(day, bases[name], amounts[name], line, *shares[name]))

    def _own_earned(self, line_id, day, version, own):
        """What a line has earned of the estimates that belong to it alone, as they were."""
        amount, base = own.get(line_id, (0, 0))
        phases = self.phases.get(line_id)
        if not phases or not amount:
            return 0
        return round(base + (amount - base) * self.transfer.phase_share(phases[-1], day, version))

    def _past_credits(self, change, bases):
        """By line what a past credit takes back at once of what it had earned."""
        earned = [max(base, 0) for base in bases.values()]
        weights = earned if any(earned) else [1, *earned[1:]]
        return dict(zip(bases, number.split(number.to_minor(change.past_credit, self.currency), weights)))

    def _transferred(self, line, day, version):
        """(share, incurred) of a line at a modification, by the terms it has from then on."""
        if line.kind != "milestone":
            return self.transfer.share(line, day if line.kind == "ratable" else day - 1), None
        incurred, _ = self.transfer.progress(line.line_id, day - 1, before=version)
        expected = line.progress[1]
        return (min(incurred / expected, Fraction(1)), incurred)

    def _is_renewed(self, line, day):
        """A line whose new term begins after its old one: its total is that of the new term alone."""
        phases = self.phases.get(line.line_id)
        if line.kind != "ratable" or not phases:
            return False
        return phases[-1].line.end <= line.start and day <= line.start

    def _is_transferred(self, line_id, day, version):
        phase = self.phases[line_id][-1] if self.phases.get(line_id) else None
        at = day if phase is None or phase.line.kind == "ratable" else day - 1
        return phase is not None and self.transfer.share(phase.line, at, before=version) >= 1

    def _end(self, line_id, day):
        """A line that is cancelled or removed keeps what it has earned; at its start it is as if it never was."""
        line = self.phases[line_id][-1].line
        self.ended[line_id] = day
        if day <= line.start and line_id not in self.opened:
            self.unearned[line_id] = self.phases[line_id][-1].base + self.phases[line_id][-1].amount
            self.phases[line_id] = [Phase(instant.FAR_PAST, 0, 0, line)]
            return
        own = self._own_earned(line_id, day, None, self.own)
        base, last = self._earned_before(line_id, day, None), self.phases[line_id][-1]
        self.unearned[line_id] = last.base + last.amount - base
        self._add(line_id, Phase(day, base, 0, line))
        self.own[line_id] = (own, own)

    def _add(self, line_id, phase):
        self.phases.setdefault(line_id, []).append(phase)


def _catches_up(line, version):
    if version.treatment in ("prospective", "cumulative_catch_up"):
        return version.treatment == "cumulative_catch_up"
    return not line.distinct
