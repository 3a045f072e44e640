"""Worked cases of modifications that reach back, ahead or over one another, by the command line.

A case is a course of events, what each month and account moves, and what the recalculation events say: for each version
its treatment and catch-up, and line by line the months whose revenue it changes, before and after
(`tests/support/course.py`). Rules 5 to 7 of accounting.md, with numbers worked out by hand.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import HALF_YEAR, Course, in_one_run, movements, recalculations, sections, table, trimmed


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


CASES = {
    "it is known long before it takes effect": HALF_YEAR
    + """
        2025-01-10 amend effective=2025-03-01
            a ratable 720 method=monthly
        run 2025-02-01
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  130.00  130.00  130.00  130.00
        unbilled_receivable   100.00  100.00  130.00  130.00  130.00  130.00

        1->2 prospective catch_up 0.00
            a 2025-03 100.00 -> 130.00
            a 2025-04 100.00 -> 130.00
            a 2025-05 100.00 -> 130.00
            a 2025-06 100.00 -> 130.00
    """,
    "a ramp: two steps that were agreed from the start": HALF_YEAR
    + """
        2025-01-01 amend effective=2025-03-01
            a ratable 800 method=monthly
        2025-01-01 amend effective=2025-05-01
            a ratable 900 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  150.00  150.00  200.00  200.00
        unbilled_receivable   100.00  100.00  150.00  150.00  200.00  200.00

        1->2 prospective catch_up 0.00
            a 2025-03 100.00 -> 150.00
            a 2025-04 100.00 -> 150.00
            a 2025-05 100.00 -> 150.00
            a 2025-06 100.00 -> 150.00
        2->3 prospective catch_up 0.00
            a 2025-05 150.00 -> 200.00
            a 2025-06 150.00 -> 200.00
    """,
    # What takes effect first is not always what is known first: from March on the last version holds.
    "an amendment that takes effect before the one before it": HALF_YEAR
    + """
        2025-01-10 amend effective=2025-05-01
            a ratable 660 method=monthly
        2025-02-10 amend effective=2025-03-01
            a ratable 800 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  150.00  150.00  150.00  150.00
        unbilled_receivable   100.00  100.00  150.00  150.00  150.00  150.00

        1->2 prospective catch_up 0.00
            a 2025-05 100.00 -> 130.00
            a 2025-06 100.00 -> 130.00
        2->3 prospective catch_up 0.00
            a 2025-03 100.00 -> 150.00
            a 2025-04 100.00 -> 150.00
            a 2025-05 130.00 -> 150.00
            a 2025-06 130.00 -> 150.00
    """,
    "a cancellation that is withdrawn from the same day on": HALF_YEAR
    + """
        2025-03-01 cancel
        run 2025-04-01
        2025-04-05 amend effective=2025-03-01
            a ratable 600 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00  100.00  100.00  100.00
        unbilled_receivable   100.00  100.00  100.00  100.00  100.00  100.00

        1->2 cancellation catch_up 0.00
            a 2025-03 100.00 -> 0.00
            a 2025-04 100.00 -> 0.00
            a 2025-05 100.00 -> 0.00
            a 2025-06 100.00 -> 0.00
        2->3 prospective catch_up 0.00
            a 2025-03 0.00 -> 100.00
            a 2025-04 0.00 -> 100.00
            a 2025-05 0.00 -> 100.00
            a 2025-06 0.00 -> 100.00
    """,
    "cancelled in the middle of April": HALF_YEAR
    + """
        2025-04-02 cancel effective=2025-04-16
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04
        revenue               100.00  100.00  100.00   50.00
        unbilled_receivable   100.00  100.00  100.00   50.00

        1->2 cancellation catch_up 0.00
            a 2025-04 100.00 -> 50.00
            a 2025-05 100.00 -> 0.00
            a 2025-06 100.00 -> 0.00
    """,
    "cancelled at its start: as if it never was": HALF_YEAR
    + """
        run 2025-03-01
        2025-03-05 cancel effective=2025-01-01
        run 2025-07-01

                             2025-01

        1->2 cancellation catch_up 0.00
            a 2025-01 100.00 -> 0.00
            a 2025-02 100.00 -> 0.00
            a 2025-03 100.00 -> 0.00
            a 2025-04 100.00 -> 0.00
            a 2025-05 100.00 -> 0.00
            a 2025-06 100.00 -> 0.00
    """,
    "cancelled at its start, which is closed": HALF_YEAR
    + """
        2025-02-03 close 2025-01
        2025-03-05 cancel effective=2025-01-01
        run 2025-07-01

                             2025-01  2025-02<2025-01
        revenue               100.00          -100.00
        unbilled_receivable   100.00          -100.00

        1->2 cancellation catch_up 0.00
            a 2025-01 100.00 -> 0.00
            a 2025-02 100.00 -> 0.00
            a 2025-03 100.00 -> 0.00
            a 2025-04 100.00 -> 0.00
            a 2025-05 100.00 -> 0.00
            a 2025-06 100.00 -> 0.00
    """,
    "a price that rises from a closed month on": HALF_YEAR
    + """
        2025-03-05 close 2025-01
        2025-03-05 close 2025-02
        2025-03-10 amend effective=2025-02-01
            a ratable 850 method=monthly
        run 2025-05-01

                             2025-01  2025-02  2025-03<2025-02  2025-03  2025-04
        revenue               100.00   100.00            50.00   150.00   150.00
        unbilled_receivable   100.00   100.00            50.00   150.00   150.00

        1->2 prospective catch_up 0.00
            a 2025-02 100.00 -> 150.00
            a 2025-03 100.00 -> 150.00
            a 2025-04 100.00 -> 150.00
            a 2025-05 100.00 -> 150.00
            a 2025-06 100.00 -> 150.00
    """,
    "a catch-up on a day of a closed month": HALF_YEAR
    + """
        2025-05-03 close 2025-04
        2025-05-10 amend effective=2025-04-01 treatment=cumulative_catch_up reason=agreed approved_by=ann
            a ratable 540 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05<2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00  100.00          -40.00   90.00   90.00
        unbilled_receivable   100.00  100.00  100.00  100.00          -40.00   90.00   90.00

        1->2 cumulative_catch_up catch_up -30.00
            a 2025-04 100.00 -> 60.00
            a 2025-05 100.00 -> 90.00
            a 2025-06 100.00 -> 90.00
    """,
    "an amendment that is revoked from the same day on": HALF_YEAR
    + """
        2025-04-01 amend
            a ratable 540 method=monthly
        run 2025-05-01
        2025-05-10 amend effective=2025-04-01
            a ratable 600 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00  100.00  100.00  100.00
        unbilled_receivable   100.00  100.00  100.00  100.00  100.00  100.00

        1->2 prospective catch_up 0.00
            a 2025-04 100.00 -> 80.00
            a 2025-05 100.00 -> 80.00
            a 2025-06 100.00 -> 80.00
        2->3 prospective catch_up 0.00
            a 2025-04 80.00 -> 100.00
            a 2025-05 80.00 -> 100.00
            a 2025-06 80.00 -> 100.00
    """,
    "an amendment that is revoked after its month was closed": HALF_YEAR
    + """
        2025-04-01 amend
            a ratable 540 method=monthly
        2025-05-05 close 2025-04
        2025-05-10 amend effective=2025-04-01
            a ratable 600 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05<2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00   80.00           20.00  100.00  100.00
        unbilled_receivable   100.00  100.00  100.00   80.00           20.00  100.00  100.00

        1->2 prospective catch_up 0.00
            a 2025-04 100.00 -> 80.00
            a 2025-05 100.00 -> 80.00
            a 2025-06 100.00 -> 80.00
        2->3 prospective catch_up 0.00
            a 2025-04 80.00 -> 100.00
            a 2025-05 80.00 -> 100.00
            a 2025-06 80.00 -> 100.00
    """,
    # 380.00 was earned by May; 220.00 are left.
    "an amendment that is revoked for the future only": HALF_YEAR
    + """
        2025-04-01 amend
            a ratable 540 method=monthly
        2025-05-01 amend
            a ratable 600 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  100.00   80.00  110.00  110.00
        unbilled_receivable   100.00  100.00  100.00   80.00  110.00  110.00

        1->2 prospective catch_up 0.00
            a 2025-04 100.00 -> 80.00
            a 2025-05 100.00 -> 80.00
            a 2025-06 100.00 -> 80.00
        2->3 prospective catch_up 0.00
            a 2025-05 80.00 -> 110.00
            a 2025-06 80.00 -> 110.00
    """,
    "the third version is read before the second": HALF_YEAR
    + """
        2025-05-01 amend version=3
            a ratable 780 method=monthly
        run 2025-04-01
        open version_gap contracts 1
        2025-03-01 amend version=2
            a ratable 720 method=monthly
        run 2025-07-01

                             2025-01 2025-02 2025-03 2025-04 2025-05 2025-06
        revenue               100.00  100.00  130.00  130.00  160.00  160.00
        unbilled_receivable   100.00  100.00  130.00  130.00  160.00  160.00

        1->2 prospective catch_up 0.00
            a 2025-03 100.00 -> 130.00
            a 2025-04 100.00 -> 130.00
            a 2025-05 100.00 -> 130.00
            a 2025-06 100.00 -> 130.00
        2->3 prospective catch_up 0.00
            a 2025-05 130.00 -> 160.00
            a 2025-06 130.00 -> 160.00
    """,
    "usage of the day of the change has the new price": """
        2025-04-01 contract 2025-04-01..2025-05-01
            u usage 1.00
        2025-04-15T23 usage 10
        2025-04-16T03 usage 10
        run 2025-04-17
        2025-04-17 amend effective=2025-04-16T09
            u usage 0.50
        run 2025-05-01

                             2025-04
        revenue                15.00
        unbilled_receivable    15.00

        1->2 prospective catch_up 0.00
            u 2025-04 20.00 -> 15.00
    """,
    "usage is rated again from a day of a closed month on": """
        2025-01-01 contract 2025-01-01..2026-01-01
            u usage 1.00
        2025-01-05 usage 10
        2025-01-20 usage 10
        2025-02-05 usage 10
        2025-02-08 close 2025-01
        run 2025-02-09
        2025-02-10 amend effective=2025-01-15
            u usage 0.80
        run 2025-03-01

                             2025-01  2025-02<2025-01  2025-02
        revenue                20.00            -2.00     8.00
        unbilled_receivable    20.00            -2.00     8.00

        1->2 prospective catch_up 0.00
            u 2025-01 20.00 -> 18.00
            u 2025-02 10.00 -> 8.00
    """,
    "fixed and usage prices change from a closed month on": """
        2025-01-01 contract 2025-01-01..2025-07-01
            a ratable 600 method=monthly
            u usage 1.00
        2025-01-20 usage 10
        2025-02-05 usage 10
        2025-02-08 close 2025-01
        run 2025-02-09
        2025-02-10 amend effective=2025-01-01
            a ratable 900 method=monthly
            u usage 0.80
        run 2025-03-01

                             2025-01  2025-02<2025-01  2025-02
        revenue               110.00            48.00   158.00
        unbilled_receivable   110.00            48.00   158.00

        1->2 prospective catch_up 0.00
            a 2025-01 100.00 -> 150.00
            a 2025-02 100.00 -> 150.00
            a 2025-03 100.00 -> 150.00
            a 2025-04 100.00 -> 150.00
            a 2025-05 100.00 -> 150.00
            a 2025-06 100.00 -> 150.00
            u 2025-01 10.00 -> 8.00
            u 2025-02 10.00 -> 8.00
    """,
    # Half of April at 100.00 and half at 200.00 a month. 200 calls over the included 1,000 at 0.10, then 500 at 0.08.
    "an upgrade in the middle of a month, with usage over what is included": """
        2025-04-01 contract 2025-04-01..2025-06-01
            plan ratable 200 method=monthly
            calls usage 0.10 included=1000
        2025-04-01 invoice i1 200.00
            plan 200.00
        2025-04-10 usage 1200
        run 2025-04-16
        2025-04-16 amend
            plan ratable 350 method=monthly
            calls usage 0.08 included=1000
        2025-04-16 invoice i2 150.00
            plan 150.00 2025-04-16..2025-06-01
        run 2025-04-17
        2025-04-20 usage 500
        2025-05-01 invoice i3 60.00
            calls 60.00 2025-04-01..2025-05-01
        run 2025-06-01

                             2025-04  2025-05
        revenue               210.00   200.00
        deferred_revenue      200.00  -200.00
        unbilled_receivable    60.00   -60.00
        accounts_receivable   350.00    60.00

        1->2 prospective catch_up 0.00
            plan 2025-04 100.00 -> 150.00
            plan 2025-05 100.00 -> 200.00
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
