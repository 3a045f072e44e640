"""Billing events: invoices, payments, credits, refunds and disputes."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Literal, Self

from pydantic import model_validator

from accounting.billing_fact import BilledLine, BillingFact, BillingKind
from accounting.calendar import local_date
from accounting.currency import digits
from schemas.decimals import scaled
from schemas.fault import shown
from schemas.fields import (
    Amount,
    AnyText,
    Currency,
    Instant,
    Quantity,
    Record,
    Text,
    broken,
    check_minor_units,
)
from schemas.line import minor_units
from schemas.rate import ZERO
from schemas.trace import CorrelationId, Traceparent

NEEDS_AMOUNT = frozenset({"invoice_finalized", "credit_note", "refund"})
NEEDS_CREDIT_NOTE = frozenset({"credit_note", "credit_note_voided"})


class BillingLine(Record):
    """One line of an invoice or credit: `amount` is net and may be negative; served in [start, end)."""

    line_id: Text
    amount: Amount
    start: Instant | None = None
    end: Instant | None = None

    @model_validator(mode="after")
    def _is_a_period(self) -> Self:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise broken("start must lie before end")
        return self


class Allocations(Record):
    """Where the amount of a credit note goes."""

    refund: Amount = ZERO
    customer_balance: Amount = ZERO
    external: Amount = ZERO


class BillingEvent(Record):
    """One record of billing.events; `amount` includes `tax`, both in the currency's major unit.

    `amount` None: the whole invoice or credit note that the event names. `fx_rate` is functional units for
    one unit of `currency` and wins over reference data.
    """

    event_id: Text
    source: Text
    event_time: Instant
    kind: Literal[
        "invoice_finalized",
        "invoice_paid",
        "invoice_voided",
        "invoice_uncollectible",
        "credit_note",
        "credit_note_voided",
        "refund",
        "dispute_opened",
        "dispute_won",
    ]
    invoice_id: Text | None = None
    credit_note_id: Text | None = None
    customer_id: Text
    contract_id: AnyText | None = None
    currency: Currency
    amount: Amount | None = None
    tax: Amount = ZERO
    lines: tuple[BillingLine, ...] = ()
    allocations: Allocations | None = None
    fx_rate: Quantity | None = None
    correlation_id: CorrelationId = None
    traceparent: Traceparent = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.kind.startswith("invoice_") and self.invoice_id is None:
            raise broken(f"kind {self.kind} needs invoice_id")
        if self.kind in NEEDS_CREDIT_NOTE and self.credit_note_id is None:
            raise broken(f"kind {self.kind} needs credit_note_id")
        if self.kind in NEEDS_AMOUNT and self.amount is None:
            raise broken(f"kind {self.kind} needs amount")
        if self.fx_rate is not None and self.fx_rate <= 0:
            raise broken("fx_rate must be greater than zero")
        for name, amount in self._amounts():
            check_minor_units(digits(self.currency), **{name: amount})
        return self

    def to_fact(self, zone: str) -> BillingFact:
        """The fact in minor units of `currency`, dated in the time zone of the contract's books; never fails."""
        places = digits(self.currency)
        allocations = self.allocations or Allocations()
        return BillingFact(
            event_id=self.event_id,
            source=self.source,
            kind=BillingKind(self.kind),
            at=self.event_time,
            day=local_date(self.event_time, zone),
            invoice_id=self.invoice_id,
            credit_note_id=self.credit_note_id,
            amount=minor_units(self.amount, places),
            tax=scaled(self.tax, places),
            lines=tuple(
                BilledLine(line.line_id, scaled(line.amount, places), line.start, line.end) for line in self.lines
            ),
            refund=scaled(allocations.refund, places),
            customer_balance=scaled(allocations.customer_balance, places),
            external=scaled(allocations.external, places),
            rate=None if self.fx_rate is None else Fraction(self.fx_rate),
        )

    def _amounts(self) -> list[tuple[str, Decimal | None]]:
        named: list[tuple[str, Decimal | None]] = [("amount", self.amount), ("tax", self.tax)]
        named += [(f"amount of line {shown(line.line_id)}", line.amount) for line in self.lines]
        if self.allocations is not None:
            named += [(f"allocations.{name}", amount) for name, amount in self.allocations]
        return named
