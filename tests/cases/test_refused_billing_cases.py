"""Worked cases of billing events that do not fit, or do not say what they belong to, by the command line.

A case is a course of events, the exceptions that are open in the end, and what the books have to say: each month and
account that moves, and nothing else (`tests/support/course.py`).
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import INVOICED, QUARTER, Course, movements, sections, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


CASES = {
    "a payment of more than is open": INVOICED
    + """
        2025-01-10 paid i1 60.00
        2025-01-20 paid i1 31.00
        run 2025-02-01
        open amount_exceeds billing 2

                             2025-01
        revenue                31.00
        deferred_revenue       59.00
        accounts_receivable    30.00
        cash                   60.00
    """,
    "a credit of more than there is": INVOICED
    + """
        2025-01-10 note n1 90.01 of=i1
        run 2025-02-01
        open amount_exceeds billing 1

                             2025-01
        revenue                31.00
        deferred_revenue       59.00
        accounts_receivable    90.00
    """,
    "a void of what is void": INVOICED
    + """
        2025-01-11 void i1 90.00
        2025-01-12 void i1 90.00
        run 2025-05-01
        open amount_exceeds billing 2

                             2025-01
        revenue                10.00
        voids                  10.00
    """,
    "an invoice that is not known": QUARTER
    + """
        2025-01-10 paid i9 90.00
        2025-01-10 void i8
        2025-01-10 note_void n9
        run 2025-02-01
        open invoice_unknown billing 0
        open invoice_unknown billing 1
        open invoice_unknown billing 2

                             2025-01
        revenue                31.00
        unbilled_receivable    31.00
    """,
    "an invoice that is issued twice, with two amounts": INVOICED
    + """
        2025-01-02 invoice i1 80.00
        run 2025-02-01
        open invoice_conflict billing 1

                             2025-01
        revenue                31.00
        deferred_revenue       59.00
        accounts_receivable    90.00
    """,
    "an invoice that is issued twice in the same words": INVOICED
    + """
        2025-01-02 invoice i1 90.00
        run 2025-02-01

                             2025-01
        revenue                31.00
        deferred_revenue       59.00
        accounts_receivable    90.00
    """,
    "an event that comes three times, the third time with another amount": QUARTER
    + """
        2025-01-01 invoice i1 90.00 event=same
        2025-01-01 invoice i1 90.00 event=same
        2025-01-01 invoice i1 80.00 event=same
        run 2025-02-01
        open identity_conflict billing 2

                             2025-01
        revenue                31.00
        deferred_revenue       59.00
        accounts_receivable    90.00
    """,
    "an invoice in another currency": QUARTER
    + """
        2025-01-01 invoice i1 90.00 currency=EUR
        run 2025-02-01
        open currency_mismatch billing 0

                             2025-01
        revenue                31.00
        unbilled_receivable    31.00
    """,
    "an invoice for a line that the contract does not have": QUARTER
    + """
        2025-01-01 invoice i1 90.00
            zz 90.00
        run 2025-02-01
        open line_unknown billing 0

                             2025-01
        revenue                31.00
        deferred_revenue       59.00
        accounts_receivable    90.00
    """,
}

BY_CONTRACT = {
    "without a contract: the one whose term it is, or whose invoice it names": """
        2025-01-01 contract 2025-01-01..2025-02-01 k=k1
            a ratable 31
        2025-02-01 contract 2025-02-01..2025-03-01 k=k2
            a ratable 28
        2025-01-10 invoice i1 31.00 contract=-
        2025-02-10 invoice i2 28.00 contract=-
        2025-03-05 paid i1 31.00 contract=-
        run 2025-04-01

                                2025-01  2025-02  2025-03
        k1 revenue                31.00        -        -
        k1 accounts_receivable    31.00        -   -31.00
        k1 cash                       -        -    31.00
        k2 revenue                    -    28.00        -
        k2 accounts_receivable        -    28.00        -
    """,
    "without a contract, where two could be meant": """
        2025-01-01 contract 2025-01-01..2025-02-01 k=k1
            a ratable 31
        2025-01-01 contract 2025-01-01..2025-02-01 k=k2
            a ratable 62
        2025-01-10 invoice i1 31.00 contract=-
        run 2025-02-01
        open contract_ambiguous billing 0

                                2025-01
        k1 revenue                31.00
        k1 unbilled_receivable    31.00
        k2 revenue                62.00
        k2 unbilled_receivable    62.00
    """,
    # Feed billed 103: nothing is wrong with its lines where it is not booked.
    "without a contract, where two could be meant since another one came": """
        2025-01-01 contract 2025-01-01..2025-02-01 k=k1
            a ratable 31
        2025-01-10 invoice i1 31.00 contract=-
            zz 31.00
        run 2025-01-15
        open line_unknown billing 0
        2025-01-20 contract 2025-01-01..2025-02-01 k=k2
            b ratable 62
        run 2025-02-01
        open contract_ambiguous billing 0

                                2025-01
        k1 revenue                31.00
        k1 unbilled_receivable    31.00
        k2 revenue                62.00
        k2 unbilled_receivable    62.00
    """,
    "before any contract: it waits": """
        2025-01-10 invoice i1 31.00 contract=-
        run 2025-01-15
        open contract_unknown billing 0
        2025-01-20 contract 2025-01-01..2025-02-01 k=k1
            a ratable 31
        run 2025-02-01

                                2025-01
        k1 revenue                31.00
        k1 accounts_receivable    31.00
    """,
    "before its contract: it waits": """
        2025-01-01 contract 2025-01-01..2025-02-01 k=k1
            a ratable 31
        2025-01-10 invoice i1 62.00 contract=k2
        run 2025-01-15
        open contract_unknown billing 0
        2025-01-20 contract 2025-01-01..2025-02-01 k=k2
            a ratable 62
        run 2025-02-01

                                2025-01
        k1 revenue                31.00
        k1 unbilled_receivable    31.00
        k2 revenue                62.00
        k2 accounts_receivable    62.00
    """,
    "a payment before its invoice: it waits": QUARTER
    + """
        2025-01-20 paid i1 90.00
        run 2025-01-25
        open invoice_unknown billing 0
        2025-01-01 invoice i1 90.00
        run 2025-02-01

                                2025-01
        k revenue                 31.00
        k deferred_revenue        59.00
        k cash                    90.00
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_the_books_of_a_course_are_these_and_no_others(case, books):
    course, (expected,) = sections(CASES[case])
    assert table(expected) == movements(Course(course).play(books))


@pytest.mark.parametrize("case", BY_CONTRACT)
def test_billing_finds_its_contract(case, books):
    course, (expected,) = sections(BY_CONTRACT[case])
    assert table(expected) == movements(Course(course).play(books), by="contract_id")
