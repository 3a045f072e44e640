"""Consideration: how a contract's fixed amount spreads over its lines, and how each new version changes that."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import allocation, instant, number, schedule

FIXED = ("ratable", "point_in_time", "milestone")


@dataclass(frozen=True)
class Phase:
    """From an instant on, a line has earned a base and earns an amount over what was not yet transferred then."""

    since: int
    base: int
    amount: int
    line: Any
    transferred: Fraction


class Plan:
    """The phases of every fixed line through all versions of a contract (accounting.md rules 2 and 5)."""

    def __init__(self, history, reference):
        self.history = history
        self.reference = reference
        self.currency = history.first.currency
        self.phases, self.opened, self.modified, self.not_covered = {}, {}, [], set()
        self.undecidable = False
        for previous, version in zip([None, *history.versions], history.versions):
            self._note_uncovered(version)
            if previous is None:
                self._begin(version)
            elif version.kind == "cancelled":
                self._end_lines(version, list(self.phases))
            elif terms(previous) != terms(version) or previous.kind == "cancelled":
                self.not_covered.add("modified fixed lines")
                self._modify(previous, version)

    def earned(self, line_id, at):
        """The exact amount in minor units a line has earned by an instant, what happens at it included."""
        known = [phase for phase in self.phases.get(line_id, ()) if phase.since <= at]
        if not known:
            return Fraction(0)
        phase = known[-1]
        if phase.amount == 0:
            return Fraction(phase.base)
        if phase.transferred == 1:
            return Fraction(phase.base + phase.amount)
        progress = (self._share(phase.line, at) - phase.transferred) / (1 - phase.transferred)
        return phase.base + phase.amount * progress

    def moments(self, line_id):
        """The instants at which a point-in-time or milestone line may earn something."""
        versions = self._versions_with(line_id)
        if versions[-1].line(line_id).kind == "point_in_time":
            satisfied_at = versions[-1].line(line_id).satisfied_at
            return self.modified + ([] if satisfied_at is None else [satisfied_at])
        return self.modified + [self._progresses(version) for version in versions]

    def keeps_its_schedule(self, line_id):
        """Whether a line's schedule was never modified, cancelled or opened (policy residual)."""
        return len(self.phases[line_id]) == 1 and not self.opened

    def _begin(self, version):
        """Version 1: allocate by relative SSP; an opening balance is where the books start from."""
        lines = fixed_lines(version)
        amounts = self._allocate(lines)
        if amounts is None:
            self.undecidable = True
            amounts = [0] * len(lines)
        for line, amount in zip(lines, amounts):
            self.phases[line.line_id] = [Phase(instant.FAR_PAST, 0, amount, line, Fraction(0))]
        if version.opening is None or not lines:
            return
        as_of, recognised, _ = version.opening
        weights = [abs(self.earned(line.line_id, as_of)) for line in lines]
        if not any(weights):
            weights = [abs(amount) for amount in amounts]
        for line, base in zip(lines, number.split(number.to_minor(recognised, self.currency), weights)):
            rest, share = self.phases[line.line_id][0].amount - base, Fraction(self._share(line, as_of))
            if share == 1 and rest:
                self.not_covered.add("an opening that leaves over something of a line that has ended")
            self.opened[line.line_id] = base
            self.phases[line.line_id] = [Phase(as_of, base, rest, line, share)]

    def _modify(self, previous, version):
        """Rule 5: separate contract, prospective, cumulative catch-up, or mixed per line."""
        lines, since = fixed_lines(version), self.history.takes_effect(version)
        self.modified.append(since)
        added = [line for line in lines if previous.line(line.line_id) is None]
        if self._is_separate(previous, version, added):
            for line in added:
                total = number.to_minor(line.total, self.currency)
                self.phases[line.line_id] = [Phase(instant.FAR_PAST, 0, total, line, Fraction(0))]
            return
        kept = {line.line_id for line in lines}
        self._end_lines(version, [line_id for line_id in self.phases if line_id not in kept])
        amounts = self._allocate(lines) or [number.to_minor(line.total, self.currency) for line in lines]
        allocated = dict(zip([line.line_id for line in lines], amounts))
        catch_up = [line for line in lines if self._catches_up(line, version)]
        for line in catch_up:
            self._add(line.line_id, Phase(since, 0, allocated[line.line_id], line, Fraction(0)))
        prospective = [line for line in lines if line not in catch_up]
        bases = [round(self.earned(line.line_id, since)) for line in prospective]
        pool = sum(allocated[line.line_id] for line in prospective) - sum(bases)
        shares = [Fraction(self._share(line, since)) for line in prospective]
        weights = [self._ssp(line) * (1 - share) for line, share in zip(prospective, shares)]
        for line, base, amount, share in zip(prospective, bases, number.split(pool, weights), shares):
            self._add(line.line_id, Phase(since, base, amount, line, share))
            if line.kind == "milestone":
                self.not_covered.add("prospective milestone")

    def _is_separate(self, previous, version, added):
        """Distinct lines added at their SSP and nothing else moved (rule 5a), or so decided."""
        if version.treatment != "auto":
            return version.treatment == "separate_contract"
        moved = set(terms(previous)) - set(terms(version))
        at_ssp = all(line.distinct and line.total == self._ssp(line) for line in added)
        return bool(added) and not moved and at_ssp and version.kind != "cancelled" != previous.kind

    def _catches_up(self, line, version):
        if version.treatment in ("prospective", "cumulative_catch_up"):
            return version.treatment == "cumulative_catch_up"
        return not line.distinct

    def _end_lines(self, version, line_ids):
        """A cancelled or removed line keeps what it has earned and earns no more (rule 5, Cancellation).

        At its start: as if it never was.
        """
        since, opening = self.history.takes_effect(version), self.history.first.opening
        if opening is not None and since <= opening[0]:
            self.not_covered.add("a cancellation before the opening")
        for line_id in line_ids:
            line = self.phases[line_id][-1].line
            base = 0 if since <= line.start else round(self.earned(line_id, since))
            self._add(line_id, Phase(since, base, 0, line, Fraction(0)))

    def _add(self, line_id, phase):
        """A version supersedes what earlier versions planned from its effective date on."""
        earlier = [known for known in self.phases.get(line_id, []) if known.since < phase.since]
        self.phases[line_id] = [*earlier, phase]

    def _allocate(self, lines):
        return allocation.allocate(lines, self.currency, self.history.first.start, self.reference)

    def _ssp(self, line):
        return allocation.ssp(line, self.currency, self.history.first.start, self.reference)

    def _share(self, line, at):
        """The share of a line transferred by an instant (rule 3): by time, at satisfied_at, or by progress."""
        if line.kind == "ratable":
            method = line.method or self.reference.method(line.product, line.start)
            return schedule.share(line, method, at, self.history.zone)
        versions = self._versions_with(line.line_id)
        if line.kind == "point_in_time":
            satisfied_at = versions[-1].line(line.line_id).satisfied_at
            return Fraction(int(satisfied_at is not None and satisfied_at <= at))
        known = [version for version in versions if self._progresses(version) <= at]
        return known[-1].line(line.line_id).progress if known else Fraction(0)

    def _versions_with(self, line_id):
        return [version for version in self.history.versions if version.line(line_id)]

    def _progresses(self, version):
        """When the progress a version states takes effect: at effective_at, for version 1 not before its start."""
        return version.effective if version.number > 1 else max(version.effective, version.start)

    def _note_uncovered(self, version):
        self.not_covered |= set(version.extras)
        self.not_covered |= {"credits line" for line in version.lines if line.kind == "credits"}
        if version.kind == "cancelled" and version.number == 1:
            self.not_covered.add("cancelled first version")


def fixed_lines(version):
    """The lines of fixed consideration."""
    return [line for line in version.lines if line.kind in FIXED]


def terms(version):
    """What a modification can change; progress, satisfied_at and SSP change nothing (rule 5)."""
    lines = fixed_lines(version)
    return [(line.line_id, line.kind, line.start, line.end, line.quantity, line.total, line.method) for line in lines]
