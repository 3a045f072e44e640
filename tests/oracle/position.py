"""Positions: billed against recognised, on one side only, each part at the rate it came in with."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from . import number


@dataclass
class Layer:
    """Part of a balance in both currencies; `rate` None: that of whatever moves it (an opening)."""

    invoice: Any
    amount: int
    rate: Any
    functional: int = 0

    def add(self, amount, currency, before=0):
        """Add minor units; the functional ones that go with them, at the layer's rate.

        They are the end of a larger amount of which so much went elsewhere `before`.
        """
        more = number.convert(before + amount, currency, *self.rate) - number.convert(before, currency, *self.rate)
        self.amount, self.functional = self.amount + amount, self.functional + more
        return more

    def take(self, amount, currency, rate):
        """Take minor units; the functional ones that go with them, in proportion: nothing is left of them at zero."""
        if self.rate is None:
            self.amount -= amount
            return number.convert(amount, currency, *rate)
        gone = round(Fraction(self.functional * amount, self.amount))
        self.amount, self.functional = self.amount - amount, self.functional - gone
        return gone


class Position:
    """R > B is an unbilled receivable (or contract asset), B > R deferred revenue, never both (accounting.md rule 1).

    `layered`: something is billed; deferred revenue is then released at the rates of its invoices, FIFO, and what is
    unbilled leaves at the rates it came in with (rule 8). Else every posting takes the rate of its day. An opening
    (recognised, billed) comes in at the rate of its day.
    """

    def __init__(self, currency, opening=(0, 0), rate=None, unbilled="unbilled_receivable", layered=False):
        recognised, billed = opening
        self.currency = currency
        self.recognised = recognised
        self.billed = billed
        self.unbilled = unbilled
        self.layered = layered
        self.deferred, self.receivable = [Layer(None, 0, rate)], [Layer(None, 0, rate)]
        if rate is not None:
            self.deferred[0].add(max(billed - recognised, 0), currency)
            self.receivable[0].add(max(recognised - billed, 0), currency)
        else:
            self.deferred[0].amount = max(billed - recognised, 0)
            self.receivable[0].amount = max(recognised - billed, 0)

    def recognise(self, amount, rate):
        """{account: (minor, functional)} of the balances, debit positive, for an amount recognised on a day."""
        self.recognised += amount
        return self._move(-amount, rate, None, rate)

    def bill(self, recognised, billed, rate, invoice, invoice_rate):
        """The same for a billing fact of an invoice: the rate of its date, and the invoice's."""
        self.recognised += recognised
        self.billed += billed
        return self._move(billed - recognised, rate, invoice, invoice_rate)

    def _move(self, net, rate, invoice, invoice_rate):
        """Billed less recognised grows by a net amount: first what lies on the other side goes."""
        growing, falling = (self.deferred, self.receivable) if net > 0 else (self.receivable, self.deferred)
        left, gone, functional = abs(net), 0, 0
        self.rates, self.grown = set(), None
        for layer in sorted(falling, key=lambda layer: invoice is None or layer.invoice is not invoice):
            part = min(left, layer.amount)
            if part:
                self._note(layer, rate)
                functional += layer.take(part, self.currency, rate)
                gone, left = gone + part, left - part
        come = 0
        if left and net > 0:
            layer = self._own(invoice, invoice_rate)
            come, self.grown = layer.add(left, self.currency, gone), layer
            self._note(layer, rate)
        elif left:
            growing.append(Layer(None, 0, rate))
            come = growing[-1].add(left, self.currency)
            self._note(growing[-1], rate)
        if not self.layered:
            functional, come = (number.convert(minor, self.currency, *rate) for minor in (gone, left))
        rise, fall = ("deferred_revenue", self.unbilled) if net > 0 else (self.unbilled, "deferred_revenue")
        sign = -1 if net > 0 else 1
        return {fall: (sign * gone, sign * functional), rise: (sign * left, sign * come)}

    def _note(self, layer, rate):
        self.rates.add(rate if layer.rate is None else layer.rate)

    def _own(self, invoice, rate):
        """The layer of an invoice, at its place."""
        known = [layer for layer in self.deferred if invoice is not None and layer.invoice is invoice]
        if not known:
            self.deferred.append(Layer(invoice, 0, rate))
        return known[0] if known else self.deferred[-1]
