"""Billing books: the postings of billing facts in both currencies (accounting.md rule 8)."""

from fractions import Fraction

from . import instant, number
from .booking import Sums, end_of

CONTRA = ("voids", "bad_debt", "credit_notes", "refunds", "disputes")


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
        """One entry; what different rates leave of it is the gain or loss, else one posting takes the rounding."""
        fact, rate = booking.fact, self.rate(booking.fact)
        invoice = self.rate(booking.invoice.fact)
        rows, rates, grown = [], set(), None
        for one in booking.postings:
            change, carried = self._functional(one, rate)
            rows.append([one.account, one.minor, change])
            rates.add(carried)
        for name, (recognised, billed) in booking.moves.items():
            position = positions[name]
            moved = position.bill(recognised, billed, rate, booking.invoice.fact, invoice)
            rows += [[account, *amounts] for account, amounts in moved.items() if amounts[0]]
            rates |= position.rates
            grown = (position.grown, rows[-1]) if position.grown is not None else grown
        if fact.kind == "invoice_finalized" and grown is not None and len(rates) == 1:
            self._round_deferred(rows, *grown)
        left = -sum(functional for _, _, functional in rows)
        if len(rates) > 1:
            rows.append(["fx_gain_loss", 0, left])
        elif left:
            self._round(rows, left, booking)
        day = self.day(fact)
        for account, minor, functional in rows:
            self.sums.add(day, end_of(day, self.sums.zone), None, account, minor, functional, rate[0])

    def _round_deferred(self, rows, layer, row):
        """What is deferred is what rounding leaves: receivable and tax stay as converted."""
        left = -sum(functional for _, _, functional in rows)
        layer.functional -= left
        row[2] += left

    def _round(self, rows, left, booking):
        """Of one rate alone: what rounding leaves is in the contra account, else in the cash, else receivable."""
        names = [CONTRA, ("cash",), ("accounts_receivable",)]
        for group in names[2:] if booking.fact.kind == "invoice_finalized" else names:
            for row, posting in zip(rows, booking.postings):
                if row[0] in group:
                    row[2] += left
                    if posting.bucket is not None:
                        amount, functional, carried = self.balances[posting.balance]
                        self.balances[posting.balance] = (amount, functional + left, carried)
                    return
        rows[-1][2] += left

    def _functional(self, posting, rate):
        """(minor units, rate): by its own rate, or of the balance that carries another one, in proportion."""
        if posting.bucket is None:
            return number.convert(posting.minor, self.sums.currency, *rate), rate
        rate = self.rate(posting.bucket)
        amount, functional, carried = self.balances.get(posting.balance, (0, 0, rate))
        if amount * posting.minor >= 0 or abs(posting.minor) > abs(amount):
            change, carried = number.convert(posting.minor, self.sums.currency, *rate), rate
        else:
            change = round(Fraction(functional * posting.minor, amount))
        self.balances[posting.balance] = (amount + posting.minor, functional + change, carried)
        return change, carried
