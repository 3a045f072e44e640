"""What a credit takes of usage that was billed ahead: what is still deferred then first, and what exceeds it was revenue."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest

from accounting.billing_fact import FX_RATE_MISSING
from accounting.contract import Opening, VersionKind
from accounting.position import DEFERRED_REVENUE, REVENUE, UNBILLED_RECEIVABLE
from tests.accounting.examples import at
from tests.accounting.ledgers import billed, booked, cents, metered, ratable, settled, signed, told, totals, used

METERED = metered("U", "2023-01-01", "2023-04-01")
TERMS = signed(1, "2023-01-01", METERED)
AHEAD = told("invoice_finalized", "2023-01-02", 50, billed("U", 50))
PAID = told("invoice_paid", "2023-01-03", 50)
USED = used("U", "2023-01-05", 30)  # recognised when the day is over: on the 6th at midnight


def credited(found, when):
    """What an event of an instant moved, and (line, net, contra) of it."""
    assert [] == found.problems
    (one,) = [one for one in found.billing if one.fact.at == at(when)]
    moved = {name: amounts[0] for name, amounts in one.movements.items()}
    return moved, [(line.line_id, line.net, line.contra) for line in one.lines]


def note(when, amount, *lines, name="N"):
    return told("credit_note", when, amount, *lines, note=name)


# -- what is deferred goes first


def test_a_void_before_any_use_takes_deferred_revenue_alone():
    found = settled([TERMS], [AHEAD, told("invoice_voided", "2023-01-04")], [USED])
    expected = {DEFERRED_REVENUE: 5000, "accounts_receivable": -5000}
    assert (expected, [("U", 5000, 0)]) == credited(found, "2023-01-04")
    assert {REVENUE: -3000, UNBILLED_RECEIVABLE: 3000} == totals(found)


def test_a_refund_of_what_is_not_used_takes_nothing_from_revenue():
    found = settled([TERMS], [AHEAD, PAID, told("refund", "2023-01-10", 20)], [USED])
    assert ({DEFERRED_REVENUE: 2000, "cash": -2000}, [("U", 2000, 0)]) == credited(found, "2023-01-10")
    assert {REVENUE: -3000, "cash": 3000} == totals(found)


@pytest.mark.parametrize(
    ("kind", "account", "other"),
    [
        ("credit_note", "credit_notes", "accounts_receivable"), ("invoice_voided", "voids", "accounts_receivable"),
        ("invoice_uncollectible", "bad_debt", "accounts_receivable"), ("refund", "refunds", "cash"),
        ("dispute_opened", "disputes", "cash"),
    ],
)  # fmt: skip
def test_of_every_kind_of_credit_what_exceeds_the_deferred_was_revenue(kind, account, other):
    """20 of 50 are not used: a credit of 35 takes them and 15 of the 30 that were."""
    credit = told(kind, "2023-01-10", 35, note="N" if kind == "credit_note" else None)
    found = settled([TERMS], [AHEAD, credit], [USED])
    expected = {DEFERRED_REVENUE: 2000, account: 1500, other: -3500}
    assert (expected, [("U", 3500, 1500)]) == credited(found, "2023-01-10")


def test_usage_that_is_billed_in_arrears_was_all_revenue():
    booked("""
        revenue              Jan 30
        unbilled_receivable  Jan 30  Feb -30
        accounts_receivable  Feb 30  Mar -30
        voids                Mar 30
    """, [TERMS], [told("invoice_finalized", "2023-02-01", 30), told("invoice_voided", "2023-03-01")], [USED])  # fmt: skip


@pytest.mark.parametrize(
    ("when", "contra"), [("2023-01-05 23:59", 0), ("2023-01-06", 30), ("2023-01-06 00:01", 30)]
)  # fmt: skip
def test_of_one_instant_usage_goes_before_the_credit(when, contra):
    found = settled([TERMS], [AHEAD, told("invoice_voided", when)], [USED])
    assert [("U", 5000, cents(contra))] == credited(found, when)[1]


def test_each_credit_takes_what_those_before_it_have_left():
    facts = [AHEAD, note("2023-01-10", 15), note("2023-01-11", 10, name="M"), note("2023-01-12", 10, name="O")]
    found = settled([TERMS], facts, [USED])
    assert [[("U", 1500, 0)], [("U", 1000, 500)], [("U", 1000, 1000)]] == [
        credited(found, when)[1] for when in ("2023-01-10", "2023-01-11", "2023-01-12")
    ]


def test_what_another_invoice_has_billed_ahead_is_of_the_same_position():
    """Of 50 + 40 billed 30 are used: a void of the first takes all of it from the 60."""
    other = told("invoice_finalized", "2023-01-07", 40, billed("U", 40), invoice="J")
    found = settled([TERMS], [AHEAD, other, told("invoice_voided", "2023-01-10")], [USED])
    assert [("U", 5000, 0)] == credited(found, "2023-01-10")[1]


# -- several parts


def test_parts_of_one_line_share_what_is_deferred_in_their_order():
    lines = [billed("U", 15, "2023-01-01", "2023-02-01"), billed("U", 35, "2023-02-01", "2023-03-01")]
    invoice = told("invoice_finalized", "2023-01-02", 50, *lines)
    found = settled([TERMS], [invoice, told("invoice_voided", "2023-01-10")], [USED])
    assert [("U", 1500, 0), ("U", 3500, 3000)] == credited(found, "2023-01-10")[1]


@pytest.mark.parametrize(
    ("first", "second", "contra"),
    [(60, -10, [4000, -1000]), (-10, 60, [0, 3000])],
)  # fmt: skip
def test_a_part_below_zero_counts_against_what_the_others_take(first, second, contra):
    """60 less 10 of which 30 are used: 20 are deferred, and the void takes 30 from revenue, whichever comes first."""
    invoice = told("invoice_finalized", "2023-01-02", 50, billed("U", first), billed("U", second))
    found = settled([TERMS], [invoice, told("invoice_voided", "2023-01-10")], [USED])
    moved, lines = credited(found, "2023-01-10")
    assert {DEFERRED_REVENUE: 2000, "voids": 3000, "accounts_receivable": -5000} == moved
    assert contra == [taken for _, _, taken in lines]


def test_what_was_credited_by_an_invoice_below_zero_is_billed_ahead_again_when_that_is_voided():
    less = told("invoice_finalized", "2023-01-03", -10, billed("U", -10), invoice="J")
    found = settled([TERMS], [AHEAD, less, told("invoice_voided", "2023-01-10", invoice="J")], [USED])
    assert {DEFERRED_REVENUE: -1000, "accounts_receivable": 1000} == credited(found, "2023-01-10")[0]
    assert {REVENUE: -3000, DEFERRED_REVENUE: -2000, "accounts_receivable": 5000} == totals(found)


def test_each_line_has_what_is_deferred_of_it_and_a_fixed_line_its_schedule():
    """U used 30 of 50, V 5 of 20, what U uses in February comes later; of L 31 of 90 days are over on 1 February."""
    fixed, other = ratable("L", "2023-01-01", "2023-04-01", 90), metered("V", "2023-01-01", "2023-04-01")
    invoice = told("invoice_finalized", "2023-01-02", 160, billed("U", 50), billed("V", 20), billed("L", 90))
    version = signed(1, "2023-01-01", fixed, METERED, other)
    usage = [used("U", "2023-02-20", 5), USED, used("V", "2023-01-08", 5)]
    found = settled([version], [invoice, told("invoice_voided", "2023-02-01")], usage)
    assert [("U", 5000, 3000), ("V", 2000, 500), ("L", 9000, 3100)] == credited(found, "2023-02-01")[1]


def test_where_nothing_is_deferred_an_invoice_below_zero_goes_to_the_contra_account_as_any_other():
    facts = [
        told("invoice_finalized", "2023-02-01", 35, billed("U", 35)),
        told("invoice_finalized", "2023-02-02", -10, billed("U", -10), invoice="J"),
        told("invoice_voided", "2023-02-03", invoice="J"),
    ]  # fmt: skip
    found = settled([TERMS], facts, [USED])
    assert {"voids": -1000, "accounts_receivable": 1000} == credited(found, "2023-02-03")[0]


# -- what comes back


@pytest.mark.parametrize(("back", "deferred", "contra"), [(35, 20, 15), ("17.50", 10, "7.50")])
def test_a_note_that_is_voided_gives_both_back_pro_rata(back, deferred, contra):
    facts = [AHEAD, note("2023-01-10", 35), told("credit_note_voided", "2023-02-01", back, note="N")]
    found = settled([TERMS], facts, [USED])
    expected = {DEFERRED_REVENUE: -cents(deferred), "credit_notes": -cents(contra), "accounts_receivable": cents(back)}
    assert (expected, [("U", -cents(back), -cents(contra))]) == credited(found, "2023-02-01")


def test_what_a_voided_note_gives_back_is_used_up_and_credited_again():
    """All 50 come back to what is deferred after the note: of them 30 are used, a refund of 25 finds 20."""
    facts = [
        AHEAD, note("2023-01-03", 50), told("credit_note_voided", "2023-01-04", note="N"),
        told("refund", "2023-01-10", 25),
    ]  # fmt: skip
    found = settled([TERMS], facts, [USED])
    assert {DEFERRED_REVENUE: 2000, "refunds": 500, "cash": -2500} == credited(found, "2023-01-10")[0]


def test_a_re_invoice_of_what_was_voided_before_use_bills_it_as_if_for_the_first_time():
    again = told("invoice_finalized", "2023-01-10", 50, billed("U", 50), invoice="J")
    found = settled([TERMS], [AHEAD, told("invoice_voided", "2023-01-03"), again], [USED])
    expected = {DEFERRED_REVENUE: -2000, UNBILLED_RECEIVABLE: -3000, "accounts_receivable": 5000}
    assert (expected, [("U", 5000, 0)]) == credited(found, "2023-01-10")
    assert {REVENUE: -3000, DEFERRED_REVENUE: -2000, "accounts_receivable": 5000} == totals(found)


@pytest.mark.parametrize(("amount", "contra", "deferred"), [(50, 30, 20), (25, 15, 10)])
def test_a_re_invoice_of_what_was_voided_after_use_restores_what_the_void_took(amount, contra, deferred):
    again = told("invoice_finalized", "2023-01-12", amount, billed("U", amount), invoice="J")
    found = settled([TERMS], [AHEAD, told("invoice_voided", "2023-01-10"), again], [USED])
    assert [("U", 5000, 3000)] == credited(found, "2023-01-10")[1]
    expected = {"accounts_receivable": amount, "voids": -contra, DEFERRED_REVENUE: -deferred}
    assert {name: cents(value) for name, value in expected.items()} == credited(found, "2023-01-12")[0]


def test_what_comes_in_of_a_write_off_before_use_is_recoverable():
    lost = told("invoice_uncollectible", "2023-01-03")
    found = settled([TERMS], [AHEAD, lost, told("invoice_paid", "2023-02-01", 50)], [USED])
    assert {REVENUE: -3000, UNBILLED_RECEIVABLE: 3000, "cash": 5000, "recoverables": -5000} == totals(found)


# -- in the order of time, not in that of arrival


def test_usage_that_arrives_after_the_credit_changes_what_it_took():
    facts = [AHEAD, told("invoice_voided", "2023-01-10")]
    before, after = settled([TERMS], facts), settled([TERMS], facts[::-1], [used("U", "2023-01-07", 5), USED])
    assert [("U", 5000, 0)] == credited(before, "2023-01-10")[1]
    assert [("U", 5000, 3500)] == credited(after, "2023-01-10")[1]
    assert {REVENUE: -3500, "voids": 3500} == totals(after)


def test_use_that_is_taken_back_is_deferred_again():
    found = settled([TERMS], [AHEAD, told("invoice_voided", "2023-01-10")], [USED, used("U", "2023-01-07", -20)])
    assert [("U", 5000, 1000)] == credited(found, "2023-01-10")[1]


# -- where a contract ends, or is taken over


@pytest.mark.parametrize(
    ("decided", "moved"),
    [
        ({}, {DEFERRED_REVENUE: 1000, "accounts_receivable": -1000}),
        ({"cancellation": "non_refundable"}, {"credit_notes": 1000, "accounts_receivable": -1000}),
    ],
)
@pytest.mark.parametrize("when", ["2023-01-15", "2023-01-18"])
def test_what_a_cancellation_leaves_over_is_deferred_until_it_is_credited_unless_it_was_recognised(
    when, decided, moved
):  # fmt: skip
    """30 of 80 are used before the end, 20 of what is left after it: these wait in the position either way."""
    ended = signed(2, "2023-01-15", METERED, kind=VersionKind.CANCELLED)
    invoice = told("invoice_finalized", "2023-01-02", 80, billed("U", 80))
    found = settled([TERMS, ended], [invoice, note(when, 10)], [USED, used("U", "2023-01-20", 20)], **decided)
    assert moved == credited(found, when)[0]
    if decided:
        assert {REVENUE: -8000, "credit_notes": 1000, "accounts_receivable": 7000} == totals(found)


def test_what_was_billed_before_an_opening_is_not_deferred_in_a_position_of_its_own():
    fixed, opening = ratable("L", "2023-01-01", "2023-04-01", 90), Opening(at("2023-01-03"), 0, 0)
    version = signed(1, "2023-01-01", fixed, METERED, opening=opening)
    found = settled([version], [AHEAD, told("invoice_voided", "2023-01-10")])
    assert [("U", 5000, 5000)] == credited(found, "2023-01-10")[1]


# -- in two currencies


def in_dollars(facts, usage=(), rates=None):
    """The line in euros, with books in dollars."""
    known = {1: Fraction("1.1"), 2: Fraction("1.2")} if rates is None else rates
    euros = signed(1, "2023-01-01", METERED, currency="EUR")
    return settled([euros], facts, usage, functional="USD", rates=lambda day: known.get(day.month))


def test_what_was_deferred_leaves_at_the_rate_of_its_invoice():
    found = in_dollars([AHEAD, told("invoice_voided", "2023-02-01")], [USED])
    (one,) = [one for one in found.billing if one.day == date(2023, 2, 1)]
    assert {
        DEFERRED_REVENUE: (2000, 2200), "voids": (3000, 3300), "accounts_receivable": (-5000, -5500),
    } == one.movements  # fmt: skip


def test_an_invoice_that_waits_for_its_rate_has_deferred_nothing():
    """50 of January wait: of 30 that are billed in February nothing is left when 40 are used."""
    facts = [
        AHEAD, told("invoice_finalized", "2023-02-01", 30, billed("U", 30), invoice="J"),
        told("invoice_voided", "2023-02-10", invoice="J"),
    ]  # fmt: skip
    found = in_dollars(facts, [used("U", "2023-02-05", 40)], {2: Fraction("1.2")})
    assert [FX_RATE_MISSING] == [one.cls for one in found.problems]
    assert [3000] == [line.contra for line in found.billing[-1].lines]


@pytest.mark.parametrize(("amount", "contra"), [(20, 20), (60, 0)])
def test_usage_without_a_rate_counts_where_it_is_within_what_is_billed(amount, contra):
    """As in the ledger: it leaves at the invoice's rate, and beyond that it waits for one."""
    facts = [
        told("invoice_finalized", "2023-01-02", 50, billed("U", 50), rate="1.1"),
        told("invoice_voided", "2023-02-10", 50),
    ]  # fmt: skip
    found = in_dollars(facts, [used("U", "2023-01-05", amount)], {2: Fraction("1.2")})
    assert [cents(contra)] == [line.contra for line in found.billing[-1].lines]
    assert cents(contra) == -totals(found).get(REVENUE, 0)


def test_usage_that_waits_for_a_rate_goes_on_waiting_when_something_is_billed():
    facts = [
        told("invoice_finalized", "2023-01-10", 50, billed("U", 50), rate="1.1"),
        told("invoice_voided", "2023-02-10", 50),
    ]  # fmt: skip
    found = in_dollars(facts, [used("U", "2023-01-05", 20)], {2: Fraction("1.2")})
    assert ([0], {}) == ([line.contra for line in found.billing[-1].lines], totals(found))


@pytest.mark.parametrize(
    ("rate", "when", "usage"),
    [
        ("1.1", "2023-01-20", 80),  # the note waits for the rate of its own day
        (None, "2023-02-05", 30),  # the note and its invoice wait for that of the invoice
    ],
)
def test_a_note_that_waits_for_a_rate_has_taken_nothing(rate, when, usage):
    """50 and 40 are billed, the note is of 20: all of the 40 is split by what is used of what is in the books."""
    facts = [
        told("invoice_finalized", "2023-01-02", 50, billed("U", 50), rate=rate), note(when, 20),
        told("invoice_finalized", "2023-02-01", 40, billed("U", 40), invoice="J"),
        told("invoice_voided", "2023-02-10", invoice="J"),
    ]  # fmt: skip
    found = in_dollars(facts, [used("U", "2023-02-07", usage)], {2: Fraction("1.2")})
    assert [FX_RATE_MISSING] == list({one.cls for one in found.problems})
    assert [3000] == [line.contra for line in found.billing[-1].lines]
