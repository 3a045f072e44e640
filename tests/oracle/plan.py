"""Plans: what every fixed line of a contract earns through all its versions (accounting.md rules 2, 3 and 5)."""

from .course import Course
from .decision import Decisions
from .history import History
from .phase import Transfer
from .terms import day_of_change


class Plan:
    """The courses of all groups of a contract, and the versions that could be taken up."""

    def __init__(self, history, reference, policies):
        self.policies = policies
        self.decisions = Decisions(history, reference, policies)
        self.undecided = self.decisions.undecided
        self.taken = History(self.decisions.taken or history.versions[:1], history.zone)
        self.transfer = Transfer(self.taken.versions, history.zone, reference)
        self.courses, self.not_covered = {}, set()
        opening = history.first.opening
        for number, group in enumerate(group for group in self.decisions.groups if group.changes):
            course = Course(group, self.decisions, self.transfer, opening if number == 0 else None)
            self.courses |= dict.fromkeys(course.phases, course)
            if opening is not None and any(change.day <= opening[0] for change in group.changes[1:]):
                self.not_covered.add("a change before the opening")
        self._note_uncovered(history)

    def line_ids(self):
        """Every fixed line that is or was part of the contract."""
        return list(self.courses)

    def phases(self, line_id):
        """The phases of a line."""
        return self.courses[line_id].phases[line_id]

    def line(self, line_id):
        """The line as its last phase has it."""
        return self.phases(line_id)[-1].line

    def ended(self, line_id):
        """The day since which a line is cancelled or removed, or None."""
        return self.courses[line_id].ended.get(line_id)

    def unearned(self, line_id):
        """What a cancelled or removed line had not earned."""
        return self.courses[line_id].unearned.get(line_id, 0)

    def opened(self, line_id):
        """What an opening says the line had earned."""
        return self.courses[line_id].opened.get(line_id, 0)

    def earned(self, line_id, at, settled=False):
        """The exact amount in minor units a line has earned by an instant (see Course.earned)."""
        return self.courses[line_id].earned(line_id, at, settled)

    def keeps_its_schedule(self, line_id):
        """Whether a line's schedule was never modified, cancelled or opened, nor came late (policy residual)."""
        first, *later = self.phases(line_id)
        return not later and first.since <= first.line.start and not self.courses[line_id].opened

    @property
    def kept_since(self):
        """The day of the cancellation that holds, where policy says that what is left over is recognised, or None."""
        changes = [group.changes[-1] for group in self.decisions.groups if group.changes]
        days = [change.day for change in changes if change.version.kind == "cancelled" and not change.lines]
        last = self.taken.versions[-1]
        if not self.courses and last.kind == "cancelled":  # usage alone: no group of fixed lines has changed
            days = [day_of_change(last, self.taken.zone)]
        kept = [day for day in days if self.policies.value("cancellation", day) == "non_refundable"]
        return kept[0] if kept else None

    def _note_uncovered(self, history):
        lines = [line for version in history.versions for line in version.lines]
        if any(line.kind == "credits" for line in lines):
            self.not_covered.add("credits line")
        if history.first.kind == "cancelled":
            self.not_covered.add("cancelled first version")
