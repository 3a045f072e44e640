"""What billing says happened, as values: one fact per billing event, and what is wrong with one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction


class BillingKind(StrEnum):
    """The kinds of billing events (events.md, billing.events)."""

    INVOICE_FINALIZED = "invoice_finalized"
    INVOICE_PAID = "invoice_paid"
    INVOICE_VOIDED = "invoice_voided"
    INVOICE_UNCOLLECTIBLE = "invoice_uncollectible"
    CREDIT_NOTE = "credit_note"
    CREDIT_NOTE_VOIDED = "credit_note_voided"
    REFUND = "refund"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"


@dataclass(frozen=True, slots=True)
class BilledLine:
    """One line of an invoice or a credit: `net` minor units for what is served in [start, end)."""

    line_id: str
    net: int
    start: int | None = None  # None: the line's own
    end: int | None = None


@dataclass(frozen=True, slots=True)
class BillingFact:
    """One billing event of one contract. Amounts are minor units of the contract's currency."""

    event_id: str
    source: str
    kind: BillingKind
    at: int  # event time
    day: date  # the local date of it, in the entity's zone
    invoice_id: str | None = None
    credit_note_id: str | None = None
    amount: int | None = None  # with tax; None: the whole invoice or note, or what is open of it
    tax: int | None = None  # None or zero of a credit: by what its lines leave, else pro rata of the invoice's
    lines: tuple[BilledLine, ...] = ()
    refund: int = 0  # where the amount of a credit note goes; what these leave stays with the invoice
    customer_balance: int = 0
    external: int = 0
    rate: Fraction | None = None  # the event's fx_rate: functional units for one unit

    @property
    def said(self) -> tuple[object, ...]:
        """What the event says of its invoice or note, apart from its own identity and time."""
        return (
            self.amount, self.tax or 0, self.lines, self.refund, self.customer_balance, self.external, self.rate
        )  # fmt: skip


INVOICE_UNKNOWN = "invoice_unknown"
INVOICE_CONFLICT = "invoice_conflict"
AMOUNT_EXCEEDS = "amount_exceeds"
LINE_UNKNOWN = "line_unknown"
FX_RATE_MISSING = "fx_rate_missing"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a fact is not booked as it stands, with the remedy: bad data is data."""

    fact: BillingFact | None  # None: of the contract's own effects
    cls: str  # the class of the exception
    reason: str
    booked: bool = False  # True: booked after all, in the way that the reason tells
