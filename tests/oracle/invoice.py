"""Invoices: what is open, paid, credited and written off of each, in minor units."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any


@dataclass
class InvoiceLine:
    """A net amount for a service, and what credits have left of it."""

    line_id: str | None
    service: Any
    net: int
    left: int


@dataclass
class Part:
    """What a credit takes of one service: the net amount, what goes to the contra account, what leaves the schedule."""

    line_id: str | None
    service: Any
    net: int
    contra: int
    rest: int
    take: Any = None
    restored: int = 0

    def restore(self, net):
        """(contra, rest) that come back with so much of the net amount, by the cumulative amount."""
        before, self.restored = self.restored, self.restored + net
        contra = round(Fraction(self.contra * self.restored, self.net)) - round(
            Fraction(self.contra * before, self.net)
        )
        return contra, net - contra


@dataclass
class Credit:
    """A credit as it was booked, so that a reversal can give everything back.

    `back` is (contra, tax, recoverables) of what it took of a recovered write-off; `tax` has that in it.
    """

    fact: Any
    invoice: Any
    account: str
    gross: int
    tax: int
    parts: list
    back: tuple = (0, 0, 0)
    reversed: bool = False

    @property
    def contra(self):
        """What went to the contra account."""
        return sum(part.contra for part in self.parts)


@dataclass
class Note(Credit):
    """A credit note: where its amount went, and what of that a refund may still turn into cash."""

    refund: int = 0
    balance: int = 0
    external: int = 0
    receivable: int = 0
    refund_left: int = 0
    balance_left: int = 0
    receivable_left: int = 0


@dataclass
class WriteOff:
    """What was written off, and what of that came in later."""

    credit: Credit
    recovered: int = 0

    def split(self, amount):
        """(bad debt, tax, recoverables) of a later payment, by the cumulative amount."""
        before, after = self.recovered, self.recovered + amount
        self.recovered = after  # a negative amount takes back
        bad, tax = (
            round(Fraction(whole * after, self.credit.gross)) - round(Fraction(whole * before, self.credit.gross))
            for whole in (self.credit.contra, self.credit.tax)
        )
        return bad, tax, amount - bad - tax

    @property
    def left(self):
        """What is still lost."""
        return self.credit.gross - self.recovered


@dataclass
class Invoice:
    """One finalised invoice; `open` is its receivable, `creditable` what credits may still take of it, gross;
    `untaxed` is the tax that they have taken."""

    fact: Any
    gross: int
    tax: int
    lines: list
    open: int
    creditable: int
    untaxed: int = 0
    write_offs: list = field(default_factory=list)
    disputes: list = field(default_factory=list)

    @property
    def uncredited(self):
        """What credits may still take but for what came in of a write-off."""
        return self.creditable - sum(write_off.recovered for write_off in self.write_offs)

    def tax_of(self, gross):
        """The tax in a part of what credits have left: nothing stays behind when all is credited."""
        left = self.creditable
        return round(Fraction((self.tax - self.untaxed) * gross, left)) if left else 0

    @property
    def lost(self):
        """What is written off and has not come in."""
        return sum(write_off.left for write_off in self.write_offs)

    def weights(self):
        """What is left of the lines, else what they were."""
        left = [line.left for line in self.lines]
        return left if sum(left) else [line.net for line in self.lines]
