"""Desired books: what the books should say of everything known at one moment, every sum in its own period."""

from . import booking, fixed_revenue, instant
from .history import Histories
from .join import Joiner, forced_end
from .position import Position
from .rated import RatedLine, frontier_of


class Desired:
    """Sums by (entity, currency, period, account, customer, contract, line), before any period is closed.

    `functional` has the same keys, with the functional currency at their end. `exceptions` are those that the
    booking raises; `doubtful` are those that the rules neither ask for nor forbid, because nothing is held back.
    """

    def __init__(self, moment, usages, versions, reference, closed_at):
        self.moment = moment
        self.reference = reference
        self.sums, self.functional, self.windows = {}, {}, {}
        self.exceptions, self.doubtful, self.not_covered = set(), set(), set()
        self.histories = Histories(versions, reference)
        self.closed_until = forced_end(moment.closes, reference)
        joiner = Joiner(self.histories, moment.frontier, self.closed_until, moment.policies, closed_at)
        self.join = joiner.join(usages)
        for key in sorted(self.histories.contracts):
            self._book_usage(self.histories.contracts[key])
            self._book_fixed(self.histories.contracts[key])
        self.exceptions |= self.histories.exceptions | reference.exceptions
        self.doubtful |= self.join.doubtful
        self.doubtful -= self.exceptions

    def functional_currency(self, entity, currency, customer, contract, day):
        """The functional currency of what a contract books on a day."""
        history = self.histories.contracts.get((customer, contract))
        at = booking.end_of(day, history.zone if history else self.reference.zone(entity, instant.FAR_FUTURE))
        return self.reference.functional_currency(entity, at) or currency

    def _book_usage(self, history):
        """Usage is recognised as it occurs, one position per usage line (accounting.md rules 1 and 4)."""
        lines = {line.line_id for version in history.versions for line in version.lines if line.kind == "usage"}
        frontier = frontier_of(history.first.entity, self.moment.frontier, self.closed_until)
        for line_id in sorted(lines):
            book = self._line_book(history, line_id, Position())
            events = self.join.lines.get((history.first.key, line_id), [])
            for rated in RatedLine(history, line_id, events, frontier, self.moment.policies).windows():
                self.windows[(*history.first.key, line_id, rated.span.start, rated.span.end)] = rated
                book.window(rated)

    def _book_fixed(self, history):
        """Fixed lines are recognised as the business date passes, one position for all (accounting.md rule 3)."""
        due = frontier_of(history.first.entity, self.moment.business_date, self.closed_until)
        revenue = fixed_revenue.FixedRevenue(history, self.reference, self.moment.policies)
        self.not_covered |= revenue.not_covered
        if revenue.plan.undecidable:
            self.exceptions.add(("treatment_undecidable", *history.first.position))
        position = Position(*revenue.opening())
        books = {line_id: self._line_book(history, line_id, position) for line_id in revenue.plan.phases}
        for effect in revenue.effects(due):
            books[effect.line_id].effect(effect)

    def _line_book(self, history, line_id, position):
        return booking.LineBook(self, history, line_id, position)
