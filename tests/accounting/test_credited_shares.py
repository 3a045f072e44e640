"""How much of what a credit takes was earned: by line, period and day, also where the line ended, changed or was taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounting.billing_fact import LINE_UNKNOWN
from accounting.contract import Opening, VersionKind
from accounting.position import REVENUE
from accounting.recognition import CATCH_UP
from tests.accounting.examples import at
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    QUARTER,
    billed,
    booked,
    by_month,
    cancelled,
    cents,
    metered,
    milestone,
    ratable,
    settled,
    signed,
    told,
    totals,
)

OTHER = ratable("B", "2023-01-01", "2023-04-01", 30)


def taken(versions, *facts, **decided):
    """(line, net, contra) of the last credit."""
    found = settled(versions, facts, **decided)
    assert [] == found.problems
    return [
        (one.line_id, one.net, one.contra) for one in [one for one in found.billing if one.kind == "credit"][-1].lines
    ]


# -- the term of the line


def test_a_line_that_says_no_period_is_served_over_its_own_term_not_the_contracts():
    version = signed(1, "2023-01-01", LINE, ratable("B", "2023-01-01", "2023-12-31", 30))
    invoice = told("invoice_finalized", "2023-01-01", 90, billed("L", 90))
    assert [("L", 9000, 3100)] == taken([version], invoice, told("invoice_voided", "2023-02-01"))


def test_a_period_that_says_its_start_ends_with_the_line():
    version = signed(1, "2023-01-01", LINE, ratable("B", "2023-01-01", "2023-12-31", 30))
    invoice = told("invoice_finalized", "2023-01-01", 59, billed("L", 59, "2023-02-01"))
    # 14 of 59 days
    assert [("L", 5900, 1400)] == taken([version], invoice, told("invoice_voided", "2023-02-15"))
    note = told("credit_note", "2023-02-15", 59, billed("L", 59, "2023-02-01"), note="N")
    assert [("L", 5900, 1400)] == taken([version], INVOICE, note)


@pytest.mark.parametrize(
    ("span", "when", "contra"),
    [
        (("2023-05-01", None), "2023-04-15", 0), (("2023-05-01", None), "2023-05-02", 10),
        (("2023-04-01", None), "2023-04-01", 0), (("2023-04-01", None), "2023-04-02", 10),
        ((None, "2022-12-01"), "2022-11-30", 0), ((None, "2022-12-01"), "2022-12-15", 10),
        ((None, "2023-01-01"), "2022-12-31", 0), ((None, "2023-01-01"), "2023-01-01", 10),
    ],
)  # fmt: skip
def test_one_end_outside_the_lines_term_is_the_day_that_begins_or_ends_there(span, when, contra):
    invoice = told("invoice_finalized", "2022-11-01", 10, billed("L", 10, *span))
    assert [("L", 1000, cents(contra))] == taken([QUARTER], invoice, told("invoice_voided", when))


def test_an_open_ended_line_is_served_to_the_contracts_end():
    """The re-invoice says what the voided invoice left open: it is the same service."""
    version = signed(1, "2023-01-01", LINE, metered("U", "2023-01-01"), end="2023-04-01")
    facts = [
        told("invoice_finalized", "2023-01-01", 10, billed("U", 10)), told("invoice_voided", "2023-02-01"),
        told("invoice_finalized", "2023-02-02", 10, billed("U", 10, "2023-01-01", "2023-04-01"), invoice="J"),
    ]  # fmt: skip
    assert "voids" not in totals(settled([version], facts))


def test_a_removed_line_has_come_no_further_than_its_end():
    """B of 30 ends after 45 of its 90 days; on 17 March, 75 days after the start, half of it is earned for ever."""
    versions = [signed(1, "2023-01-01", LINE, OTHER), signed(2, "2023-02-15", LINE)]
    invoice = told("invoice_finalized", "2023-01-01", 120, billed("L", 90), billed("B", 30))
    note = told("credit_note", "2023-03-17", 30, billed("B", 30), note="N")
    assert [("B", 3000, 1500)] == taken(versions, invoice, note)


@pytest.mark.parametrize("when", ["2023-04-10", "2023-04-10 08:00", "2023-04-20"])
def test_progress_of_the_day_on_which_a_contract_ends_does_not_count(when):
    def at_progress(number, effective, done, kind=None):
        return signed(number, effective, milestone("M", "2023-01-01", "2023-12-01", 100, done), kind=kind)

    versions = [
        at_progress(1, "2023-01-01", 0), at_progress(2, "2023-02-10", 40), at_progress(3, "2023-04-10", 100),
        at_progress(4, "2023-04-10", 100, VersionKind.CANCELLED),
    ]  # fmt: skip
    invoice = told("invoice_finalized", "2023-01-01", 100)
    assert [("M", 5000, 2000)] == taken(versions, invoice, told("credit_note", when, 50, note="N"))


@pytest.mark.parametrize(("progress", "contra"), [((0, 2), 0), ((1, 2), 25), ((3, 2), 50)])
def test_of_progress_no_less_than_nothing_and_no_more_than_all_is_earned(progress, contra):
    version = signed(1, "2023-01-01", replace(milestone("M", "2023-01-01", "2023-12-01", 100, 0), progress=progress))
    invoice = told("invoice_finalized", "2023-01-01", 100)
    assert [("M", 5000, cents(contra))] == taken([version], invoice, told("credit_note", "2023-02-01", 50, note="N"))


@pytest.mark.parametrize("when", ["2023-02-01", "2023-02-01 12:00"])
def test_the_day_of_an_amendment_belongs_to_the_method_it_brings(when):
    """31 of 90 days are 31 of 90; one of three equal months is 30."""
    versions = [QUARTER, signed(2, "2023-02-01", replace(LINE, method="monthly"))]
    assert [("L", 9000, 3000)] == taken(versions, INVOICE, told("invoice_voided", when))
    assert [("L", 9000, 3000)] == taken(versions, INVOICE, told("invoice_voided", "2023-01-31"))


def test_a_credit_at_the_instant_at_which_a_contract_that_is_not_refundable_ends_takes_back_what_was_recognised():
    refund = told("refund", "2023-02-15")
    assert [("L", 9000, 9000)] == taken(
        [QUARTER, cancelled("2023-02-15")], INVOICE, refund, cancellation="non_refundable"
    )


def test_an_invoice_between_versions_is_of_the_line_as_it_was_then():
    """A term that is agreed later, and at its very instant: 14 of 59 days, then 14 of 59 + 30."""
    longer = replace(LINE, end=at("2023-05-01"), total=cents(120))
    versions = [QUARTER, signed(2, "2023-02-01", longer)]
    note = told("credit_note", "2023-02-15", 59, billed("L", 59, "2023-02-01"), note="N")
    assert [("L", 5900, 928)] == taken(versions, INVOICE, note)  # 59 * 14 / 89
    early = told("credit_note", "2023-02-01", 60, billed("L", 60), note="N")
    assert [("L", 6000, 1550)] == taken(versions, told("invoice_finalized", "2023-02-01", 60, billed("L", 60)), early)


def test_an_invoice_on_the_day_of_an_amendment_but_before_its_hour_is_of_the_new_term():
    """59 of 120 days, and not of 90."""
    longer = signed(2, "2023-02-01 09:00", replace(LINE, end=at("2023-05-01"), total=cents(120)))
    invoice = told("invoice_finalized", "2023-02-01 05:00", 60, billed("L", 60))
    assert [("L", 6000, 2950)] == taken([QUARTER, longer], invoice, told("invoice_voided", "2023-03-01"))


# -- what it takes from what is still to be recognised


def test_a_note_by_the_hour_takes_from_the_start_of_its_day_on():
    """100 over ten days by exact duration: at the start of the sixth day half is earned, and nothing has to catch up."""
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-01-11", 100, method="exact"))
    found = settled(
        [version], [told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-01-06 12:00", 50, note="N")]
    )
    assert [7500] == [one.amount for one, _ in found.recognitions]
    assert [] == [one for one, _ in found.recognitions if one.kind == CATCH_UP]


def test_a_note_that_comes_back_by_the_hour_comes_back_from_the_start_of_its_day_on():
    """At two of ten days 10 were earned and 40 are taken of the other eight; three of these are over on the sixth day: 15."""
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-01-11", 100, method="exact"))
    facts = [
        told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-01-03 12:00", 50, note="N"),
        told("credit_note_voided", "2023-01-06 12:00", note="N"),
    ]  # fmt: skip
    found = settled([version], facts)
    assert [(at("2023-01-06"), 1500)] == [
        (one.instant, one.amount) for one, _ in found.recognitions if one.kind == CATCH_UP
    ]
    assert cents(-100) == totals(found)[REVENUE]


def test_a_note_of_progress_takes_nothing_before_its_own_hour():
    """Half was done, an hour before the note it is 40 of 100: 20 of the note were earned, 30 are taken of the 60 to come."""

    def at_progress(number, effective, done):
        return signed(number, effective, milestone("M", "2023-01-01", "2023-12-01", 100, done))

    versions = [
        at_progress(1, "2023-01-01", 50), at_progress(2, "2023-02-10 08:00", 40), at_progress(3, "2023-03-10", 100)
    ]  # fmt: skip
    found = settled(
        versions, [told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-02-10 09:00", 50, note="N")]
    )
    assert [(at("2023-01-01"), 5000), (at("2023-02-10 08:00"), -1000), (at("2023-03-10"), 3000)] == [
        (one.instant, one.amount) for one, _ in found.recognitions
    ]


def test_a_note_takes_by_the_method_of_its_line():
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-04-01", 90, method="monthly"))
    booked("""
        revenue              Jan 30  Feb 15  Mar 15
        deferred_revenue     Jan 60  Feb -45 Mar -15
        credit_notes         Feb 15
        accounts_receivable  Jan 90  Feb -45
    """, [version], [INVOICE, told("credit_note", "2023-02-01", 45, note="N")])  # fmt: skip


def test_a_note_of_a_part_of_the_term_takes_by_the_method_of_its_line_too():
    """60 of February and March, 30 of each month and not by its days."""
    version = signed(1, "2023-01-01", ratable("L", "2023-01-01", "2023-04-01", 90, method="monthly"))
    note = told("credit_note", "2023-02-01", 50, billed("L", 50, "2023-02-01", "2023-04-01"), note="N")
    booked("""
        revenue              Jan 30  Feb 5   Mar 5
        deferred_revenue     Jan 60  Feb -55 Mar -5
        accounts_receivable  Jan 90  Feb -50
    """, [version], [INVOICE, note])  # fmt: skip


def shorter(*facts):
    """A year for 1,200 that ends in September for 900, from July on: what it earns each month."""

    def year(number, effective, end, total):
        return signed(number, effective, ratable("L", "2023-01-01", end, total, method="monthly"))

    versions = [year(1, "2023-01-01", "2024-01-01", 1200), year(2, "2023-07-01", "2023-10-01", 900)]
    found = settled(versions, [told("invoice_finalized", "2023-01-01", 1200), *facts])
    assert [] == found.problems
    return [float(one) for one in by_month(found)["revenue"].values()]


def test_what_comes_back_of_a_note_before_and_after_its_term_becomes_shorter():
    """Half of 90 from May on: 5 of April's 10 come back; of the 30 left in July 10 go each month.

    A quarter from August on: 22.50, of which 7.50 are of April to June and 5 of each month since; 25 were taken.
    """
    facts = [
        told("credit_note", "2023-04-01", 120, note="N"), told("credit_note_voided", "2023-05-01", 60, note="N"),
        told("credit_note_voided", "2023-08-01", 30, note="N"),
    ]  # fmt: skip
    assert [100, 100, 100, 90, 100, 95, 90, 90, 90] == shorter(*facts[:2])
    assert [100, 100, 100, 90, 100, 95, 90, 107.5, 95] == shorter(*facts)


def test_a_note_when_the_shorter_term_has_begun_takes_over_what_is_left_of_that():
    """Seven of the twelve months that were billed are over in August: 125 of 300 go over the two that are left."""
    assert [100] * 7 + [37.5, 37.5] == shorter(told("credit_note", "2023-08-01", 300, note="N"))


@pytest.mark.parametrize("when", ["2023-03-01", "2023-03-10"])
def test_half_a_note_that_comes_back_when_the_contract_has_ended_gives_half_of_what_it_took(when):
    """29.50 of February and March were taken; 14 of them until the end. Half of the note: 7 and no more."""
    void = told("credit_note_voided", when, "22.50", note="N")
    booked("""
        revenue              Jan 31  Feb 14      Mar 7
        deferred_revenue     Jan 59  Feb -43.50  Mar 7.75
        credit_notes         Feb 15.50  Mar -7.75
        accounts_receivable  Jan 90  Feb -45  Mar 22.50
    """, [QUARTER, cancelled("2023-03-01")], [INVOICE, told("credit_note", "2023-02-01", 45, note="N"), void])  # fmt: skip


def test_a_catch_up_of_credits_is_of_its_product_and_version():
    line = replace(LINE, method="monthly", product_id="Q")
    versions = [signed(1, "2023-01-01", line), signed(2, "2023-01-15", replace(line, total=cents(120)))]
    ended = signed(3, "2023-03-01", replace(line, total=cents(120)), kind=VersionKind.CANCELLED)
    facts = [
        told("invoice_finalized", "2023-01-20", 120), told("credit_note", "2023-02-01", 60, note="N"),
        told("credit_note_voided", "2023-03-10", 30, note="N"),
    ]  # fmt: skip
    found = settled([*versions, ended], facts)
    assert [(1000, "Q", 2, "catch-up of credits")] == [
        (one.amount, one.product_id, one.version, one.rule) for one, _ in found.recognitions if one.kind == CATCH_UP
    ]
    assert {"Q"} == {one.product_id for one in found.overlays}


def test_what_a_credit_takes_alone_until_the_end_is_of_the_version_that_was_in_force():
    """A line that earns nothing: of 45 at 31 of 90 days 29.50 are taken over 59 days, 7 of them until 15 February."""
    free = replace(LINE, total=0)
    versions = [signed(1, "2023-01-01", free), signed(2, "2023-02-15", free, kind=VersionKind.CANCELLED)]
    found = settled(versions, [INVOICE, told("credit_note", "2023-02-01", 45, note="N")])
    rule = "what credits take from the schedule, cumulative amount rounded half-even"
    assert [(-700, 1, rule)] == [(one.amount, one.version, one.rule) for one, _ in found.recognitions]


def test_a_credit_takes_nothing_on_the_day_on_which_the_contract_ends():
    versions = [QUARTER, cancelled("2023-03-01")]
    found = settled(versions, [INVOICE, told("credit_note", "2023-03-01", 45, note="N")])
    assert ([], cents(-59)) == (found.overlays, totals(found)[REVENUE])


# -- where the books start from an opening balance

OPENED = signed(1, "2023-01-01", LINE, opening=Opening(at("2023-02-15"), cents(45), cents(90)))


def test_a_credit_after_the_opening_takes_from_its_day_on():
    """45 at 59 of 90: 29.50 were earned, 15.50 are taken of the 31 of March."""
    found = settled([OPENED], [INVOICE, told("credit_note", "2023-03-01", 45, note="N")])
    assert [("2023-02-28", 1400), ("2023-03-31", 1550)] == [
        (one.day.isoformat(), one.amount) for one, _ in found.recognitions
    ]


def test_what_happens_at_the_opening_is_in_its_balance():
    found = settled([OPENED], [told("invoice_finalized", "2023-02-15", 90), told("invoice_paid", "2023-02-15 00:01")])
    assert {
        "cash": cents(90),
        "accounts_receivable": cents(-90),
        REVENUE: cents(-45),
        "deferred_revenue": cents(45),
    } == (totals(found))


@pytest.mark.parametrize("end", ["2023-02-01", "2023-02-15"])
def test_a_credit_before_the_opening_takes_nothing_of_a_contract_that_has_ended_by_then(end):
    found = settled([OPENED, cancelled(end)], [INVOICE, told("credit_note", "2023-01-15", 45, note="N")])
    assert ([], [], []) == (found.overlays, found.recognitions, found.problems)


# -- lines that the contract does not have


def test_what_is_billed_for_an_unknown_line_is_served_over_the_terms_of_the_lines_it_goes_to():
    half = ratable("B", "2023-01-01", "2023-03-02", 30)  # 60 days
    version = signed(1, "2023-01-01", LINE, half)
    invoice = told("invoice_finalized", "2023-01-01", 52, billed("L", 12), billed("X", 30), billed("Y", 10))
    void = told("invoice_voided", "2023-02-01")
    found = settled([version], [invoice, void])
    (problem,) = found.problems
    reason = "the contract has no line X, Y: amend it, or name another one; booked over the lines it has"
    assert (LINE_UNKNOWN, reason, invoice, True) == (problem.cls, problem.reason, problem.fact, problem.booked)
    made, credited = found.billing
    assert [("L", 1200), ("L", 3000), ("B", 1000)] == [(one.line_id, one.net) for one in made.lines]
    # 31 of 90 days of L, 31 of 60 of B
    assert [("L", 1200, 413), ("L", 3000, 1033), ("B", 1000, 517)] == [
        (one.line_id, one.net, one.contra) for one in credited.lines
    ]


def test_a_version_that_cannot_be_taken_up_says_nothing_even_where_none_can():
    """An SSP below zero: nobody can allocate."""
    wrong = signed(1, "2023-01-01", replace(LINE, ssp=-1))
    second = signed(2, "2023-02-01", replace(LINE, ssp=-1), OTHER)
    found = settled([wrong, second], [told("invoice_finalized", "2023-03-01", 10, billed("B", 10))])
    assert [LINE_UNKNOWN] == [one.cls for one in found.problems]
    assert ["L"] == [line.line_id for one in found.billing for line in one.lines]


# -- which line of the invoice


def test_a_credit_of_some_days_of_a_line_is_of_that_line():
    """15 of L's 30 of January are credited by days of their own: of 75 that are left, 15 and 60 are L's and B's."""
    invoice = told("invoice_finalized", "2023-01-01", 90, billed("B", 60), billed("L", 30, "2023-01-01", "2023-02-01"))
    version = signed(1, "2023-01-01", LINE, OTHER)
    days = told("credit_note", "2023-01-20", 15, billed("L", 15, "2023-01-10", "2023-01-20"), note="N")
    assert [("B", 6000), ("L", 1500)] == [
        one[:2] for one in taken([version], invoice, days, told("invoice_voided", "2023-02-01"))
    ]


def periods(*credits):
    """L was billed 20 for January and 40 for the rest; what a last credit of 30 takes of both."""
    invoice = told(
        "invoice_finalized", "2023-01-01", 160,
        billed("L", 20, "2023-01-01", "2023-02-01"), billed("L", 40, "2023-02-01", "2023-04-01"), billed("B", 100),
    )  # fmt: skip
    last = told("credit_note", "2023-03-01", 30, billed("L", 30), note="Z")
    return [net for _, net, _ in taken([signed(1, "2023-01-01", LINE, OTHER)], invoice, *credits, last)]


def test_a_line_of_which_nothing_is_left_or_less_is_credited_by_what_was_billed():
    def of_january(amount):
        line = billed("L", amount, "2023-01-01", "2023-02-01")
        return told("credit_note", "2023-02-01", amount, line, note="N")

    assert [1000, 2000] == periods()
    assert [600, 2400] == periods(of_january(10))
    assert [1000, 2000] == periods(told("credit_note", "2023-02-01", 60, billed("L", 60), note="N"))
    assert [1000, 2000] == periods(of_january(70))  # 50 too much of January, 40 left of the rest: less than nothing
    assert [1000, 2000] == periods(of_january("60.01"))
    assert [1000, 2000] == periods(of_january("59.99"))  # 0.01 is left in all
    assert [-1000, 4000] == periods(of_january(30))  # as much as is left


# -- what a credit takes of what is left


def test_a_credit_takes_by_shares_of_the_whole_whatever_the_measure_of_progress_becomes():
    """27 of 30 hours, then 108 of 120: nothing more is done, and the credit takes nothing more (rule 5, Credits).

    By hours it would be (108 - 27) / (120 - 27) of what was left, of a service that stands still.
    """
    versions = [
        signed(1, "2023-01-01", milestone("M", "2023-01-01", "2023-04-01", 100, 27, 30)),
        signed(2, "2023-01-17", milestone("M", "2023-01-01", "2023-04-01", 100, 108, 120)),
    ]
    facts = [told("invoice_finalized", "2023-01-01", 100), told("credit_note", "2023-01-03", 50, note="N")]
    assert cents(90) == -totals(settled(versions, facts))[REVENUE]
    # All is done: of 50 credited 45 were earned then, and the other 5 are not to be earned.
    done = signed(3, "2023-02-01", milestone("M", "2023-01-01", "2023-04-01", 100, 120, 120))
    assert cents(95) == -totals(settled([*versions, done], facts))[REVENUE]


def test_what_a_credit_takes_ends_where_the_line_ended_first():
    """Cancelled in February, and not in the version that goes on in March either: it ended in February."""
    first = signed(1, "2023-01-01", LINE, OTHER)
    gone = cancelled("2023-02-01")
    gone = replace(gone, lines=first.lines)
    again = signed(3, "2023-03-01", OTHER)
    note = told("credit_note", "2023-01-16", 60, billed("L", 60), note="N")
    found = settled([first, gone, again], [told("invoice_finalized", "2023-01-01", 90, billed("L", 90)), note])
    (overlay,) = found.overlays
    assert at("2023-02-01") == overlay.phases[-1].since
    assert 0 == overlay.phases[-1].amount


def test_no_invoice_is_a_re_invoice_of_itself():
    """A void that is dated before its invoice stays: nothing is billed, and what was earned is given away."""
    invoice = told("invoice_finalized", "2023-01-16", 90, billed("L", 90))
    found = settled([QUARTER], [invoice, told("invoice_voided", "2023-01-11")])
    assert cents("10.00") == totals(found)["voids"]
    assert "accounts_receivable" not in totals(found)
