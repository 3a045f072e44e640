"""Worked cases of lines that are added to a contract or take the place of others, line by line, by the command line.

A case is a course of events, what each month moves on each line's accounts, and what the recalculation events say
(`tests/support/course.py`). I are the standard's illustrative examples; the others follow the same rules
(accounting.md, rule 5) with numbers worked out by hand.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import Course, in_one_run, movements, recalculations, sections, table, trimmed


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


CASES = {
    "I05A thirty more units at their selling price": """
        2025-01-01 contract 2025-01-01..2026-01-01
            p milestone 12000 0/120 distinct=yes
        2025-03-10 amend
            p milestone 12000 60/120 distinct=yes
        2025-04-01 amend
            p milestone 12000 60/120 distinct=yes
            q milestone 2850 0/30 distinct=yes ssp=2850
        2025-05-20 amend
            p milestone 12000 120/120 distinct=yes
            q milestone 2850 30/30 distinct=yes ssp=2850
        run 2025-06-01

                               2025-03  2025-05
        p revenue              6000.00  6000.00
        p unbilled_receivable  6000.00  6000.00
        q revenue                    -  2850.00
        q unbilled_receivable        -  2850.00

        1->2 update catch_up 0.00
            p 2025-03 0.00 -> 6000.00
        2->3 separate_contract catch_up 0.00
        3->4 update catch_up 0.00
            p 2025-05 0.00 -> 6000.00
            q 2025-05 0.00 -> 2850.00
    """,
    "I06 an estimate that changes after a modification": """
        2025-01-01 contract 2025-01-01..2026-01-01
            x delivered 500 2025-01-15 ssp=500
            y delivered 500 - ssp=500
            v estimate 200
        2025-03-01 amend
            x delivered 500 2025-01-15 ssp=500
            y delivered 500 - ssp=500
            z delivered 300 - ssp=500
            v estimate 200
        2025-05-01 amend
            x delivered 500 2025-01-15 ssp=500
            y delivered 500 - ssp=500
            z delivered 300 - ssp=500
            v estimate 240
        2025-07-01 amend
            x delivered 500 2025-01-15 ssp=500
            y delivered 500 2025-06-10 ssp=500
            z delivered 300 2025-06-20 ssp=500
            v estimate 240
        run 2025-08-01

                               2025-01  2025-05  2025-06
        x revenue               600.00    20.00        -
        x unbilled_receivable   600.00    20.00        -
        y revenue                    -        -   460.00
        y unbilled_receivable        -        -   460.00
        z revenue                    -        -   460.00
        z unbilled_receivable        -        -   460.00

        1->2 prospective catch_up 0.00
        2->3 estimate catch_up 20.00
            x 2025-05 0.00 -> 20.00
        3->4 update catch_up 0.00
            y 2025-06 0.00 -> 460.00
            z 2025-06 0.00 -> 460.00
    """,
    "I06 before the estimate changes": """
        2025-01-01 contract 2025-01-01..2026-01-01
            x delivered 500 2025-01-15 ssp=500
            y delivered 500 - ssp=500
            v estimate 200
        2025-03-01 amend
            x delivered 500 2025-01-15 ssp=500
            y delivered 500 2025-03-10 ssp=500
            z delivered 300 2025-03-20 ssp=500
            v estimate 200
        run 2025-08-01

                               2025-01  2025-03
        x revenue               600.00        -
        x unbilled_receivable   600.00        -
        y revenue                    -   450.00
        y unbilled_receivable        -   450.00
        z revenue                    -   450.00
        z unbilled_receivable        -   450.00

        1->2 prospective catch_up 0.00
            y 2025-03 0.00 -> 450.00
            z 2025-03 0.00 -> 450.00
    """,
    # 95.00 a month is within five per cent of 100.00.
    "a line is added near its selling price, and the policy says that is near enough": """
        2024-12-01 policy ssp_tolerance=5
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 600 method=monthly
        2025-05-01 amend
            a ratable 600 method=monthly
            b ratable 190 2025-05-01..2025-07-01 method=monthly ssp=200
        run 2025-07-01

                               2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        a revenue               100.00  100.00  100.00  100.00  100.00  100.00
        a unbilled_receivable   100.00  100.00  100.00  100.00  100.00  100.00
        b revenue                    -       -       -       -   95.00   95.00
        b unbilled_receivable        -       -       -       -   95.00   95.00

        1->2 separate_contract catch_up 0.00
            b 2025-05 0.00 -> 95.00
            b 2025-06 0.00 -> 95.00
    """,
    "a line is added below its selling price, as a contract of its own, as somebody has decided": """
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 600 method=monthly
        2025-05-01 amend treatment=separate_contract reason=agreed approved_by=ann
            a ratable 600 method=monthly
            b ratable 190 2025-05-01..2025-07-01 method=monthly ssp=200
        run 2025-07-01

                               2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        a revenue               100.00  100.00  100.00  100.00  100.00  100.00
        a unbilled_receivable   100.00  100.00  100.00  100.00  100.00  100.00
        b revenue                    -       -       -       -   95.00   95.00
        b unbilled_receivable        -       -       -       -   95.00   95.00

        1->2 separate_contract catch_up 0.00
            b 2025-05 0.00 -> 95.00
            b 2025-06 0.00 -> 95.00
    """,
    "one product is exchanged for another": """
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 600 method=monthly
        2025-04-01 amend
            b ratable 450 2025-04-01..2025-07-01 method=monthly
        run 2025-07-01

                               2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        a revenue               100.00  100.00  100.00       -       -       -
        a unbilled_receivable   100.00  100.00  100.00       -       -       -
        b revenue                    -       -       -  150.00  150.00  150.00
        b unbilled_receivable        -       -       -  150.00  150.00  150.00

        1->2 prospective catch_up 0.00
            a 2025-04 100.00 -> 0.00
            a 2025-05 100.00 -> 0.00
            a 2025-06 100.00 -> 0.00
            b 2025-04 0.00 -> 150.00
            b 2025-05 0.00 -> 150.00
            b 2025-06 0.00 -> 150.00
    """,
    # 200.00 are left and 190.00 are added, for what sells at 200.00 and 200.00.
    "a line is added below its selling price": """
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 600 method=monthly
        2025-05-01 amend
            a ratable 600 method=monthly
            b ratable 190 2025-05-01..2025-07-01 method=monthly ssp=200
        run 2025-07-01

                               2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        a revenue               100.00  100.00  100.00  100.00   97.50   97.50
        a unbilled_receivable   100.00  100.00  100.00  100.00   97.50   97.50
        b revenue                    -       -       -       -   97.50   97.50
        b unbilled_receivable        -       -       -       -   97.50   97.50

        1->2 prospective catch_up 0.00
            a 2025-05 100.00 -> 97.50
            a 2025-06 100.00 -> 97.50
            b 2025-05 0.00 -> 97.50
            b 2025-06 0.00 -> 97.50
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_the_books_and_what_is_said_about_each_version(case, books):
    course, (moved, told) = sections(CASES[case])
    Course(course).play(books)
    assert table(moved) == movements(books, by="line_id")
    assert trimmed(told) == recalculations(books)


@pytest.mark.parametrize("case", in_one_run(CASES))
def test_they_do_not_depend_on_the_order_in_which_versions_are_read(case, books):
    course, (moved, told) = sections(CASES[case])
    Course(course).play(books, backwards=True)
    assert table(moved) == movements(books, by="line_id")
    assert trimmed(told) == recalculations(books)
