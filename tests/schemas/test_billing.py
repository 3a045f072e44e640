"""A billing event becomes a fact in scaled integers, dated where the contract's books are kept."""

from datetime import date
from fractions import Fraction
from typing import get_args

import pytest

from accounting.billing_fact import BilledLine, BillingFact, BillingKind
from schemas import topics
from schemas.billing import BillingEvent
from schemas.decode import decode
from schemas.instants import parse_instant
from tests.schemas.examples import BILLING, FEB, JAN, changed, line_of


def event(**changes):
    """The example record with changes, as it is read."""
    found = decode(topics.BILLING, line_of(changed(BILLING, **changes)))
    assert isinstance(found, BillingEvent), found
    return found


def test_a_billing_event_becomes_a_fact_in_scaled_integers():
    expected = BillingFact(
        event_id="b1",
        source="billing",
        kind=BillingKind.CREDIT_NOTE,
        at=parse_instant(FEB),
        day=date.fromisoformat(FEB[:10]),
        invoice_id="i1",
        credit_note_id="n1",
        amount=4500,
        tax=450,
        lines=(BilledLine("l2", -4050, parse_instant(JAN), parse_instant(FEB)),),
        refund=1500,
        customer_balance=1000,
        external=2000,
        rate=Fraction(1083400000000000001, 10**18),
    )
    assert expected == event().to_fact("UTC")


def test_what_an_event_does_not_say_a_fact_does_not_have():
    found = event(
        kind="invoice_paid", credit_note_id=None, amount=None, tax=None, lines=None, allocations=None, fx_rate=None
    ).to_fact("UTC")
    assert (None, None, 0, (), None) == (found.credit_note_id, found.amount, found.tax, found.lines, found.rate)
    assert (0, 0, 0) == (found.refund, found.customer_balance, found.external)


def test_a_line_without_a_period_leaves_it_open():
    [line] = event(lines=[{"line_id": "l1", "amount": "7"}]).to_fact("UTC").lines
    assert BilledLine("l1", 700, None, None) == line


@pytest.mark.parametrize(
    ("currency", "amount", "expected"), [("JPY", "45", 45), ("USD", "45", 4500), ("KWD", "45", 45000)]
)
def test_amounts_are_in_the_minor_unit_of_their_currency(currency, amount, expected):
    whole = {"tax": "0", "lines": None, "allocations": None}
    assert expected == event(currency=currency, amount=amount, **whole).to_fact("UTC").amount


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("America/New_York", date(2025, 1, 31)), ("UTC", date(2025, 2, 1)), ("Asia/Tokyo", date(2025, 2, 1))],
)
def test_a_fact_is_dated_in_the_zone_of_the_books(zone, expected):
    assert expected == event(event_time="2025-02-01T04:59:59Z").to_fact(zone).day


def test_every_kind_of_event_is_a_kind_of_fact():
    kinds = get_args(BillingEvent.model_fields["kind"].annotation)
    assert set(BillingKind) == set(kinds)
    assert [*kinds] == [event(kind=kind).to_fact("UTC").kind for kind in kinds]
