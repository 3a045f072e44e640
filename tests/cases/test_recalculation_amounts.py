"""What a recalculation says it changes is what it posts: before, after and delta against the books, by the command line."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from tests.support.books import Books
from tests.support.course import Course


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


def said(books, number=-1):
    """The amounts of a record by line and period: before, after, delta."""
    record = books.records("recalculations")[number]
    return {
        name: {(row["line_id"], row["period"]): row["amount"] for row in record[name]}
        for name in ("before", "after", "delta")
    }


def caused(books, number=-1):
    """What the entries that a record names moved of revenue, by line and the period to which it belongs."""
    names = set(books.records("recalculations")[number]["entry_ids"])
    found = Counter()
    for entry in books.records("journal"):
        if entry["entry_id"] in names:
            for line in entry["lines"]:
                if line["account"] == "revenue":
                    sign = 1 if line["side"] == "credit" else -1
                    found[entry["line_id"], entry["origin_period"] or entry["period"]] += sign * Decimal(line["amount"])
    return {cell: f"{amount:.2f}" for cell, amount in sorted(found.items()) if amount}


def test_late_usage_that_rates_other_windows_anew_says_all_of_it(books):
    # Ten cost 5 each, above ten all cost 3: 14 are 42; with five more 19 are 57. The late window itself is new: 5 x 5 = 25,
    # and what followed it is rated again.
    Course("""
        2025-01-01 contract 2025-01-01..2026-01-01
            u usage 10:5,-:3 volume
        2025-02-03 usage 8
        2025-02-07 usage 6
        run 2025-02-20
        2025-02-02 usage 5
        run 2025-02-21
    """).play(books)
    expected = {"before": {("u", "2025-02"): "42.00"}, "after": {("u", "2025-02"): "57.00"},
                "delta": {("u", "2025-02"): "15.00"}}  # fmt: skip
    assert expected == said(books)
    assert expected["delta"] == caused(books)
    assert 3 == len(books.records("recalculations")[-1]["entry_ids"])


def test_late_usage_of_a_closed_month_is_said_though_nothing_was_posted_there(books):
    Course("""
        2025-01-01 contract 2025-01-01..2026-01-01
            u usage 1
        2025-02-03 usage 8
        2025-03-05 close 2025-02
        run 2025-03-06
        2025-02-10 usage 5
        run 2025-03-07
    """).play(books)
    assert "late_usage" == books.records("recalculations")[-1]["cause"]
    assert {("u", "2025-02"): "13.00"} == said(books)["after"]
    assert {("u", "2025-02"): "5.00"} == said(books)["delta"] == caused(books)


def test_usage_in_time_is_in_no_record_of_another_month(books):
    Course("""
        2025-01-01 contract 2025-01-01..2026-01-01
            u usage 1
        2025-02-03 usage 8
        run 2025-03-02
        2025-02-03 usage 5
        2025-03-05 usage 7
        run 2025-03-10
    """).play(books)
    assert {("u", "2025-02"): "5.00"} == said(books)["delta"] == caused(books)


def test_what_a_cancellation_leaves_over_and_is_not_refundable_is_in_its_record(books):
    # A dollar a day for a year, billed in advance. Cancelled with 11 May: 130 are earned, 235 are left over; what May had
    # posted beyond (21 days) goes, and all of the rest is recognised at once: 214 more in May.
    Course("""
        2025-01-01 policy cancellation=non_refundable
        2025-01-01 contract 2025-01-01..2026-01-01
            a ratable 365
        2025-01-01 invoice i1 365
        run 2025-06-01
        2025-06-02 cancel effective=2025-05-11
        run 2025-06-03
    """).play(books)
    record = books.records("recalculations")[-1]
    assert "235.00" == record["catch_up"]
    assert {("a", "2025-05"): "214.00"} == caused(books)
    months = {f"2025-{month:02d}": f"-{days}.00" for month, days in enumerate((30, 31, 31, 30, 31, 30, 31), 6)}
    assert {("a", "2025-05"): "214.00", **{("a", month): amount for month, amount in months.items()}} == said(books)[
        "delta"
    ]
    assert Decimal(365) == sum(map(Decimal, said(books)["after"].values()))


def test_what_credits_take_from_a_schedule_is_in_no_delta(books):
    # Half of the invoice is credited, with what it left to be earned: a day is worth 50 cents from 1 February on.
    Course("""
        2025-01-01 contract 2025-01-01..2025-04-01
            a ratable 90
        2025-01-01 invoice i1 90
        2025-02-01 note n1 45.00 of=i1
        run 2025-04-02
        2025-04-03 cancel effective=2025-03-11
        run 2025-04-04
    """).play(books)
    assert said(books)["delta"] == caused(books)
    assert [("a", "2025-03")] == list(caused(books))
