"""Worked cases of what master data and policies do to usage, functional amounts and accounts, by the command line.

F is another system's documented case; the numbers of the others are worked out beside them.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.support.books import Books, delivered, fixed, metered


@pytest.fixture
def books(tmp_path):
    return Books(tmp_path)


# -- usage

DST = [
    ("America/New_York", ["2024-03-09T05", "2024-03-10T05", "2024-03-11T04", "2024-03-12T04"]),
    ("America/New_York", ["2024-11-02T04", "2024-11-03T04", "2024-11-04T05", "2024-11-05T05"]),
    ("Australia/Sydney", ["2024-04-05T13", "2024-04-06T13", "2024-04-07T14", "2024-04-08T14"]),
]


@pytest.mark.parametrize(("zone", "midnights"), DST)
def test_f06_days_are_those_of_the_entitys_zone_by_master_data(books, zone, midnights):
    """Two units a day, at its first minute and in its last: 2, 2, 2."""
    books.reference("entity", id="us", time_zone=zone)
    books.contract(metered(), start="2024-01-01", end="2025-01-01")
    moments = [(f"{start}:00:30", f"{following[:-2]}{int(following[-2:]) - 1:02d}:59:30")
               for start, following in pairwise(midnights)]  # fmt: skip
    for moment in sorted(moment for pair in moments for moment in pair):
        books.usage(moment, "1")
    books.run("2024-12-31")
    assert ["2.00"] * 3 == list(books.sums("accounting_date").values())
    assert 3 == len(books.records("journal"))


def test_the_zone_of_the_master_data_goes_before_that_of_the_settings(books):
    books.reference("entity", id="us", time_zone="Asia/Tokyo")
    books.contract(metered(), start="2025-01-01", end="2026-01-01")
    books.contract(metered(), start="2025-01-01", end="2026-01-01", contract_id="k2", customer_id="d", entity="de")
    books.usage("2025-01-05T16", "1").usage("2025-01-05T16", "2", customer_id="d")
    books.run("2025-01-10", ACCRUAL_TIME_ZONE="America/New_York")
    expected = {("us", "2025-01-06"): "1.00", ("de", "2025-01-05"): "2.00"}
    assert expected == books.sums("entity", "accounting_date")


def windows(books):
    """(start, end, accounting date) of the usage entries."""
    found = [(one["window"]["start"], one["window"]["end"], one["accounting_date"]) for one in books.records("journal")]
    return [(start[:16], end[:16], day) for start, end, day in sorted(found)]


USED = ("2025-01-05T10:10", "2025-01-05T10:50", "2025-01-05T11:10", "2025-01-20", "2025-02-03")


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("hour", [("2025-01-05T10:00", "2025-01-05T11:00", "2025-01-05"),
                  ("2025-01-05T11:00", "2025-01-05T12:00", "2025-01-05"),
                  ("2025-01-20T00:00", "2025-01-20T01:00", "2025-01-20"),
                  ("2025-02-03T00:00", "2025-02-03T01:00", "2025-02-03")]),
        ("month", [("2025-01-01T00:00", "2025-02-01T00:00", "2025-01-31"),
                   ("2025-02-01T00:00", "2025-03-01T00:00", "2025-02-28")]),
    ],
)  # fmt: skip
def test_the_policy_says_what_one_usage_entry_summarises(books, size, expected):
    books.policy("usage_window", size).contract(metered(), start="2025-01-01", end="2026-01-01")
    for moment in USED:
        books.usage(moment, "1")
    books.run("2025-03-01")
    assert (expected, {"us": "5.00"}) == (windows(books), books.sums("entity"))


def test_windows_are_cut_where_their_size_changes(books):
    books.policy("usage_window", "month", since="2025-01-05T11").contract(
        metered(), start="2025-01-01", end="2026-01-01"
    )
    for moment in USED:
        books.usage(moment, "1")
    books.run("2025-03-01")
    expected = [
        ("2025-01-05T00:00", "2025-01-05T11:00", "2025-01-05"),
        ("2025-01-05T11:00", "2025-02-01T00:00", "2025-01-31"),
        ("2025-02-01T00:00", "2025-03-01T00:00", "2025-02-28"),
    ]
    assert (expected, {"us": "5.00"}) == (windows(books), books.sums("entity"))


def test_a_policy_that_reaches_back_books_the_same_revenue_in_other_windows(books):
    books.contract(metered(), start="2025-01-01", end="2026-01-01")
    for moment in USED:
        books.usage(moment, "1")
    books.run("2025-02-10")
    assert {"2025-01-05": "3.00", "2025-01-20": "1.00", "2025-02-03": "1.00"} == books.sums("accounting_date")
    books.policy("usage_window", "month", since="2025-01-01", at="2025-02-11").run("2025-03-01")
    assert {"2025-01-31": "4.00", "2025-02-28": "1.00"} == books.sums("accounting_date")


def test_a_flat_fee_at_zero_units_is_due_or_not_by_policy(books):
    rate = {"model": "graduated", "unit_price": None, "tiers": [{"up_to": None, "unit_price": "10", "flat_fee": "2"}]}
    books.policy("zero_flat_fee", "no", since="2025-02-01T00:00:00.000000")
    books.contract(metered(**rate), start="2025-01-01", end="2026-01-01").run("2025-04-01")
    assert {"2025-01-31": "2.00"} == books.sums("accounting_date")


def test_a_last_value_is_carried_by_policy(books):
    books.policy("carry", "yes").contract(metered(aggregation="last"), start="2025-01-01", end="2026-01-01")
    books.usage("2025-01-05", "7").usage("2025-03-10", "6").run("2025-04-01")
    assert {"2025-01": "7.00", "2025-02": "7.00", "2025-03": "6.00"} == books.sums("period")


# -- functional amounts


def functional(books, by="accounting_date"):
    return books.sums(by, amount="functional_amount")


def test_functional_amounts_are_at_the_rate_of_each_date(books):
    books.reference("entity", id="us", functional_currency="USD")
    for day, rate in (("2025-01-01", "1.20"), ("2025-01-31", "1.10"), ("2025-02-01", "1.05"), ("2025-02-28", "1.00")):
        books.reference("fx_rate", base="EUR", quote="USD", rate=rate, as_of=day)
    books.contract(fixed("a", "59"), metered(), start="2025-01-01", end="2025-03-01", currency="EUR")
    books.usage("2025-01-10", "5").usage("2025-02-10", "5").run("2025-03-01")
    euros = {"2025-01-10": "5.00", "2025-01-31": "31.00", "2025-02-10": "5.00", "2025-02-28": "28.00"}
    assert euros == books.sums("accounting_date")
    dollars = {"2025-01-10": "6.00", "2025-01-31": "34.10", "2025-02-10": "5.25", "2025-02-28": "28.00"}
    assert dollars == functional(books)
    assert {("EUR", "USD")} == {(one["currency"], one["functional_currency"]) for one in books.records("journal")}


def test_the_inverse_pair_serves_where_there_is_no_direct_one(books):
    books.reference("entity", id="us", functional_currency="JPY")
    books.reference("fx_rate", base="JPY", quote="USD", rate="0.0064", as_of="2025-01-01")
    books.contract(delivered("a", "100", "2025-01-10"), start="2025-01-01", end="2026-01-01").run("2025-02-01")
    assert {"2025-01-10": "15625"} == functional(books)


def test_functional_amounts_balance_though_each_is_rounded(books):
    books.reference("entity", id="us", functional_currency="EUR")
    books.reference("fx_rate", base="USD", quote="EUR", rate="0.5", as_of="2025-01-01")
    opening = {"as_of": "2025-01-01T00:00:00Z", "recognised": "0", "billed": "0.03"}
    books.contract(delivered("a", "0.06", "2025-01-10"), start="2025-01-01", end="2026-01-01", opening=opening).run(
        "2025-02-01"
    )
    (entry,) = books.records("journal")
    found = {(one["account"], one["side"]): (one["amount"], one["functional_amount"]) for one in entry["lines"]}
    expected = {
        ("deferred_revenue", "debit"): ("0.03", "0.02"),
        ("unbilled_receivable", "debit"): ("0.03", "0.02"),
        ("revenue", "credit"): ("0.06", "0.04"),
    }
    assert expected == found


# -- accounts


def test_accounts_have_the_numbers_of_the_chart_of_accounts(books):
    books.reference("product", id="a", revenue_account="subscriptions", dimensions=[{"key": "region", "value": "eu"}])
    books.reference("product", id="u", revenue_account="metered")
    books.reference("account", name="subscriptions", number="4100")
    books.reference("account", name="unbilled_receivable", number="1300", entity="us")
    books.reference("account", name="unbilled_receivable", number="1310", entity="us", effective_from="2025-02-01")
    books.contract(fixed("a", "59"), metered(), start="2025-01-01", end="2025-03-01")
    books.usage("2025-01-10", "5").run("2025-03-01")
    expected = {
        ("2025-01", "1300"): "36.00", ("2025-01", "4100"): "-31.00", ("2025-01", "metered"): "-5.00",
        ("2025-02", "1310"): "28.00", ("2025-02", "4100"): "-28.00",
    }  # fmt: skip
    assert expected == books.sums("period", account=None)
    tagged = [
        line["dimensions"] for entry in books.records("journal") if entry["line_id"] == "a" for line in entry["lines"]
    ]
    assert [[{"key": "region", "value": "eu"}]] * 4 == tagged
