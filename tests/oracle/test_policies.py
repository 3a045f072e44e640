"""Policies: what each of them changes, and from when on (events.md, Fine print)."""

import pytest

from .scenario import Scenario, by_period, delivered, fixed, tiers, usage_line

JANUARY, FEBRUARY, MARCH, APRIL = (f"2024-0{month}-01T00:00:00Z" for month in (1, 2, 3, 4))


@pytest.fixture
def metered(tmp_path):
    """A contract of one dollar per unit, January and February."""
    return Scenario(tmp_path).contract([usage_line(unit_price="1")], JANUARY, MARCH)


def spans(books):
    """Start and end of the windows, as they are written."""
    from . import instant

    return [(instant.text(key[3])[5:16], instant.text(key[4])[5:16]) for key in sorted(books.windows)]


@pytest.mark.parametrize(
    "size, span",
    [
        ("hour", ("01-05T10:00", "01-05T11:00")),
        ("day", ("01-05T00:00", "01-06T00:00")),
        ("month", ("01-01T00:00", "02-01T00:00")),
    ],
)
def test_a_window_is_an_hour_a_day_or_a_month(metered, size, span):
    metered.policy("usage_window", size, JANUARY).use("2024-01-05T10:20:00Z", "1")
    assert [span] == spans(metered.books(MARCH))


def test_windows_are_cut_where_their_size_changes(metered):
    metered.policy("usage_window", "hour", "2024-01-05T10:30:00Z").policy(
        "usage_window", "hour", "2024-01-05T10:40:00Z"
    )
    metered.policy("usage_window", "month", "2024-01-20T05:00:00Z")
    for time in (
        "2024-01-05T10:20:00Z",
        "2024-01-05T10:35:00Z",
        "2024-01-05T10:50:00Z",
        "2024-01-20T04:30:00Z",
        "2024-01-21T00:00:00Z",
    ):
        metered.use(time, "1")
    expected = [
        ("01-05T00:00", "01-05T10:30"),
        ("01-05T10:30", "01-05T11:00"),
        ("01-20T04:00", "01-20T05:00"),
        ("01-20T05:00", "02-01T00:00"),
    ]
    assert expected == spans(metered.books(MARCH))
    assert expected[:3] == spans(metered.books("2024-01-31T23:59:59Z"))


def test_a_unit_takes_the_price_of_its_day_in_a_longer_window(tmp_path):
    scenario = (
        Scenario(tmp_path)
        .contract([usage_line(unit_price="1")], JANUARY, MARCH)
        .policy("usage_window", "month", JANUARY)
    )
    scenario.contract([usage_line(unit_price="10")], JANUARY, MARCH, version=2, effective_at="2024-01-16T10:00:00Z")
    books = scenario.use("2024-01-15T23:59:59Z", "1").use("2024-01-16T00:00:00Z", "2").books(MARCH)
    assert [("01-01T00:00", "02-01T00:00")] == spans(books)
    assert {"2024-01": 2100} == by_period(books, "revenue")


def test_of_equal_dates_the_later_policy_holds(metered):
    metered.policy("usage_window", "hour", JANUARY).policy("usage_window", "month", JANUARY)
    assert [("01-01T00:00", "02-01T00:00")] == spans(metered.use("2024-01-05T10:20:00Z", "1").books(MARCH))


def test_an_unknown_policy_is_invalid_and_still_advances_the_date(metered):
    metered.use("2024-01-02T00:00:00Z", "1")
    metered.policy("usage_window", "week", JANUARY, event_time="2024-01-02T00:00:00Z")
    metered.policy("colour", "red", JANUARY, event_time="2024-01-03T00:00:00Z")
    books = metered.books()
    assert {("invalid", "control.events", 0, 0), ("invalid", "control.events", 0, 1)} == books.exceptions
    assert {"2024-01": 100} == by_period(books, "revenue")


def test_recognition_is_daily_on_the_days_that_the_policy_says(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="31")], JANUARY, FEBRUARY)
    scenario.policy("recognise", "daily", "2024-01-10T12:00:00Z").policy(
        "recognise", "period_end", "2024-01-12T12:00:00Z"
    )
    assert {} == by_period(scenario.books("2024-01-10T23:59:59Z"), "revenue")
    assert {"2024-01": 1000} == by_period(scenario.books("2024-01-11T00:00:00Z"), "revenue")
    assert {"2024-01": 1100} == by_period(scenario.books("2024-01-31T00:00:00Z"), "revenue")
    assert {"2024-01": 3100} == by_period(scenario.books(FEBRUARY), "revenue")


def test_daily_recognition_meets_the_position_day_by_day(tmp_path):
    """Ten by day against three at once: on one day the deferred balance is used up by both lines in turn."""
    opening = {"as_of": "2023-12-31T00:00:00Z", "recognised": "0", "billed": "12"}
    lines = [fixed("a", "31"), delivered("b", "2024-01-10T12:00:00Z", "3")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, FEBRUARY, opening=opening)
    scenario.policy("recognise", "daily", JANUARY)
    found = {}
    for key, minor in scenario.books("2024-01-11T00:00:00Z").sums.items():
        found[key[4], key[7]] = minor
    expected = {
        ("deferred_revenue", "a"): 900,
        ("deferred_revenue", "b"): 300,
        ("unbilled_receivable", "a"): 100,
        ("revenue", "a"): -1000,
        ("revenue", "b"): -300,
    }
    assert expected == found


def test_late_usage_is_rejected_by_the_policy_at_the_end_of_its_window(metered):
    metered.policy("late_usage", "reject", "2024-01-03T23:59:59.999999Z")
    metered.policy("late_usage", "first_open_period", "2024-01-04T00:00:00Z").close("2024-01", FEBRUARY)
    metered.use("2024-02-02T00:00:00Z", "1").use("2024-01-02T00:00:00Z", "2").use("2024-01-03T00:00:00Z", "4")
    books = metered.books(MARCH)
    assert {"counted": 2, "period_closed_rejected": 1} == books.counts()
    assert {("period_closed_rejected", "usage.events", 0, 2)} == books.exceptions


def test_usage_is_late_when_its_period_was_closed_on_arrival_even_if_the_line_came_later(metered):
    metered.policy("late_usage", "reject", JANUARY).close("2024-01", FEBRUARY)
    metered.use("2024-02-02T00:00:00Z", "1").use("2024-01-02T00:00:00Z", "2", contract_id="k2")
    metered.use("2024-01-02T00:00:00Z", "4", partition=1, contract_id="k2")
    metered.contract([usage_line(unit_price="1")], JANUARY, MARCH, contract_id="k2", event_time="2024-02-20T00:00:00Z")
    books = metered.books(MARCH)
    assert {("period_closed_rejected", "usage.events", 0, 1)} == books.exceptions
    assert {"2024-01": 0, "2024-02": 500} == {"2024-01": 0, **by_period(books, "revenue")}


def test_late_usage_that_a_later_contract_makes_ambiguous_is_doubtful(metered):
    metered.policy("late_usage", "reject", JANUARY).close("2024-01", FEBRUARY)
    metered.use("2024-02-02T00:00:00Z", "1", contract_id=None).use("2024-01-02T00:00:00Z", "2", contract_id=None)
    metered.contract(
        [usage_line(unit_price="1")], JANUARY, FEBRUARY, contract_id="k2", event_time="2024-02-20T00:00:00Z"
    )
    books = metered.books(MARCH)
    names = ("contract_ambiguous", "period_closed_rejected")
    assert {(name, "usage.events", 0, 1) for name in names} == books.doubtful
    assert set() == books.exceptions


def test_the_residual_policy_is_the_one_at_the_start_of_the_contract(tmp_path):
    def amounts(name, effective_from):
        (folder := tmp_path / name).mkdir()
        scenario = Scenario(folder).contract([fixed(total="100")], "2024-01-16T00:00:00Z", "2024-04-16T00:00:00Z")
        scenario.policy("residual", "last_full_period", effective_from)
        return list(by_period(scenario.books("2024-05-01T00:00:00Z"), "revenue").values())

    # 16, 29, 31 and 15 of 91 days
    assert [1758, 3187, 3407, 1648] == amounts("cumulative", "2024-01-16T00:00:00.000001Z")
    assert [1758, 3186, 3408, 1648] == amounts("last full period", "2024-01-16T00:00:00Z")


def test_the_residual_of_a_line_without_a_full_period_is_in_its_last_one(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="0.10")], "2024-01-11T00:00:00Z", "2024-02-10T00:00:00Z")
    scenario.policy("residual", "last_full_period", JANUARY)
    # 21 of 30 days are 7 cents, the rest 3; of 0.08 they would be 5 and 3, not 6 and 2
    assert {"2024-01": 7, "2024-02": 3} == by_period(scenario.books(APRIL), "revenue")
    scenario.contract([fixed(total="0.08")], "2024-01-11T00:00:00Z", "2024-02-10T00:00:00Z", contract_id="k2")
    assert {"2024-01": 7 + 5, "2024-02": 3 + 3} == by_period(scenario.books(APRIL), "revenue")


def test_a_cancelled_line_has_no_residual_policy(tmp_path):
    start, end = "2024-01-16T00:00:00Z", "2024-04-16T00:00:00Z"
    scenario = (
        Scenario(tmp_path).contract([fixed(total="100")], start, end).policy("residual", "last_full_period", JANUARY)
    )
    scenario.contract([fixed(total="100")], start, end, 2, kind="cancelled", effective_at="2024-04-02T00:00:00Z")
    # 16, 45, 76 and 77 of 91 days, rounded as they add up
    assert [1758, 3187, 3407, 110] == list(by_period(scenario.books("2024-05-01T00:00:00Z"), "revenue").values())


@pytest.mark.parametrize("effective_from, expected", [("2024-01-31T23:59:59.999999Z", 0), (FEBRUARY, 500)])
def test_a_flat_fee_at_zero_units_is_due_by_the_policy_at_the_end_of_its_billing_period(
    tmp_path, effective_from, expected
):
    line = usage_line(model="graduated", tiers=tiers((None, "1", "5")))
    scenario = Scenario(tmp_path).contract([line], JANUARY, FEBRUARY).policy("zero_flat_fee", "no", effective_from)
    assert expected == sum(by_period(scenario.books(MARCH), "revenue").values())


@pytest.mark.parametrize(
    "aggregation, carry, expected",
    [
        ("last", "no", {"2024-01": 300, "2024-03": 500}),
        ("last", "yes", {"2024-01": 300, "2024-02": 300, "2024-03": 500}),
        ("weighted_sum", "yes", {"2024-01": 300, "2024-02": 300, "2024-03": 800}),
        ("sum", "yes", {"2024-01": 300, "2024-03": 500}),
    ],
)
def test_carried_values_go_on_in_the_next_billing_period(tmp_path, aggregation, carry, expected):
    line = usage_line(aggregation=aggregation, unit_price="1")
    scenario = Scenario(tmp_path).contract([line], JANUARY, APRIL).policy("carry", carry, JANUARY)
    scenario.use(JANUARY, "3").use(MARCH, "5")
    assert expected == by_period(scenario.books(APRIL), "revenue")


def test_whether_a_line_carries_is_decided_at_its_start(tmp_path):
    scenario = Scenario(tmp_path).contract([usage_line(aggregation="last", unit_price="1")], JANUARY, APRIL)
    scenario.policy("carry", "yes", "2024-01-01T00:00:00.000001Z").use(JANUARY, "3")
    assert {"2024-01": 300} == by_period(scenario.books(APRIL), "revenue")


def test_a_carried_value_without_usage_is_due_at_the_end_of_its_billing_period(tmp_path):
    line = usage_line(aggregation="last", unit_price="1", billing_period="month")
    scenario = Scenario(tmp_path).contract([line], JANUARY, APRIL).policy("carry", "yes", JANUARY)
    scenario.use("2024-01-31T00:00:00Z", "3")
    assert {"2024-01": 300} == by_period(scenario.books("2024-02-29T00:00:00Z"), "revenue")
    assert {"2024-01": 300, "2024-02": 300} == by_period(scenario.books(MARCH), "revenue")
