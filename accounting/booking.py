"""What a billing fact books, before rates are known: money and tax by account, and changes of positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from accounting.billing_fact import BillingFact
from accounting.exchange import Holding

ACCOUNTS_RECEIVABLE = "accounts_receivable"
CASH = "cash"
CUSTOMER_BALANCE = "customer_balance"
EXTERNAL_BALANCE = "external_balance"
RECOVERABLES = "recoverables"
TAX_PAYABLE = "tax_payable"
FX_GAIN_LOSS = "fx_gain_loss"

BILLING = "billing"
PAYMENT = "payment"
CREDIT = "credit"


class Leg(NamedTuple):
    """A movement of one account; a debit is positive."""

    account: str
    amount: int
    holding: Holding | None = None  # what is carried at historical rates; None: nothing is
    today: bool = False  # what is new in it takes the rate of the event, else that of the invoice


class ShiftMode(Enum):
    """How a change of a position is valued."""

    BILL = "bill"  # as the rest of its entry
    TAKE = "take"  # at what the position carries; noted, for a reversal
    GIVE = "give"  # at what was taken


class Shift(NamedTuple):
    """A change of a position, B - R: billed or given back above zero, credited below."""

    position: str
    change: int
    mode: ShiftMode
    held: Holding | None = None  # what a credit took


class ServedLine(NamedTuple):
    """The part of a fact that concerns one line: its evidence."""

    line_id: str
    net: int  # minor units billed, or credited
    contra: int = 0  # of these, what goes to the contra account; restored or reversed: below zero
    restored: int = 0  # what a re-invoice gives back of a void


@dataclass(slots=True)
class Booking:
    """One balanced entry to be: the sum of its legs is the sum of its changes of positions."""

    fact: BillingFact
    kind: str
    rule: str
    stated_by: BillingFact  # the finalisation that says the invoice's rate, else the fact itself
    legs: list[Leg] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    lines: tuple[ServedLine, ...] = ()
    line_id: str = ""  # the line that the fact concerns, "" if there are several

    def leg(self, account: str, amount: int, holding: Holding | None = None, today: bool = False) -> None:
        """Add a movement, unless it is zero."""
        if amount:
            self.legs.append(Leg(account, amount, holding, today))

    def shift(self, position: str, change: int, mode: ShiftMode, held: Holding | None = None) -> None:
        """Add a change of a position, unless it is zero."""
        if change:
            self.shifts.append(Shift(position, change, mode, held))
