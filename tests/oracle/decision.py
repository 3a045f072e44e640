"""Decisions: how each version of a contract treats its fixed lines, in number order (accounting.md rule 5)."""

from . import allocation, number
from .group import Group, first_group
from .terms import day_of_change, fixed_lines, standing_lines, terms


class Decisions:
    """The versions that could be taken up, the groups of lines they leave, and those that nobody can decide."""

    def __init__(self, history, reference, policies):
        self.history = history
        self.reference = reference
        self.policies = policies
        self.currency = history.first.currency
        self.taken, self.groups, self.undecided = [], [], []
        for version in history.versions:
            if self._take_up(version):
                self.taken.append(version)
                self.undecided = []  # what could not be decided is settled by a later version that can be
            else:
                self.undecided.append(version)

    def _take_up(self, version):
        return self._step(version) if self.taken else self._begin(version)

    def _begin(self, version):
        """The first version that can be decided: its lines are the pool."""
        if self.weights(fixed_lines(version), version, self.history.first.start) is None:
            return False
        self.groups = [first_group(version, fixed_lines(version))]
        if version.kind == "cancelled":
            self.groups[0].change(self._day(version), version, [])
        return True

    def _step(self, version):
        """Decide a version against the last one taken up; False when nobody can."""
        lines = standing_lines(version)
        homes = {line.line_id: self._home(line.line_id) for line in lines}
        added = [line for line in lines if homes[line.line_id] is None]
        shares = [(group, [line for line in lines if homes[line.line_id] is group]) for group in self.groups]
        changed = [(group, mine) for group, mine in shares if terms(mine) != group.now]
        if version.kind == "cancelled":
            # Once more, from an earlier day on: then that is the end.
            ending = [
                group for group, mine in shares if terms(mine) != group.now or group.ends_after(self._day(version))
            ]
            for index, group in enumerate(ending):
                group.change(self._day(version), version, [], 0 if index else version.past_credit)
            return True
        if not added and not changed and not version.past_credit:
            return True
        if self._is_forbidden(version, bool(changed)):
            return False
        if self._is_separate(version, added, bool(changed)):
            if added:
                self.groups.append(Group(self._day(version), version, added, separate=True))
            return True
        return self._modify(version, added, changed, shares)

    def _modify(self, version, added, changed, shares):
        """Lines that are added without being separate join the pool; a past credit belongs to the first group."""
        main, mine = shares[0]
        if added or not changed:
            order = [line.line_id for line in version.lines]
            mine = sorted([*mine, *added], key=lambda line: order.index(line.line_id))
            changed = [(main, mine), *((group, others) for group, others in changed if group is not main)]
        if any(self.weights(lines, version, version.effective, group) is None for group, lines in changed):
            return False
        for index, (group, lines) in enumerate(changed):
            group.change(self._day(version), version, lines, 0 if index else version.past_credit)
        return True

    def _home(self, line_id):
        """The group a line belongs to, also one that has ended and returns, or None."""
        known = [group for group in self.groups if line_id in group.line_ids]
        return known[-1] if known else None

    def _is_forbidden(self, version, changed):
        """Whether no rule says how to treat a modification: then it waits for a person."""
        inside = version.start <= version.effective < version.end
        if version.kind in ("amended", "renewed") and not inside:
            return True
        if version.approved_by is not None and version.requested_by == version.approved_by:
            return True
        if version.treatment == "auto":
            return False
        if not version.reason or not version.approved_by:
            return True
        return version.treatment == "separate_contract" and (changed or bool(version.past_credit))

    def _is_separate(self, version, added, changed):
        """Distinct lines added at their SSP and nothing else moved (rule 5a), or so decided."""
        if version.treatment != "auto":
            return version.treatment == "separate_contract"
        if changed or version.past_credit or not added:
            return False
        return all(line.distinct and self._is_at_ssp(line, version) for line in added)

    def _is_at_ssp(self, line, version):
        ssp = allocation.ssp(line, self.currency, version.effective, self.reference)
        tolerance = number.decimal(self.policies.value("ssp_tolerance", version.effective))
        return abs(line.total - ssp) <= abs(ssp) * tolerance / 100

    def _day(self, version):
        return day_of_change(version, self.history.zone)

    def weights(self, lines, version, at, group=None):
        """The selling prices of lines in their pool, None when the residual approach cannot decide."""
        minor = sum(number.to_minor(line.total, self.currency) for line in lines)
        if group is None or not group.separate:
            minor += sum(number.to_minor(one.amount, self.currency) for one in version.variable if not one.line_ids)
        return [] if not lines else allocation.weights(lines, minor, self.currency, at, self.reference)
