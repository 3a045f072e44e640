"""What is taken back, given again or left over, line by line and in both currencies, with its evidence."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from accounting.billing_fact import AMOUNT_EXCEEDS
from accounting.contract import Opening, VersionKind
from accounting.position import REVENUE
from accounting.recognition import CATCH_UP
from tests.accounting.examples import at
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    QUARTER,
    SERVICE,
    billed,
    by_month,
    cancelled,
    cents,
    ledger,
    metered,
    milestone,
    ratable,
    settled,
    signed,
    told,
    totals,
    used,
)

OTHER = ratable("B", "2023-01-01", "2023-04-01", 30)
BOTH = signed(1, "2023-01-01", LINE, OTHER)
RATES = {1: Fraction("1.1"), 2: Fraction("1.2"), 3: Fraction("1.3"), 4: Fraction("1.4"), 5: Fraction("1.5")}


def evidence(found, kind, when):
    """(line, net, contra, restored) of what an event of a kind booked, in major units of its own."""
    (one,) = [one for one in found.billing if one.fact.kind == kind and one.fact.at == at(when)]
    return [(line.line_id, line.net, line.contra, line.restored) for line in one.lines], one


def in_dollars(version, facts, usage=(), **decided):
    """A contract in euros with books in dollars, at another rate every month."""
    found = settled([replace(one, currency="EUR") for one in version], facts, usage, functional="USD",
                    rates=lambda day: RATES[day.month], **decided)  # fmt: skip
    assert [] == found.problems
    for index in (0, 1):
        assert 0 == sum(totals(found, index).values())
    return found


# -- a note that is voided


def test_a_voided_note_gives_every_line_tax_and_currency_back():
    """40 net over 90 and 30, 31 days of 90: 10.33 and 3.44 were earned."""
    invoice = told("invoice_finalized", "2023-01-01", 132, billed("L", 90), billed("B", 30), tax=12)
    note, void = told("credit_note", "2023-02-01", 44, note="N"), told("credit_note_voided", "2023-03-01", note="N")
    plain, noted, found = (in_dollars([BOTH], facts) for facts in ([invoice], [invoice, note], [invoice, note, void]))
    lines, booked = evidence(found, "credit_note", "2023-02-01")
    assert [("L", 3000, 1033, 0), ("B", 1000, 344, 0)] == lines
    assert {"credit_notes": 1377, "tax_payable": 400, "deferred_revenue": 2623, "accounts_receivable": -4400} == {
        account: amounts[0] for account, amounts in booked.movements.items()
    }
    lines, back = evidence(found, "credit_note_voided", "2023-03-01")
    assert [("L", -3000, -1033, 0), ("B", -1000, -344, 0)] == lines
    assert {account: (-one, -other) for account, (one, other) in booked.movements.items()} == back.movements
    assert ("", "credit", "credit note voided: what it took comes back at this date") == (
        back.line_id,
        back.kind,
        back.rule,
    )
    assert totals(plain, 0) == totals(found, 0)
    assert totals(plain, 1) == totals(found, 1)
    assert "credit_notes" in totals(noted, 1)


def test_a_note_is_voided_in_parts_and_no_further():
    invoice = told("invoice_finalized", "2023-01-01", 99, tax=9)
    note = told("credit_note", "2023-02-01", "49.50", note="N", refund=11)
    half, rest = (
        told("credit_note_voided", "2023-02-01", "24.75", note="N", name="a"),
        told("credit_note_voided", "2023-02-02", note="N", name="b"),
    )
    found = settled([QUARTER], [invoice, note, half])
    # 45 net and 4.50 tax: half of the 15.50 that were earned, of the tax, of the 11 that were paid back
    lines, booked = evidence(found, "credit_note_voided", "2023-02-01")
    assert [("L", -2250, -775, 0)] == lines
    assert {
        "credit_notes": (-775, -775), "tax_payable": (-225, -225), "deferred_revenue": (-1475, -1475),
        "accounts_receivable": (1925, 1925), "cash": (550, 550),
    } == booked.movements  # fmt: skip
    assert "L" == booked.line_id
    whole = settled([QUARTER], [invoice, note, half, rest])
    assert [] == whole.problems
    assert totals(settled([QUARTER], [invoice])) == totals(whole)
    again = settled([QUARTER], [invoice, note, half, rest, told("credit_note_voided", "2023-02-03", "0.01", note="N")])
    reason = "credit_note_voided: credit note N: 0.01 USD asked for, 0.00 is left of it: send an event that fits"
    assert [(AMOUNT_EXCEEDS, reason)] == [(one.cls, one.reason) for one in again.problems]
    # All of it can be credited again.
    more = told("credit_note", "2023-03-01", 99, note="O")
    assert [] == settled([QUARTER], [invoice, note, half, rest, more]).problems


def test_a_voided_note_of_progress_comes_back_by_the_progress_since():
    def at_progress(number, when, done):
        return signed(number, when, milestone("M", "2023-01-01", "2023-12-01", 100, done))

    versions = [at_progress(1, "2023-01-01", 0), at_progress(2, "2023-02-10", 40), at_progress(3, "2023-04-10", 100)]
    facts = [
        told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-02-01", 50, note="N"),
        told("credit_note_voided", "2023-03-01 15:00", note="N"),
    ]  # fmt: skip
    found = settled(versions, facts)
    # Nothing was earned at first: 20 of Feb 40 are taken, and come back.
    assert ledger("""
        revenue              Feb 20   Mar 20   Apr 60
        deferred_revenue     Jan 100  Feb -70  Mar 30  Apr -60
        accounts_receivable  Jan 100  Feb -50  Mar 50
    """) == by_month(found)  # fmt: skip
    assert [at("2023-03-01 15:00")] == [one.instant for one, _ in found.recognitions if one.kind == CATCH_UP]


def test_what_a_note_takes_of_progress_ends_with_the_contract():
    def at_progress(number, when, done, kind=None):
        return signed(number, when, milestone("M", "2023-01-01", "2023-12-01", 100, done), kind=kind)

    versions = [
        at_progress(1, "2023-01-01", 0), at_progress(2, "2023-02-10", 40), at_progress(3, "2023-04-10", 100),
        at_progress(4, "2023-04-10", 100, VersionKind.CANCELLED),
    ]  # fmt: skip
    facts = [told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-02-01", 50, note="N")]
    assert {"Feb": Decimal(20)} == by_month(settled(versions, facts))["revenue"]


# -- a re-invoice of what was voided


def test_a_re_invoice_restores_of_every_void_what_is_left_of_it():
    """Half of the first void with J; then the other half of it, and all of J's."""
    facts = [
        told("invoice_finalized", "2023-01-01", 90, billed(*SERVICE)), told("invoice_voided", "2023-02-01"),
        told("invoice_finalized", "2023-02-01", 45, billed("L", 45, *SERVICE[2:]), invoice="J"),
        told("invoice_voided", "2023-03-01", invoice="J"),
        told("invoice_finalized", "2023-03-10", 90, billed(*SERVICE), invoice="K"),
    ]  # fmt: skip
    found = in_dollars([QUARTER], facts)
    lines, first = evidence(found, "invoice_finalized", "2023-01-01")
    assert ([("L", 9000, 0, 0)], "invoice finalised: billed to its positions") == (lines, first.rule)
    (again,) = [one for one in found.billing if one.fact.invoice_id == "J" and one.kind == "billing"]
    assert [("L", 4500, -1550, 4500)] == [(one.line_id, one.net, one.contra, one.restored) for one in again.lines]
    assert "re-invoice: billed to its positions, what the void took is restored" == again.rule
    lines, last = evidence(found, "invoice_finalized", "2023-03-10")
    assert [("L", 9000, -4500, 9000)] == lines
    assert (-4500, -5245) == last.movements["voids"]  # 15.50 at 1.1 and 29.50 at 1.2, the rates of their invoices
    assert {"accounts_receivable": cents(90), REVENUE: cents(-90)} == totals(found)
    assert "voids" not in totals(found, 1)


# -- refunds of notes


def test_a_refund_of_a_note_says_what_it_moves_and_what_is_left():
    note = told("credit_note", "2023-02-01", 45, note="N", refund=15, customer_balance=10)
    refund = told("refund", "2023-02-03", 36, note="N")
    found = settled([QUARTER], [INVOICE, told("invoice_paid", "2023-01-01"), note, refund])
    lines, booked = evidence(found, "refund", "2023-02-03")
    # 15 of the 36 went with the note; 20 stay with the invoice; 1 of the customer's 10.
    assert ([], "L", "credit", "refund of a credit note: moves cash only") == (
        lines, booked.line_id, booked.kind, booked.rule
    )  # fmt: skip
    assert {
        "accounts_receivable": (2000, 2000),
        "customer_balance": (100, 100),
        "cash": (-2100, -2100),
    } == booked.movements
    beyond = settled([QUARTER], [INVOICE, note, refund, told("refund", "2023-02-04", 10, note="N")])
    reason = "refund: credit note N: 10.00 USD asked for, 9.00 is left to refund: send an event that fits"
    assert [(AMOUNT_EXCEEDS, reason)] == [(one.cls, one.reason) for one in beyond.problems]


def test_what_exceeds_is_told_with_what_there_is():
    said = {
        told("dispute_opened", "2023-01-02", 91): "dispute_opened: invoice I: 91.00 USD asked for, 90.00 can still be credited",
        told("refund", "2023-01-02", 91): "refund: invoice I: 91.00 USD asked for, 90.00 can still be credited",
        told("invoice_paid", "2023-01-02", 91): "invoice_paid: invoice I: 91.00 USD asked for, 90.00 is open",
        told("invoice_voided", "2023-01-02", 91): "invoice_voided: invoice I: 91.00 USD asked for, 90.00 is open",
        told("credit_note", "2023-01-02", 9, note="N", refund=5, external=5): (
            "credit_note: allocations: 10.00 USD asked for, 9.00 is credited"
        ),
        told("credit_note", "2023-01-02", 9, note="N", tax=1): "credit_note: tax: 1.00 USD asked for, 0.00 can still be credited",
        told("dispute_won", "2023-01-02", 5): "dispute_won: invoice I: 5.00 USD asked for, 0.00 is in dispute",
    }  # fmt: skip
    for fact, expected in said.items():
        (problem,) = settled([QUARTER], [INVOICE, fact]).problems
        assert f"{expected}: send an event that fits" == problem.reason
    (problem,) = settled([QUARTER], [INVOICE, told("dispute_opened", "2023-01-02", invoice="X")]).problems
    assert "dispute_opened: invoice X is not known for this contract: send the event that issues it" == problem.reason


# -- a write-off that is paid after all


def test_a_payment_after_a_write_off_comes_in_by_the_shares_of_the_write_off():
    """99 with 9 tax: 31 of 90 were earned; a third comes in in April, the rest in May."""
    facts = [
        told("invoice_finalized", "2023-01-01", 99, tax=9), told("invoice_uncollectible", "2023-02-01"),
        told("invoice_paid", "2023-04-01", 33), told("invoice_paid", "2023-05-01", 66),
    ]  # fmt: skip
    found = in_dollars([QUARTER], facts)
    paid = [one for one in found.billing if one.kind == "payment"]
    assert [{"cash": 3300, "bad_debt": -1033, "tax_payable": -300, "recoverables": -1967},
            {"cash": 6600, "bad_debt": -2067, "tax_payable": -600, "recoverables": -3933}] == [
        {account: amounts[0] for account, amounts in one.movements.items() if amounts[0]} for one in paid
    ]  # fmt: skip
    rule = "payment after write-off: its share of bad debt and tax come back, the rest is recoverable"
    assert [rule, rule] == [one.rule for one in paid]
    assert {"cash": cents(99), "tax_payable": cents(-9), REVENUE: cents(-31), "recoverables": cents(-59)} == totals(
        found
    )
    # Bad debt and tax come back at the rate of the invoice, recoverables carry that of the payment: 1.4, then 1.5.
    assert (0, -2754 - 5900) == (
        totals(found, 1).get("bad_debt", 0), totals(found, 1)["recoverables"]
    )  # fmt: skip
    assert cents("-9.90") == totals(found, 1)["tax_payable"]


# -- what is left over when a contract that is not refundable ends


def test_what_is_left_over_is_recognised_by_line_and_position():
    """By 15 February 45 and 15 are earned and 5 of usage; 45, 15 and 15 are left over of what is billed."""
    terms = signed(1, "2023-01-01", LINE, OTHER, metered("U", "2023-01-01"))
    versions = [terms, replace(terms, version=2, kind=VersionKind.CANCELLED, effective_at=at("2023-02-15"))]
    invoice = told("invoice_finalized", "2023-01-01", 140, billed("L", 90), billed("B", 30), billed("U", 20))
    found = settled(versions, [invoice], [used("U", "2023-01-10", 5)], cancellation="non_refundable")
    over = [one for one, _ in found.recognitions if one.kind == CATCH_UP]
    rule = "policy cancellation = non_refundable: what is left over is recognised"
    assert [("L", 4500), ("B", 1500), ("U", 1500)] == [(one.line_id, one.amount) for one in over]
    assert {(at("2023-02-15"), 2, rule)} == {(one.instant, one.version, one.rule) for one in over}
    assert {"accounts_receivable": cents(140), REVENUE: cents(-140)} == totals(found)
    # What is billed later is recognised then, for each line and instant once.
    late = [
        told("invoice_finalized", "2023-03-01", 8, billed("L", 8), invoice="J"),
        told("invoice_finalized", "2023-03-01", 16, billed("B", 16), invoice="K"),
        told("invoice_finalized", "2023-03-01", 3, billed("U", 3), invoice="M"),
    ]  # fmt: skip
    found = settled(versions, [invoice, *late], [used("U", "2023-01-10", 5)], cancellation="non_refundable")
    over = {(one.line_id, one.amount): moved for one, moved in found.recognitions if one.instant == at("2023-03-01")}
    assert {("L", 1800), ("B", 600), ("U", 300)} - set(over) == set()
    assert {"deferred_revenue": (1800, 1800), REVENUE: (-1800, -1800)} == over["L", 1800]
    assert {"accounts_receivable": cents(167), REVENUE: cents(-167)} == totals(found)


def test_what_is_taken_back_after_the_end_of_what_was_left_over_is_no_revenue():
    versions = [QUARTER, cancelled("2023-02-15")]
    facts = [INVOICE, told("invoice_voided", "2023-03-01")]
    found = settled(versions, facts, cancellation="non_refundable")
    assert {REVENUE: cents(-90), "voids": cents(90)} == totals(found)


# -- what is taken twice, and what the entries say


def test_a_dispute_that_was_won_may_be_opened_again_and_no_further():
    facts = [
        told("invoice_finalized", "2023-01-01", 99, tax=9), told("invoice_uncollectible", "2023-02-01"),
        told("invoice_paid", "2023-04-01"), told("dispute_opened", "2023-05-01", "49.50", name="a"),
        told("dispute_opened", "2023-05-02", name="b"),
    ]  # fmt: skip
    once = settled([QUARTER], facts)
    assert [("tax_payable", 450), ("tax_payable", 450)] == [
        ("tax_payable", one.movements["tax_payable"][0]) for one in once.billing if one.fact.kind == "dispute_opened"
    ]
    won = [*facts, told("dispute_won", "2023-06-01")]
    assert totals(settled([QUARTER], facts[:3])) == totals(settled([QUARTER], won))
    again = settled([QUARTER], [*won, told("dispute_opened", "2023-06-02")])
    assert ([], totals(once)) == (again.problems, totals(again))
    beyond = settled([QUARTER], [*facts, told("dispute_opened", "2023-05-03", "0.01")])
    assert [AMOUNT_EXCEEDS] == [one.cls for one in beyond.problems]


def test_of_a_note_that_was_voided_in_part_the_rest_is_left_to_refund():
    note, half = (
        told("credit_note", "2023-02-01", 45, note="N"),
        told("credit_note_voided", "2023-02-01", "22.50", note="N"),
    )
    found = settled([QUARTER], [INVOICE, note, half, told("refund", "2023-02-03", note="N")])
    (refund,) = [one.movements for one in found.billing if one.fact.kind == "refund"]
    assert ([], {"accounts_receivable": (2250, 2250), "cash": (-2250, -2250)}) == (found.problems, refund)


def test_effects_say_that_credits_are_in_them():
    first, second = told("credit_note", "2023-02-01", 9, note="N"), told("credit_note", "2023-02-01", 9, note="O")
    schedule = "daily schedule, cumulative amount rounded half-even"
    noted = settled([QUARTER], [INVOICE, first, second])
    less = f"{schedule}, less credits"
    assert [schedule, less, less] == [one.rule for one, _ in noted.recognitions]
    voided = settled([QUARTER], [INVOICE, first, told("credit_note_voided", "2023-03-01", note="N")])
    assert [schedule, less, "catch-up of credits", schedule] == [
        one.rule for one, _ in sorted(voided.recognitions, key=lambda item: item[0].day)
    ]
    # A period of its own, in which the line earns nothing.
    late = told("credit_note", "2023-02-01", 10, billed("L", 10, "2023-05-01", "2023-06-01"), note="N")
    (taken,) = [one for one, _ in settled([QUARTER], [INVOICE, late]).recognitions if one.day.month == 5]
    assert (-1000, "what credits take from the schedule, cumulative amount rounded half-even") == (
        taken.amount,
        taken.rule,
    )


def test_what_happened_at_the_instant_of_an_opening_is_in_its_balance():
    opened = replace(QUARTER, opening=Opening(at("2023-02-01"), cents(31), cents(90)))
    facts = [told("invoice_finalized", "2023-02-01", 90), told("invoice_paid", "2023-02-01 00:00:00.000001", 90)]
    found = settled([opened], facts)
    assert ["invoice_paid"] == [one.fact.kind for one in found.billing]
    assert {
        REVENUE: cents(-59),
        "deferred_revenue": cents(59),
        "cash": cents(90),
        "accounts_receivable": cents(-90),
    } == (totals(found))
