"""Worked cases with invoices, payments and credits: files in, journal out, by the command line.

A case is a course of events and what the books have to say of it: each month and account that moves, and nothing else
(`tests/support/course.py`). S are the documented cases of a billing system, E another one's; the others follow the same
rules (accounting.md, rules 1, 4, 5 Credits, 6 and 8) with numbers worked out by hand. Debits equal credits in every entry.
"""

from __future__ import annotations

import re

import pytest

from tests.support.books import Books
from tests.support.course import Course, movements, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


# Three months and 90 dollars, a dollar a day: 31 days in January, 59 after it.
QUARTER = """
    2025-01-01 contract 2025-01-01..2025-04-01
        a ratable 90
"""
INVOICED = QUARTER + "    2025-01-01 invoice i1 90.00\n"
PAID = INVOICED + "    2025-01-01 paid i1 90.00\n"

DOCUMENTED = {
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
}

# A renewal says the whole term, or the new month as a line of its own, with the old one or without it.
RENEWALS = {
    "the same line": "renew 2025-04-01..2025-06-01\n            a ratable {both}",
    "another line": "renew 2025-04-01..2025-06-01\n"
    "            a ratable {first} 2025-04-01..2025-05-01\n"
    "            a2 ratable {second} 2025-05-01..2025-06-01",
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

WORKED = {
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

REFUSED = {
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

EURO = "        2024-12-01 reference entity id=us functional_currency=USD\n"
RATED = """
        2025-01-01 reference fx_rate base=EUR quote=USD rate=1.20 as_of=2025-01-01
        2025-02-01 reference fx_rate base=EUR quote=USD rate=1.10 as_of=2025-02-01
"""
S26 = """
        2025-01-01 contract 2025-01-01..2025-02-01 currency=EUR
            a ratable 30
        2025-01-01 invoice i1 30.00 currency=EUR{first}
        2025-02-01 paid i1 30.00 currency=EUR{second}
        run 2025-03-01

                             2025-01  2025-02
        accounts_receivable    36.00   -36.00
        revenue                36.00        -
        cash                       -    33.00
        fx_gain_loss               -     3.00

                             2025-01  2025-02
        accounts_receivable    30.00   -30.00
        revenue                30.00        -
        cash                       -    30.00
"""
OTHER_RATE = "        2024-12-31 reference fx_rate base=EUR quote=USD rate=1.15 as_of=2024-12-31\n"
STATED = {"first": " rate=1.20", "second": " rate=1.10"}

# The books in dollars, then in euros.
CURRENCIES = {
    "S26 at the rates of master data": EURO + RATED + S26.format(first="", second=""),
    "S26 at the rates of the events, which win": EURO + OTHER_RATE + S26.format(**STATED),
    "S26 at the rates of the events, which are the only ones": EURO + S26.format(**STATED),
    # February: 20 of the first invoice at 1.20, 20 of the second at 1.10.
    "two invoices at two rates are used up in their order": EURO
    + RATED
    + """
        2025-03-01 reference fx_rate base=EUR quote=USD rate=1.25 as_of=2025-03-01
        2025-01-01 contract 2025-01-01..2025-04-01 currency=EUR
            a ratable 120 method=monthly
        2025-01-01 invoice i1 60.00 currency=EUR
        2025-02-01 invoice i2 60.00 currency=EUR
        2025-02-10 paid i1 60.00 currency=EUR
        2025-03-05 paid i2 60.00 currency=EUR
        run 2025-05-01

                             2025-01  2025-02  2025-03
        revenue                48.00    46.00    44.00
        deferred_revenue       24.00    20.00   -44.00
        accounts_receivable    72.00    -6.00   -66.00
        cash                       -    66.00    75.00
        fx_gain_loss               -     6.00    -9.00

                             2025-01  2025-02  2025-03
        revenue                40.00    40.00    40.00
        deferred_revenue       20.00    20.00   -40.00
        accounts_receivable    60.00        -   -60.00
        cash                       -    60.00    60.00
    """,
    # What was earned at 1.20 is invoiced at 1.10.
    "what is earned first is worth less when it is invoiced": EURO
    + RATED
    + """
        2025-01-01 contract 2025-01-01..2025-03-01 currency=EUR
            a ratable 60 method=monthly
        2025-02-01 invoice i1 30.00 currency=EUR
        run 2025-03-01

                             2025-01  2025-02
        revenue                36.00    33.00
        unbilled_receivable    36.00    -3.00
        accounts_receivable        -    33.00
        fx_gain_loss               -     3.00

                             2025-01  2025-02
        revenue                30.00    30.00
        unbilled_receivable    30.00        -
        accounts_receivable        -    30.00
    """,
}


def parts(text):
    """A course and the tables below it, which empty lines and a line of months set off."""
    blocks, course, tables = re.split(r"\n\s*\n", text.strip("\n")), [], []
    for block in blocks:
        of_months = re.match(r"\s*\d{4}-\d\d(<\S+)?(\s|$)", block)
        (tables if of_months else course).append(block)
    return "\n".join(_flush(block) for block in course), tables


def _flush(block):
    """A block at the margin, whatever it was at."""
    lines = [line for line in block.splitlines() if line.strip()]
    margin = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    return "\n".join(line[margin:] for line in lines)


@pytest.mark.parametrize("case", [*DOCUMENTED, *WORKED, *REFUSED])
def test_the_books_of_a_course_are_these_and_no_others(case, books):
    course, (expected,) = parts((DOCUMENTED | WORKED | REFUSED)[case])
    assert table(expected) == movements(Course(course).play(books))


@pytest.mark.parametrize(
    "case", [name for name, text in (DOCUMENTED | WORKED).items() if text.count("run ") == 1 and " close " not in text]
)
def test_they_do_not_depend_on_the_order_in_which_events_are_read(case, books):
    course, (expected,) = parts((DOCUMENTED | WORKED)[case])
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
    line = "a" if renewal == "the same line" else "a2"
    course = MONTH_TO_MONTH.format(**amounts, line=line, renewal=RENEWALS[renewal].format(**amounts))
    assert table(MOVED[case]) == movements(Course(course).play(books))


@pytest.mark.parametrize("case", BY_CONTRACT)
def test_billing_finds_its_contract(case, books):
    course, (expected,) = parts(BY_CONTRACT[case])
    assert table(expected) == movements(Course(course).play(books), by="contract_id")


@pytest.mark.parametrize("case", CURRENCIES)
def test_the_books_in_both_currencies(case, books):
    course, (dollars, euros) = parts(CURRENCIES[case])
    Course(course).play(books)
    assert table(euros) == movements(books)
    assert table(dollars) == movements(books, "functional_amount")


def test_billing_entries_say_what_they_are_and_where_they_come_from(books):
    course, _ = parts(DOCUMENTED["S19 half of it credited, in three ways"])
    Course(course).play(books)
    found = sorted(
        (one["accounting_date"], one["kind"], one["line_id"], one["lineage"]["sources"][0]["from_offset"])
        for one in books.records("journal")
        if one["lineage"]["sources"][0]["topic"] == "billing.events"
    )
    expected = [("2025-01-01", "billing", "a", 0), ("2025-01-01", "payment", "a", 1), ("2025-02-01", "credit", "a", 2)]
    assert expected == found


def test_a_second_run_finds_nothing_to_do(books):
    course, _ = parts(DOCUMENTED["S14 uncollectible after a month, paid in the end"])
    Course(course).play(books)
    before = books.records("journal")
    books.run("2025-06-01")
    assert before == books.records("journal")
