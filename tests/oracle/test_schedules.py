"""Worked cases of cases.md on fixed lines, as far as recognised amounts go."""

import pytest

from .scenario import Scenario, by_period


def ratable(total, line_id="l", **fields):
    """A ratable line over the contract's term."""
    return {"line_id": line_id, "kind": "ratable", "total": total, **fields}


def revenue(scenario, as_of="2030-01-01T00:00:00Z"):
    """Revenue by period in cents."""
    return by_period(scenario.books(as_of), "revenue")


@pytest.mark.parametrize(
    "method, expected",
    [
        ("exact", [1550, 3100, 3100, 3000, 1250]),
        ("daily", [1600, 3100, 3100, 3000, 1200]),
        ("monthly", [3000, 3000, 3000, 3000]),
        ("monthly_prorated_ends", [1550, 3067, 3066, 3067, 1250]),
    ],
)
def test_methods_of_a_broken_term(tmp_path, method, expected):
    line = ratable("120", method=method)
    scenario = Scenario(tmp_path).contract([line], "2024-06-15T12:00:00Z", "2024-10-13T12:00:00Z")
    assert expected == list(revenue(scenario).values())


def test_the_residual_goes_to_the_last_full_period_by_policy(tmp_path):
    line = ratable("120", method="monthly_prorated_ends")
    scenario = Scenario(tmp_path).contract([line], "2024-06-15T12:00:00Z", "2024-10-13T12:00:00Z")
    policy = {
        "kind": "policy",
        "key": "residual",
        "value": "last_full_period",
        "event_time": "2024-01-01T00:00:00Z",
    }
    scenario.write("control.events", policy)
    assert list(revenue(scenario).values()) == [1550, 3066, 3066, 3068, 1250]


def test_month_fractions_are_normalised_to_the_total(tmp_path):
    line = ratable("200", method="month_fraction")
    scenario = Scenario(tmp_path).contract([line], "2024-04-16T00:00:00Z", "2024-06-16T00:00:00Z")
    assert revenue(scenario) == {"2024-04": 5000, "2024-05": 10000, "2024-06": 5000}


def test_daily_counts_the_start_and_not_the_end(tmp_path):
    scenario = Scenario(tmp_path).contract([ratable("31")], "2024-01-15T00:00:00Z", "2024-02-15T00:00:00Z")
    assert revenue(scenario) == {"2024-01": 1700, "2024-02": 1400}


def test_a_year_by_days(tmp_path):
    scenario = Scenario(tmp_path).contract([ratable("365")], "2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z")
    assert list(revenue(scenario).values())[:3] == [3100, 2800, 3100]


def test_recognition_waits_for_the_end_of_its_period(tmp_path):
    scenario = Scenario(tmp_path).contract([ratable("31")], "2024-01-15T00:00:00Z", "2024-02-15T00:00:00Z")
    assert revenue(scenario, "2024-02-29T23:59:59Z") == {"2024-01": 1700}


def test_recognition_by_days_does_not_wait(tmp_path):
    scenario = Scenario(tmp_path).contract([ratable("31")], "2024-01-15T00:00:00Z", "2024-02-15T00:00:00Z")
    policy = {"kind": "policy", "key": "recognise", "value": "daily", "event_time": "2024-01-01T00:00:00Z"}
    scenario.write("control.events", policy)
    assert revenue(scenario, "2024-02-03T12:00:00Z") == {"2024-01": 1700, "2024-02": 200}


def test_a_contract_known_after_a_close_is_caught_up_with_its_origin(tmp_path):
    line = ratable("3000", method="monthly")
    scenario = Scenario(tmp_path).close("2024-05", "2024-06-05T00:00:00Z")
    signed = {"event_time": "2024-06-10T00:00:00Z"}
    scenario.contract([line], "2024-05-01T00:00:00Z", "2024-08-01T00:00:00Z", **signed)
    books = scenario.books("2024-07-01T00:00:00Z")
    found = {key[2:4]: -minor for key, minor in books.sums.items() if key[4] == "revenue"}
    assert found == {("2024-06", None): 100000, ("2024-06", "2024-05"): 100000}


@pytest.mark.parametrize(
    "ssp, price, expected",
    [
        (("50", "25", "75"), ("50", "25", "25"), [3333, 1667, 5000]),
        (("40", "60"), ("50", "50"), [4000, 6000]),
    ],
)
def test_consideration_is_allocated_by_relative_ssp(tmp_path, ssp, price, expected):
    at = {"kind": "point_in_time", "satisfied_at": "2024-01-10T00:00:00Z"}
    lines = [{"line_id": f"l{i}", "ssp": s, "total": p, **at} for i, (s, p) in enumerate(zip(ssp, price))]
    scenario = Scenario(tmp_path).contract(lines, "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")
    books = scenario.books("2024-02-01T00:00:00Z")
    assert expected == [-minor for key, minor in sorted(books.sums.items(), key=str) if key[4] == "revenue"]


def amend(scenario, line, start, end, effective, **changes):
    """Append version 2."""
    return scenario.contract([line], start, end, version=2, effective_at=effective, **changes)


def test_a_price_rise_half_way_is_prospective(tmp_path):
    start, end = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"
    scenario = Scenario(tmp_path).contract([ratable("1200", method="monthly")], start, end)
    amend(scenario, ratable("1500", method="monthly"), start, end, "2024-07-01T00:00:00Z")
    assert list(revenue(scenario).values()) == [10000] * 6 + [15000] * 6


def test_a_discount_half_way_is_prospective(tmp_path):
    start, end = "2024-01-01T00:00:00Z", "2024-07-01T00:00:00Z"
    scenario = Scenario(tmp_path).contract([ratable("600", method="monthly")], start, end)
    amend(scenario, ratable("540", method="monthly"), start, end, "2024-04-01T00:00:00Z")
    assert list(revenue(scenario).values()) == [10000] * 3 + [8000] * 3


@pytest.mark.parametrize("total, later, expected", [("100", "220", [10000, 12000]), ("70", "100", [7000, 3000])])
def test_upgrade_and_downgrade_of_a_renewed_month(tmp_path, total, later, expected):
    start, end, renewed = "2024-04-01T00:00:00Z", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"
    scenario = Scenario(tmp_path).contract([ratable("90")], start, end)
    amend(scenario, ratable(total), start, end, "2024-04-21T00:00:00Z")
    may = ratable(str(int(later) - int(total)), line_id="may", start=end, end=renewed)
    lines = [ratable(total, end=end), may]
    scenario.contract(lines, start, renewed, version=3, effective_at=end, kind="renewed")
    assert expected == list(revenue(scenario).values())


def test_cancellation_ends_the_schedule(tmp_path):
    start, end = "2024-01-01T00:00:00Z", "2024-04-01T00:00:00Z"
    scenario = Scenario(tmp_path).contract([ratable("91")], start, end)
    amend(scenario, ratable("91"), start, end, "2024-02-11T00:00:00Z", kind="cancelled")
    assert revenue(scenario) == {"2024-01": 3100, "2024-02": 1000}


def test_milestones_follow_progress(tmp_path):
    start, end = "2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z"
    line = {
        "line_id": "l",
        "kind": "milestone",
        "total": "1000",
        "progress": {"incurred": "10", "expected": "30"},
    }
    scenario = Scenario(tmp_path).contract([line], start, end)
    later = {**line, "progress": {"incurred": "20", "expected": "30"}}
    amend(scenario, later, start, end, "2024-03-05T00:00:00Z")
    assert revenue(scenario) == {"2024-01": 33333, "2024-03": 33334}


def test_a_changed_price_of_a_milestone_catches_up(tmp_path):
    start, end = "2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z"
    line = {
        "line_id": "l",
        "kind": "milestone",
        "total": "1000",
        "progress": {"incurred": "6", "expected": "10"},
    }
    scenario = Scenario(tmp_path).contract([line], start, end)
    later = {**line, "total": "1150", "progress": {"incurred": "6", "expected": "10"}}
    amend(scenario, later, start, end, "2024-03-05T00:00:00Z")
    assert revenue(scenario) == {"2024-01": 60000, "2024-03": 9000}


def test_units_added_at_their_price_are_a_separate_contract(tmp_path):
    start, end = "2024-01-01T00:00:00Z", "2024-12-31T00:00:00Z"
    units = {"line_id": "l", "kind": "milestone", "total": "12000", "distinct": True}
    half = {**units, "progress": {"incurred": "60", "expected": "120"}}
    scenario = Scenario(tmp_path).contract([half], start, end)
    added = {"line_id": "more", "kind": "milestone", "total": "2850", "ssp": "2850", "distinct": True}
    full = {**units, "progress": {"incurred": "120", "expected": "120"}}
    lines = [full, {**added, "progress": {"incurred": "30", "expected": "30"}}]
    scenario.contract(lines, start, end, version=2, effective_at="2024-03-05T00:00:00Z")
    assert revenue(scenario) == {"2024-01": 600000, "2024-03": 600000 + 285000}


def test_the_books_of_a_taken_over_contract_start_from_its_opening(tmp_path):
    opening = {"as_of": "2024-02-01T00:00:00Z", "recognised": "31", "billed": "70"}
    scenario = Scenario(tmp_path)
    scenario.contract([ratable("91")], "2024-01-01T00:00:00Z", "2024-04-01T00:00:00Z", opening=opening)
    books = scenario.books("2024-04-01T00:00:00Z")
    assert by_period(books, "revenue") == {"2024-02": 2900, "2024-03": 3100}
    assert by_period(books, "deferred_revenue") == {"2024-02": -2900, "2024-03": -1000}
    assert by_period(books, "unbilled_receivable") == {"2024-03": 2100}
