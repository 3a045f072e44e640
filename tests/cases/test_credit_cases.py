"""Worked cases with voids, refunds, credit notes, write-offs and disputes: files in, journal out, by the command line.

A case is a course of events and what the books have to say of it: each month and account that moves, and nothing else
(`tests/support/course.py`). S are the documented cases of a billing system; the others follow the same rules
(accounting.md, rule 5, Credits) with numbers worked out by hand. Debits equal credits in every entry.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import INVOICED, QUARTER, Course, in_one_run, movements, sections, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


PAID = INVOICED + "    2025-01-01 paid i1 90.00\n"

CASES = {
    "S11 refunded in full after a month": PAID
    + """
        2025-02-01 refund i1 90.00
        run 2025-05-01

                             2025-01  2025-02
        revenue                31.00        -
        deferred_revenue       59.00   -59.00
        cash                   90.00   -90.00
        refunds                    -    31.00
    """,
    "S13 voided after a month": INVOICED
    + """
        2025-02-01 void i1
        run 2025-05-01

                             2025-01  2025-02
        revenue                31.00        -
        deferred_revenue       59.00   -59.00
        accounts_receivable    90.00   -90.00
        voids                      -    31.00
    """,
    "S14 uncollectible after a month, paid in the end": INVOICED
    + """
        2025-02-01 uncollectible i1
        2025-04-01 paid i1 90.00
        run 2025-05-01

                             2025-01  2025-02  2025-04
        revenue                31.00        -        -
        deferred_revenue       59.00   -59.00        -
        accounts_receivable    90.00   -90.00        -
        bad_debt                   -    31.00   -31.00
        cash                       -        -    90.00
        recoverables               -        -    59.00
    """,
    "S19 half of it credited, in three ways": PAID
    + """
        2025-02-01 note n1 45.00 of=i1 refund=15.00 balance=10.00 external=20.00
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00    15.50
        deferred_revenue       59.00   -43.50   -15.50
        credit_notes               -    15.50        -
        cash                   90.00   -15.00        -
        customer_balance           -    10.00        -
        external_balance           -    20.00        -
    """,
    "a credit note is voided: what it took comes back at once": PAID
    + """
        2025-02-01 note n1 45.00 of=i1 balance=45.00
        2025-03-01 note_void n1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00    45.00
        deferred_revenue       59.00   -43.50   -15.50
        credit_notes               -    15.50   -15.50
        customer_balance           -    45.00   -45.00
        cash                   90.00        -        -
    """,
    "a refund that names a credit note moves cash only": PAID
    + """
        2025-02-01 note n1 45.00 of=i1 balance=30.00
        2025-03-05 refund - 40.00 note=n1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00    15.50
        deferred_revenue       59.00   -43.50   -15.50
        credit_notes               -    15.50        -
        accounts_receivable        -   -15.00    15.00
        customer_balance           -    30.00   -25.00
        cash                   90.00        -   -40.00
    """,
    "a void, and the same service invoiced again": INVOICED
    + """
        2025-02-01 void i1
        2025-03-11 invoice i2 90.00
        2025-04-05 paid i2 90.00
        run 2025-05-01

                             2025-01  2025-02  2025-03  2025-04
        revenue                31.00        -    59.00        -
        deferred_revenue       59.00   -59.00        -        -
        accounts_receivable    90.00   -90.00    90.00   -90.00
        voids                      -    31.00   -31.00        -
        cash                       -        -        -    90.00
    """,
    "a dispute that is won": PAID
    + """
        2025-02-01 dispute i1 90.00
        2025-03-01 dispute_won i1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00        -    59.00
        deferred_revenue       59.00   -59.00        -
        disputes                   -    31.00   -31.00
        cash                   90.00   -90.00    90.00
    """,
    "half of an invoice stays in dispute": PAID
    + """
        2025-02-01 dispute i1 45.00
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00    15.50
        deferred_revenue       59.00   -43.50   -15.50
        disputes                   -    15.50        -
        cash                   90.00   -45.00        -
    """,
    "a write-off with tax, paid in two halves": QUARTER
    + """
        2025-01-01 invoice i1 99.00 tax=9.00
        2025-02-01 uncollectible i1
        2025-04-01 paid i1 49.50
        2025-05-01 paid i1 49.50
        run 2025-06-01

                             2025-01  2025-02  2025-04  2025-05
        revenue                31.00        -        -        -
        deferred_revenue       59.00   -59.00        -        -
        accounts_receivable    99.00   -99.00        -        -
        tax_payable             9.00    -9.00     4.50     4.50
        bad_debt                   -    31.00   -15.50   -15.50
        recoverables               -        -    29.50    29.50
        cash                       -        -    49.50    49.50
    """,
    # Of 66.00 open 6.00 is tax; 60 x 31/90 = 20.67 was revenue, 39.33 was not yet: 19.67 of 59.00 is left to be earned.
    "paid in part, the rest written off": QUARTER
    + """
        2025-01-01 invoice i1 99.00 tax=9.00
        2025-01-20 paid i1 33.00
        2025-02-01 uncollectible i1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00     9.33    10.34
        deferred_revenue       59.00   -48.66   -10.34
        accounts_receivable    66.00   -66.00        -
        tax_payable             9.00    -6.00        -
        bad_debt                   -    20.67        -
        cash                   33.00        -        -
    """,
    # 60.00 and 30.00. January: 60 x 31/59 = 31.53, and 30.00. Of the refund 30.00 x 31/59 = 15.76 and all of 15.00.
    "an invoice and a refund without lines, over two lines by what they cost": """
        2025-01-01 contract 2025-01-01..2025-03-01
            a ratable 60
            b ratable 30 2025-01-01..2025-02-01
        2025-01-01 invoice i1 90.00
        2025-01-02 paid i1 90.00
        2025-02-01 refund i1 45.00
        run 2025-05-01

                             2025-01  2025-02
        revenue                61.53    14.23
        deferred_revenue       28.47   -28.47
        refunds                    -    30.76
        cash                   90.00   -45.00
    """,
    # Known after the close: all that January should have said moves in February, with January as its origin.
    "a void of a month that is closed": INVOICED
    + """
        2025-02-03 close 2025-01
        run 2025-02-05
        2025-01-11 void i1
        run 2025-05-01

                             2025-01  2025-02<2025-01
        revenue                31.00           -21.00
        deferred_revenue       59.00           -59.00
        accounts_receivable    90.00           -90.00
        voids                      -            10.00
    """,
    "a credit for a month that is still to come": INVOICED
    + """
        2025-02-01 note n1 30.00 of=i1
            a 30.00 2025-03-01..2025-04-01
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    28.00     1.00
        deferred_revenue       59.00   -58.00    -1.00
        accounts_receivable    90.00   -30.00        -
    """,
    "a credit for a month that is over": INVOICED
    + """
        2025-02-01 note n1 30.00 of=i1
            a 30.00 2025-01-01..2025-02-01
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    28.00    31.00
        deferred_revenue       59.00   -28.00   -31.00
        accounts_receivable    90.00   -30.00        -
        credit_notes               -    30.00        -
    """,
    # By the schedule, each: 45.00 x 31/90 = 15.50, and 22.50 x 59/90 = 14.75. Of March's 15.50 the second takes 7.75.
    "two credit notes, one after the other": PAID
    + """
        2025-02-01 note n1 45.00 of=i1 refund=45.00
        2025-03-01 note n2 22.50 of=i1 refund=22.50
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00     7.75
        deferred_revenue       59.00   -43.50   -15.50
        credit_notes               -    15.50    14.75
        cash                   90.00   -45.00   -22.50
    """,
    "a delivery that was invoiced ahead, and credited after it": """
        2025-01-01 contract 2025-01-01..2026-01-01
            x delivered 50 2025-02-10
        2025-01-05 invoice i1 50.00
        2025-03-20 note n1 10.00 of=i1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                    -    50.00        -
        deferred_revenue       50.00   -50.00        -
        accounts_receivable    50.00        -   -10.00
        credit_notes               -        -    10.00
    """,
    # A quarter of the credit had been earned; the other three quarters never will be: 300.00 - 30.00.
    "a credit in the middle of a project": """
        2025-01-01 contract 2025-01-01..2026-01-01
            m milestone 400 100/400
        2025-01-02 invoice i1 400.00
        2025-02-01 note n1 40.00 of=i1
        2025-03-10 amend
            m milestone 400 400/400
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue               100.00        -   270.00
        deferred_revenue      300.00   -30.00  -270.00
        accounts_receivable   400.00   -40.00        -
        credit_notes               -    10.00        -
    """,
    "a refund of a credit note that has paid it out already": PAID
    + """
        2025-02-01 note n1 45.00 of=i1 refund=45.00
        2025-02-02 refund - 45.00 note=n1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00    15.50
        deferred_revenue       59.00   -43.50   -15.50
        credit_notes               -    15.50        -
        cash                   90.00   -45.00        -
    """,
    "a dispute of what was written off and paid in the end": INVOICED
    + """
        2025-02-01 uncollectible i1
        2025-04-01 paid i1 90.00
        2025-05-01 dispute i1 90.00
        run 2025-06-01

                             2025-01  2025-02  2025-04  2025-05
        revenue                31.00        -        -        -
        deferred_revenue       59.00   -59.00        -        -
        accounts_receivable    90.00   -90.00        -        -
        bad_debt                   -    31.00   -31.00        -
        recoverables               -        -    59.00   -59.00
        disputes                   -        -        -    31.00
        cash                       -        -    90.00   -90.00
    """,
    "usage that is paid back was all revenue": """
        2025-01-01 contract 2025-01-01..2025-03-01
            u usage 1
        2025-01-10 usage 32
        2025-02-01 invoice i1 32.00
            u 32.00
        2025-02-05 paid i1 32.00
        2025-02-10 refund i1 10.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                32.00        -
        unbilled_receivable    32.00   -32.00
        refunds                    -    10.00
        cash                       -    22.00
    """,
    "a refund before anything was earned": """
        2024-12-10 contract 2025-01-01..2025-04-01
            a ratable 90
        2024-12-10 invoice i1 90.00
        2024-12-11 paid i1 90.00
        2024-12-20 refund i1 30.00
        run 2025-04-01

                             2024-12  2025-01  2025-02  2025-03
        revenue                    -    20.67    18.66    20.67
        deferred_revenue       60.00   -20.67   -18.66   -20.67
        cash                   60.00        -        -        -
    """,
    "tax of a credit note goes back pro rata": """
        2025-01-01 contract 2025-01-01..2025-04-01
            a ratable 90
        2025-01-01 invoice i1 99.00 tax=9.00
        2025-02-01 note n1 49.50 of=i1
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    14.00    15.50
        deferred_revenue       59.00   -43.50   -15.50
        accounts_receivable    99.00   -49.50        -
        tax_payable             9.00    -4.50        -
        credit_notes               -    15.50        -
    """,
    # 23:59 of January 31st in New York: thirty days are over, and the 31st is never earned.
    "a refund has the date of its entity": """
        2024-12-01 reference entity id=us time_zone=America/New_York
        2025-01-01 contract 2025-01-01T05..2025-04-01T04
            a ratable 90
        2025-01-01T05 invoice i1 90.00
        2025-01-01T05 paid i1 90.00
        2025-02-01T04:59 refund i1 90.00
        run 2025-05-01

                             2025-01
        revenue                30.00
        refunds                30.00
    """,
    "cancelled, and the rest of it refunded": PAID
    + """
        2025-02-10 cancel effective=2025-02-15
        2025-02-15 note n1 45.00 of=i1 refund=45.00
            a 45.00 2025-02-15..2025-04-01
        run 2025-05-01

                             2025-01  2025-02
        revenue                31.00    14.00
        deferred_revenue       59.00   -59.00
        cash                   90.00   -45.00
    """,
    "cancelled, and nothing credited: what is left stays": PAID
    + """
        2025-02-10 cancel effective=2025-02-15
        run 2025-05-01

                             2025-01  2025-02
        revenue                31.00    14.00
        deferred_revenue       59.00   -14.00
        cash                   90.00        -
    """,
    "cancelled and not refundable: what is left is earned": """
        2024-12-01 policy cancellation=non_refundable
    """
    + PAID
    + """
        2025-02-10 cancel effective=2025-02-15
        run 2025-05-01

                             2025-01  2025-02
        revenue                31.00    59.00
        deferred_revenue       59.00   -59.00
        cash                   90.00        -
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


def test_billing_entries_say_what_they_are_and_where_they_come_from(books):
    course, _ = sections(CASES["S19 half of it credited, in three ways"])
    Course(course).play(books)
    found = sorted(
        (one["accounting_date"], one["kind"], one["line_id"], one["lineage"]["sources"][0]["from_offset"])
        for one in books.records("journal")
        if one["lineage"]["sources"][0]["topic"] == "billing.events"
    )
    expected = [("2025-01-01", "billing", "a", 0), ("2025-01-01", "payment", "a", 1), ("2025-02-01", "credit", "a", 2)]
    assert expected == found


def test_a_second_run_finds_nothing_to_do(books):
    course, _ = sections(CASES["S14 uncollectible after a month, paid in the end"])
    Course(course).play(books)
    before = books.records("journal")
    books.run("2025-06-01")
    assert before == books.records("journal")
