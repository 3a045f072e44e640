"""Invoices whose lines, credits and payments come in parts: which part is whose, also below zero."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounting.billing_fact import AMOUNT_EXCEEDS
from accounting.contract import VersionKind
from accounting.invoice import only, portion, within
from accounting.position import REVENUE
from tests.accounting.examples import at
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    QUARTER,
    billed,
    cents,
    metered,
    settled,
    signed,
    told,
    totals,
)


@pytest.mark.parametrize(
    ("wanted", "there", "expected"),
    [
        (5, 9, 5), (9, 5, 5), (1, 1, 1), (0, 5, 0), (5, 0, 0), (5, -5, 0), (-5, 5, 0), (-5, -9, -5), (-9, -5, -5),
        (-1, -1, -1), (0, -5, 0), (-5, 0, 0), (0, 0, 0),
    ],
)  # fmt: skip
def test_a_portion_is_what_is_wanted_of_what_there_is(wanted, there, expected):
    assert expected == portion(wanted, there)


@pytest.mark.parametrize(
    ("amount", "limit", "expected"),
    [(0, 0, True), (0, 5, True), (5, 5, True), (6, 5, False), (-1, 5, False), (0, -5, True), (-5, -5, True), (-6, -5, False),
     (1, -5, False), (1, 0, False), (-1, 0, False)],
)  # fmt: skip
def test_an_amount_lies_within_a_limit_on_either_side_of_zero(amount, limit, expected):
    assert expected is within(amount, limit)


def test_several_lines_are_no_line():
    assert ("L", "", "") == (only({"L"}), only({"L", "B"}), only(set()))


def spread(*lines, when="2023-01-10"):
    """Over which lines an invoice of 10 goes that names none."""
    versions = [replace(signed(1, "2023-01-01", LINE), lines=lines)]
    (one,) = settled(versions, [told("invoice_finalized", when, 10)]).billing
    return [(line.line_id, line.net) for line in one.lines]


def test_an_amount_without_lines_goes_by_the_totals_of_fixed_lines_else_equally():
    other, meters = replace(LINE, line_id="B"), (metered("U", "2023-01-01"), metered("V", "2023-01-01"))
    assert [("L", 750), ("B", 250)] == spread(LINE, replace(other, total=cents(30)), *meters)
    assert [("L", 1000), ("B", 0)] == spread(LINE, replace(other, total=0))
    assert [("L", 1000), ("B", 0)] == spread(LINE, replace(other, total=None))
    assert [("L", 1000), ("B", 0)] == spread(replace(LINE, total=1), replace(other, total=None))
    assert [("L", 500), ("B", 500)] == spread(replace(LINE, total=0), replace(other, total=0))
    assert [("L", 500), ("B", 500)] == spread(LINE, replace(other, total=-1))
    assert [("U", 500), ("V", 500)] == spread(*meters)


def test_an_amount_goes_over_the_lines_of_the_version_in_force_then():
    other = replace(LINE, line_id="B")
    second = replace(QUARTER, version=2, kind=VersionKind.AMENDED, effective_at=at("2023-02-01"), lines=(other,))
    for when, line_id in (("2023-01-31 23:59", "L"), ("2023-02-01", "B"), ("2022-06-01", "L")):
        (one,) = settled([QUARTER, second], [told("invoice_finalized", when, 10)]).billing
        assert [line_id] == [line.line_id for line in one.lines]


# -- disputes and write-offs, one by one


def disputes(*won):
    """Disputes of 30 on 1 February and of 45 on 1 March, and what is won of them: its net and contra."""
    opened = [told("dispute_opened", "2023-02-01", 30, name="a"), told("dispute_opened", "2023-03-01", 45, name="b")]
    wins = [told("dispute_won", f"2023-03-0{number}", amount) for number, amount in enumerate(won, start=2)]
    found = settled([QUARTER], [INVOICE, told("invoice_paid", "2023-01-01"), *opened, *wins])
    assert [] == found.problems
    return [
        (line.net, line.contra)
        for one in found.billing
        if one.fact.kind == "dispute_won"
        for line in one.lines
    ]  # fmt: skip


def test_a_dispute_that_is_won_is_the_one_of_that_amount_else_the_oldest():
    """30 at 31 / 90 took 10.33 from revenue, 45 at 59 / 90 took 29.50."""
    first, second = (-3000, -1033), (-4500, -2950)
    assert [second, first] == disputes(45, 30)
    assert [first, second] == disputes(None)
    assert [first, (-3000, -1967)] == disputes(60)
    assert [(-1000, -344), (-2000, -689), second] == disputes(10, None)


def test_a_payment_after_two_write_offs_settles_the_first_one_first():
    """30 at 31 / 90 and 60 at 59 / 90; of 45 that come in 15 are of the second."""
    facts = [
        INVOICE, told("invoice_uncollectible", "2023-02-01", 30, name="a"),
        told("invoice_uncollectible", "2023-03-01", 60, name="b"), told("invoice_paid", "2023-04-01", 45),
    ]  # fmt: skip
    found = settled([QUARTER], facts)
    assert [] == found.problems
    (paid,) = [one.movements for one in found.billing if one.kind == "payment"]
    assert {"cash": 4500, "bad_debt": -1033 - 983, "recoverables": -1967 - 517} == {
        account: amounts[0] for account, amounts in paid.items()
    }
    rest = settled([QUARTER], [*facts, told("invoice_paid", "2023-04-02", 45)])
    assert [] == rest.problems
    assert "bad_debt" not in totals(rest)


def test_a_payment_settles_what_is_open_before_what_was_written_off():
    facts = [INVOICE, told("invoice_uncollectible", "2023-02-01", 30), told("invoice_paid", "2023-04-01", 70)]
    (paid,) = [one.movements for one in settled([QUARTER], facts).billing if one.kind == "payment"]
    # 60 are open; 10 of 30 at 31 / 90
    assert {"cash": 7000, "accounts_receivable": -6000, "bad_debt": -344, "recoverables": -656} == {
        account: amounts[0] for account, amounts in paid.items()
    }


def test_what_a_refund_of_a_note_makes_due_again_was_credited_once():
    facts = [INVOICE, told("credit_note", "2023-02-01", 45, note="N"), told("refund", "2023-02-02", note="N")]
    for kind in ("invoice_voided", "invoice_uncollectible"):
        found = settled([QUARTER], [*facts, told(kind, "2023-02-03")])
        reason = f"{kind}: invoice I: 90.00 USD asked for, 45.00 can still be credited: send an event that fits"
        assert [(AMOUNT_EXCEEDS, reason)] == [(one.cls, one.reason) for one in found.problems]
        assert [] == settled([QUARTER], [*facts, told(kind, "2023-02-03", 45)]).problems


# -- below zero


def test_an_invoice_below_zero_is_owed_to_the_customer():
    negative = told("invoice_finalized", "2023-01-01", -30, invoice="J")
    found = settled([QUARTER], [INVOICE, negative, told("invoice_paid", "2023-01-02", invoice="J")])
    assert ([], cents(-30)) == (found.problems, totals(found)["cash"])
    voided = settled([QUARTER], [INVOICE, negative, told("invoice_voided", "2023-01-01", invoice="J")])
    # As a void takes from what is still to be recognised, this one gives to it.
    assert {"accounts_receivable": cents(90), "unbilled_receivable": cents(30), REVENUE: cents(-120)} == totals(voided)
    for amount in (-31, 1):
        wrong = settled([QUARTER], [INVOICE, negative, told("invoice_paid", "2023-01-02", amount, invoice="J")])
        assert [AMOUNT_EXCEEDS] == [one.cls for one in wrong.problems]
    part = [told("invoice_paid", "2023-01-02", -10, invoice="J"), told("invoice_voided", "2023-01-03", invoice="J")]
    found = settled([QUARTER], [INVOICE, negative, *part])
    assert ([], cents(-10), cents(90)) == (found.problems, totals(found)["cash"], totals(found)["accounts_receivable"])


def test_a_credit_that_names_no_invoice_is_not_below_zero():
    for amount, expected in ((-1, [AMOUNT_EXCEEDS]), (0, []), (1, [])):
        found = settled([QUARTER], [told("refund", "2023-02-01", amount, invoice=None)])
        assert expected == [one.cls for one in found.problems]
    (problem,) = settled([QUARTER], [told("refund", "2023-02-01", -1, invoice=None)]).problems
    expected = "refund: a credit that names no invoice: -1.00 USD asked for, 0.00 can still be credited: send an event that fits"
    assert expected == problem.reason


# -- the lines of a credit


def test_a_credit_of_a_line_goes_over_that_lines_periods_by_what_is_left_of_them():
    first, second = ("L", 30, "2023-01-01", "2023-02-01"), ("L", 60, "2023-02-01", "2023-04-01")
    invoice = told("invoice_finalized", "2023-01-01", 90, billed(*first), billed(*second))
    found = settled([QUARTER], [invoice, told("credit_note", "2023-02-01", 45, billed("L", 45), note="N")])
    (note,) = [one for one in found.billing if one.kind == "credit"]
    # 15 of January, which is over, and 30 of the rest, of which nothing is
    assert [("L", 1500, 1500), ("L", 3000, 0)] == [(line.line_id, line.net, line.contra) for line in note.lines]
    named = told("credit_note", "2023-02-01", 45, billed("L", 45, "2023-02-01", "2023-04-01"), note="N")
    (note,) = [one for one in settled([QUARTER], [invoice, named]).billing if one.kind == "credit"]
    assert [("L", 4500, 0)] == [(line.line_id, line.net, line.contra) for line in note.lines]
    rest = told("invoice_voided", "2023-02-01", name="v")
    (void,) = [one for one in settled([QUARTER], [invoice, named, rest]).billing if one.fact is rest]
    assert [("L", 3000, 3000), ("L", 1500, 0)] == [(line.line_id, line.net, line.contra) for line in void.lines]
