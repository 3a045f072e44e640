"""Phases: what a line earns from an instant on, until another phase begins."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import schedule


@dataclass(frozen=True)
class Phase:
    """From an instant on, a line has earned a base and earns an amount over what was not yet transferred then.

    `incurred` is what the progress of a line had incurred then, `transferred` the share that was transferred.
    """

    since: int
    base: int
    amount: int
    line: Any
    transferred: Fraction = Fraction(0)
    incurred: Fraction | None = None


class Transfer:
    """How far the lines of a contract are transferred, by the versions that could be taken up (rule 3)."""

    def __init__(self, taken, zone, reference):
        self.taken = taken
        self.zone = zone
        self.reference = reference

    def share(self, line, at, before=None):
        """The share transferred by an instant, what happens at it included; `before`: without that version."""
        if line.kind == "ratable":
            return Fraction(schedule.share(line, self.method(line), at, self.zone))
        if line.kind == "point_in_time":
            satisfied_at = self._versions(line.line_id, None)[-1].line(line.line_id).satisfied_at
            return Fraction(int(satisfied_at is not None and satisfied_at <= at))
        incurred, expected = self.progress(line.line_id, at, before)
        return incurred / expected

    def phase_share(self, phase, at, before=None):
        """Of what was not yet transferred when a phase began, the share transferred by an instant."""
        if phase.transferred == 1:
            return Fraction(1)
        if phase.incurred is None:
            return (self.share(phase.line, at, before) - phase.transferred) / (1 - phase.transferred)
        incurred, expected = self.progress(phase.line.line_id, at, before)
        left = expected - phase.incurred
        return (incurred - phase.incurred) / left if left > 0 else Fraction(1)

    def method(self, line):
        """The schedule method of a line (events.md, line.method)."""
        return line.method or self.reference.method(line.product, line.start)

    def progress(self, line_id, at, before=None):
        """(incurred, expected) of the highest version in effect at an instant; nothing before the first one."""
        known = [version for version in self._versions(line_id, before) if progresses(version) <= at]
        return known[-1].line(line_id).progress if known else (Fraction(0), Fraction(1))

    def moments(self, line):
        """The instants at which a line that is not ratable may be transferred further."""
        versions = self._versions(line.line_id, None)
        if line.kind == "point_in_time":
            satisfied_at = versions[-1].line(line.line_id).satisfied_at
            return [] if satisfied_at is None else [satisfied_at]
        return [progresses(version) for version in versions]

    def _versions(self, line_id, before):
        return [version for version in self.taken if version.line(line_id) and version is not before]


def progresses(version):
    """When the progress a version states takes effect: at effective_at, for version 1 not before its start."""
    return version.effective if version.number > 1 else max(version.effective, version.start)
