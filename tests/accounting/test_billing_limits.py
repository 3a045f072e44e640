"""Billing where a contract is cancelled, taken over or in another currency, and facts that cannot be booked."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from accounting.billing_fact import (
    AMOUNT_EXCEEDS,
    FX_RATE_MISSING,
    INVOICE_CONFLICT,
    INVOICE_UNKNOWN,
    LINE_UNKNOWN,
)
from accounting.contract import Opening
from accounting.contract_ledger import settle_contract
from accounting.position import REVENUE
from tests.accounting.examples import at, day
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    PAID,
    QUARTER,
    billed,
    booked,
    by_month,
    cancelled,
    cents,
    metered,
    planned,
    policies,
    settled,
    signed,
    told,
    totals,
    used,
)

# -- cancellations and opening balances


def test_a_deferred_balance_stays_after_a_cancellation_until_it_is_credited():
    versions = [QUARTER, cancelled("2023-02-01")]
    booked("""
        revenue           Jan 31
        deferred_revenue  Jan 59
        cash              Jan 90
    """, versions, [INVOICE, PAID])  # fmt: skip
    unused = told("refund", "2023-03-10", 59, billed("L", 59, "2023-02-01", "2023-04-01"))
    booked("""
        revenue           Jan 31
        deferred_revenue  Jan 59  Mar -59
        cash              Jan 90  Mar -59
    """, versions, [INVOICE, PAID, unused])  # fmt: skip
    whole = told("refund", "2023-03-10")
    booked("""
        revenue           Jan 31
        deferred_revenue  Jan 59  Mar -59
        refunds           Mar 31
        cash              Jan 90  Mar -90
    """, versions, [INVOICE, PAID, whole])  # fmt: skip


def test_a_credit_takes_nothing_from_the_time_after_a_cancellation():
    note = told("credit_note", "2023-02-01", 45, note="N")
    booked("""
        revenue              Jan 31  Feb 14
        deferred_revenue     Jan 59  Feb -43.50
        credit_notes         Feb 15.50
        accounts_receivable  Jan 90  Feb -45
    """, [QUARTER, cancelled("2023-03-01")], [INVOICE, note])  # fmt: skip
    void = told("credit_note_voided", "2023-03-10", note="N")
    booked("""
        revenue              Jan 31  Feb 14      Mar 14
        deferred_revenue     Jan 59  Feb -43.50  Mar 15.50
        credit_notes         Feb 15.50  Mar -15.50
        accounts_receivable  Jan 90  Feb -45  Mar 45
    """, [QUARTER, cancelled("2023-03-01")], [INVOICE, note, void])  # fmt: skip


def test_what_is_not_refundable_is_recognised_at_the_cancellation():
    versions = [QUARTER, cancelled("2023-02-15")]
    booked("""
        revenue              Jan 31  Feb 59
        deferred_revenue     Jan 59  Feb -59
        accounts_receivable  Jan 90
    """, versions, [INVOICE], cancellation="non_refundable")  # fmt: skip
    late = told("invoice_finalized", "2023-03-01", 10, invoice="J")
    refund = told("refund", "2023-04-10")
    booked("""
        revenue              Jan 31  Feb 59  Mar 10
        deferred_revenue     Jan 59  Feb -59
        refunds              Apr 90
        accounts_receivable  Jan 90  Mar 10
        cash                 Apr -90
    """, versions, [INVOICE, late, refund], cancellation="non_refundable")  # fmt: skip


def test_the_books_start_from_an_opening_balance():
    opened = signed(1, "2023-01-01", LINE, opening=Opening(at("2023-02-01"), cents(31), cents(90)))
    found = booked("""
        revenue              Feb 28  Mar 31
        deferred_revenue     Feb -28 Mar -31
        cash                 Feb 90
        accounts_receivable  Feb -90
    """, [opened], [INVOICE, told("invoice_paid", "2023-02-10")])  # fmt: skip
    assert 0 == found.positions[""].owed


def test_a_credit_before_the_books_start_still_reduces_what_is_left():
    opened = signed(1, "2023-01-01", LINE, opening=Opening(at("2023-02-15"), cents("29.75"), cents(45)))
    found = settled([opened], [INVOICE, told("credit_note", "2023-02-01", 45, note="N")])
    # 60.25 of the line over the rest of its term, less 22.50 of the note
    assert [] == found.billing
    assert cents("-37.75") == totals(found)[REVENUE]


# -- facts that cannot be booked


def test_bad_facts_are_problems_with_a_remedy_and_book_nothing():
    bad = [
        (told("invoice_paid", "2023-01-02", "90.01"), AMOUNT_EXCEEDS),
        (told("invoice_paid", "2023-01-02", 1, invoice="X"), INVOICE_UNKNOWN),
        (told("invoice_voided", "2023-01-02", 91), AMOUNT_EXCEEDS),
        (told("credit_note", "2023-01-02", 91, note="N"), AMOUNT_EXCEEDS),
        (told("credit_note", "2023-01-02", 9, note="N", refund=5, external=5), AMOUNT_EXCEEDS),
        (told("credit_note", "2023-01-02", 9, note="N", tax=1), AMOUNT_EXCEEDS),
        (told("credit_note_voided", "2023-01-02", note="M"), INVOICE_UNKNOWN),
        (told("refund", "2023-01-02", 1, note="M"), INVOICE_UNKNOWN),
        (told("refund", "2023-01-02", -1), AMOUNT_EXCEEDS),
        (told("dispute_won", "2023-01-02"), AMOUNT_EXCEEDS),
        (told("dispute_won", "2023-01-02", invoice="X"), INVOICE_UNKNOWN),
        (told("invoice_finalized", "2023-01-02", 80, name="again"), INVOICE_CONFLICT),
    ]  # fmt: skip
    alone = by_month(settled([QUARTER], [INVOICE]))
    for fact, cls in bad:
        found = settled([QUARTER], [INVOICE, fact])
        assert [(fact, cls, False)] == [(one.fact, one.cls, one.booked) for one in found.problems]
        assert ": " in found.problems[0].reason
        assert alone == by_month(found), fact


def test_paying_twice_is_too_much():
    found = settled([QUARTER], [INVOICE, PAID, told("invoice_paid", "2023-01-03")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in found.problems]


def test_the_same_invoice_told_twice_is_one():
    found = settled([QUARTER], [INVOICE, told("invoice_finalized", "2023-01-05", 90)])
    assert [] == found.problems
    assert by_month(settled([QUARTER], [INVOICE])) == by_month(found)


def test_a_line_that_the_contract_does_not_have_is_said_and_booked_over_those_it_has():
    found = settled([QUARTER], [told("invoice_finalized", "2023-01-01", 90, billed("X", 90))])
    assert [(LINE_UNKNOWN, True)] == [(one.cls, one.booked) for one in found.problems]
    assert by_month(settled([QUARTER], [INVOICE])) == by_month(found)


def test_a_payment_dated_before_its_invoice_is_booked_at_its_own_date():
    booked("""
        revenue              Jan 31  Feb 28  Mar 31
        deferred_revenue     Jan 59  Feb -28 Mar -31
        accounts_receivable  Dec -90 Jan 90
        cash                 Dec 90
    """, [QUARTER], [INVOICE, told("invoice_paid", "2022-12-31")])  # fmt: skip


def test_an_invoice_of_nothing_is_paid_with_nothing():
    facts = [told("invoice_finalized", "2023-01-01", 0), told("invoice_paid", "2023-01-01")]
    found = settled([QUARTER], facts)
    assert ([], []) == (found.billing, found.problems)


def test_a_credit_may_name_no_invoice():
    booked("""
        revenue              Jan 31     Feb 24.89  Mar 27.55
        unbilled_receivable  Jan 31     Feb 31.45  Mar 27.55
        credit_notes         Feb 3.44
        accounts_receivable  Feb -10
    """, [QUARTER], [told("credit_note", "2023-02-01", 10, note="N", invoice=None)])  # fmt: skip


# -- currencies


def test_deferred_revenue_is_released_at_the_rates_of_its_invoices_first_in_first_out():
    facts = [
        told("invoice_finalized", "2023-01-01", 31, rate="1.1"),
        told("invoice_finalized", "2023-01-02", 59, rate="1.3", invoice="J"),
    ]  # fmt: skip
    version = signed(1, "2023-01-01", LINE, currency="EUR")
    found = settled([version], facts, functional="USD", rates=lambda _: Fraction(2))
    expected = {"Jan": Decimal("34.10"), "Feb": Decimal("36.40"), "Mar": Decimal("40.30")}
    assert expected == by_month(found, 1)["revenue"]
    assert "fx_gain_loss" not in totals(found, 1)


def test_what_is_earned_before_it_is_billed_carries_the_rate_of_its_date():
    rates = {1: Fraction("1.1"), 2: Fraction("1.2"), 3: Fraction("1.3")}
    version = signed(1, "2023-01-01", LINE, currency="EUR")
    facts = [told("invoice_finalized", "2023-03-01", 59)]
    booked("""
        revenue              Jan 34.10  Feb 33.60  Mar 40.30
        unbilled_receivable  Jan 34.10  Feb 33.60  Mar -27.40
        accounts_receivable  Mar 76.70
        fx_gain_loss         Mar -9
    """, [version], facts, index=1, functional="USD", rates=lambda day: rates[day.month])  # fmt: skip


def test_a_refund_at_another_rate_is_a_difference_and_a_void_is_none():
    version = signed(1, "2023-01-01", LINE, currency="EUR")
    invoice = told("invoice_finalized", "2023-01-01", 90, rate="1.1")
    text = """
        revenue              Jan 34.10
        deferred_revenue     Jan 64.90  Feb -64.90
        {contra}             Feb 34.10
        accounts_receivable  Jan 99     Feb -99
    """
    booked(
        text.format(contra="voids"), [version], [invoice, told("invoice_voided", "2023-02-01", rate=2)], index=1,
        functional="USD", rates=lambda _: Fraction(2),
    )  # fmt: skip
    booked("""
        revenue              Jan 34.10
        deferred_revenue     Jan 64.90  Feb -64.90
        refunds              Feb 34.10
        accounts_receivable  Jan 99
        cash                 Feb -180
        fx_gain_loss         Feb 81
    """, [version], [invoice, told("refund", "2023-02-01", rate=2)], index=1, functional="USD",
        rates=lambda _: Fraction(2))  # fmt: skip


def test_without_a_rate_nothing_of_that_day_is_booked_and_it_is_said():
    version = signed(1, "2023-01-01", LINE, currency="EUR")
    found = settled([version], [INVOICE], functional="USD", rates=lambda day: Fraction(1) if day.month > 1 else None)
    assert [(FX_RATE_MISSING, None), (FX_RATE_MISSING, INVOICE)] == sorted(
        [(one.cls, one.fact) for one in found.problems], key=lambda one: one[1] is not None
    )
    assert {"unbilled_receivable": cents(59), REVENUE: cents(-59)} == totals(found)


def test_at_one_rate_receivable_and_tax_are_as_converted_and_deferred_revenue_takes_the_rounding():
    version = signed(1, "2023-01-01", LINE, currency="EUR")
    invoice = told("invoice_finalized", "2023-01-01", "0.12", tax="0.02", rate="1.3")
    found = settled([version], [invoice], functional="USD", rates=lambda _: Fraction(1))
    # 15.6, 2.6 and 13 cents: 16, 3 and 13
    assert {"accounts_receivable": (12, 16), "tax_payable": (-2, -3), "deferred_revenue": (-10, -13)} == (
        found.billing[0].movements
    )
    two = told("invoice_finalized", "2023-01-01", "0.05", billed("L", "0.02"), billed("U", "0.03"), rate="1.3")
    version = replace(version, lines=(LINE, metered("U", "2023-01-01")))
    found = settled([version], [two], functional="USD", rates=lambda _: Fraction(1))
    # 6.5 cents are 6; 2.6 and 3.9 would be 3 and 4
    assert {"accounts_receivable": (5, 6), "deferred_revenue": (-5, -6)} == found.billing[0].movements


def test_recoverables_carry_the_rate_of_the_payment():
    version = signed(1, "2023-01-01", LINE, currency="EUR")
    facts = [
        told("invoice_finalized", "2023-01-01", 90, rate="1.1"), told("invoice_uncollectible", "2023-02-01"),
        told("invoice_paid", "2023-04-01", rate="1.2"), told("dispute_opened", "2023-05-01", rate="1.4"),
    ]  # fmt: skip
    booked("""
        revenue              Jan 34.10
        deferred_revenue     Jan 64.90  Feb -64.90
        bad_debt             Feb 34.10  Apr -34.10
        recoverables         Apr 70.80  May -70.80
        disputes             May 34.10
        accounts_receivable  Jan 99     Feb -99
        cash                 Apr 108    May -126
        fx_gain_loss         Apr -3.10  May 21.10
    """, [version], facts, index=1, functional="USD", rates=lambda _: Fraction(1))  # fmt: skip


def test_what_is_left_over_does_not_depend_on_how_far_recognition_has_come():
    versions = [QUARTER, cancelled("2023-02-15")]
    facts = [INVOICE, told("credit_note", "2023-02-01", 45, note="N")]
    plan = planned(versions, decided=policies(cancellation="non_refundable"))
    found = settle_contract(versions, plan, facts, until=at("2023-02-20"))
    # 45 of the line less 7 of the note by then; the other 22.50 of what is billed are left over
    assert [(day("2023-01-31"), 3100), (day("2023-02-15"), 2250)] == [
        (one.day, one.amount) for one, _ in found.recognitions
    ]


def test_what_rounding_leaves_in_a_receivable_is_gone_when_it_is_paid():
    version = replace(signed(1, "2023-01-01", metered("U", "2023-01-01")), currency="EUR")
    facts = [told("invoice_finalized", "2023-02-01", "0.03"), told("invoice_paid", "2023-02-02")]
    usage = [used("U", f"2023-01-0{number}", "0.01") for number in (1, 2, 3)]
    found = settled([version], facts, usage, functional="USD", rates=lambda _: Fraction("1.2"))
    # three times 1.2 cents are 3, and 3.6 would be 4
    assert {REVENUE: -3, "cash": 3} == totals(found, 1)
