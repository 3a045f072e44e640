"""Reference data: which record holds, zones, products and accounts (events.md, Reference data)."""

import pytest

from .scenario import Scenario, by_account, by_line, by_period, delivered, fixed, usage_line

JANUARY, FEBRUARY, MARCH = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"
CONTRACT = ("contracts.events", 0, 0)


@pytest.fixture
def metered(tmp_path):
    """A contract of one dollar per unit of product p, January and February."""
    line = {**usage_line(unit_price="1"), "product_id": "p"}
    return Scenario(tmp_path).contract([line], JANUARY, MARCH)


def revenue_accounts(scenario, as_of=MARCH):
    """Credits by account, without the receivable."""
    found = by_account(scenario.books(as_of).sums)
    return {account: -minor for account, minor in found.items() if account != "unbilled_receivable"}


def test_the_zone_of_a_contract_is_the_one_in_force_at_its_start(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="31")], "2024-01-15T00:00:00Z", "2024-02-15T00:00:00Z")
    scenario.reference("entity", id="e", time_zone="Asia/Kolkata")
    scenario.reference("entity", id="e", time_zone="America/New_York", effective_from="2024-01-15T00:00:00Z")
    scenario.reference("entity", id="e", time_zone="UTC", effective_from="2024-01-16T00:00:00Z")
    # In New York the term is from the evening of 14 January to that of 14 February, and January ends at five.
    assert {"2024-01": 1800} == by_period(scenario.books("2024-02-01T05:00:00Z"), "revenue")
    assert {} == by_period(scenario.books("2024-02-01T04:59:59Z"), "revenue")


def test_a_close_ends_where_the_month_of_the_entity_ends(metered):
    metered.reference("entity", id="e", time_zone="Asia/Kolkata", effective_from="2023-12-31T23:00:00Z")
    metered.use("2024-01-31T18:29:59Z", "1").use("2024-01-31T18:30:00Z", "2")
    metered.close("2024-01", "2024-01-31T18:40:00Z")
    assert {"2024-01": 100} == by_period(metered.books(), "revenue")


def test_the_zone_of_a_close_is_the_one_at_the_first_instant_of_the_month(metered):
    metered.reference("entity", id="e", time_zone="Asia/Kolkata", effective_from="2024-01-01T00:00:00.000001Z")
    metered.use("2024-01-31T18:29:59Z", "1").use("2024-01-31T18:30:00Z", "2")
    metered.close("2024-01", "2024-01-31T18:40:00Z")
    assert {"2024-01": 300} == by_period(metered.books(), "revenue")


def test_unmatched_usage_waits_in_the_zone_of_its_customers_contract(metered):
    metered.reference("entity", id="e", time_zone="America/New_York")
    metered.use("2024-03-02T12:00:00Z", "1").use("2024-03-02T12:00:00Z", "1", customer_id="d")
    assert {"waiting": 1, "contract_unknown": 1} == metered.books("2024-03-03T00:00:00Z").counts()
    assert {"contract_unknown": 2} == metered.books("2024-03-03T05:00:00Z").counts()


def test_unmatched_usage_is_doubtful_while_its_customers_contracts_disagree_about_its_window(metered):
    metered.reference("entity", id="f", time_zone="America/New_York")
    metered.contract([usage_line(unit_price="1")], JANUARY, MARCH, contract_id="k2", entity="f")
    metered.use("2024-01-02T12:00:00Z", "1", meter="other", contract_id=None)
    books = metered.books("2024-01-03T00:00:00Z")
    assert {"waiting": 1} == books.counts()
    assert {("meter_unmapped", "usage.events", 0, 0)} == books.doubtful
    assert {"meter_unmapped": 1} == metered.books("2024-01-03T05:00:00Z").counts()


def test_usage_of_an_unknown_product_is_not_booked(metered):
    metered.use("2024-01-02T00:00:00Z", "5")
    assert {"revenue": 500} == revenue_accounts(metered)
    metered.reference("product", id="other")
    books = metered.books(MARCH)
    assert books.sums == {}
    assert {("product_unmapped", *CONTRACT)} == books.exceptions
    assert {"counted": 1} == books.counts()


@pytest.mark.parametrize("known", [{"kind": "product", "id": "p"}, {"kind": "bundle", "products": ["p"], "price": "1"}])
def test_a_product_is_known_by_its_record_or_a_bundle(metered, known):
    metered.use("2024-01-02T00:00:00Z", "5").reference("product", id="other").reference(**{"id": "b", **known})
    books = metered.books(MARCH)
    assert {"2024-01": 500} == by_period(books, "revenue")
    assert set() == books.exceptions


def test_a_window_needs_its_product_at_its_last_microsecond(metered):
    metered.reference("product", id="p", effective_from="2024-01-03T00:00:00Z")
    metered.use("2024-01-02T00:00:00Z", "5").use("2024-01-03T00:00:00Z", "7")
    books = metered.books(MARCH)
    assert {"2024-01": 700} == by_period(books, "revenue")
    assert {("product_unmapped", *CONTRACT)} == books.exceptions
    metered.reference("product", id="p", effective_from="2024-01-02T23:59:59.999999Z")
    assert {"2024-01": 1200} == by_period(metered.books(MARCH), "revenue")


def test_a_product_that_comes_after_a_close_is_booked_with_its_origin(metered):
    metered.use("2024-01-02T00:00:00Z", "5").reference("product", id="other").close("2024-01", FEBRUARY)
    metered.reference("product", id="p", event_time="2024-02-10T00:00:00Z")
    books = metered.books(MARCH)
    assert {("2024-02", "2024-01"): -500} == {key[2:4]: m for key, m in books.sums.items() if key[4] == "revenue"}
    assert set() == books.exceptions


def test_an_unknown_product_of_worthless_windows_is_doubtful(tmp_path):
    line = {**usage_line(unit_price="0"), "product_id": "p"}
    scenario = Scenario(tmp_path).contract([line], JANUARY, MARCH).reference("product", id="other")
    books = scenario.use("2024-01-02T00:00:00Z", "5").books(MARCH)
    assert set() == books.exceptions
    assert {("product_unmapped", *CONTRACT)} == books.doubtful


def test_a_fixed_line_of_an_unknown_product_is_booked_under_default_accounts(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(product_id="p")], JANUARY, MARCH).reference("product", id="other")
    books = scenario.books(MARCH)
    assert {"l": 10000} == by_line(books)
    assert {("product_unmapped", *CONTRACT)} == books.exceptions


def test_the_revenue_account_of_a_window_is_the_one_at_its_last_microsecond(metered):
    metered.reference("product", id="p", revenue_account="old")
    metered.reference("product", id="p", revenue_account="new", effective_from="2024-01-02T12:00:00Z")
    metered.use("2024-01-01T12:00:00Z", "1").use("2024-01-02T00:00:00Z", "2")
    assert {"old": 100, "new": 200} == revenue_accounts(metered)


def test_the_revenue_account_of_a_fixed_line_is_the_one_on_the_day_of_recognition(tmp_path):
    days = (("a", "2024-01-09T10:00:00Z", "10"), ("b", "2024-01-10T10:00:00Z", "60"))
    lines = [*(delivered(*one, product_id="p") for one in days), fixed("c", "31", product_id="p")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, FEBRUARY)
    scenario.reference("product", id="p", revenue_account="old")
    scenario.reference("product", id="p", revenue_account="new", effective_from="2024-01-10T12:00:00Z")
    assert {"old": 1000, "new": 6000 + 3100} == revenue_accounts(scenario)


def test_accounts_are_mapped_to_numbers_by_entity_else_for_all(metered):
    metered.use("2024-01-02T00:00:00Z", "1").reference("product", id="p", revenue_account="usage")
    metered.reference("account", name="usage", number="4000")
    metered.reference("account", name="unbilled_receivable", number="1200")
    metered.reference("account", name="unbilled_receivable", number="1201", entity="e")
    metered.reference("account", name="usage", number="4999", effective_from="2024-01-03T00:00:00Z")
    assert {"1201": 100, "4000": -100} == by_account(metered.books(MARCH).sums)


def test_of_one_identity_the_later_event_time_holds(metered):
    metered.use("2024-01-02T00:00:00Z", "1")
    metered.reference("product", id="p", revenue_account="later", event_time="2024-01-05T00:00:00Z")
    metered.reference("product", id="p", revenue_account="earlier", event_time="2024-01-04T00:00:00Z")
    assert {"later": 100} == revenue_accounts(metered)
    metered.reference("product", id="p", revenue_account="latest", event_time="2024-01-06T00:00:00Z")
    assert {"latest": 100} == revenue_accounts(metered)
    assert set() == metered.books(MARCH).exceptions


@pytest.mark.parametrize(
    "times", [({}, {}), ({"event_time": JANUARY}, {"event_time": JANUARY}), ({}, {"event_time": JANUARY})]
)
def test_records_that_contradict_each_other_are_a_conflict_and_the_later_position_holds(metered, times):
    metered.use("2024-01-02T00:00:00Z", "1")
    metered.reference("product", id="p", revenue_account="first", **times[0])
    metered.reference("product", id="p", revenue_account="second", **times[1])
    metered.reference("product", id="p", revenue_account="second", event_id="again", **times[1])
    assert {"second": 100} == revenue_accounts(metered)
    assert {("reference_conflict", "reference.events", 0, 1)} == metered.books(MARCH).exceptions


def test_broken_records_are_excepted_and_their_neighbours_hold(metered):
    metered.use("2024-01-02T00:00:00Z", "1").write("reference.events", b"{", b"[]")
    metered.reference("zork", id="p").reference("product", revenue_account="nobody's")
    metered.reference("entity", id="e", time_zone="Mars/Olympus").reference("product", id="p", ssp=5)
    metered.reference("fx_rate", base="USD", quote="EUR", rate="0").reference("bundle", id="b", products=["p"])
    metered.reference("product", id="p", effective_from="yesterday").reference("product", id="p", revenue_account="r")
    books = metered.books(MARCH)
    expected = {("undecodable", "reference.events", 0, offset) for offset in (0, 1)}
    expected |= {("invalid", "reference.events", 0, offset) for offset in range(2, 9)}
    assert expected == books.exceptions
    assert {"r": 100} == revenue_accounts(metered)


def test_reference_data_applies_after_the_closes_before_its_event_time(metered):
    metered.use("2024-01-02T00:00:00Z", "1").close("2024-01", FEBRUARY)
    metered.reference("product", id="other", event_time="2024-02-02T00:00:00Z")
    metered.reference("product", id="p", revenue_account="r", event_time=JANUARY)  # its place is after the other's
    found = {
        (*key[2:4], key[4]): minor
        for key, minor in metered.books(MARCH).sums.items()
        if key[4] != "unbilled_receivable"
    }
    expected = {
        ("2024-01", None, "revenue"): -100,
        ("2024-02", "2024-01", "revenue"): 100,
        ("2024-02", "2024-01", "r"): -100,
    }
    assert expected == found


def test_a_default_method_and_an_ssp_come_from_the_product(tmp_path):
    lines = [fixed("a", "60", product_id="p"), delivered("b", "2024-01-20T00:00:00Z", "40", product_id="q")]
    scenario = Scenario(tmp_path).contract(lines, "2024-01-16T00:00:00Z", "2024-03-16T00:00:00Z")
    scenario.reference("product", id="p", default_method="monthly", ssp="50", currency="USD")
    scenario.reference("product", id="q", ssp="50", currency="EUR")
    # 50 to 40 of 100; the product's price in euros is not this contract's; 1/2 to each of the first two months
    assert {"a": 5556, "b": 4444} == by_line(scenario.books("2024-04-01T00:00:00Z"))
    assert {"2024-01": 2778 + 4444, "2024-02": 2778} == by_period(scenario.books("2024-04-01T00:00:00Z"), "revenue")


@pytest.mark.parametrize(
    "zone, at, start, end",
    [
        ("UTC", "2024-01-05T10:20:00Z", "2024-01-05T10:00:00Z", "2024-01-05T11:00:00Z"),
        ("Asia/Kolkata", "2024-01-05T10:20:00Z", "2024-01-05T09:30:00Z", "2024-01-05T10:30:00Z"),
        ("America/New_York", "2024-11-03T06:20:00Z", "2024-11-03T06:00:00Z", "2024-11-03T07:00:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T14:40:00Z", "2024-04-06T14:00:00Z", "2024-04-06T15:00:00Z"),
        ("Australia/Lord_Howe", "2024-04-06T15:10:00Z", "2024-04-06T15:00:00Z", "2024-04-06T15:30:00Z"),
        ("Australia/Lord_Howe", "2024-10-05T15:40:00Z", "2024-10-05T15:30:00Z", "2024-10-05T16:00:00Z"),
    ],
)
def test_hours_are_those_of_the_wall_clock(zone, at, start, end):
    from zoneinfo import ZoneInfo

    from . import instant, window

    found = window.window_of(instant.parse(at), ZoneInfo(zone), "hour")
    assert (start, end) == (instant.text(found.start), instant.text(found.end))
