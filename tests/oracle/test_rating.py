"""Worked cases of cases.md on rating, on the oracle's rates alone and through whole books."""

from fractions import Fraction

import pytest

from . import rate
from .rate import Stretch, price
from .scenario import Scenario, by_period, tiers, usage_line


def cost(quantity, before="0", ended=True, **fields):
    """The cost of a cumulative quantity less the cost of an earlier one."""
    parsed = rate.parse({"meter": "m", **fields})

    def total(value):
        return price([Stretch(parsed, Fraction(0), Fraction(value))], ended)

    return total(quantity) - (total(before) if before != "0" else 0)


O01 = tiers(("5", "0", "100"), ("10", "0", "50"), ("15", "5", "0"), (None, "1", "0"))
O06 = tiers(("5", "0", "100"), ("10", "0", "50"), ("15", "10", "0"), (None, "5", "0"))
O07 = tiers(("5", "0", "100"), ("10", "0", "150"), ("15", "10", "0"), (None, "5", "0"))
L01 = tiers(("10", "10", "2"), ("20", "5", "3"), (None, "5", "3"))
L02 = tiers(("100", "2", "10"), ("200", "1", "0"), (None, "0.5", "50"))
K01 = tiers(("10", "1.5", None), ("110", "1", None), ("1110", "0.5", None))


def test_graduated_tiers_charge_flat_fees_and_units():
    assert cost("22", model="graduated", tiers=O01) == 182


def test_graduated_tiers_continue_from_the_quantity_before():
    assert cost("22", before="12", model="graduated", tiers=O01) == 22


@pytest.mark.parametrize(
    "quantity, expected",
    [("0", 100), ("3", 100), ("5", 100), ("5.001", 150), ("7", 150), ("12", 170), ("22", 235)],
)
def test_graduated_tier_bounds_are_inclusive(quantity, expected):
    assert expected == cost(quantity, model="graduated", tiers=O06)


@pytest.mark.parametrize("quantity, expected", [("5", 100), ("14", 140), ("15", 150), ("16", 80), ("100", 500)])
def test_volume_prices_all_units_by_the_tier_reached(quantity, expected):
    assert expected == cost(quantity, model="volume", tiers=O07)


@pytest.mark.parametrize("before, quantity, expected", [("0", "10", 15), ("0", "5", 15), ("17", "22", 15)])
def test_packages_round_up(before, quantity, expected):
    assert expected == cost(quantity, before, model="package", package_size="10", package_price="15")


@pytest.mark.parametrize("quantity, expected", [("0", 2), ("1", 12), ("10", 102), ("11", 110)])
def test_graduated_flat_fee_is_due_at_zero_when_the_period_has_ended(quantity, expected):
    assert expected == cost(quantity, model="graduated", tiers=L01)


def test_flat_fee_at_zero_is_not_due_before_the_period_ends():
    assert cost("0", ended=False, model="graduated", tiers=L01) == 0


@pytest.mark.parametrize("quantity, expected", [("1", "12"), ("100", "210"), ("100.5", "100.5"), ("101", "101")])
def test_volume_takes_the_flat_fee_of_the_tier_reached(quantity, expected):
    assert Fraction(expected) == cost(quantity, model="volume", tiers=L02)


def test_graduated_of_111_units():
    assert Fraction("115.5") == cost("111", model="graduated", tiers=K01)


def test_volume_of_111_units():
    assert Fraction("55.5") == cost("111", model="volume", tiers=K01)


def test_volume_threshold_makes_a_later_window_negative(tmp_path):
    line = usage_line(model="volume", tiers=O07)
    scenario = Scenario(tmp_path).contract([line], "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z")
    books = scenario.use("2024-01-02T00:00:00Z", "15").use("2024-01-03T00:00:00Z", "1").books("2024-01-05T00:00:00Z")
    assert [books.windows[key].amount for key in sorted(books.windows)] == [15000, -7000]
    assert by_period(books, "revenue") == {"2024-01": 8000}


def test_minimum_is_trued_up_at_the_end_of_the_billing_period(tmp_path):
    line = usage_line(unit_price="1", minimum="1000")
    scenario = Scenario(tmp_path).contract([line], "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")
    scenario.use("2024-01-02T00:00:00Z", "100")
    assert by_period(scenario.books("2024-01-31T00:00:00Z"), "revenue") == {"2024-01": 10000}
    books = scenario.books("2024-02-01T00:00:00Z")
    assert [books.windows[key].amount for key in sorted(books.windows)] == [10000, 90000]


def test_flat_fee_of_a_month_without_usage_is_due_at_its_end(tmp_path):
    line = usage_line(model="graduated", tiers=O06)
    scenario = Scenario(tmp_path).contract([line], "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z")
    scenario.use("2024-01-02T00:00:00Z", "3")
    assert by_period(scenario.books("2024-02-29T23:59:59Z"), "revenue") == {"2024-01": 10000}
    assert by_period(scenario.books("2024-03-01T00:00:00Z"), "revenue") == {
        "2024-01": 10000,
        "2024-02": 10000,
    }


def test_minimum_over_two_months_is_at_least_the_elapsed_share(tmp_path):
    line = usage_line(unit_price="1", minimum="31")
    scenario = Scenario(tmp_path).contract([line], "2024-01-15T00:00:00Z", "2024-02-15T00:00:00Z")
    assert by_period(scenario.books("2024-02-15T00:00:00Z"), "revenue") == {"2024-01": 1700, "2024-02": 1400}


def test_maximum_caps_the_billing_period(tmp_path):
    line = usage_line(unit_price="1", maximum="50")
    scenario = Scenario(tmp_path).contract([line], "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z")
    scenario.use("2024-01-02T00:00:00Z", "100").use("2024-02-02T00:00:00Z", "20")
    assert by_period(scenario.books("2024-03-01T00:00:00Z"), "revenue") == {"2024-01": 5000, "2024-02": 2000}


def test_included_units_are_free(tmp_path):
    line = usage_line(unit_price="1", included="10")
    scenario = Scenario(tmp_path).contract([line], "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z")
    scenario.use("2024-01-02T00:00:00Z", "8").use("2024-01-03T00:00:00Z", "8")
    assert by_period(scenario.books("2024-03-01T00:00:00Z"), "revenue") == {"2024-01": 600}


def test_price_change_in_mid_period_continues_the_quantity(tmp_path):
    before = usage_line(model="graduated", tiers=tiers(("10", "2", None), (None, "1", None)))
    after = usage_line(model="graduated", tiers=tiers(("10", "4", None), (None, "3", None)))
    scenario = Scenario(tmp_path).contract([before], "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")
    changes = {"event_time": "2024-01-10T00:00:00Z", "effective_at": "2024-01-16T00:00:00Z"}
    scenario.contract([after], "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", version=2, **changes)
    scenario.use("2024-01-15T00:00:00Z", "8").use("2024-01-16T00:00:00Z", "4")
    assert by_period(scenario.books("2024-02-01T00:00:00Z"), "revenue") == {"2024-01": 1600 + 800 + 600}


def test_minimum_is_prorated_on_a_rate_change(tmp_path):
    before, after = usage_line(unit_price="1", minimum="30"), usage_line(unit_price="1", minimum="60")
    scenario = Scenario(tmp_path).contract([before], "2024-04-01T00:00:00Z", "2024-05-01T00:00:00Z")
    changes = {"effective_at": "2024-04-11T00:00:00Z"}
    scenario.contract([after], "2024-04-01T00:00:00Z", "2024-05-01T00:00:00Z", version=2, **changes)
    assert by_period(scenario.books("2024-05-01T00:00:00Z"), "revenue") == {"2024-04": 1000 + 4000}


AGGREGATED = {"count": 3, "max": 5, "last": 1, "unique": 2, "sum": 8}


@pytest.mark.parametrize("aggregation, expected", AGGREGATED.items())
def test_aggregations(tmp_path, aggregation, expected):
    line = usage_line(aggregation=aggregation, unit_price="1")
    scenario = Scenario(tmp_path).contract([line], "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z")
    for day, quantity, user in (("05", "5", "a"), ("07", "1", "b"), ("06", "2", "a")):
        dimensions = [{"key": "unique_key", "value": user}]
        scenario.use(f"2024-01-{day}T00:00:00Z", quantity, dimensions=dimensions)
    assert {"2024-01": 100 * expected} == by_period(scenario.books("2024-02-01T00:00:00Z"), "revenue")


def test_weighted_sum_extends_the_last_value_to_the_end(tmp_path):
    line = usage_line(aggregation="weighted_sum", unit_price="1")
    scenario = Scenario(tmp_path).contract([line], "2024-04-01T00:00:00Z", "2024-05-01T00:00:00Z")
    scenario.use("2024-04-01T00:00:00Z", "30").use("2024-04-16T00:00:00Z", "-10")
    assert by_period(scenario.books("2024-05-01T00:00:00Z"), "revenue") == {"2024-04": 2500}
