"""Worked cases of cases.md on usage, time, dedupe and periods, and the rules of the Fine print."""

import pytest

from .scenario import Scenario, by_period, usage_line

JANUARY, FEBRUARY, MARCH = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"


@pytest.fixture
def metered(tmp_path):
    """A contract of one dollar per unit, January and February."""
    return Scenario(tmp_path).contract([usage_line(unit_price="1")], JANUARY, MARCH)


def outcome(books, offset, partition=0):
    """The outcome of a usage record."""
    return books.outcomes["usage.events", partition, offset]


def test_metered_sum_is_recognised_as_it_occurs(tmp_path):
    line = usage_line(aggregation="sum", unit_price="1")
    scenario = Scenario(tmp_path).contract([line], "2024-01-15T00:00:00Z", "2024-03-15T00:00:00Z")
    books = scenario.use("2024-01-25T10:00:00Z", "15").use("2024-02-04T10:00:00Z", "17").books(MARCH)
    assert by_period(books, "revenue") == {"2024-01": 1500, "2024-02": 1700}
    assert by_period(books, "unbilled_receivable") == {"2024-01": 1500, "2024-02": 1700}


def test_metered_maximum_is_recognised_once(tmp_path):
    line = usage_line(aggregation="max", unit_price="1")
    scenario = Scenario(tmp_path).contract([line], "2024-01-15T00:00:00Z", "2024-03-15T00:00:00Z")
    books = scenario.use("2024-01-25T10:00:00Z", "17").use("2024-02-04T10:00:00Z", "15").books(MARCH)
    assert by_period(books, "revenue") == {"2024-01": 1700}
    assert by_period(books, "unbilled_receivable") == {"2024-01": 1700}


@pytest.mark.parametrize(
    "zone, first, second",
    [
        ("America/New_York", "2024-03-09T12:00:00Z", "2024-03-11T03:59:59Z"),
        ("America/New_York", "2024-11-02T12:00:00Z", "2024-11-04T04:59:59Z"),
        ("Australia/Sydney", "2024-04-06T12:00:00Z", "2024-04-07T13:59:59Z"),
    ],
)
def test_a_change_of_clocks_leaves_two_days(tmp_path, zone, first, second):
    scenario = Scenario(tmp_path).contract([usage_line(unit_price="1")], JANUARY, "2024-12-31T00:00:00Z")
    scenario.write("reference.events", {"kind": "entity", "id": "e", "time_zone": zone})
    books = scenario.use(first, "1").use(second, "1").books("2024-12-31T00:00:00Z")
    spans = sorted((key[3], key[4]) for key in books.windows)
    assert len(spans) == 2
    assert spans[1][0] == spans[0][1]


def test_a_redelivery_is_a_duplicate_and_another_quantity_a_conflict(metered):
    for quantity in ("1", "1.0", "2"):
        metered.use("2024-01-02T00:00:00Z", quantity, event_id="same")
    books = metered.books(MARCH)
    assert [outcome(books, offset) for offset in range(3)] == ["counted", "duplicate", "identity_conflict"]
    assert by_period(books, "revenue") == {"2024-01": 100}
    assert {("identity_conflict", "usage.events", 0, 2)} == books.exceptions


def test_a_conflict_across_partitions_depends_on_the_order(metered):
    metered.use("2024-01-02T00:00:00Z", "1", event_id="same").use("2024-01-02T00:00:00Z", "2", 1, event_id="same")
    books = metered.books(MARCH)
    first, second = ("usage.events", 0, 0), ("usage.events", 1, 0)
    choices = [
        {first: "counted", second: "identity_conflict"},
        {first: "identity_conflict", second: "counted"},
    ]
    assert choices == list(books.order_dependent.values())[0]
    assert books.books_depend_on_order


def test_bad_records_are_excepted_and_their_neighbours_counted(metered):
    metered.write("usage.events", b"", b"[]", b"\xff", b'{"a": 1}')
    metered.use("2024-01-02T00:00:00Z", 1).use("2024-01-02T00:00:00Z", "1.1234567890123456789")
    metered.use("1999-12-31T23:59:59Z", "1").use("2024-01-02", "1").use("2024-01-02T01:00:00+01:00", "1e0")
    books = metered.books(MARCH)
    expected = ["undecodable"] * 3 + ["invalid"] * 3 + ["too_early", "invalid", "counted"]
    assert expected == [outcome(books, offset) for offset in range(9)]


def test_usage_older_than_its_watermark_by_the_horizon_is_too_late(metered):
    metered.use("2024-02-10T01:00:00Z", "1").use("2024-01-06T00:00:00Z", "1").use("2024-01-05T23:59:59.999999Z", "1")
    metered.use("2024-01-05T00:00:00Z", "1", partition=1)
    books = metered.books(MARCH)
    assert [outcome(books, offset) for offset in range(3)] == ["counted", "counted", "too_late"]
    assert outcome(books, 0, partition=1) == "counted"


def test_windows_close_at_the_slowest_watermark_and_not_at_the_end_of_input(metered):
    metered.use("2024-01-02T00:00:00Z", "1").use("2024-01-05T00:00:00Z", "1")
    metered.use("2024-01-03T00:59:59Z", "1", partition=1)
    assert by_period(metered.books(), "revenue") == {}
    metered.use("2024-01-03T01:00:00Z", "1", partition=1)
    assert by_period(metered.books(), "revenue") == {"2024-01": 100}


def test_usage_without_contract_waits_for_its_window_to_close(metered):
    metered.use("2024-01-02T00:00:00Z", "1", contract_id="none").use("2024-01-02T00:00:00Z", "1", meter="other")
    assert metered.books().counts() == {"waiting": 2}
    assert metered.books(FEBRUARY).counts() == {"contract_unknown": 1, "meter_unmapped": 1}


def test_usage_that_names_no_contract_finds_the_one_that_covers_its_meter(metered):
    metered.use("2024-01-02T00:00:00Z", "1", contract_id=None)
    metered.use("2024-01-02T00:00:00Z", "1", contract_id=None, meter="other")
    metered.use("2024-01-02T00:00:00Z", "1", contract_id=None, customer_id="d")
    metered.use("2024-03-02T00:00:00Z", "1", contract_id=None)
    books = metered.books("2024-04-01T00:00:00Z")
    expected = ["counted", "meter_unmapped", "contract_unknown", "contract_unknown"]
    assert expected == [outcome(books, offset) for offset in range(4)]


def test_two_contracts_that_cover_a_meter_are_ambiguous(metered):
    metered.contract([usage_line(unit_price="2")], FEBRUARY, MARCH, contract_id="k2")
    metered.use("2024-01-02T00:00:00Z", "1", contract_id=None).use("2024-02-02T00:00:00Z", "1", contract_id=None)
    books = metered.books(MARCH)
    assert [outcome(books, offset) for offset in range(2)] == ["counted", "contract_ambiguous"]


def test_late_usage_of_a_closed_period_goes_to_the_first_open_one(metered):
    metered.use("2024-01-02T00:00:00Z", "1").use("2024-02-02T00:00:00Z", "2").use("2024-01-03T00:00:00Z", "4")
    metered.close("2024-01", "2024-02-01T12:00:00Z")
    books = metered.books(MARCH)
    base = ("e", "USD")
    tail = ("revenue", "c", "k", "l")
    revenue = {key: minor for key, minor in books.sums.items() if key[4] == "revenue"}
    expected = {
        (*base, "2024-01", None, *tail): -100,
        (*base, "2024-02", None, *tail): -200,
        (*base, "2024-02", "2024-01", *tail): -400,
    }
    assert expected == revenue


def test_a_close_closes_every_window_up_to_the_end_of_its_period(metered):
    metered.use("2024-01-02T00:00:00Z", "1").use("2024-01-31T23:00:00Z", "2")
    metered.close("2024-01", "2024-01-31T23:30:00Z")
    assert by_period(metered.books(), "revenue") == {"2024-01": 300}


def test_a_reopened_period_takes_later_differences(metered):
    metered.use("2024-01-02T00:00:00Z", "1").use("2024-02-05T00:00:00Z", "2").use("2024-01-03T00:00:00Z", "4")
    metered.use("2024-02-12T00:00:00Z", "8").use("2024-01-20T00:00:00Z", "16")
    metered.close("2024-01", "2024-02-01T12:00:00Z")
    reopen = {
        "kind": "period_reopen",
        "entity": "e",
        "period": "2024-01",
        "event_time": "2024-02-10T00:00:00Z",
    }
    metered.write("control.events", {**reopen, "actor": "a", "approver": "a"})
    metered.write("control.events", {**reopen, "actor": "a", "approver": "b"})
    books = metered.books(MARCH)
    assert by_period(books, "revenue") == {"2024-01": 1700, "2024-02": 1400}
    assert {("invalid", "control.events", 0, 1)} == books.exceptions


def test_late_usage_is_rejected_by_policy(metered):
    metered.use("2024-01-02T00:00:00Z", "1").use("2024-02-02T00:00:00Z", "2").use("2024-01-03T00:00:00Z", "4")
    policy = {"kind": "policy", "key": "late_usage", "value": "reject", "event_time": JANUARY}
    metered.write("control.events", policy).close("2024-01", "2024-02-01T12:00:00Z")
    books = metered.books(MARCH)
    assert [outcome(books, offset) for offset in range(3)] == ["counted", "counted", "period_closed_rejected"]


def test_versions_repeated_differing_and_missing_are_told_apart(metered):
    line = usage_line(unit_price="1")
    metered.contract([line], JANUARY, MARCH).contract([usage_line(unit_price="9")], JANUARY, MARCH)
    metered.contract([line], JANUARY, MARCH, version=3)
    expected = {("version_conflict", "contracts.events", 0, 2), ("version_gap", "contracts.events", 0, 3)}
    assert expected == metered.books(MARCH).exceptions


def test_a_retroactive_price_re_rates_usage_in_its_range(metered):
    changes = {"event_time": "2024-02-20T00:00:00Z", "effective_at": "2024-01-10T00:00:00Z"}
    metered.use("2024-01-09T00:00:00Z", "1").use("2024-01-10T00:00:00Z", "1").close("2024-01", "2024-02-02T00:00:00Z")
    metered.contract([usage_line(unit_price="3")], JANUARY, MARCH, version=2, **changes)
    books = metered.books(MARCH)
    assert by_period(books, "revenue") == {"2024-01": 200, "2024-02": 200}


def test_negative_usage_turns_the_position(metered):
    metered.use("2024-01-02T00:00:00Z", "5").use("2024-02-02T00:00:00Z", "-8")
    books = metered.books(MARCH)
    assert by_period(books, "revenue") == {"2024-01": 500, "2024-02": -800}
    assert by_period(books, "unbilled_receivable") == {"2024-01": 500, "2024-02": -500}
    assert by_period(books, "deferred_revenue") == {"2024-02": 300}


@pytest.mark.parametrize("currency, minor", [("JPY", 2), ("USD", 150), ("KWD", 1500)])
def test_amounts_have_the_digits_of_their_currency(tmp_path, currency, minor):
    line = usage_line(unit_price="1.5")
    scenario = Scenario(tmp_path).contract([line], JANUARY, MARCH, currency=currency)
    assert {"2024-01": minor} == by_period(scenario.use("2024-01-02T00:00:00Z", "1").books(MARCH), "revenue")


def test_rounding_of_the_cumulative_amount_does_not_drift(tmp_path):
    scenario = Scenario(tmp_path).contract([usage_line(unit_price="0.005")], JANUARY, MARCH)
    for day in range(1, 8):
        scenario.use(f"2024-01-0{day}T00:00:00Z", "1")
    books = scenario.books(MARCH)
    assert [books.windows[key].amount for key in sorted(books.windows)] == [0, 1, 1, 0, 0, 1, 1]
