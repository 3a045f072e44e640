"""Billing records: what one record of billing.events says (events.md, billing.events)."""

import re
from dataclasses import dataclass
from fractions import Fraction

from . import instant, number
from .topic import Invalid, must

TOPIC = "billing.events"
KINDS = (
    "invoice_finalized",
    "invoice_paid",
    "credit_note",
    "refund",
    "dispute_opened",
    "invoice_uncollectible",
    "invoice_voided",
    "credit_note_voided",
    "dispute_won",
)
"""In the order in which facts of one instant count."""
NEED_AMOUNT = ("invoice_finalized", "credit_note", "refund")
NEED_NOTE = ("credit_note", "credit_note_voided")
ALLOCATIONS = ("refund", "customer_balance", "external")


@dataclass(frozen=True)
class FactLine:
    """A line of an invoice or credit, in net minor units; None: the period is the line's own."""

    line_id: str
    minor: int
    start: int | None
    end: int | None


@dataclass(frozen=True)
class Fact:
    """A valid billing record; amounts in minor units, `amount` None: all of what it names."""

    position: tuple
    segment: int
    event_id: str
    source: str
    time: int
    kind: str
    invoice: str | None
    note: str | None
    customer: str
    contract: str | None
    currency: str
    amount: int | None
    tax: int
    lines: tuple
    allocations: tuple
    rate: Fraction | None

    @property
    def identity(self):
        """Identity within a customer (architecture.md, Dedupe)."""
        return (self.customer, self.source, self.event_id)

    @property
    def content(self):
        """What a redelivery must repeat."""
        return (self.issued, self.contract, self.time, self.note, self.rate, self.kind)

    @property
    def issued(self):
        """What a second finalisation of an invoice or note must repeat; which contract it names has led to its books."""
        money = (self.currency, self.amount, self.tax, self.lines, self.allocations)
        return (self.customer, self.invoice, self.rate, *money)


def parse(row, time, segment):
    """The fact a row states; raises Invalid."""
    value = row.value
    kind, currency = value.get("kind"), value.get("currency")
    if type(kind) is not str or kind not in KINDS:
        raise Invalid
    if type(currency) is not str or re.fullmatch("[A-Z]{3}", currency, re.ASCII) is None:
        raise Invalid
    contract = value.get("contract_id")
    if contract is not None and type(contract) is not str:
        raise Invalid
    fact = Fact(
        position=row.position,
        segment=segment,
        event_id=must(_text(value.get("event_id"))),
        source=must(_text(value.get("source"))),
        time=must(time),
        kind=kind,
        invoice=_text(value.get("invoice_id")),
        note=_text(value.get("credit_note_id")),
        customer=must(_text(value.get("customer_id"))),
        contract=contract,
        currency=currency,
        amount=_minor(value.get("amount"), currency),
        tax=_minor(value.get("tax"), currency) or 0,
        lines=tuple(_line(item, currency) for item in _list(value.get("lines"))),
        allocations=_allocations(value.get("allocations"), currency),
        rate=_rate(value.get("fx_rate")),
    )
    if kind.startswith("invoice_") and fact.invoice is None:
        raise Invalid
    if (kind in NEED_NOTE and fact.note is None) or (kind in NEED_AMOUNT and fact.amount is None):
        raise Invalid
    return fact


def _line(value, currency):
    if not isinstance(value, dict):
        raise Invalid
    start, end = _time(value.get("start")), _time(value.get("end"))
    if start is not None and end is not None and start >= end:
        raise Invalid
    return FactLine(must(_text(value.get("line_id"))), must(_minor(value.get("amount"), currency)), start, end)


def _allocations(value, currency):
    if value is None:
        return (0, 0, 0)
    if not isinstance(value, dict):
        raise Invalid
    return tuple(_minor(value.get(name), currency) or 0 for name in ALLOCATIONS)


def _rate(value):
    if value is None:
        return None
    rate = must(number.decimal(value))
    if rate <= 0:
        raise Invalid
    return rate


def _minor(value, currency):
    """Minor units of an amount that is no finer than they are, None for none."""
    if value is None:
        return None
    exact = must(number.decimal(value)) * 10 ** number.currency_digits(currency)
    if exact.denominator != 1:
        raise Invalid
    return exact.numerator


def _list(value):
    if value is not None and not isinstance(value, list):
        raise Invalid
    return value or []


def _text(value):
    if value is not None and (type(value) is not str or not value):
        raise Invalid
    return value


def _time(value):
    return None if value is None else must(instant.parse(value))
