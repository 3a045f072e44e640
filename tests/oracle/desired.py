"""Desired books: what the books should say of everything known at one moment, every sum in its own period."""

from . import booking, instant, number
from .billing import Billing
from .billing_book import BillingBook
from .credited import Credited
from .fixed_revenue import Effect, FixedRevenue
from .history import Histories
from .join import Joiner
from .plan import Plan
from .position import Position
from .rated import RatedLine, frontier_of
from .routing import Router
from .service import Services
from .terms import fixed_lines

RECOGNITION, USAGE, BILLING, LEFT_OVER = range(4)
"""What comes first of one instant."""


class Desired:
    """Sums by (entity, currency, period, account, customer, contract, line), before any period is closed.

    `functional` has the same keys, with the functional currency at their end. `exceptions` are those that the
    booking raises; `doubtful` are those that the rules neither ask for nor forbid, because nothing is held back.
    """

    def __init__(self, moment, usages, versions, reference, closed_at, facts=()):
        self.moment = moment
        self.reference = reference
        self.sums, self.functional, self.windows = {}, {}, {}
        self.exceptions, self.doubtful, self.not_covered = set(), set(), set()
        self.histories = Histories(versions, reference)
        self.closed_until = moment.closed_until
        joiner = Joiner(self.histories, moment.frontier, self.closed_until, moment.policies, closed_at)
        self.join = joiner.join(usages)
        self.router = Router(self.histories, facts)
        for key in sorted(self.histories.contracts):
            ContractBook(self, self.histories.contracts[key]).book()
        self.exceptions |= self.histories.exceptions | reference.exceptions | self.router.exceptions
        self.doubtful |= self.join.doubtful
        self.doubtful -= self.exceptions

    def functional_currency(self, entity, currency, customer, contract, day):
        """The functional currency of what a contract books on a day."""
        history = self.histories.contracts.get((customer, contract))
        at = booking.end_of(day, history.zone if history else self.reference.zone(entity, instant.FAR_FUTURE))
        return self.reference.functional_currency(entity, at) or currency


class ContractBook:
    """Everything that moves the positions of one contract, in the order of its instants."""

    def __init__(self, desired, history):
        self.desired = desired
        self.moment = desired.moment
        self.history = history
        self.steps = []
        self.metered, self.positions = {}, {}  # by usage line its book and its windows
        self.plan = Plan(history, desired.reference, self.moment.policies)
        self.billing_book = BillingBook(desired, history)
        facts = desired.router.of(history.first.key)
        self._read_usage()
        used = {
            name: [(one.span.end, one.amount) for one in windows if book.can_book(one)]
            for name, (book, windows) in self.metered.items()
        }
        self.billing = Billing(Services(self.plan.taken, self.plan), facts, self.billing_book.rate, used)
        credited = Credited(self.billing.takes)
        self.revenue = FixedRevenue(history, self.plan, self.moment.policies, credited)
        self.billed = {name for one in self.billing.bookings for name in one.moves}
        for name, position in self.positions.items():
            position.layered = name in self.billed
        self.positions[None] = self._fixed_position()

    def book(self):
        """Add the contract's postings and exceptions to the desired books."""
        for book, windows in self.metered.values():
            for rated in windows:
                self._add(rated.span.end, USAGE, book.window, rated)
        self._add_fixed()
        for one in self.billing.bookings:
            for name in one.moves.keys() - self.positions.keys():
                self.positions[name] = Position(self.history.first.currency, layered=True)
            self._add(one.fact.time, BILLING, self.billing_book.book, one, self.positions)
        for _, _, action, arguments in sorted(self.steps, key=lambda step: step[:2]):
            action(*arguments)
        desired = self.desired
        desired.not_covered |= self.plan.not_covered | self.billing.not_covered
        self._doubt_unplanned_lines()
        desired.exceptions |= self.billing.exceptions
        desired.exceptions |= {("treatment_undecidable", *version.position) for version in self.plan.undecided}

    def _doubt_unplanned_lines(self):
        """Whether the product of a line that nobody could decide is known may be said or not."""
        for version in self.history.versions:
            for line in fixed_lines(version):
                known = self.desired.reference.knows(line.product, line.start)
                if line.line_id not in self.plan.courses and not known:
                    self.desired.doubtful.add(("product_unmapped", *version.position))

    def _add(self, at, rank, action, *arguments):
        self.steps.append((at, rank, action, arguments))

    def _fixed_position(self):
        account = self.moment.policies.value("unbilled", self.history.first.start)
        currency = self.history.first.currency
        opening, rate = self.history.first.opening, None
        if opening is not None:
            rate = self.billing_book.sums.rate(instant.local_date(opening[0], self.history.zone))
        return Position(currency, self.revenue.opening(), rate, account, layered=None in self.billed)

    def _read_usage(self):
        """Usage is recognised as it occurs, one position per usage line (accounting.md rules 1 and 4)."""
        history, moment, desired = self.history, self.moment, self.desired
        lines = {line.line_id for version in history.versions for line in version.lines if line.kind == "usage"}
        frontier = frontier_of(history.first.entity, moment.frontier, desired.closed_until)
        for line_id in sorted(lines):
            self.positions[line_id] = Position(history.first.currency)
            book = booking.LineBook(desired, history, line_id, self.positions[line_id])
            events = desired.join.lines.get((history.first.key, line_id), [])
            windows = RatedLine(history, line_id, events, frontier, moment.policies).windows()
            self.metered[line_id] = (book, windows)
            for rated in windows:
                desired.windows[(*history.first.key, line_id, rated.span.start, rated.span.end)] = rated

    def _add_fixed(self):
        """Fixed lines are recognised as the business date passes, one position for all (accounting.md rule 3)."""
        due = frontier_of(self.history.first.entity, self.moment.business_date, self.desired.closed_until)
        effects, position = self.revenue.effects(due), self.positions[None]
        terms = (position, self.history)
        books = {name: booking.LineBook(self.desired, self.plan.taken, name, *terms) for name in self.plan.line_ids()}
        for effect in effects:
            self._add(effect.at, RECOGNITION, books[effect.line_id].effect, effect)
        kept = self.plan.kept_since
        if kept is not None:
            later = {one.fact.time for one in self.billing.bookings}
            for at in sorted({kept} | {at for at in later if at > kept}):
                if at <= due or at > kept:  # what a fact brings is booked with it
                    self._add(at, LEFT_OVER, self._recognise_what_is_left, at, effects, books)

    def _recognise_what_is_left(self, at, effects, books):
        """Policy cancellation = non_refundable: what is deferred and will not be earned is recognised at once."""
        pending = sum(self.revenue.cumulative(name, instant.FAR_FUTURE) - self.plan.opened(name) for name in books)
        pending -= sum(effect.amount for effect in effects if effect.at <= at)
        line_ids = list(books)
        weights = [max(self.plan.unearned(line_id), 0) for line_id in line_ids]
        parts = number.split(self._left(None, pending), weights if any(weights) else [1, *weights[1:]])
        shares = [(books[line_id], line_id, part) for line_id, part in zip(line_ids, parts)]
        for line_id, (book, windows) in self.metered.items():
            pending = sum(rated.amount for rated in windows if rated.span.end > at)
            shares.append((book, line_id, self._left(line_id, pending)))
        for book, line_id, part in shares:
            if part:
                book.effect(Effect(at, instant.local_date(at, self.history.zone), line_id, part))

    def _left(self, name, pending):
        """What a position has that is billed and will not be earned."""
        position = self.positions[name]
        return max(position.billed - position.recognised - pending, 0)
