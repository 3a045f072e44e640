"""Worked cases of modified contracts: files in, journal and recalculations out, by the command line.

A case is a course of events, what each month and account moves, and what the recalculation events say: for each version
its treatment and catch-up, and line by line the months whose revenue it changes, before and after
(`tests/support/course.py`). I are the standard's illustrative examples, Z and C other systems' documented cases; the
others follow the same rules (accounting.md, rule 5) with numbers worked out by hand.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import HALF_YEAR, Course, in_one_run, movements, recalculations, sections, table, trimmed


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


CASES = {
    "Z01 a price rises in the middle of the year": """
        2025-01-01 contract 2025-01-01..2026-01-01
            a ratable 1200 method=monthly
        2025-06-20 amend effective=2025-07-01
            a ratable 1500 method=monthly
        run 2026-01-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06 2025-07 2025-08 2025-09 2025-10 2025-11 2025-12
        revenue               100.00  100.00  100.00  100.00  100.00  100.00  150.00  150.00  150.00  150.00  150.00  150.00
        unbilled_receivable   100.00  100.00  100.00  100.00  100.00  100.00  150.00  150.00  150.00  150.00  150.00  150.00

        1->2 prospective catch_up 0.00
            a 2025-07 100.00 -> 150.00
            a 2025-08 100.00 -> 150.00
            a 2025-09 100.00 -> 150.00
            a 2025-10 100.00 -> 150.00
            a 2025-11 100.00 -> 150.00
            a 2025-12 100.00 -> 150.00
    """,
    "C01 a discount in the middle of the term": HALF_YEAR
    + """
        2025-04-01 amend
            a ratable 540 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00   80.00   80.00   80.00
        unbilled_receivable   100.00  100.00  100.00   80.00   80.00   80.00

        1->2 prospective catch_up 0.00
            a 2025-04 100.00 -> 80.00
            a 2025-05 100.00 -> 80.00
            a 2025-06 100.00 -> 80.00
    """,
    # 23:00 of April 30th in New York: 29 days at 1.00, then 32 at 3.00.
    "the local day of the change belongs to the new version": """
        2024-12-01 reference entity id=us time_zone=America/New_York
        2025-04-01 contract 2025-04-01T04..2025-06-01T04
            a ratable 61 method=exact
        2025-05-01T03 amend
            a ratable 125 method=exact
        run 2025-06-02

                             2025-04  2025-05
        revenue                32.00    93.00
        unbilled_receivable    32.00    93.00

        1->2 prospective catch_up 0.00
            a 2025-04 30.00 -> 32.00
            a 2025-05 31.00 -> 93.00
    """,
    # 300.00 was earned; 600.00 are left for nine months.
    "a longer term": HALF_YEAR
    + """
        2025-04-01 amend 2025-01-01..2026-01-01
            a ratable 900 method=monthly
        run 2026-01-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06 2025-07 2025-08 2025-09 2025-10 2025-11 2025-12
        revenue               100.00  100.00  100.00   66.67   66.66   66.67   66.67   66.66   66.67   66.67   66.66   66.67
        unbilled_receivable   100.00  100.00  100.00   66.67   66.66   66.67   66.67   66.66   66.67   66.67   66.66   66.67

        1->2 prospective catch_up 0.00
            a 2025-04 100.00 -> 66.67
            a 2025-05 100.00 -> 66.66
            a 2025-06 100.00 -> 66.67
            a 2025-07 0.00 -> 66.67
            a 2025-08 0.00 -> 66.66
            a 2025-09 0.00 -> 66.67
            a 2025-10 0.00 -> 66.67
            a 2025-11 0.00 -> 66.66
            a 2025-12 0.00 -> 66.67
    """,
    "a line is removed: it keeps what it earned": """
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 120 method=monthly
            b ratable 60 method=monthly
        2025-04-01 amend
            a ratable 120 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue                30.00   30.00   30.00   20.00   20.00   20.00
        unbilled_receivable    30.00   30.00   30.00   20.00   20.00   20.00

        1->2 prospective catch_up 0.00
            b 2025-04 10.00 -> 0.00
            b 2025-05 10.00 -> 0.00
            b 2025-06 10.00 -> 0.00
    """,
    # Of the 90.00 less 30.00 settle three months that are over: 300.00 - 30.00 is earned, 240.00 are left.
    "a credit for what was delivered counts at once": HALF_YEAR
    + """
        2025-04-01 amend past_credit=30.00
            a ratable 510 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00   50.00   80.00   80.00
        unbilled_receivable   100.00  100.00  100.00   50.00   80.00   80.00

        1->2 prospective catch_up -30.00
            a 2025-04 100.00 -> 50.00
            a 2025-05 100.00 -> 80.00
            a 2025-06 100.00 -> 80.00
    """,
    # 60 units at 100, 15 each back for them; 60 at 100 and 30 at 80 are left: 8,400.00 for 90 units.
    "I05B thirty more units, and a credit for those that are delivered": """
        2025-01-01 contract 2025-01-01..2026-01-01
            p milestone 12000 0/120 distinct=yes
        2025-03-10 amend
            p milestone 12000 60/120 distinct=yes
        2025-04-01 amend past_credit=900.00
            p milestone 13500 60/150 distinct=yes
        2025-05-20 amend
            p milestone 13500 105/150 distinct=yes
        2025-06-20 amend
            p milestone 13500 150/150 distinct=yes
        run 2025-07-01

                             2025-03  2025-04  2025-05  2025-06
        revenue              6000.00  -900.00  4200.00  4200.00
        unbilled_receivable  6000.00  -900.00  4200.00  4200.00

        1->2 update catch_up 0.00
            p 2025-03 0.00 -> 6000.00
        2->3 prospective catch_up -900.00
            p 2025-04 0.00 -> -900.00
        3->4 update catch_up 0.00
            p 2025-05 0.00 -> 4200.00
        4->5 update catch_up 0.00
            p 2025-06 0.00 -> 4200.00
    """,
    # 600,000.00 by 420/700; 1,150,000.00 x 420/820 = 589,024.39.
    "I08 a building that grows": """
        2025-01-01 contract 2025-01-01..2026-01-01
            m milestone 1000000 0/700000
        2025-03-31 amend
            m milestone 1000000 420000/700000
        2025-04-15 amend
            m milestone 1150000 420000/820000
        2025-06-30 amend
            m milestone 1150000 820000/820000
        run 2025-07-01

                               2025-03    2025-04    2025-06
        revenue              600000.00  -10975.61  560975.61
        unbilled_receivable  600000.00  -10975.61  560975.61

        1->2 update catch_up 0.00
            m 2025-03 0.00 -> 600000.00
        2->3 cumulative_catch_up catch_up -10975.61
            m 2025-04 0.00 -> -10975.61
        3->4 update catch_up 0.00
            m 2025-06 0.00 -> 560975.61
    """,
    # Half of 540.00 is 270.00, and 300.00 was earned.
    "catch-up of a subscription, as somebody has decided": HALF_YEAR
    + """
        2025-04-01 amend treatment=cumulative_catch_up reason=agreed requested_by=eve approved_by=ann
            a ratable 540 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00   60.00   90.00   90.00
        unbilled_receivable   100.00  100.00  100.00   60.00   90.00   90.00

        1->2 cumulative_catch_up catch_up -30.00
            a 2025-04 100.00 -> 60.00
            a 2025-05 100.00 -> 90.00
            a 2025-06 100.00 -> 90.00
    """,
    # 360.00 are left of 660.00; a quarter of 600.00 is 50.00 more than a quarter of 400.00.
    "one line goes on, the other one catches up": """
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 600 method=monthly
            m milestone 400 100/400
        2025-04-01 amend
            a ratable 660 method=monthly
            m milestone 600 100/400
        2025-06-30 amend
            a ratable 660 method=monthly
            m milestone 600 400/400
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               200.00  100.00  100.00  170.00  120.00  570.00
        unbilled_receivable   200.00  100.00  100.00  170.00  120.00  570.00

        1->2 mixed catch_up 50.00
            a 2025-04 100.00 -> 120.00
            a 2025-05 100.00 -> 120.00
            a 2025-06 100.00 -> 120.00
            m 2025-04 0.00 -> 50.00
        2->3 update catch_up 0.00
            m 2025-06 0.00 -> 450.00
    """,
    "a changed estimate of one line: the part that is over at once": HALF_YEAR
    + """        v estimate 60 lines=a
    2025-04-01 amend
        a ratable 600 method=monthly
        v estimate 120 lines=a
    run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               110.00  110.00  110.00  150.00  120.00  120.00
        unbilled_receivable   110.00  110.00  110.00  150.00  120.00  120.00

        1->2 estimate catch_up 30.00
            a 2025-04 110.00 -> 150.00
            a 2025-05 110.00 -> 120.00
            a 2025-06 110.00 -> 120.00
    """,
    # 100.00 are earned by a quarter of the work; 600.00 are left for the 300 that remain, half of them done in May.
    "a project that goes on at another price, as somebody has decided": """
        2025-01-01 contract 2025-01-01..2026-01-01
            m milestone 400 100/400
        2025-04-01 amend treatment=prospective reason=agreed approved_by=ann
            m milestone 700 100/400
        2025-05-10 amend
            m milestone 700 250/400
        2025-06-10 amend
            m milestone 700 400/400
        run 2025-07-01

                             2025-01  2025-05  2025-06
        revenue               100.00   300.00   300.00
        unbilled_receivable   100.00   300.00   300.00

        1->2 prospective catch_up 0.00
        2->3 update catch_up 0.00
            m 2025-05 0.00 -> 300.00
        3->4 update catch_up 0.00
            m 2025-06 0.00 -> 300.00
    """,
    # 330.00 each, then 360.00: 30.00 for what is delivered, 10.00 for the month that is over, 120.00 a month.
    "a changed estimate of the whole contract: on the basis it had": """
        2025-01-01 contract 2025-01-01..2025-04-01
            a ratable 300 method=monthly
            x delivered 300 2025-01-10
            v estimate 60
        2025-02-01 amend
            a ratable 300 method=monthly
            x delivered 300 2025-01-10
            v estimate 120
        run 2025-04-01

                             2025-01  2025-02  2025-03
        revenue               440.00   160.00   120.00
        unbilled_receivable   440.00   160.00   120.00

        1->2 estimate catch_up 40.00
            a 2025-02 110.00 -> 130.00
            a 2025-03 110.00 -> 120.00
            x 2025-02 0.00 -> 30.00
    """,
    "progress and dates of delivery alone are no modification": """
        2025-01-01 contract 2025-01-01..2026-01-01
            m milestone 400 100/400
            x delivered 50 -
        2025-03-10 amend
            m milestone 400 200/400
            x delivered 50 2025-03-05
        2025-04-10 amend
            m milestone 400 200/400 ssp=100
            x delivered 50 2025-03-05 ssp=100
        run 2025-07-01

                             2025-01  2025-03
        revenue               100.00   150.00
        unbilled_receivable   100.00   150.00

        1->2 update catch_up 0.00
            m 2025-03 0.00 -> 100.00
            x 2025-03 0.00 -> 50.00
        2->3 update catch_up 0.00
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_the_books_and_what_is_said_about_each_version(case, books):
    course, (moved, told) = sections(CASES[case])
    Course(course).play(books)
    assert table(moved) == movements(books)
    assert trimmed(told) == recalculations(books)


@pytest.mark.parametrize("case", in_one_run(CASES))
def test_they_do_not_depend_on_the_order_in_which_versions_are_read(case, books):
    course, (moved, told) = sections(CASES[case])
    Course(course).play(books, backwards=True)
    assert table(moved) == movements(books)
    assert trimmed(told) == recalculations(books)
