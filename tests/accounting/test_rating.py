"""What a billing period's units cost: the documented cases, and what follows from them."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.contract import Aggregation, BillingPeriod, Rate, RateModel
from accounting.rating import Stretch, billable, price, uncovered
from accounting.require import InvariantBroken
from tests.accounting.examples import money, per_unit, price_of, tier, tiered, units

VOLUME = RateModel.VOLUME


def packages(size: str, cost: str, included: int = 0) -> Rate:
    return Rate(
        "calls", Aggregation.SUM, BillingPeriod.MONTH, RateModel.PACKAGE,
        package_size=units(size), package_price=price_of(cost), included=included,
    )  # fmt: skip


O01 = tiered(tier(5, 0, 100), tier(10, 0, 50), tier(15, 5), tier(None, 1))
O06 = tiered(tier(5, 0, 100), tier(10, 0, 50), tier(15, 10), tier(None, 5))
O07 = tiered(tier(5, 0, 100), tier(10, 0, 150), tier(15, 10), tier(None, 5), model=VOLUME)
O08 = packages("10", "15")
L01 = tiered(tier(10, 10, 2), tier(20, 5, 3), tier(None, 5, 3))
L02 = tiered(tier(100, 2, 10), tier(200, 1), tier(None, "0.5", 50), model=VOLUME)
K_TIERS = (tier(10, "1.5"), tier(110, 1), tier(1110, "0.5"))
K01, K03 = tiered(*K_TIERS), tiered(*K_TIERS, model=VOLUME)
# case, rate, units, amount while the billing period runs, amount at its end
CASES = [
    ("O01", O01, "22", "182", "182"),
    ("O01", O01, "12", "160", "160"),
    *[("O06", O06, *row) for row in [
        ("0", "0", "100"), ("3", "100", "100"), ("5", "100", "100"), ("5.001", "150", "150"),
        ("7", "150", "150"), ("12", "170", "170"), ("22", "235", "235"),
    ]],
    *[("O07", O07, *row) for row in [
        ("5", "100", "100"), ("14", "140", "140"), ("15", "150", "150"), ("16", "80", "80"),
        ("100", "500", "500"), ("0", "0", "100"), ("-1", "0", "100"),
    ]],
    *[("O08", O08, *row) for row in [
        ("10", "15", "15"), ("5", "15", "15"), ("17", "30", "30"), ("22", "45", "45"), ("0", "0", "0"),
        ("0.000000000000000001", "15", "15"), ("10.000000000000000001", "30", "30"),
    ]],
    *[("L01", L01, *row) for row in [
        ("0", "0", "2"), ("1", "12", "12"), ("10", "102", "102"), ("11", "110", "110"), ("21", "163", "163"),
        ("-3", "-30", "-28"),
    ]],
    *[("L02", L02, *row) for row in [
        ("1", "12", "12"), ("100", "210", "210"), ("100.5", "100.5", "100.5"), ("101", "101", "101"),
        ("202", "151", "151"),
    ]],
    ("K01", K01, "111", "115.50", "115.50"),
    ("K03", K03, "111", "55.50", "55.50"),
    ("price of eighteen digits", per_unit("0.0000004"), "0.000000000000000001", "4e-25", "4e-25"),
    ("price of twelve digits", per_unit("0.000000000001"), "-3", "-3e-12", "-3e-12"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "rate", "quantity", "running", "ended"), CASES)
def test_documented_cases_cost_what_they_say(case, rate, quantity, running, ended):
    whole = [Stretch(rate, 0, units(quantity))]
    assert money(running) == price(whole, ended=False), case
    assert money(ended) == price(whole, ended=True), case


def test_o02_ten_more_after_twelve_cost_the_difference():
    before, after = [Stretch(O01, 0, units(12))], [Stretch(O01, 0, units(22))]
    assert money(22) == price(after, ended=False) - price(before, ended=False)


def test_a_flat_fee_at_zero_units_waits_for_the_periods_end_and_may_be_waived():
    nothing = [Stretch(L01, 0, 0)]
    assert 0 == price(nothing, ended=False)
    assert money(2) == price(nothing, ended=True)
    assert 0 == price(nothing, ended=True, flat_at_zero=False)
    assert 0 == price([], ended=True)


def test_included_units_are_free_and_corrections_are_credited_in_full():
    rate = per_unit(2, included=units(10))
    assert [0, 0, 0, money("0.5"), money(20)] == [
        price([Stretch(rate, 0, units(used))], ended=True) for used in ("0", "9", "10", "10.25", "20")
    ]
    assert money(-4) == price([Stretch(rate, 0, units(-2))], ended=True)
    assert units(-2) == billable(units(-2), units(10))


def test_each_unit_takes_the_price_in_force_at_its_time():
    old, new = per_unit(1), per_unit(3)
    assert money(10 + 15) == price([Stretch(old, 0, units(10)), Stretch(new, units(10), units(15))], ended=True)
    dearer = tiered(tier(10, 20), tier(None, 10))
    cheap = tiered(tier(10, 2), tier(None, 1))
    # 8 units at 2, then the cumulative quantity goes on: 2 more in the first tier at 20, 5 in the second at 10.
    assert money(16 + 40 + 50) == price([Stretch(cheap, 0, units(8)), Stretch(dearer, units(8), units(15))], ended=True)


def test_units_beyond_a_closed_price_list_cost_nothing_and_are_told():
    assert units(1) == uncovered(K01, units(1111))
    assert price([Stretch(K01, 0, units(1111))], False) == price([Stretch(K01, 0, units(1110))], False)
    assert 0 == uncovered(K01, units(1110)) == uncovered(L01, units(10**6)) == uncovered(O08, units(10**6))
    included = tiered(*K_TIERS, included=units(5))
    assert units("0.5") == uncovered(included, units("1115.5"))


def test_a_rate_without_its_terms_is_refused():
    for model in RateModel:
        bare = Rate("calls", Aggregation.SUM, BillingPeriod.MONTH, model)
        with pytest.raises(InvariantBroken):
            price([Stretch(bare, 0, units(3))], ended=False)


QUANTITIES = st.integers(-(10**38), 10**38)
RATES = st.sampled_from([O01, O06, L01, K01, O08, per_unit("0.0000004"), per_unit(3, included=units(7))])


@given(RATES, st.lists(QUANTITIES, min_size=1, max_size=6))
def test_stretches_at_one_rate_cost_what_one_stretch_does(rate, quantities):
    # Not for volume: there the last stretch decides the tier of all.
    at, stretches = 0, []
    for quantity in quantities:
        stretches.append(Stretch(rate, at, at + quantity))
        at += quantity
    for ended in (False, True):
        assert price([Stretch(rate, 0, at)], ended) == price(stretches, ended)


@given(RATES, QUANTITIES, QUANTITIES)
def test_more_units_never_cost_less_except_by_volume(rate, one, other):
    low, high = sorted((one, other))
    assert price([Stretch(rate, 0, low)], False) <= price([Stretch(rate, 0, high)], False)


@given(st.sampled_from([K01, L01, L02, O07]), st.fractions(-100, 2000))
def test_units_may_be_a_fraction_as_a_weighted_sum_gives(rate, quantity):
    exact = Fraction(quantity) * 10**18
    found = price([Stretch(rate, 0, exact)], ended=False)
    if exact.denominator == 1:
        assert price([Stretch(rate, 0, int(exact))], ended=False) == found
    assert isinstance(found, int | Fraction)
