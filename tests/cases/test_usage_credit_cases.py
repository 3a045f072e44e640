"""Worked cases with credits of usage that was billed ahead: files in, journal out, by the command line.

What is still deferred when a credit takes effect was not earned and goes first; what exceeds it goes to the contra account
(accounting.md, rule 5, Credits). It is of the course of time: what arrives later splits the credit anew.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import Course, in_one_run, movements, sections, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


METERED = """
    2025-01-01 contract 2025-01-01..2025-04-01
        u usage 1
"""
AHEAD = """
    2025-01-02 invoice i1 50.00
        u 50.00 2025-01-01..2025-02-01
"""
USED = "    2025-01-05 usage 30\n"
VOID = "    2025-01-10 void i1\n"
# Of 50.00 30.00 are used by the void: 20.00 are still deferred.
VOIDED = """
                         2025-01
    revenue                30.00
    voids                  30.00
"""

CASES = {
    "voided before anything is used": METERED
    + AHEAD
    + """
        2025-01-03 void i1
        2025-02-05 usage 30
        run 2025-03-01

                             2025-02
        revenue                30.00
        unbilled_receivable    30.00
    """,
    "what is not used is refunded": METERED
    + AHEAD
    + USED
    + """
        2025-01-06 paid i1 50.00
        2025-02-01 refund i1 20.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                30.00        -
        deferred_revenue       20.00   -20.00
        cash                   50.00   -20.00
    """,
    "a credit note of more than is deferred, with tax, and voided in the end": METERED
    + """
        2025-01-02 invoice i1 55.00 tax=5.00
            u 50.00
    """
    + USED
    + """
        2025-02-01 note n1 38.50 of=i1
        2025-03-01 note_void n1
        run 2025-04-01

                             2025-01  2025-02  2025-03
        revenue                30.00        -        -
        deferred_revenue       20.00   -20.00    20.00
        credit_notes               -    15.00   -15.00
        accounts_receivable    55.00   -38.50    38.50
        tax_payable             5.00    -3.50     3.50
    """,
    "voided when some is used, and invoiced again": METERED
    + AHEAD
    + USED
    + """
        2025-02-01 void i1
        2025-03-01 invoice i2 50.00
            u 50.00 2025-01-01..2025-02-01
        run 2025-04-01

                             2025-01  2025-02  2025-03
        revenue                30.00        -        -
        deferred_revenue       20.00   -20.00    20.00
        voids                      -    30.00   -30.00
        accounts_receivable    50.00   -50.00    50.00
    """,
    "late usage after the void, when the month is closed": METERED
    + AHEAD
    + VOID
    + """
        2025-02-03 close 2025-01
        run 2025-02-04
        2025-01-05 usage 30
        run 2025-03-01

                             2025-02<2025-01
        revenue                        30.00
        voids                          30.00
    """,
    # Of the two lines u has used 30.00 of its 40.00, v nothing; 31 of the 90 days of the fixed line are over.
    "two meters and a fixed line": """
        2025-01-01 contract 2025-01-01..2025-04-01
            a ratable 90
            u usage 1
            v usage 1 meter=other
        2025-01-02 invoice i1 140.00
            a 90.00
            u 40.00
            v 10.00
    """
    + USED
    + """
        2025-02-01 void i1
        run 2025-04-01

                             2025-01  2025-02
        revenue                61.00        -
        deferred_revenue       79.00   -79.00
        voids                      -    61.00
        accounts_receivable   140.00  -140.00
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_the_books_of_a_course_are_these_and_no_others(case, books):
    course, (expected,) = sections(CASES[case])
    assert table(expected) == movements(Course(course).play(books))


@pytest.mark.parametrize("case", in_one_run(CASES))
def test_they_do_not_depend_on_the_order_in_which_events_are_read(case, books):
    course, (expected,) = sections(CASES[case])
    assert table(expected) == movements(Course(course).play(books, backwards=True))


@pytest.mark.parametrize(
    ("first", "second"), [(AHEAD + VOID, USED), (USED + AHEAD, VOID), (USED, AHEAD + VOID), (VOID + USED, AHEAD)]
)
def test_a_void_is_split_alike_whether_usage_or_billing_arrives_late(first, second, books):
    late = ["    run 2025-01-20\n", "    run 2025-03-01\n"]
    unknown = "    open invoice_unknown billing 0\n" if "void" in first and "invoice" not in first else ""
    Course(METERED + first + late[0] + unknown + second + late[1]).play(books)
    assert table(VOIDED) == movements(books)
