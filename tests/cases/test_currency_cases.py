"""Worked cases with invoices in another currency than the entity's: files in, journal out, by the command line.

A case is a course of events and what the books have to say of it, in functional amounts and in those of the contract
(accounting.md, rule 8). S is the documented case of a billing system. Entries balance in both.
"""

from __future__ import annotations

import pytest

from tests.support.books import Books
from tests.support.course import Course, movements, sections, table


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


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
CASES = {
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
    # 20 at the invoice's 1.20 and 10 at that day's 1.15; the 10 are invoiced at 1.10.
    "usage beyond what was invoiced ahead": EURO
    + RATED
    + """
        2025-01-05 reference fx_rate base=EUR quote=USD rate=1.15 as_of=2025-01-05
        2025-01-01 contract 2025-01-01..2025-04-01 currency=EUR
            u usage 1
        2025-01-01 invoice i1 20.00 currency=EUR
            u 20.00
        2025-01-10 usage 30
        2025-02-01 invoice i2 10.00 currency=EUR
            u 10.00
        run 2025-03-01

                             2025-01  2025-02
        revenue                35.50        -
        unbilled_receivable    11.50   -11.50
        accounts_receivable    24.00    11.00
        fx_gain_loss               -     0.50

                             2025-01  2025-02
        revenue                30.00        -
        unbilled_receivable    10.00   -10.00
        accounts_receivable    20.00    10.00
    """,
    "a void takes back what the invoice was worth, whatever the rate is then": EURO
    + RATED
    + """
        2025-01-01 contract 2025-01-01..2025-04-01 currency=EUR
            a ratable 90
        2025-01-01 invoice i1 90.00 currency=EUR
        2025-02-01 void i1 currency=EUR
        run 2025-05-01

                             2025-01  2025-02
        revenue                37.20        -
        deferred_revenue       70.80   -70.80
        accounts_receivable   108.00  -108.00
        voids                      -    37.20

                             2025-01  2025-02
        revenue                31.00        -
        deferred_revenue       59.00   -59.00
        accounts_receivable    90.00   -90.00
        voids                      -    31.00
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
    "what is voided before it is earned asks for no rate": EURO
    + """
        2025-01-01 contract 2025-01-01..2025-04-01 currency=EUR
            a ratable 90
        2025-01-01 invoice i1 90.00 currency=EUR rate=1.20
        2025-02-01 void i1 90.00 currency=EUR rate=1.10
        run 2025-05-01

                             2025-01  2025-02
        accounts_receivable   108.00  -108.00
        deferred_revenue       70.80   -70.80
        revenue                37.20        -
        voids                      -    37.20

                             2025-01  2025-02
        accounts_receivable    90.00   -90.00
        deferred_revenue       59.00   -59.00
        revenue                31.00        -
        voids                      -    31.00
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_the_books_in_both_currencies(case, books):
    course, (dollars, euros) = sections(CASES[case])
    Course(course).play(books)
    assert table(euros) == movements(books)
    assert table(dollars) == movements(books, "functional_amount")
