"""Desired books: what the books should say of everything known at one moment, every sum in its own period."""

from . import fixed_revenue
from .history import Histories
from .join import Joiner, forced_end
from .position import Position
from .rated import RatedLine, frontier_of


class Desired:
    """Sums by (entity, currency, period, account, customer, contract, line), before any period is closed."""

    def __init__(self, moment, usages, versions, reference, closed_at):
        self.moment = moment
        self.reference = reference
        self.sums, self.windows, self.not_covered = {}, {}, set()
        self.histories = Histories(versions, reference)
        self.closed_until = forced_end(moment.closes, reference.zone)
        joiner = Joiner(self.histories, moment.frontier, self.closed_until, moment.policies, closed_at)
        self.join = joiner.join(usages)
        for key in sorted(self.histories.contracts):
            self._book_usage(self.histories.contracts[key])
            self._book_fixed(self.histories.contracts[key])

    def _book_usage(self, history):
        """Usage is recognised as it occurs, one position per usage line (accounting.md rules 1 and 4)."""
        lines = {line.line_id for version in history.versions for line in version.lines if line.kind == "usage"}
        frontier = frontier_of(history.first.entity, self.moment.frontier, self.closed_until)
        for line_id in sorted(lines):
            events = self.join.lines.get((history.first.key, line_id), [])
            position = Position()
            for rated in RatedLine(history, line_id, events, frontier, self.moment.policies).windows():
                self.windows[(*history.first.key, line_id, rated.span.start, rated.span.end)] = rated
                self._post(history, line_id, rated.period, position.recognise(rated.amount))

    def _book_fixed(self, history):
        """Fixed lines are recognised as the business date passes (accounting.md rule 3)."""
        first = history.first
        due = frontier_of(first.entity, self.moment.business_date, self.closed_until)
        plan = fixed_revenue.FixedRevenue(history, self.reference, self.moment.policies)
        position = Position(*plan.opening())
        for name, line_id, amount in plan.recognised(due):
            self._post(history, line_id, name, position.recognise(amount))
        self.not_covered |= plan.not_covered

    def _post(self, history, line_id, name, postings):
        version = history.last
        line = next(item.line(line_id) for item in reversed(history.versions) if item.line(line_id))
        for account, amount in postings.items():
            if account == "revenue":
                account = self.reference.revenue_account(line.product)
            account = self.reference.account(history.first.entity, account)
            key = (
                history.first.entity,
                version.currency,
                name,
                account,
                version.customer,
                version.contract,
                line_id,
            )
            self.sums[key] = self.sums.get(key, 0) + amount
