"""What is billed and never earned when a contract that is not refundable ends: which line takes how much, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounting.contract import Opening, VersionKind
from accounting.contract_ledger import settle_contract
from accounting.position import REVENUE
from accounting.recognition import CATCH_UP
from tests.accounting.examples import at
from tests.accounting.ledgers import (
    INVOICE,
    LINE,
    QUARTER,
    billed,
    cancelled,
    cents,
    metered,
    planned,
    policies,
    ratable,
    settled,
    signed,
    told,
    totals,
    used,
)


def over(versions, *facts, usage=()):
    """(line, minor units) of what is left over, and all accounts."""
    found = settled(versions, facts, usage, cancellation="non_refundable")
    assert [] == found.problems
    return [(one.line_id, one.amount) for one, _ in found.recognitions if one.kind == CATCH_UP], totals(found)


def ended(before, when):
    return replace(before, version=before.version + 1, kind=VersionKind.CANCELLED, effective_at=at(when))


def test_it_goes_to_each_line_by_what_the_end_took_from_its_schedule():
    """On 15 February L has 45 of 90 before it, B 15 of its 60 days for 60, and C is over: 45, 15 and nothing."""
    lines = LINE, ratable("B", "2023-01-01", "2023-03-02", 60), ratable("C", "2023-01-01", "2023-02-01", 31)
    terms = signed(1, "2023-01-01", *lines)
    found, books = over([terms, ended(terms, "2023-02-15")], told("invoice_finalized", "2023-01-01", 181))
    assert [("L", 4500), ("B", 1500)] == found
    assert {"accounts_receivable": cents(181), REVENUE: cents(-181)} == books
    # Of 121 that are billed all is earned; of 133 12 are left: 9 and 3.
    assert [] == over([terms, ended(terms, "2023-02-15")], told("invoice_finalized", "2023-01-01", 121))[0]
    assert [("L", 900), ("B", 300)] == over(
        [terms, ended(terms, "2023-02-15")], told("invoice_finalized", "2023-01-01", 133)
    )[0]


def test_of_lines_that_were_amended_it_is_what_their_last_terms_had_to_come():
    """87 more from February on: 2 a day for 59 days of L, and for 28 of B. On 15 February 45 and 14 days are to come."""
    short = ratable("B", "2023-01-01", "2023-03-01", 59)
    second = signed(2, "2023-02-01", replace(LINE, total=cents(177), ssp=cents(90)), short)
    versions = [signed(1, "2023-01-01", LINE, short), second, ended(second, "2023-02-15")]
    found, books = over(versions, told("invoice_finalized", "2023-01-01", 236))
    assert [("L", 9000), ("B", 2800)] == found
    assert cents(-236) == books[REVENUE]


def test_of_a_contract_that_ends_before_it_begins_all_is_left_over():
    terms = signed(1, "2023-01-01", ratable("L", "2023-02-01", "2023-04-01", 90))
    found, _ = over([terms, ended(terms, "2023-01-15")], told("invoice_finalized", "2023-01-02", 90))
    assert [("L", 9000)] == found


def test_of_a_contract_that_ends_when_its_books_start_it_is_what_the_opening_left():
    opened = replace(QUARTER, opening=Opening(at("2023-02-15"), cents(45), cents(90)))
    assert [("L", 4500)] == over([opened, cancelled("2023-02-15")])[0]


def test_of_a_line_that_became_usage_it_is_what_its_own_bill_leaves():
    """L was billed 90 and earned 31 by its term; then it is used for 10."""
    second = signed(2, "2023-02-01", metered("L", "2023-02-01"))
    found, books = over([QUARTER, second, ended(second, "2023-03-01")], INVOICE, usage=[used("L", "2023-02-10", 10)])
    assert [("L", 4900)] == found
    assert {"accounts_receivable": cents(90), REVENUE: cents(-90)} == books


def test_usage_of_a_line_that_no_version_has_leaves_what_is_over_of_the_others():
    assert [("L", 4500)] == over([QUARTER, cancelled("2023-02-15")], INVOICE, usage=[used("Z", "2023-02-20", 5)])[0]


def test_of_a_contract_without_lines_it_stays_deferred():
    terms = replace(QUARTER, lines=())
    expected = [], {"accounts_receivable": cents(90), "deferred_revenue": cents(-90)}
    assert expected == over([terms, ended(terms, "2023-02-15")], INVOICE)


def test_of_what_was_not_billed_nothing_is_left_over():
    assert ([], {"unbilled_receivable": cents(45), REVENUE: cents(-45)}) == over([QUARTER, cancelled("2023-02-15")])


def test_of_usage_it_is_what_was_billed_ahead():
    """U is billed 20 and used for 5; V is billed 8 and never used; W is used for 3 and never billed."""
    terms = signed(1, "2023-01-01", *(metered(name, "2023-01-01") for name in "UVW"))
    invoice = told("invoice_finalized", "2023-01-01", 28, billed("U", 20), billed("V", 8))
    usage = [used("U", "2023-01-10", 5), used("W", "2023-01-10", 3)]
    found, books = over([terms, ended(terms, "2023-02-15")], invoice, usage=usage)
    assert [("U", 1500), ("V", 800)] == found
    assert {"accounts_receivable": cents(28), "unbilled_receivable": cents(3), REVENUE: cents(-31)} == books


def test_of_a_line_that_is_used_after_the_end_it_is_what_that_leaves():
    terms = signed(1, "2023-01-01", metered("U", "2023-01-01"))
    invoice = told("invoice_finalized", "2023-01-01", 20)
    found, _ = over([terms, ended(terms, "2023-02-15")], invoice, usage=[used("U", "2023-02-20", 5)])
    assert [("U", 1500)] == found


def test_what_is_taken_off_the_bill_afterwards_is_taken_back_and_no_more():
    less = told("invoice_finalized", "2023-03-01", -10, invoice="J")
    found, books = over([QUARTER, cancelled("2023-02-15")], INVOICE, less)
    assert [("L", 4500), ("L", -1000)] == found
    assert cents(-80) == books[REVENUE]
    # Of 60 more only 45 had been left over.
    found, books = over([QUARTER, cancelled("2023-02-15")], INVOICE, replace(less, amount=cents(-60)))
    assert [("L", 4500), ("L", -4500)] == found
    assert {"accounts_receivable": cents(30), "unbilled_receivable": cents(15), REVENUE: cents(-45)} == books


@pytest.mark.parametrize(("until", "expected"), [("2023-02-14", []), ("2023-02-15", [4500]), ("2023-02-16", [4500])])
def test_it_is_recognised_when_time_has_come_to_the_end(until, expected):
    versions = [QUARTER, cancelled("2023-02-15")]
    plan = planned(versions, decided=policies(cancellation="non_refundable"))
    found = settle_contract(versions, plan, [INVOICE], until=at(until))
    assert expected == [one.amount for one, _ in found.recognitions if one.kind == CATCH_UP]


def test_a_credit_at_that_instant_takes_back_what_was_recognised():
    found, books = over([QUARTER, cancelled("2023-02-15")], INVOICE, told("refund", "2023-02-15", 30))
    assert ([("L", 4500)], cents(30)) == (found, books["refunds"])
    assert cents(-90) == books[REVENUE]
