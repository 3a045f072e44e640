"""Billing, reference, control and ERP records need what their kind needs."""

import pytest

from schemas import topics
from schemas.billing import BillingEvent
from schemas.control import ControlEvent
from schemas.decode import decode
from schemas.fault import Fault
from schemas.instants import parse_instant
from schemas.reference import ReferenceEvent
from tests.schemas.examples import BILLING, FEB, JAN, POSTING, changed, line_of


def control(**fields):
    """The outcome of decoding a control record."""
    return decode(topics.CONTROL, line_of(fields))


def reference(**fields):
    """The outcome of decoding a reference record."""
    return decode(topics.REFERENCE, line_of(fields))


def billing(**changes):
    """The outcome of decoding the example billing record with changes."""
    return decode(topics.BILLING, line_of(changed(BILLING, **changes)))


CLOSE = {"event_time": FEB, "entity": "e", "period": "2024-01", "actor": "ann"}
INVALID = {
    "kind clock needs as_of": control(kind="clock", event_time=FEB),
    "kind period_close needs entity": control(kind="period_close", **changed(CLOSE, entity=None)),
    "period = '2024-13'": control(kind="period_close", **changed(CLOSE, period="2024-13")),
    "kind period_reopen needs actor": control(kind="period_reopen", **changed(CLOSE, actor=None)),
    "kind period_reopen needs approver": control(kind="period_reopen", **CLOSE),
    "approver must be another person than actor": control(kind="period_reopen", approver="ann", **CLOSE),
    "kind policy needs value": control(kind="policy", event_time=FEB, key="recognise"),
    "event_time is missing": control(kind="period_close", **changed(CLOSE, event_time=None)),
    "kind = 'tick'": control(kind="tick", event_time=FEB),
    "kind account needs number": reference(kind="account", name="revenue"),
    "kind fx_rate needs rate": reference(kind="fx_rate", base="EUR", quote="USD", as_of=JAN),
    "rate must be greater than zero": reference(kind="fx_rate", base="EUR", quote="USD", as_of=JAN, rate="0"),
    "time_zone 'Mars' must be a name": reference(kind="entity", id="e", time_zone="Mars"),
    "time_zone '../etc/passwd' must": reference(kind="entity", id="e", time_zone="../etc/passwd"),
    "sla 'soon' must be a duration": reference(kind="exception_owner", id="x", owner="o", sla="soon"),
    "kind exception_owner needs owner": reference(kind="exception_owner", id="x"),
    "id is missing": reference(kind="product"),
    "ssp_low must not exceed ssp_high": reference(kind="product", id="p", ssp_low="2", ssp_high="1"),
    "kind invoice_paid needs invoice_id": billing(kind="invoice_paid", invoice_id=None),
    "kind credit_note needs credit_note_id": billing(credit_note_id=None),
    "kind refund needs amount": billing(kind="refund", amount=None),
    "fx_rate must be greater than zero": billing(fx_rate="-1"),
    "allocations.refund 0.001 must": billing(allocations={"refund": "0.001"}),
    "amount of line 'l2' 0.001 must": billing(lines=[{"line_id": "l2", "amount": "0.001"}]),
    "start must lie before end": billing(lines=[{"line_id": "l2", "amount": "1", "start": FEB, "end": JAN}]),
    "status = 'lost'": decode(topics.POSTINGS, line_of(changed(POSTING, status="lost"))),
}


@pytest.mark.parametrize("reason", INVALID)
def test_a_record_without_what_its_kind_needs_is_invalid_and_says_why(reason):
    fault = INVALID[reason]
    assert isinstance(fault, Fault)
    assert "invalid" == fault.cls
    assert reason in fault.reason


def test_a_clock_happens_when_it_says_the_date_is():
    clock = control(kind="clock", as_of=FEB)
    assert isinstance(clock, ControlEvent)
    assert (parse_instant(FEB), parse_instant(FEB)) == (clock.event_time, clock.reaches)


def test_a_clock_reaches_its_as_of_and_a_close_its_event_time():
    clock, close = control(kind="clock", as_of=FEB, event_time=JAN), control(kind="period_close", **CLOSE)
    assert isinstance(clock, ControlEvent)
    assert isinstance(close, ControlEvent)
    assert [parse_instant(FEB)] * 2 == [clock.reaches, close.reaches]


def test_a_policy_holds_from_its_event_time_unless_it_says_otherwise():
    policy = control(kind="policy", event_time=FEB, key="recognise", value="daily")
    assert isinstance(policy, ControlEvent)
    assert parse_instant(FEB) == policy.effective_from


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"kind": "product", "product_id": "p"}, "p"),
        ({"kind": "account", "entity": "e", "name": "revenue", "number": "4000"}, "revenue"),
        ({"kind": "entity", "entity": "e", "time_zone": "Europe/Berlin"}, "e"),
        ({"kind": "fx_rate", "base": "EUR", "quote": "USD", "rate": "1.1", "as_of": JAN}, "EUR/USD"),
        ({"kind": "exception_owner", "class": "invalid", "owner": "o"}, "invalid"),
    ],
)
def test_a_reference_record_is_named_by_what_it_describes(fields, expected):
    record = reference(**fields)
    assert isinstance(record, ReferenceEvent)
    assert expected == record.id


def test_a_product_may_call_its_default_method_method():
    record = reference(kind="product", id="p", method="monthly")
    assert isinstance(record, ReferenceEvent)
    assert "monthly" == record.default_method


@pytest.mark.parametrize(("sla", "expected"), [("36h", 129_600), ("1d12h", 129_600), ("90s", 90), (None, None)])
def test_an_sla_is_a_duration(sla, expected):
    record = reference(kind="exception_owner", id="x", owner="o", sla=sla)
    assert isinstance(record, ReferenceEvent)
    assert expected == record.sla_s()


def test_a_payment_may_leave_its_amount_to_the_invoice():
    assert isinstance(billing(kind="invoice_paid", amount=None, allocations=None), BillingEvent)
