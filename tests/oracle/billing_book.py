"""Billing books: the postings of billing facts in both currencies (accounting.md rule 8)."""

from . import instant, number
from .booking import Sums, end_of


class BillingBook:
    """Books the facts of one contract; receivables, taxes and contra accounts carry the rate of their invoice."""

    def __init__(self, desired, history):
        self.sums = Sums(desired, history)
        self.balances = {}

    def day(self, fact):
        """The local date of a fact: it is dated that day."""
        return instant.local_date(fact.time, self.sums.zone)

    def rate(self, fact):
        """(functional currency, rate) of a fact, or None: its own rate, else that of its date."""
        return self.sums.rate(self.day(fact), fact.rate)

    def book(self, booking, positions):
        """One entry; what the rates leave of it is the gain or loss."""
        fact, rate = booking.fact, self.rate(booking.fact)
        invoice = booking.invoice.fact
        rows = [(one.account, one.minor, self._functional(one, rate)) for one in booking.postings]
        for name, (recognised, billed) in booking.moves.items():
            moved = positions[name].bill(recognised, billed, rate, invoice, self.rate(invoice))
            rows += [(account, *amounts) for account, amounts in moved.items()]
        rows.append(("fx_gain_loss", 0, -sum(functional for _, _, functional in rows)))
        day = self.day(fact)
        for account, minor, functional in rows:
            self.sums.add(day, end_of(day, self.sums.zone), None, account, minor, functional, rate[0])

    def _functional(self, posting, rate):
        """By its own rate, or the difference of the balance that carries another one."""
        if posting.bucket is None:
            return number.convert(posting.minor, self.sums.currency, *rate)
        key = (posting.account, posting.bucket.position)
        before = self.balances.get(key, 0)
        self.balances[key] = before + posting.minor
        carried = self.rate(posting.bucket)
        values = [number.convert(minor, self.sums.currency, *carried) for minor in (before, self.balances[key])]
        return values[1] - values[0]
