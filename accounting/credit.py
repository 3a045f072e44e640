"""A credit: what it took from revenue, from deferred revenue and from tax, and where its other side went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from accounting.billing_fact import BillingFact
from accounting.booking import (
    ACCOUNTS_RECEIVABLE,
    CASH,
    CREDIT,
    CUSTOMER_BALANCE,
    EXTERNAL_BALANCE,
    RECOVERABLES,
    TAX_PAYABLE,
    Booking,
    ServedLine,
    ShiftMode,
)
from accounting.exchange import Holding
from accounting.invoice import Invoice, Piece, Recovery, only, pro_rata
from accounting.recognition import LinePlan
from accounting.service_terms import Ratio, Service, ServiceTerms

SIDES = (ACCOUNTS_RECEIVABLE, CASH, CUSTOMER_BALANCE, EXTERNAL_BALANCE)


@dataclass(slots=True)
class CreditPart:
    """One credited service; minor units, net. What a reversal gives back is no longer in it."""

    service: Service
    piece: Piece | None  # of the invoice
    transferred: Ratio  # how much of the service was recognised then
    contra: int  # goes to the contra account
    rest: int  # reduces deferred revenue and what is still to be recognised
    turns: list[tuple[int, int]]  # from an instant on, the rest that is taken


@dataclass(slots=True)
class Drawn:
    """What a credit takes of what came in after a write-off."""

    recovery: Recovery
    contra: int
    tax: int
    rest: int


@dataclass(slots=True)
class Credit:
    """A void, write-off, credit note, refund or dispute; what is reversed of it is no longer in it."""

    fact: BillingFact
    invoice: Invoice
    account: str  # the contra account
    parts: list[CreditPart]
    tax: int
    drawn: list[Drawn]
    sides: dict[str, int]  # account -> what it was credited, minor units
    refunded: int = 0  # of a credit note: what refunds that name it have claimed
    contra_held: Holding = field(default_factory=Holding)
    rests: dict[str, Holding] = field(default_factory=dict)  # by position
    balances: dict[str, Holding] = field(default_factory=dict)  # by account of the other side

    @property
    def amount(self) -> int:
        """All of it, with tax, as far as it is not reversed."""
        return sum(self._components())

    @property
    def line_id(self) -> str:
        """The line that is credited, "" if there are several."""
        return only({one.service[0] for one in self.parts})

    def _components(self) -> list[int]:
        found = [one.contra for one in self.parts] + [one.rest for one in self.parts] + [self.tax]
        for one in self.drawn:
            found += [one.contra, one.tax, one.rest]
        return found

    def booking(self, terms: ServiceTerms, rule: str) -> Booking:
        """The entry of the credit; takes its parts from the invoice."""
        booking = Booking(self.fact, CREDIT, rule, self.invoice.fact)
        contra = sum(one.contra for one in self.parts) + sum(one.contra for one in self.drawn)
        booking.leg(self.account, contra, self.contra_held)
        booking.leg(TAX_PAYABLE, self.tax + sum(one.tax for one in self.drawn), self.invoice.taxed)
        for one in self.drawn:
            booking.leg(RECOVERABLES, one.rest, one.recovery.held)
            one.recovery.contra -= one.contra
            one.recovery.tax -= one.tax
            one.recovery.rest -= one.rest
        for position, rest in self._by_position(terms, [one.rest for one in self.parts]).items():
            booking.shift(position, -rest, ShiftMode.TAKE, self.rests.setdefault(position, Holding()))
        for account, amount in self.sides.items():
            self._side(booking, account, -amount)
        self._live(-1, [one.contra + one.rest for one in self.parts], self.tax)
        booking.lines = tuple(ServedLine(one.service[0], one.contra + one.rest, one.contra) for one in self.parts)
        booking.line_id = self.line_id
        return booking

    def reversal(self, terms: ServiceTerms, fact: BillingFact, amount: int, rule: str) -> Booking:
        """The entry that takes `amount` of the credit back at a later fact's date, all its legs pro rata."""
        booking = Booking(fact, CREDIT, rule, self.invoice.fact)
        back = iter(pro_rata(amount, self._components()))
        contras = [next(back) for _ in self.parts]
        rests = [next(back) for _ in self.parts]
        tax = next(back)
        recovered = [(one, next(back), next(back), next(back)) for one in self.drawn]
        booking.leg(self.account, -sum(contras) - sum(contra for _, contra, _, _ in recovered), self.contra_held)
        booking.leg(TAX_PAYABLE, -tax - sum(part for _, _, part, _ in recovered), self.invoice.taxed)
        for drawn, contra, part, rest in recovered:
            booking.leg(RECOVERABLES, -rest, drawn.recovery.held)
            _give_back(drawn, contra, part, rest)
        for position, rest in self._by_position(terms, rests).items():
            booking.shift(position, rest, ShiftMode.GIVE, self.rests[position])
        for account, part in zip(self.sides, pro_rata(amount, list(self.sides.values())), strict=True):
            self.sides[account] -= part
            self._side(booking, account, part)
        for one, contra, rest in zip(self.parts, contras, rests, strict=True):
            self.give_back(terms, one, fact.at, contra, rest)
        self.tax -= tax
        self._live(1, [contra + rest for contra, rest in zip(contras, rests, strict=True)], tax)
        booking.lines = tuple(
            ServedLine(one.service[0], -contra - rest, -contra)
            for one, contra, rest in zip(self.parts, contras, rests, strict=True)
        )
        booking.line_id = self.line_id
        return booking

    @staticmethod
    def give_back(terms: ServiceTerms, part: CreditPart, at: int, contra: int, rest: int) -> None:
        """A part takes that much less from an instant on."""
        part.contra -= contra
        part.rest -= rest
        if rest:
            part.turns.append((terms.since(part.service[0], at), part.rest))

    def recover(self, booking: Booking, amount: int) -> Recovery:
        """A payment of `amount` on a write-off: the contra account and tax by their shares, recoverables the rest."""
        back = iter(pro_rata(amount, self._components()))
        contras = [next(back) for _ in self.parts]
        rests = [next(back) for _ in self.parts]
        tax = next(back)
        for one, contra, rest in zip(self.parts, contras, rests, strict=True):
            # What is still to be recognised stays reduced: the money that comes in is no revenue, it is recoverables.
            one.contra -= contra
            one.rest -= rest
        self.tax -= tax
        recovery = Recovery(sum(contras), tax, sum(rests), Holding())
        booking.leg(self.account, -recovery.contra, self.contra_held)
        booking.leg(TAX_PAYABLE, -tax, self.invoice.taxed)
        booking.leg(RECOVERABLES, -recovery.rest, recovery.held, today=True)
        return recovery

    def overlays(self, terms: ServiceTerms) -> Iterator[LinePlan]:
        """What it takes from what is still to be recognised."""
        for one in self.parts:
            found = terms.overlay(one.service, self.fact.at, one.transferred, one.turns)
            if found is not None:
                yield found

    def _side(self, booking: Booking, account: str, amount: int) -> None:
        if account == ACCOUNTS_RECEIVABLE:
            self.invoice.open += amount
            booking.leg(account, amount, self.invoice.receivable)
        elif account == CASH:
            booking.leg(account, amount, today=True)
        else:
            booking.leg(account, amount, self.balances.setdefault(account, Holding()), today=True)

    def _live(self, sign: int, nets: list[int], tax: int) -> None:
        for one, net in zip(self.parts, nets, strict=True):
            if one.piece is not None:
                one.piece.left += sign * net
        self.invoice.live += sign * (sum(nets) + tax)
        self.invoice.live_tax += sign * tax

    def _by_position(self, terms: ServiceTerms, rests: list[int]) -> dict[str, int]:
        found: dict[str, int] = {}
        for one, rest in zip(self.parts, rests, strict=True):
            position = terms.position(one.service[0])
            found[position] = found.get(position, 0) + rest
        return found


def _give_back(drawn: Drawn, contra: int, tax: int, rest: int) -> None:
    """What was drawn of a recovery goes back to it."""
    recovery = drawn.recovery
    drawn.contra, recovery.contra = drawn.contra - contra, recovery.contra + contra
    drawn.tax, recovery.tax = drawn.tax - tax, recovery.tax + tax
    drawn.rest, recovery.rest = drawn.rest - rest, recovery.rest + rest
