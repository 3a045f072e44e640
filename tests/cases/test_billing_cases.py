"""Worked cases with invoices and payments: files in, journal out, by the command line.

A case is a course of events and what the books have to say of it: each month and account that moves, and nothing else
(`tests/support/course.py`). S are the documented cases of a billing system, E another one's; the others follow the same
rules (accounting.md, rules 1, 4 and 6) with numbers worked out by hand. Debits equal credits in every entry.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import INVOICED, Course, in_one_run, movements, sections, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


CASES = {
    "S01 a service over the turn of a month": """
        2025-01-15 contract 2025-01-15..2025-02-15
            a ratable 31
        2025-01-15 invoice i1 31.00
        2025-01-15 paid i1 31.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                17.00    14.00
        deferred_revenue       14.00   -14.00
        cash                   31.00        -
    """,
    "S02 a year that is paid ahead": """
        2019-01-01 contract 2019-01-01..2020-01-01
            a ratable 365
        2019-01-01 invoice i1 365.00
        2019-01-01 paid i1 365.00
        run 2020-01-01

                          2019-01 2019-02 2019-03 2019-04 2019-05 2019-06 2019-07 2019-08 2019-09 2019-10 2019-11 2019-12
        revenue             31.00   28.00   31.00   30.00   31.00   30.00   31.00   31.00   30.00   31.00   30.00   31.00
        deferred_revenue   334.00  -28.00  -31.00  -30.00  -31.00  -30.00  -31.00  -31.00  -30.00  -31.00  -30.00  -31.00
        cash               365.00       -       -       -       -       -       -       -       -       -       -       -
    """,
    "S03 a metered sum, invoiced in arrears": """
        2025-01-15 contract 2025-01-15..2025-02-15
            u usage 1
        2025-01-25 usage 15
        2025-02-04 usage 17
        2025-02-14 invoice i1 32.00
            u 32.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                15.00    17.00
        unbilled_receivable    15.00   -15.00
        accounts_receivable        -    32.00
    """,
    "S04 a metered maximum": """
        2025-01-15 contract 2025-01-15..2025-02-15
            u usage 1 aggregation=max
        2025-01-25 usage 17
        2025-02-04 usage 15
        2025-02-14 invoice i1 17.00
            u 17.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                17.00        -
        unbilled_receivable    17.00   -17.00
        accounts_receivable        -    17.00
    """,
    "S22 tax on top": """
        2025-01-01 contract 2025-01-01..2025-02-01
            a ratable 31
        2025-01-01 invoice i1 34.10 tax=3.10
            a 31.00
        2025-01-01 paid i1 34.10
        run 2025-02-01

                             2025-01
        revenue                31.00
        cash                   34.10
        tax_payable             3.10
    """,
    "E01 three months that become known in the second, the first closed": """
        2025-06-05 close 2025-05
        2025-06-10 contract 2025-05-01..2025-08-01
            a ratable 3000 method=monthly
        2025-07-01 invoice i1 3000.00
        run 2025-07-01

                             2025-06<2025-05  2025-06   2025-07
        revenue                      1000.00  1000.00         -
        unbilled_receivable          1000.00  1000.00  -2000.00
        deferred_revenue                   -        -   1000.00
        accounts_receivable                -        -   3000.00
    """,
    "three payments": INVOICED
    + """
        2025-01-10 paid i1 40.00
        2025-02-10 paid i1 30.00
        2025-03-10 paid i1 20.00
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                31.00    28.00    31.00
        deferred_revenue       59.00   -28.00   -31.00
        accounts_receivable    50.00   -30.00   -20.00
        cash                   40.00    30.00    20.00
    """,
    "an invoice without lines, over two usage lines in equal parts": """
        2025-01-01 contract 2025-01-01..2025-03-01
            u usage 1
            w usage 1 meter=n
        2025-01-05 invoice i1 100.00
        2025-01-10 usage 30
        2025-01-10 usage 60 meter=n
        run 2025-03-01

                             2025-01
        revenue                90.00
        deferred_revenue       20.00
        unbilled_receivable    10.00
        accounts_receivable   100.00
    """,
    "usage that was invoiced ahead": """
        2025-01-01 contract 2025-01-01..2025-04-01
            u usage 1
        2025-01-01 invoice i1 100.00
            u 100.00
        2025-01-10 usage 30
        2025-02-10 usage 50
        2025-03-10 usage 40
        run 2025-04-01

                             2025-01  2025-02  2025-03
        revenue                30.00    50.00    40.00
        deferred_revenue       70.00   -50.00   -20.00
        unbilled_receivable        -        -    20.00
        accounts_receivable   100.00        -        -
    """,
    # 80; then 20 at 1 and 40 at 0.50: 40. February begins at the first tier again.
    "usage across a tier, invoiced in arrears": """
        2025-01-01 contract 2025-01-01..2025-03-01
            u usage 100:1,-:0.5 graduated
        2025-01-10 usage 80
        2025-01-20 usage 60
        2025-02-01 invoice i1 120.00
            u 120.00 2025-01-01..2025-02-01
        2025-02-10 usage 10
        run 2025-03-01

                             2025-01  2025-02
        revenue               120.00    10.00
        unbilled_receivable   120.00  -110.00
        accounts_receivable        -   120.00
    """,
    # 15 units cost 150.00, 16 cost 80.00.
    "usage that gets cheaper after it was invoiced": """
        2025-01-01 contract 2025-01-01..2025-03-01
            u usage 15:10,-:5 volume
        2025-01-10 usage 15
        2025-01-15 invoice i1 150.00
            u 150.00
        2025-01-20 usage 1
        2025-02-01 invoice i2 -70.00
            u -70.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                80.00        -
        deferred_revenue       70.00   -70.00
        accounts_receivable   150.00   -70.00
    """,
    "a usage line and a fixed line have each their own position": """
        2025-01-01 contract 2025-01-01..2025-02-01
            a ratable 31
            u usage 1
        2025-01-05 invoice i1 50.00
            a 50.00
        2025-01-10 usage 7
        run 2025-02-01

                             2025-01
        revenue                38.00
        deferred_revenue       19.00
        unbilled_receivable     7.00
        accounts_receivable    50.00
    """,
    "an invoice of a month that is closed": """
        2025-01-15 contract 2025-01-15..2025-02-15
            a ratable 31
        2025-02-03 close 2025-01
        run 2025-02-05
        2025-01-20 invoice i1 31.00
        2025-02-06 paid i1 31.00
        run 2025-03-01

                             2025-01  2025-02<2025-01  2025-02
        revenue                17.00                -    14.00
        unbilled_receivable    17.00           -17.00        -
        deferred_revenue           -            14.00   -14.00
        accounts_receivable        -            31.00   -31.00
        cash                       -                -    31.00
    """,
    "a right that depends on more than time": """
        2024-12-01 policy unbilled=contract_asset
        2025-01-15 contract 2025-01-15..2025-02-15
            a ratable 31
        2025-02-15 invoice i1 31.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                17.00    14.00
        contract_asset         17.00   -17.00
        accounts_receivable        -    31.00
    """,
}

# A renewal says the whole term, or the new month as a line of its own, with the old one or without it.
RENEWALS = {
    "the same line": "renew 2025-04-01..2025-06-01\n            a ratable {both}",
    "another line": "renew 2025-04-01..2025-06-01\n"
    "            a ratable {first} 2025-04-01..2025-05-01\n"
    "            a2 ratable {second} 2025-05-01..2025-06-01",
    "the same line, its new month": "renew 2025-05-01..2025-06-01\n            a ratable {second}",
    "another line alone": "renew 2025-05-01..2025-06-01\n            a2 ratable {second}",
}
MONTH_TO_MONTH = """
        2025-04-01 contract 2025-04-01..2025-05-01
            a ratable 90
        2025-04-01 invoice i1 90.00
        2025-04-01 paid i1 90.00
        2025-04-21 amend
            a ratable {first}
        2025-05-01 {renewal}
        2025-05-01 invoice i2 {amount}
            a -30.00 2025-04-21..2025-05-01
            a {rest} 2025-04-21..2025-05-01
            {line} {second} 2025-05-01..2025-06-01
        run 2025-06-01
"""
MOVED = {
    "S07": """
                             2025-04  2025-05
        revenue               100.00   120.00
        cash                   90.00        -
        unbilled_receivable    10.00   -10.00
        accounts_receivable        -   130.00
    """,
    "S08": """
                             2025-04  2025-05
        revenue                70.00    30.00
        cash                   90.00        -
        deferred_revenue       20.00   -20.00
        accounts_receivable        -    10.00
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


@pytest.mark.parametrize("renewal", RENEWALS)
@pytest.mark.parametrize(
    ("case", "amounts"),
    [
        ("S07", {"first": "100.00", "second": "120.00", "both": "220.00", "rest": "40.00", "amount": "130.00"}),
        ("S08", {"first": "70.00", "second": "30.00", "both": "100.00", "rest": "10.00", "amount": "10.00"}),
    ],
)
def test_a_contract_from_month_to_month_whose_price_changes(case, amounts, renewal, books):
    line = "a" if renewal.startswith("the same line") else "a2"
    course = MONTH_TO_MONTH.format(**amounts, line=line, renewal=RENEWALS[renewal].format(**amounts))
    assert table(MOVED[case]) == movements(Course(course).play(books))
