"""What billing facts say and leave out: amounts, tax, lines and times, and what their entries tell of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounting.billing_fact import AMOUNT_EXCEEDS, INVOICE_UNKNOWN, LINE_UNKNOWN
from accounting.contract_ledger import settle_contract
from accounting.invoice import pro_rata
from accounting.position import REVENUE
from accounting.require import InvariantBroken
from tests.accounting.examples import at
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    PAID,
    QUARTER,
    SERVICE,
    billed,
    cents,
    metered,
    planned,
    ratable,
    settled,
    signed,
    told,
    totals,
    used,
)

TAXED = told("invoice_finalized", "2023-01-01", 99, tax=9)


def last(*facts, versions=(QUARTER,)):
    """The last entry of billing, where nothing is wrong."""
    found = settled(versions, facts)
    assert [] == found.problems
    return found.billing[-1]


def moved(*facts, **terms):
    """account -> minor units of the last entry of billing."""
    return {name: amounts[0] for name, amounts in last(*facts, **terms).movements.items()}


def refused(*facts):
    """(class, reason) of what is wrong."""
    return [(one.cls, one.reason) for one in settled([QUARTER], facts).problems]


# -- amounts and tax


def test_an_invoice_that_says_no_amount_comes_to_its_lines_and_tax():
    expected = {"accounts_receivable": 9900, "tax_payable": -900, "deferred_revenue": -9000}
    assert expected == moved(told("invoice_finalized", "2023-01-01", None, billed("L", 60), billed("L", 30), tax=9))


def test_a_small_credit_that_says_no_tax_has_its_part_of_it_though_the_tax_is_more():
    """5 of 99: 0.45 of 9."""
    assert 45 == moved(TAXED, told("credit_note", "2023-01-01", 5, note="N"))["tax_payable"]


def test_what_the_lines_of_a_credit_without_invoice_leave_is_no_tax():
    note = told("credit_note", "2023-04-01", "10.01", billed("L", 10), note="N", invoice=None)
    assert {"credit_notes": 1001, "accounts_receivable": -1001} == moved(note)


def test_what_the_lines_of_an_invoice_leave_is_credited_with_the_line_it_went_to():
    other = ratable("B", "2023-01-01", "2023-04-01", 30)
    invoice = told("invoice_finalized", "2023-01-01", 90, billed("L", 80), billed("B", 4))
    note = told("credit_note", "2023-01-01", 45, note="N")
    lines = last(invoice, note, versions=[signed(1, "2023-01-01", LINE, other)]).lines
    assert [("L", 4300), ("B", 200)] == [(one.line_id, one.net) for one in lines]


def test_a_cent_is_paid_credited_and_refunded():
    cent = told("invoice_finalized", "2023-01-01", "0.01")
    assert {"cash": 1, "accounts_receivable": -1} == moved(cent, told("invoice_paid", "2023-01-02"))
    note = told("credit_note", "2023-01-02", "0.01", note="N")
    assert {"accounts_receivable": 1, "cash": -1} == moved(INVOICE, note, told("refund", "2023-01-03", note="N"))


def test_a_cent_of_a_line_is_served_when_the_invoice_says():
    """A cent of January alone: by February it was earned."""
    cent = told("invoice_finalized", "2023-01-01", "0.01", billed("L", "0.01", "2023-01-01", "2023-02-01"))
    note = told("credit_note", "2023-02-01", "0.01", billed("L", "0.01"), note="N")
    assert {"credit_notes": 1, "accounts_receivable": -1} == moved(cent, note)


def test_a_line_whose_parts_cancel_out_is_credited_over_its_own_term():
    january = told(
        "invoice_finalized", "2023-01-01", 50, billed("L", 10, "2023-01-01", "2023-02-01"),
        billed("L", -10, "2023-02-01", "2023-04-01"), billed("U", 50),
    )  # fmt: skip
    note = told("credit_note", "2023-02-01", 9, billed("L", 9), note="N")
    version = signed(1, "2023-01-01", LINE, metered("U", "2023-01-01"))
    assert 310 == moved(january, note, versions=[version])["credit_notes"]  # 9 at 31 of 90 days


def test_a_credit_of_a_part_of_the_term_is_of_that_part():
    """14 of the 28 days of February were over on the 15th."""
    note = told("credit_note", "2023-02-15", 28, billed("L", 28, "2023-02-01", "2023-03-01"), note="N")
    assert 1400 == moved(INVOICE, note)["credit_notes"]


def test_nothing_may_be_paid_of_what_is_paid_and_nothing_else():
    assert [] == refused(INVOICE, PAID, told("invoice_paid", "2023-01-02", 0))
    assert [AMOUNT_EXCEEDS] == [cls for cls, _ in refused(INVOICE, PAID, told("invoice_paid", "2023-01-02"))]


def test_what_a_customer_owes_of_an_invoice_below_zero_is_not_paid_with_it():
    """30 are paid out, and 10 of them are credited: the customer owes 10."""
    facts = [
        INVOICE, told("invoice_finalized", "2023-01-01", -30, invoice="J"), told("invoice_paid", "2023-01-02", invoice="J"),
        told("credit_note", "2023-01-03", -10, note="N", invoice="J"),
    ]  # fmt: skip
    found = settled([QUARTER], facts)
    assert ([], cents(90 + 10)) == (found.problems, totals(found)["accounts_receivable"])
    for amount in (None, 10, -10):
        assert [AMOUNT_EXCEEDS] == [
            cls for cls, _ in refused(*facts, told("invoice_paid", "2023-01-04", amount, invoice="J"))
        ]


def test_a_refund_out_of_the_customers_balance_makes_nothing_due():
    note = told("credit_note", "2023-02-01", 45, note="N", customer_balance=45)
    facts = [INVOICE, PAID, note, told("refund", "2023-02-02", note="N")]
    assert {"customer_balance": 4500, "cash": -4500} == moved(*facts)
    assert [AMOUNT_EXCEEDS] == [cls for cls, _ in refused(*facts, told("invoice_paid", "2023-02-03"))]


def test_what_comes_back_of_a_note_is_not_refunded():
    """15 of 45 came back: 30 of the note stay with the invoice and can be paid out, and no more."""
    facts = [
        INVOICE,
        told("credit_note", "2023-02-01", 45, note="N"),
        told("credit_note_voided", "2023-02-02", 15, note="N"),
    ]
    assert {"accounts_receivable": 3000, "cash": -3000} == moved(*facts, told("refund", "2023-02-03", 30, note="N"))
    reason = "refund: credit note N: 30.01 USD asked for, 30.00 is left to refund: send an event that fits"
    assert [(AMOUNT_EXCEEDS, reason)] == refused(*facts, told("refund", "2023-02-03", "30.01", note="N"))


def test_parts_of_nothing_are_nothing_and_nothing_has_no_parts():
    assert [0, 0] == pro_rata(0, [-1, -2]) == pro_rata(0, [1, 2]) == pro_rata(0, [1, -1])
    with pytest.raises(InvariantBroken, match=r"an amount needs somewhere to go \(amount=5\)"):
        pro_rata(5, [])


# -- what is refused, and why


def test_what_is_refused_says_why():
    note = told("credit_note", "2023-02-01", 45, note="N")
    unknown = "is not known for this contract: send the event that issues it"
    fits = "send an event that fits"
    for fact, cls, reason in (
        (told("refund", "2023-02-02", 1, invoice="X"), INVOICE_UNKNOWN, f"refund: invoice X {unknown}"),
        (told("credit_note", "2023-02-02", 1, invoice="X", note="M"), INVOICE_UNKNOWN, f"credit_note: invoice X {unknown}"),
        (told("dispute_won", "2023-02-02", 1, invoice="X"), INVOICE_UNKNOWN, f"dispute_won: invoice X {unknown}"),
        (told("refund", "2023-02-02", 1, note="M"), INVOICE_UNKNOWN, f"refund: credit note M {unknown}"),
        (told("credit_note_voided", "2023-02-02", note="M"), INVOICE_UNKNOWN, f"credit_note_voided: credit note M {unknown}"),
        (told("credit_note", "2023-02-02", 46, note="M"), AMOUNT_EXCEEDS,
         f"credit_note: invoice I: 46.00 USD asked for, 45.00 can still be credited: {fits}"),
        (told("credit_note", "2023-02-02", 0, note="M", refund="0.01"), AMOUNT_EXCEEDS,
         f"credit_note: allocations: 0.01 USD asked for, 0.00 is credited: {fits}"),
        (told("credit_note_voided", "2023-02-02", 46, note="N"), AMOUNT_EXCEEDS,
         f"credit_note_voided: credit note N: 46.00 USD asked for, 45.00 is left of it: {fits}"),
    ):  # fmt: skip
        assert [(cls, reason)] == refused(INVOICE, note, fact)


def test_a_note_that_was_refused_cannot_be_refunded():
    wrong = told("credit_note", "2023-02-01", 9, note="N", tax=1)
    assert [AMOUNT_EXCEEDS, INVOICE_UNKNOWN] == [
        cls for cls, _ in refused(INVOICE, wrong, told("refund", "2023-02-02", note="N"))
    ]


# -- what the entries tell


def test_every_entry_tells_its_line_and_rule():
    note = told("credit_note", "2023-02-01", 45, note="N")
    share = "the share recognised of the service period to"
    rest = "the rest was not yet earned"
    for facts, expected in (
        ([INVOICE], "invoice finalised: billed to its positions"),
        ([INVOICE, PAID], "payment: the receivable is settled at its historical rate"),
        ([INVOICE, note], f"credit_note: {share} credit_notes, {rest}"),
        ([INVOICE, told("invoice_voided", "2023-02-01")], f"invoice_voided: {share} voids, {rest}"),
        ([INVOICE, told("dispute_opened", "2023-02-01"), told("dispute_won", "2023-02-02")],
         "dispute won: what it took comes back at this date"),
    ):  # fmt: skip
        one = last(*facts)
        assert (expected, "L", facts[-1].at, facts[-1].day) == (one.rule, one.line_id, one.at, one.day)


def test_an_entry_of_several_lines_or_of_none_names_none():
    two = signed(1, "2023-01-01", LINE, ratable("B", "2023-01-01", "2023-04-01", 30))
    for facts in ([INVOICE], [INVOICE, PAID], [INVOICE, told("refund", "2023-02-01")]):
        assert "" == last(*facts, versions=[two]).line_id
    one = last(INVOICE, versions=[replace(QUARTER, lines=())])
    assert ("", [("", 9000)]) == (one.line_id, [line[:2] for line in one.lines])


def test_a_re_invoice_tells_what_it_restores_and_not_what_is_new():
    facts = [
        told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)), told("invoice_voided", "2023-02-01"),
        told("invoice_finalized", "2023-02-01", 120, billed("L", 120, *SERVICE[2:]), invoice="J"),
    ]  # fmt: skip
    assert [("L", 12000, -3100, 9000)] == [tuple(one) for one in last(*facts).lines]


def test_a_re_invoice_of_another_period_restores_nothing():
    facts = [
        told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)), told("invoice_voided", "2023-02-01"),
        told("invoice_finalized", "2023-03-01", 31, billed("L", 31, "2023-03-01", "2023-04-01"), invoice="J"),
    ]  # fmt: skip
    assert [("L", 3100, 0, 0)] == [tuple(one) for one in last(*facts).lines]


# -- order


def test_a_refund_that_names_its_note_alone_may_have_the_time_of_invoice_and_note():
    """Named so that by their identity alone the refund would come first."""
    when = "2023-02-01"
    facts = [
        told("invoice_finalized", when, 90, name="c"), told("credit_note", when, 45, note="N", name="b"),
        told("refund", when, 45, note="N", invoice=None, name="a"),
    ]  # fmt: skip
    assert ["c", "b", "a"] == [one.fact.event_id for one in settled([QUARTER], facts).billing]
    assert [] == refused(*facts)


def test_usage_of_one_instant_settles_in_one_order_however_it_is_given():
    version = signed(1, "2023-01-01", *(metered(name, "2023-01-01") for name in "UV"))
    invoice = told("invoice_finalized", "2023-01-01", 10, billed("U", 10))
    usage = [
        used("U", "2023-01-10", 5),
        used("V", "2023-01-10", 1),
        used("U", "2023-01-10", 20),
        used("U", "2023-01-10", -3),
    ]
    found = settled([version], [invoice], usage).usage
    assert [("U", -300), ("U", 500), ("U", 2000), ("V", 100)] == [(one.line_id, one.amount) for one, _ in found]
    assert found == settled([version], [invoice], usage[::-1]).usage


def test_without_an_exchange_the_books_are_in_the_contracts_currency():
    found = settle_contract([QUARTER], planned([QUARTER]), [INVOICE])
    assert {"accounts_receivable": cents(90), REVENUE: cents(-90)} == totals(found, 1)


def test_recognition_that_the_caller_has_is_not_planned_again():
    """Up to February: what the caller has is what is settled."""
    plan = planned([QUARTER])
    some = plan.effects(at("2022-01-01"), at("2023-02-01"))
    found = settle_contract([QUARTER], plan, [], planned=some)
    assert some == [one for one, _ in found.recognitions]
    assert {"unbilled_receivable": cents(31), REVENUE: cents(-31)} == totals(found)


def test_a_credit_of_an_unknown_line_is_of_the_periods_of_the_invoice():
    """January alone was billed: by February all of it was earned, though not of the line."""
    january = told("invoice_finalized", "2023-01-01", 31, billed("L", 31, "2023-01-01", "2023-02-01"))
    found = settled([QUARTER], [january, told("credit_note", "2023-02-01", 10, billed("X", 10), note="N")])
    assert [LINE_UNKNOWN] == [one.cls for one in found.problems]
    assert [("L", 1000, 1000)] == [line[:3] for line in found.billing[-1].lines]


def test_a_line_that_is_not_known_takes_no_part_of_a_credit_of_one_that_is():
    note = told("credit_note", "2023-02-01", 45, billed("L", 15), billed("X", 30), note="N")
    found = settled([QUARTER], [INVOICE, note])
    assert [LINE_UNKNOWN] == [one.cls for one in found.problems]
    # 45 net over L and what X was taken for: L again, 31 of 90 days
    assert [("L", 1500, 517), ("L", 3000, 1033)] == [line[:3] for line in found.billing[-1].lines]
