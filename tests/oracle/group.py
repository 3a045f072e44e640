"""Groups: lines accounted for as one contract, and the changes of their terms that survived all later versions."""

from dataclasses import dataclass
from typing import Any

from . import instant
from .terms import terms


@dataclass(frozen=True)
class Change:
    """From a day on a group has these lines; `begins`: nothing was there before."""

    day: int
    version: Any
    lines: tuple
    past_credit: Any = 0
    begins: bool = False


class Group:
    """The pool of a contract, or the lines of a separate contract (accounting.md rule 5a)."""

    def __init__(self, day, version, lines, separate):
        self.separate = separate
        self.touched = [version]  # by which versions, whatever has survived of them
        self.changes = [Change(day, version, tuple(lines), begins=True)]

    @property
    def line_ids(self):
        """Every line that stands or once stood."""
        return {line.line_id for change in self.changes for line in change.lines}

    @property
    def now(self):
        """The terms by line id of what stands, as the last version that could be taken up says."""
        return terms(self.changes[-1].lines) if self.changes else {}

    def ends_after(self, day):
        """Whether something of it stood after a day."""
        return bool(self.changes) and self.changes[-1].day > day

    def change(self, day, version, lines, past_credit=0):
        """Take up other lines from a day on: later changes are superseded, and what returns leaves no trace.

        What they settled of the past stays settled.
        """
        self.touched.append(version)
        settled = sum(known.past_credit for known in self.changes if known.day >= day)
        self.changes = [known for known in self.changes if known.day < day]
        if not self.changes:
            if lines:
                self.changes = [Change(day, version, tuple(lines), begins=True)]
        elif terms(lines) != self.now or past_credit:
            self.changes.append(Change(day, version, tuple(lines), past_credit + settled))


def first_group(version, lines):
    """The group that version 1 begins: it has always been there, and no retroactive change can precede it."""
    return Group(instant.FAR_PAST, version, lines, separate=False)
