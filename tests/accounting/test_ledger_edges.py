"""What a contract's ledger does with what hardly ever happens: no lines, lines that nobody can decide, days without a rate."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from accounting.billing_fact import AMOUNT_EXCEEDS, FX_RATE_MISSING, LINE_UNKNOWN
from accounting.contract import Modification, Opening, VersionKind
from accounting.position import REVENUE
from tests.accounting.examples import at, day
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    QUARTER,
    billed,
    by_month,
    cancelled,
    cents,
    metered,
    ratable,
    settled,
    signed,
    told,
    totals,
    used,
)

NOBODY = Modification("prospective", "agreed")  # has approved it


def lacking(found):
    """(class, reason) of what is missing."""
    return [(one.cls, one.reason) for one in found.problems]


# -- versions that nobody can decide


def test_a_line_of_a_version_that_was_not_taken_up_is_not_known():
    second = signed(2, "2023-02-01", LINE, ratable("N", "2023-02-01", "2023-04-01", 10), modification=NOBODY)
    invoice = told("invoice_finalized", "2023-02-10", 10, billed("N", 10))
    found = settled([QUARTER, second], [invoice])
    assert [LINE_UNKNOWN] == [one.cls for one in found.problems]
    assert {"L"} == {line.line_id for one in found.billing for line in one.lines}
    third = replace(second, version=3, modification=replace(NOBODY, approved_by="ann"))
    assert [] == settled([QUARTER, second, third], [invoice]).problems


def test_a_version_that_was_not_taken_up_does_not_say_over_which_lines_an_amount_goes():
    second = signed(2, "2023-02-01", ratable("N", "2023-02-01", "2023-04-01", 10), modification=NOBODY)
    third = replace(QUARTER, version=3, kind=VersionKind.AMENDED, effective_at=at("2023-02-15"))
    found = settled([QUARTER, second, third], [told("invoice_finalized", "2023-02-10", 10)])
    assert ["L"] == [line.line_id for one in found.billing for line in one.lines]


def test_a_contract_that_was_cancelled_before_a_version_that_was_not_taken_up_is_cancelled():
    ended = cancelled("2023-02-01")
    third = signed(3, "2023-03-01", LINE, modification=NOBODY)
    facts = [INVOICE, told("refund", "2023-03-10")]
    expected = by_month(settled([QUARTER, ended], facts))
    assert expected == by_month(settled([QUARTER, ended, third], facts))
    assert {"Jan": Decimal(31)} == expected["revenue"]


# -- without lines


def test_a_contract_without_lines_defers_what_is_billed():
    empty = replace(QUARTER, lines=())
    found = settled([empty], [INVOICE, told("credit_note", "2023-02-01", 45, note="N")])
    assert {"accounts_receivable": cents(45), "deferred_revenue": cents(-45)} == totals(found)


def test_an_amount_goes_over_the_lines_of_the_last_version_that_had_any():
    gone = replace(QUARTER, version=2, kind=VersionKind.AMENDED, effective_at=at("2023-03-01"), lines=())
    late = told("invoice_finalized", "2023-03-10", 10)
    assert ["L"] == [line.line_id for one in settled([QUARTER, gone], [late]).billing for line in one.lines]
    meter = signed(1, "2023-01-01", metered("U", "2023-01-01"))
    gone = replace(meter, version=2, kind=VersionKind.AMENDED, effective_at=at("2023-03-01"), lines=())
    assert ["U"] == [line.line_id for one in settled([meter, gone], [late]).billing for line in one.lines]


def test_usage_of_a_line_that_no_version_has_any_more_has_a_position_of_its_own():
    found = settled([QUARTER], [], [used("Z", "2023-01-10", 5)])
    assert {"": cents(-90), "Z": cents(-5)} == {name: one.owed for name, one in found.positions.items()}


# -- a service period of which one end is said, outside the term of the line


@pytest.mark.parametrize(("span", "contra"), [(("2023-05-01", None), 0), ((None, "2022-12-01"), 10)])
def test_it_is_the_day_that_is_said(span, contra):
    facts = [told("invoice_finalized", "2023-02-01", 10, billed("L", 10, *span)), told("invoice_voided", "2023-02-10")]
    found = settled([QUARTER], facts)
    assert [] == found.problems
    (credit,) = [one.lines for one in found.billing if one.kind == "credit"]
    assert [("L", cents(10), cents(contra))] == [(one.line_id, one.net, one.contra) for one in credit]
    # The books come to an end: nothing is taken from days that nobody will see.
    assert {0: cents(80), 10: cents(90)}[contra] == -totals(found)[REVENUE]


# -- what moves nothing, and what is refused


def test_an_invoice_that_moves_an_amount_from_line_to_line_moves_no_account():
    meters = replace(signed(1, "2023-01-01", metered("U", "2023-01-01")), lines=tuple(
        metered(name, "2023-01-01") for name in "UV"
    ))  # fmt: skip
    first = told("invoice_finalized", "2023-01-01", 20, billed("V", 20))
    second = told("invoice_finalized", "2023-01-02", 0, billed("U", 10), billed("V", -10), invoice="J")
    found = settled([meters], [first, second])
    assert ([first], []) == ([one.fact for one in found.billing], found.problems)
    assert {"U": cents(10), "V": cents(10)} == {name: found.positions[name].owed for name in "UV"}


def test_a_dispute_with_more_tax_than_there_is_opens_none():
    facts = [INVOICE, told("dispute_opened", "2023-02-01", 9, tax=1), told("dispute_won", "2023-02-02")]
    found = settled([QUARTER], facts)
    assert [AMOUNT_EXCEEDS, AMOUNT_EXCEEDS] == [one.cls for one in found.problems]
    assert by_month(settled([QUARTER], [INVOICE])) == by_month(found)


# -- days without a rate

EUROS = replace(QUARTER, currency="EUR")


def no_rate_in(*months):
    return lambda one: None if one.month in months else Fraction(2)


def test_without_the_rate_of_the_opening_nothing_is_booked_and_it_is_said():
    opened = replace(EUROS, opening=Opening(at("2023-02-01"), cents(31), cents(90)))
    found = settled([opened], [INVOICE], functional="USD", rates=no_rate_in(2))
    assert [(FX_RATE_MISSING, "there is no rate EUR/USD for 2023-02-01: send an fx_rate record")] == lacking(found)
    assert ([], [], []) == (found.recognitions, found.usage, found.billing)


def test_what_lacks_the_same_rate_is_said_once():
    both = replace(EUROS, lines=(LINE, replace(LINE, line_id="M")))
    usage = [used("U", "2023-01-31", 5), used("V", "2023-01-31", 5)]
    found = settled([both], [], usage, functional="USD", rates=no_rate_in(1))
    assert [(FX_RATE_MISSING, "there is no rate EUR/USD for 2023-01-31: send an fx_rate record")] == lacking(found)
    assert ([], 4) == (found.usage, len(found.recognitions))


def test_what_was_billed_ahead_needs_no_rate_of_its_day():
    invoice = told("invoice_finalized", "2023-01-01", 40, rate="1.5")
    found = settled([EUROS], [invoice], functional="USD", rates=no_rate_in(1, 2))
    # January's 31 are billed at 1.5; of February's 28 only nine are.
    assert Decimal("46.50") == by_month(found, 1)["revenue"]["Jan"]
    assert "Feb" not in by_month(found, 1)["revenue"]
    assert [(FX_RATE_MISSING, "there is no rate EUR/USD for 2023-02-28: send an fx_rate record")] == lacking(found)
    exact = told("invoice_finalized", "2023-01-01", 59, rate="1.5")
    assert [] == settled([EUROS], [exact], functional="USD", rates=no_rate_in(1, 2)).problems


def test_without_the_rate_of_a_cancellation_what_is_left_over_stays():
    ended = replace(EUROS, version=2, kind=VersionKind.CANCELLED, effective_at=at("2023-02-10"))
    invoice = told("invoice_finalized", "2023-01-01", 90, rate="1.5")
    found = settled([EUROS, ended], [invoice], functional="USD", rates=no_rate_in(2), cancellation="non_refundable")
    assert [(FX_RATE_MISSING, "there is no rate EUR/USD for 2023-02-10: send an fx_rate record")] == lacking(found)
    assert cents(-40) == totals(found)[REVENUE]
    whole = settled([EUROS, ended], [invoice], functional="USD", rates=no_rate_in(), cancellation="non_refundable")
    expected = [(day("2023-01-31"), cents(31)), (day("2023-02-10"), cents(50)), (day("2023-02-28"), cents(9))]
    assert expected == [(one.day, one.amount) for one, _ in whole.recognitions]


# -- what rounding leaves where neither a receivable nor a contra account carries anything on

METER = replace(signed(1, "2023-01-01", metered("U", "2023-01-01")), currency="EUR")
NEGATIVE = [
    told("invoice_uncollectible", "2023-01-01", invoice="J"),
    told("invoice_finalized", "2023-03-01", "-0.68", tax="-0.07", invoice="J"),
]


def movements_of(*facts):
    """What the invoice J books, at 1.2 throughout; 73.2 of its net amount are 73, and 74 are left of 82 and 8."""
    found = settled([METER], [*facts, *NEGATIVE], functional="USD", rates=lambda _: Fraction(6, 5))
    assert [] == found.problems
    return next(one.movements for one in found.billing if one.fact is NEGATIVE[1]), found.positions["U"]


def test_it_goes_to_what_is_unbilled():
    booked, position = movements_of()
    assert {"accounts_receivable": (-68, -82), "tax_payable": (7, 8), "unbilled_receivable": (61, 74)} == booked
    assert [(61, 74)] == [(layer.amount, layer.functional) for layer in position.unbilled]


def test_it_goes_to_what_is_deferred():
    booked, position = movements_of(told("invoice_finalized", "2023-02-01", 5))
    assert {"accounts_receivable": (-68, -82), "tax_payable": (7, 8), "deferred_revenue": (61, 74)} == booked
    assert [(439, 526)] == [(layer.amount, layer.functional) for layer in position.deferred]


def test_it_is_a_gain_or_loss_where_nothing_is_left():
    booked, position = movements_of(told("invoice_finalized", "2023-02-01", "0.61"))
    expected = {"accounts_receivable": (-68, -82), "tax_payable": (7, 8), "deferred_revenue": (61, 73)}
    assert expected | {"fx_gain_loss": (0, 1)} == booked
    assert ([], []) == (position.deferred, position.unbilled)


# -- a day without a rate


def without_a_rate_on(when, *facts):
    """What the quarter comes to in dollars where one day has no rate."""
    version = replace(QUARTER, currency="EUR")
    return settled(
        [version], facts, functional="USD", rates=lambda one: None if one == day(when) else Fraction(1)
    )  # fmt: skip


def test_a_credit_that_waits_for_its_rate_does_not_shorten_the_schedule():
    """31, 28 and 31; with the credit of half of it on February 1st 31, 14 and 15.50."""
    note = told("credit_note", "2023-02-01", 45, note="n")
    found = without_a_rate_on("2023-02-01", INVOICE, note)
    assert [(FX_RATE_MISSING, note)] == [(one.cls, one.fact) for one in found.problems]
    assert {"Jan": 31, "Feb": 28, "Mar": 31} == by_month(found)["revenue"]
    known = without_a_rate_on("2023-05-01", INVOICE, note)
    assert {"Jan": 31, "Feb": 14, "Mar": Decimal("15.50")} == by_month(known)["revenue"]


def test_what_names_an_invoice_or_a_note_that_waits_for_its_rate_waits_with_it():
    facts = [
        INVOICE, told("invoice_paid", "2023-01-05", 90), told("credit_note", "2023-01-06", 30, note="n"),
        told("refund", "2023-01-07", 30, note="n", invoice=None),
    ]  # fmt: skip
    found = without_a_rate_on("2023-01-01", *facts)
    assert [(FX_RATE_MISSING, fact) for fact in facts] == [(one.cls, one.fact) for one in found.problems]
    assert {REVENUE, "unbilled_receivable"} == set(by_month(found))
