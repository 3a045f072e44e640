"""Worked cases of cases.md on billing, and what invoices, credits, refunds and disputes do (rules 1, 5 and 8)."""

import pytest

from .scenario import Scenario, by_account, by_period, delivered, fixed, usage_line

JANUARY, FEBRUARY, MARCH, APRIL, MAY, JUNE = (f"2023-0{month}-01T00:00:00Z" for month in range(1, 7))


def movements(scenario, *accounts, as_of=JUNE):
    """By account the movements of its months in cents, in its normal direction."""
    books = scenario.books(as_of)
    assert set() == books.not_covered
    found = {account: by_period(books, account) for account in accounts}
    return {account: {name[5:]: minor for name, minor in months.items()} for account, months in found.items()}


def quarter(tmp_path, paid=True, total="90", **terms):
    """90 for January to March, invoiced at the start, paid."""
    scenario = Scenario(tmp_path).contract([fixed(total=total, **terms)], JANUARY, APRIL)
    scenario.bill("invoice_finalized", JANUARY, "90")
    return scenario.bill("invoice_paid", JANUARY, "90") if paid else scenario


def test_s01_a_month_across_two_periods(tmp_path):
    term = ("2023-01-15T00:00:00Z", "2023-02-15T00:00:00Z")
    scenario = Scenario(tmp_path).contract([fixed(total="31")], *term)
    scenario.bill("invoice_finalized", term[0], "31").bill("invoice_paid", term[0], "31")
    expected = {"revenue": {"01": 1700, "02": 1400}, "deferred_revenue": {"01": 1400, "02": -1400}}
    assert expected == movements(scenario, *expected)
    expected = {"cash": {"01": 3100}, "accounts_receivable": {}}
    assert expected == movements(scenario, *expected)


def test_s02_a_year_by_days(tmp_path):
    start, end = "2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
    scenario = Scenario(tmp_path).contract([fixed(total="365")], start, end)
    scenario.bill("invoice_finalized", start, "365").bill("invoice_paid", start, None)
    found = movements(scenario, "revenue", "deferred_revenue", as_of=end)
    assert [3100, 2800, 3100] == list(found["revenue"].values())[:3]
    assert {"01": 33400, "02": -2800} == {month: found["deferred_revenue"][month] for month in ("01", "02")}


@pytest.mark.parametrize(
    "aggregation, first, second, billed, revenue, unbilled",
    [
        ("sum", "15", "17", "32", {"01": 1500, "02": 1700}, {"01": 1500, "02": -1500}),
        ("max", "17", "15", "17", {"01": 1700}, {"01": 1700, "02": -1700}),
    ],
)
def test_s03_s04_usage_is_unbilled_until_its_invoice(tmp_path, aggregation, first, second, billed, revenue, unbilled):
    line = usage_line(aggregation=aggregation, unit_price="1")
    scenario = Scenario(tmp_path).contract([line], "2023-01-15T00:00:00Z", "2023-03-15T00:00:00Z")
    scenario.use("2023-01-25T10:00:00Z", first).use("2023-02-04T10:00:00Z", second)
    scenario.bill("invoice_finalized", "2023-02-14T00:00:00Z", billed)
    expected = {"revenue": revenue, "unbilled_receivable": unbilled, "accounts_receivable": {"02": int(billed) * 100}}
    assert expected == movements(scenario, *expected, as_of=MARCH)
    assert {} == by_period(scenario.books(MARCH), "deferred_revenue")


@pytest.mark.parametrize(
    "total, later, lines, revenue, expected",
    [
        (
            "100",
            "120",
            ("-30", "40", "120"),
            {"04": 10000, "05": 12000},
            {"unbilled_receivable": {"04": 1000, "05": -1000}},
        ),
        ("70", "30", ("-30", "10", "30"), {"04": 7000, "05": 3000}, {"deferred_revenue": {"04": 2000, "05": -2000}}),
    ],
)
def test_s07_s08_month_to_month_with_a_change(tmp_path, total, later, lines, revenue, expected):
    scenario = Scenario(tmp_path).contract([fixed("l", "90")], APRIL, MAY)
    scenario.bill("invoice_finalized", APRIL, "90").bill("invoice_paid", APRIL, "90")
    scenario.contract([fixed("l", total)], APRIL, MAY, version=2, effective_at="2023-04-21T00:00:00Z")
    renewed = [fixed("l", total, start=APRIL, end=MAY), fixed("may", later, start=MAY, end=JUNE)]
    scenario.contract(renewed, APRIL, JUNE, version=3, effective_at=MAY, kind="renewed")
    said = [{"line_id": name, "amount": amount} for name, amount in zip(("l", "l", "may"), lines)]
    billed = str(sum(int(amount) for amount in lines))
    scenario.bill("invoice_finalized", MAY, billed, invoice="i2", lines=said)
    expected = {"revenue": revenue, "accounts_receivable": {"05": int(billed) * 100}, **expected}
    assert expected == movements(scenario, *expected)


def test_s11_a_refund_splits_by_what_was_recognised(tmp_path):
    scenario = quarter(tmp_path).bill("refund", "2023-02-01T10:00:00Z", "90")
    expected = {
        "revenue": {"01": 3100},
        "deferred_revenue": {"01": 5900, "02": -5900},
        "refunds": {"02": 3100},
        "cash": {"01": 9000, "02": -9000},
    }
    assert expected == movements(scenario, *expected)


def test_s13_a_void_takes_back_what_is_open(tmp_path):
    scenario = quarter(tmp_path, paid=False).bill("invoice_voided", FEBRUARY)
    expected = {
        "revenue": {"01": 3100},
        "deferred_revenue": {"01": 5900, "02": -5900},
        "voids": {"02": 3100},
        "accounts_receivable": {"01": 9000, "02": -9000},
    }
    assert expected == movements(scenario, *expected)


def test_s14_a_written_off_invoice_is_paid_after_all(tmp_path):
    scenario = quarter(tmp_path, paid=False).bill("invoice_uncollectible", FEBRUARY)
    scenario.bill("invoice_paid", APRIL, "90")
    expected = {
        "revenue": {"01": 3100},
        "bad_debt": {"02": 3100, "04": -3100},
        "cash": {"04": 9000},
        "recoverables": {"04": 5900},
        "deferred_revenue": {"01": 5900, "02": -5900},
    }
    assert expected == movements(scenario, *expected)


def test_s19_a_credit_note_goes_three_ways(tmp_path):
    ways = {"refund": "15", "customer_balance": "10", "external": "20"}
    scenario = quarter(tmp_path).bill("credit_note", FEBRUARY, "45", credit_note_id="n", allocations=ways)
    expected = {
        "revenue": {"01": 3100, "02": 1400, "03": 1550},
        "deferred_revenue": {"01": 5900, "02": -4350, "03": -1550},
        "credit_notes": {"02": 1550},
        "customer_balance": {"02": 1000},
        "external_balance": {"02": 2000},
        "cash": {"01": 9000, "02": -1500},
        "accounts_receivable": {},
    }
    assert expected == movements(scenario, *expected)


def test_s22_tax_on_top_is_no_revenue(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="31")], JANUARY, FEBRUARY)
    scenario.bill("invoice_finalized", JANUARY, "34.10", tax="3.10").bill("invoice_paid", JANUARY)
    expected = {"revenue": {"01": 3100}, "cash": {"01": 3410}, "tax_payable": {"01": 310}, "deferred_revenue": {}}
    assert expected == movements(scenario, *expected)


def functional(scenario, account, as_of=JUNE):
    """Functional debits less credits by month."""
    found = {}
    for key, minor in scenario.books(as_of).functional.items():
        if key[4] == account:
            found[key[2][5:]] = found.get(key[2][5:], 0) + minor
    return {name: minor for name, minor in sorted(found.items()) if minor}


def in_euros(tmp_path, lines, end=FEBRUARY):
    """A contract in euros of an entity that counts in dollars: 1.20 until the end of January, then 1.10."""
    scenario = Scenario(tmp_path).contract(lines, JANUARY, end, currency="EUR")
    scenario.reference("entity", id="e", functional_currency="USD")
    for rate, since in (("1.20", JANUARY), ("1.10", FEBRUARY)):
        scenario.reference("fx_rate", base="EUR", quote="USD", rate=rate, as_of=since)
    return scenario


def test_s26_a_realised_difference_of_rates(tmp_path):
    scenario = in_euros(tmp_path, [fixed(total="30")])
    scenario.bill("invoice_finalized", JANUARY, "30", currency="EUR")
    scenario.bill("invoice_paid", FEBRUARY, "30", currency="EUR")
    expected = {
        "accounts_receivable": {"01": 3600, "02": -3600},
        "revenue": {"01": -3600},
        "cash": {"02": 3300},
        "fx_gain_loss": {"02": 300},
    }
    assert expected == {account: functional(scenario, account) for account in expected}
    assert {} == movements(scenario, "fx_gain_loss")["fx_gain_loss"]


def test_deferred_revenue_leaves_at_the_rates_of_its_invoices_in_their_order(tmp_path):
    """30 at 1.20 and 60 at 1.50: January is 31 of 90 days, so 31, of which 1 at 1.50; February 28 at 1.50."""
    scenario = in_euros(tmp_path, [fixed(total="90")], APRIL)
    scenario.bill("invoice_finalized", JANUARY, "30", currency="EUR")
    scenario.bill("invoice_finalized", JANUARY, "60", "i2", currency="EUR", fx_rate="1.50")
    expected = {"01": -(3600 + 150), "02": -4200, "03": -4650}
    assert expected == functional(scenario, "revenue")
    assert {} == functional(scenario, "fx_gain_loss")


def test_what_was_unbilled_leaves_at_the_rate_it_came_with(tmp_path):
    scenario = in_euros(tmp_path, [delivered("l", "2023-01-10T00:00:00Z", "10")])
    scenario.bill("invoice_finalized", FEBRUARY, "10", currency="EUR")
    assert {"01": 1200, "02": -1200} == functional(scenario, "unbilled_receivable")
    assert {"02": 1100} == functional(scenario, "accounts_receivable")
    assert {"02": 100} == functional(scenario, "fx_gain_loss")


def test_e01_a_contract_known_after_the_close_and_invoiced_later(tmp_path):
    scenario = Scenario(tmp_path).close("2023-05", "2023-06-05T00:00:00Z")
    line, signed = fixed(total="3000", method="monthly"), {"event_time": "2023-06-10T00:00:00Z"}
    scenario.contract([line], MAY, "2023-08-01T00:00:00Z", **signed)
    scenario.bill("invoice_finalized", "2023-07-01T00:00:00Z", "3000")
    books = scenario.books("2023-07-01T00:00:00Z")
    found = {key[2:4]: -minor for key, minor in books.sums.items() if key[4] == "revenue"}
    assert {("2023-06", None): 100000, ("2023-06", "2023-05"): 100000} == found
    assert {"2023-06": 200000, "2023-07": -200000} == by_period(books, "unbilled_receivable")
    assert {"2023-07": 100000} == by_period(books, "deferred_revenue")


# -- positions


def test_a_fact_is_booked_as_soon_as_it_is_read_and_recognition_when_it_is_due(tmp_path):
    books = quarter(tmp_path).books("2022-12-01T00:00:00Z")
    assert {"cash": 9000, "deferred_revenue": -9000} == by_account(books.sums)


def test_an_invoice_in_arrears_bills_what_is_unbilled_and_defers_the_rest(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    scenario.bill("invoice_finalized", FEBRUARY, "90")
    expected = {"unbilled_receivable": {"01": 3100, "02": -3100}, "deferred_revenue": {"02": 3100, "03": -3100}}
    assert expected == movements(scenario, *expected)


def test_an_invoice_without_lines_is_of_the_fixed_lines(tmp_path):
    """Each kind of line has a position of its own: the invoice of 90 defers, the usage stays unbilled."""
    scenario = Scenario(tmp_path).contract([fixed("a", "90"), usage_line("u", unit_price="1")], JANUARY, APRIL)
    scenario.use("2023-01-10T00:00:00Z", "5").bill("invoice_finalized", JANUARY, "90")
    assert {"unbilled_receivable": {"01": 500}} == movements(scenario, "unbilled_receivable")
    assert {"01": 5900, "02": -2800, "03": -3100} == movements(scenario, "deferred_revenue")["deferred_revenue"]


def test_lines_of_an_invoice_meet_their_positions(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed("a", "90"), usage_line("u", unit_price="1")], JANUARY, APRIL)
    said = [{"line_id": "a", "amount": "90"}, {"line_id": "u", "amount": "3"}]
    scenario.use("2023-01-10T00:00:00Z", "5").bill("invoice_finalized", FEBRUARY, "95", tax="1", lines=said)
    # the rest of the net amount, 1, belongs to the first line
    expected = {
        "unbilled_receivable": {"01": 3600, "02": -3400},
        "deferred_revenue": {"02": 3200, "03": -3100},
        "tax_payable": {"02": 100},
    }
    assert expected == movements(scenario, *expected)


def test_the_unbilled_balance_of_fixed_lines_may_be_a_contract_asset(tmp_path):
    scenario = Scenario(tmp_path).contract([delivered("l", JANUARY), usage_line("u", unit_price="1")], JANUARY, APRIL)
    scenario.use("2023-01-10T00:00:00Z", "5").policy("unbilled", "contract_asset", JANUARY)
    assert {"contract_asset": 10000, "revenue": -10500, "unbilled_receivable": 500} == by_account(
        scenario.books(JUNE).sums
    )


def test_facts_of_a_closed_period_go_to_the_first_open_one(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL).close("2023-01", "2023-02-05T00:00:00Z")
    scenario.bill("invoice_finalized", "2023-02-10T00:00:00Z", "60")
    scenario.bill("invoice_finalized", "2023-01-10T00:00:00Z", "30", "early")
    found = {key[2:4]: minor for key, minor in scenario.books(JUNE).sums.items() if key[4] == "accounts_receivable"}
    assert {("2023-02", None): 6000, ("2023-02", "2023-01"): 3000} == found
    scenario.books(JUNE)


def test_a_fact_is_dated_its_local_day(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    scenario.reference("entity", id="e", time_zone="America/New_York")
    scenario.bill("invoice_finalized", "2023-03-01T04:59:59Z", "90")
    assert {"2023-02": 9000} == by_period(scenario.books(JUNE), "accounts_receivable")
