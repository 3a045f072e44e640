"""What follows an invoice: credits by line and share, their reversals, re-invoices, refunds of notes, write-offs, disputes."""

from dataclasses import replace

import pytest

from accounting.billing_fact import (
    AMOUNT_EXCEEDS,
)
from accounting.contract import LineKind
from accounting.invoice import pro_rata
from accounting.position import REVENUE
from accounting.recognition import CATCH_UP
from tests.accounting.examples import at, day
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    PAID,
    QUARTER,
    SERVICE,
    billed,
    booked,
    by_month,
    cents,
    metered,
    milestone,
    ratable,
    settled,
    signed,
    told,
    totals,
    used,
)

# -- reversals


def test_a_voided_credit_note_posts_its_whole_catch_up_at_its_own_date():
    facts = [
        INVOICE, PAID, told("credit_note", "2023-02-01", 45, note="N"), told("credit_note_voided", "2023-03-01", note="N")
    ]  # fmt: skip
    found = booked("""
        revenue              Jan 31  Feb 14      Mar 45
        deferred_revenue     Jan 59  Feb -43.50  Mar -15.50
        credit_notes         Feb 15.50  Mar -15.50
        accounts_receivable  Feb -45    Mar 45
        cash                 Jan 90
    """, [QUARTER], facts)  # fmt: skip
    jumps = [(effect.day, effect.amount) for effect, _ in found.recognitions if effect.kind == CATCH_UP]
    assert [(day("2023-03-01"), cents(14))] == jumps


def test_a_credit_note_voided_on_its_day_leaves_nothing():
    facts = [
        INVOICE, told("credit_note", "2023-02-10 08:00", 45, note="N"),
        told("credit_note_voided", "2023-02-10 17:00", note="N"),
    ]  # fmt: skip
    assert by_month(settled([QUARTER], [INVOICE])) == by_month(settled([QUARTER], facts))


def test_half_a_note_can_be_taken_back():
    facts = [
        INVOICE, told("credit_note", "2023-02-01", 45, note="N"),
        told("credit_note_voided", "2023-03-01", "22.50", note="N"),
    ]  # fmt: skip
    # 45 at half: 14 + 7 of the 28 that February took, then 23.25 of 31
    booked("""
        revenue              Jan 31  Feb 14      Mar 30.25
        deferred_revenue     Jan 59  Feb -43.50  Mar -15.50
        credit_notes         Feb 15.50  Mar -7.75
        accounts_receivable  Jan 90  Feb -45  Mar 22.50
    """, [QUARTER], facts)  # fmt: skip


def test_a_re_invoice_restores_what_the_void_took():
    facts = [
        told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)), told("invoice_voided", "2023-02-01"),
        told("invoice_finalized", "2023-03-01", 90, billed(*SERVICE), invoice="J"),
    ]  # fmt: skip
    booked("""
        revenue              Jan 31  Mar 59
        deferred_revenue     Jan 59  Feb -59
        voids                Feb 31  Mar -31
        accounts_receivable  Jan 90  Feb -90  Mar 90
    """, [QUARTER], facts)  # fmt: skip


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_void_and_its_re_invoice_may_have_one_time(order):
    facts = [
        told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)),
        told("invoice_voided", "2023-02-01", name=order[0]),
        told("invoice_finalized", "2023-02-01", 90, billed(*SERVICE), invoice="J", name=order[1]),
    ]  # fmt: skip
    booked("""
        revenue              Jan 31  Feb 28  Mar 31
        deferred_revenue     Jan 59  Feb -28 Mar -31
        accounts_receivable  Jan 90
    """, [QUARTER], facts)  # fmt: skip


def test_a_smaller_re_invoice_restores_its_part_and_a_larger_one_no_more_than_all():
    first, void = told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)), told("invoice_voided", "2023-02-01")

    def books(net):
        again = told(
            "invoice_finalized", "2023-03-01", net, billed("L", net, "2023-01-01", "2023-04-01"), invoice="J"
        )  # fmt: skip
        return totals(settled([QUARTER], [first, void, again]))

    assert (cents("15.50"), cents("-60.50")) == (books(45)["voids"], books(45)[REVENUE])  # 45 in all
    assert cents(-90) == books(120)[REVENUE]
    assert "voids" not in books(120)


def test_another_period_restores_nothing():
    facts = [
        told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)), told("invoice_voided", "2023-02-01"),
        told("invoice_finalized", "2023-03-01", 31, billed("L", 31, "2023-03-01", "2023-04-01"), invoice="J"),
    ]  # fmt: skip
    assert cents(31) == totals(settled([QUARTER], facts))["voids"]


def test_a_dispute_that_is_won_comes_back():
    facts = [
        INVOICE, PAID, told("dispute_opened", "2023-02-01"), told("dispute_won", "2023-03-01")
    ]  # fmt: skip
    booked("""
        revenue           Jan 31  Mar 59
        deferred_revenue  Jan 59  Feb -59
        disputes          Feb 31  Mar -31
        cash              Jan 90  Feb -90  Mar 90
    """, [QUARTER], facts)  # fmt: skip


# -- refunds of notes, write-offs, disputes of what came in after a write-off


def test_a_refund_that_names_a_note_moves_cash_only_and_never_twice():
    note = told("credit_note", "2023-02-01", 45, note="N", refund=15, customer_balance=10)  # 20 stay with the invoice
    refunds = [
        told("refund", "2023-02-02", 15, note="N", name="a"), told("refund", "2023-02-03", 12, note="N", name="b"),
        told("refund", "2023-03-03", 18, note="N", name="c"),
    ]  # fmt: skip
    booked("""
        revenue              Jan 31  Feb 14      Mar 15.50
        deferred_revenue     Jan 59  Feb -43.50  Mar -15.50
        credit_notes         Feb 15.50
        accounts_receivable  Feb -8   Mar 8
        customer_balance     Feb 10   Mar -10
        cash                 Jan 90   Feb -27  Mar -18
    """, [QUARTER], [INVOICE, PAID, note, *refunds])  # fmt: skip
    beyond = settled([QUARTER], [INVOICE, PAID, note, *refunds, told("refund", "2023-03-04", "0.01", note="N")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in beyond.problems]


def test_a_refund_dated_before_its_note_takes_effect_with_it():
    note = told("credit_note", "2023-02-02", 45, note="N")
    found = settled([QUARTER], [INVOICE, PAID, note, told("refund", "2023-02-01", note="N")])
    assert [] == found.problems
    assert [day("2023-02-02")] * 2 == [one.day for one in found.billing if one.kind == "credit"]


def test_a_payment_after_a_write_off_brings_tax_back_and_a_dispute_takes_recoverables_first():
    facts = [
        told("invoice_finalized", "2023-01-01", 99, tax=9), told("invoice_uncollectible", "2023-02-01"),
        told("invoice_paid", "2023-04-01"), told("dispute_opened", "2023-05-01"),
    ]  # fmt: skip
    booked("""
        revenue              Jan 31
        deferred_revenue     Jan 59  Feb -59
        tax_payable          Jan 9   Feb -9   Apr 9    May -9
        bad_debt             Feb 31  Apr -31
        recoverables         Apr 59  May -59
        disputes             May 31
        accounts_receivable  Jan 99  Feb -99
        cash                 Apr 99  May -99
    """, [QUARTER], facts)  # fmt: skip
    won = settled([QUARTER], [*facts, told("dispute_won", "2023-06-01")])
    assert totals(settled([QUARTER], facts[:3])) == totals(won)


def test_a_payment_in_parts_after_a_write_off_comes_to_the_whole():
    facts = [
        INVOICE, told("invoice_uncollectible", "2023-02-01"), told("invoice_paid", "2023-04-01", "33.33"),
        told("invoice_paid", "2023-05-01", "56.67"),
    ]  # fmt: skip
    found = settled([QUARTER], facts)
    assert {REVENUE: cents(-31), "cash": cents(90), "recoverables": cents(-59)} == totals(found)


def test_a_void_takes_what_is_still_open():
    facts = [INVOICE, told("invoice_paid", "2023-01-10", 30), told("invoice_voided", "2023-02-01")]
    found = settled([QUARTER], facts)
    assert [] == found.problems
    # 60 at 31 / 90: 20.67
    assert {"voids": cents("20.67"), "cash": cents(30), REVENUE: cents("-50.67")} == totals(found)


def test_tax_goes_back_pro_rata_and_the_last_credit_takes_what_is_left():
    facts = [
        told("invoice_finalized", "2023-01-01", "34.11", tax="3.11"), told("credit_note", "2023-01-05", 10, note="N"),
        told("credit_note", "2023-01-06", 10, note="O"), told("invoice_voided", "2023-01-07"),
    ]  # fmt: skip
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-02-01", 31))
    found = settled([version], facts)
    assert [cents("0.91"), cents("0.91"), cents("1.29")] == [
        one.movements["tax_payable"][0] for one in found.billing if one.kind == "credit"
    ]
    assert {"accounts_receivable", "tax_payable"}.isdisjoint(totals(found))


def test_the_lines_of_a_credit_tell_its_tax():
    facts = [
        told("invoice_finalized", "2023-01-01", 99, tax=9),
        told("credit_note", "2023-02-01", 11, billed("L", 10), note="N"),
        told("credit_note", "2023-02-01", 10, billed("L", 10), note="O"),
    ]  # fmt: skip
    found = settled([QUARTER], facts)
    assert [cents(1), 0] == [
        one.movements.get("tax_payable", (0, 0))[0] for one in found.billing if one.kind == "credit"
    ]


def test_what_is_taken_back_can_be_credited_again():
    facts = [
        INVOICE, told("credit_note", "2023-02-01", 90, note="N"), told("credit_note_voided", "2023-02-10", note="N"),
        told("credit_note", "2023-03-01", 90, note="O"),
    ]  # fmt: skip
    found = settled([QUARTER], facts)
    assert [] == found.problems
    assert {"credit_notes": cents(59), REVENUE: cents(-59)} == totals(found)


def test_a_write_off_is_paid_once_and_what_came_in_is_disputed_once():
    facts = [INVOICE, told("invoice_uncollectible", "2023-02-01"), told("invoice_paid", "2023-04-01")]
    again = settled([QUARTER], [*facts, told("invoice_paid", "2023-04-02", "0.01")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in again.problems]
    disputes = [told("dispute_opened", "2023-05-01", 45), told("refund", "2023-05-02", 45)]
    found = settled([QUARTER], [*facts, *disputes])
    assert {"disputes": cents("15.50"), "refunds": cents("15.50"), REVENUE: cents(-31)} == totals(found)
    third = settled([QUARTER], [*facts, *disputes, told("dispute_opened", "2023-05-03", "0.01")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in third.problems]


def test_a_refund_of_a_note_makes_the_receivable_due_again():
    facts = [INVOICE, told("credit_note", "2023-02-01", 45, note="N"), told("refund", "2023-02-02", note="N")]
    found = settled([QUARTER], [*facts, told("invoice_paid", "2023-02-03")])
    assert [] == found.problems
    assert {"cash": cents(45), "credit_notes": cents("15.50"), REVENUE: cents("-60.50")} == totals(found)


def test_what_is_owed_to_the_customer_cannot_be_voided_or_paid():
    facts = [INVOICE, PAID, told("credit_note", "2023-02-01", 45, note="N")]
    for kind in ("invoice_voided", "invoice_uncollectible", "invoice_paid"):
        assert [AMOUNT_EXCEEDS] == [one.cls for one in settled([QUARTER], [*facts, told(kind, "2023-02-02")]).problems]


# -- which line, which share


def test_a_void_takes_what_earlier_credits_left_of_each_line():
    version = signed(1, "2023-01-01", LINE, ratable("B", "2023-01-01", "2023-04-01", 30))
    facts = [
        told("invoice_finalized", "2023-01-01", 120, billed("L", 90), billed("B", 30)),
        told("credit_note", "2023-02-01", 30, billed("B", 30), note="N"), told("invoice_voided", "2023-02-01"),
    ]  # fmt: skip
    credits = [one.lines for one in settled([version], facts).billing if one.kind == "credit"]
    assert [[("B", 3000)], [("L", 9000), ("B", 0)]] == [[(one.line_id, one.net) for one in lines] for lines in credits]


def test_what_the_lines_of_a_credit_leave_goes_to_the_first_one():
    note = told("credit_note", "2023-02-01", 10, billed("L", 4), billed("L", 3), note="N")
    credit = settled([QUARTER], [INVOICE, note]).billing[-1]
    assert [("L", 700), ("L", 300)] == [(one.line_id, one.net) for one in credit.lines]


def test_parts_pro_rata_go_to_the_largest_remainders():
    assert [1, 1, 2] == pro_rata(4, [3, 3, 6])
    assert [3, 7] == pro_rata(10, [1, 2])
    assert [34, 33, 33] == pro_rata(100, [1, 1, 1])
    assert [-10, 14, 41] == pro_rata(45, [-30, 40, 120])
    assert [10, -14, -41] == pro_rata(-45, [-30, 40, 120])
    assert [-30, 40, 120] == pro_rata(130, [-30, 40, 120])
    assert [7, 0] == pro_rata(7, [5, -5])


def test_a_credit_acts_on_the_share_of_its_own_service_period():
    future = told("credit_note", "2023-02-01", 31, billed("L", 31, "2023-03-01", "2023-04-01"), note="N")
    booked("""
        revenue              Jan 31  Feb 28
        deferred_revenue     Jan 59  Feb -59
        accounts_receivable  Jan 90  Feb -31
    """, [QUARTER], [INVOICE, future])  # fmt: skip


def test_a_credit_in_mid_month_takes_the_share_of_its_day_whatever_is_posted():
    found = settled([QUARTER], [INVOICE, told("credit_note", "2023-02-15 13:00", 90, note="N")])
    note = next(one for one in found.billing if one.kind == "credit")
    assert cents(45) == note.movements["credit_notes"][0]
    assert cents(-45) == totals(found)[REVENUE]


def test_a_credit_of_usage_was_earned():
    version = signed(1, "2023-01-01", metered("U", "2023-01-01"))
    facts = [
        told("invoice_finalized", "2023-02-01", 10), told("refund", "2023-02-10", 4), told("invoice_paid", "2023-02-01")
    ]  # fmt: skip
    booked("""
        revenue              Jan 10
        unbilled_receivable  Jan 10  Feb -10
        refunds              Feb 4
        cash                 Feb 6
    """, [version], facts, [used("U", "2023-01-20", 10)])  # fmt: skip


def test_a_credit_of_a_milestone_takes_from_the_progress_to_come():
    def at_progress(number, when, done):
        return signed(number, when, milestone("M", "2023-01-01", "2023-12-01", 100, done))

    versions = [at_progress(1, "2023-01-01", 0), at_progress(2, "2023-02-10", 40), at_progress(3, "2023-04-10", 100)]
    facts = [told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-03-01", 50, note="N")]
    booked("""
        revenue              Feb 40   Apr 30
        deferred_revenue     Jan 100  Feb -40  Mar -30  Apr -30
        credit_notes         Mar 20
        accounts_receivable  Jan 100  Mar -50
    """, versions, facts)  # fmt: skip


def test_a_point_in_time_line_is_earned_or_not():
    line = ratable("L", "2023-01-01", "2023-12-01", 100)
    sold = replace(line, kind=LineKind.POINT_IN_TIME, satisfied_at=at("2023-03-15"))
    facts = [told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-02-01", 10, note="N")]
    late = told("credit_note", "2023-03-15", 20, note="O")
    booked("""
        revenue              Mar 90
        deferred_revenue     Jan 100  Feb -10  Mar -90
        credit_notes         Mar 20
        accounts_receivable  Jan 100  Feb -10  Mar -20
    """, [signed(1, "2023-01-01", sold)], [*facts, late])  # fmt: skip


def test_positions_of_usage_lines_stand_alone():
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-04-01", 90), metered("U", "2023-01-01"))
    invoice = told("invoice_finalized", "2023-01-01", 90, billed("L", 80), billed("U", 10))
    found = settled([version], [invoice], [used("U", "2023-01-20", 15)])
    assert {"": -cents(10), "U": -cents(5)} == {name: one.owed for name, one in found.positions.items()}


def test_an_invoice_without_lines_goes_over_the_fixed_lines_by_total_else_over_usage_lines():
    two = signed(1, "2023-01-01", ratable("A", "2023-01-01", "2023-04-01", 60), ratable("B", "2023-01-01", "2023-04-01", 30),
                 metered("U", "2023-01-01"))  # fmt: skip
    found = settled([two], [told("invoice_finalized", "2023-01-01", 30)])
    assert [("A", 2000), ("B", 1000)] == [(one.line_id, one.net) for one in found.billing[0].lines]
    meters = signed(1, "2023-01-01", metered("U", "2023-01-01"), metered("V", "2023-01-01"))
    found = settled([meters], [told("invoice_finalized", "2023-01-01", 31)])
    assert {"": 0, "U": 1550, "V": 1550} == {name: one.owed for name, one in found.positions.items()}


def test_what_the_lines_of_an_invoice_leave_goes_to_the_first_one():
    found = settled([QUARTER], [told("invoice_finalized", "2023-01-01", 90, billed("L", 80), billed("L", 4))])
    assert [("L", 8600), ("L", 400)] == [(one.line_id, one.net) for one in found.billing[0].lines]


def test_policy_unbilled_names_the_account_of_the_fixed_lines():
    version = signed(1, "2023-01-01", LINE, metered("U", "2023-01-01"))
    found = settled([version], [], [used("U", "2023-01-20", 15)], unbilled="contract_asset")
    assert {"contract_asset": cents(90), "unbilled_receivable": cents(15), REVENUE: cents(-105)} == totals(found)
