"""Functional amounts: each posting at the rate of its date, rounded once, and balanced by the revenue posting."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.fx import converted, functional_movements
from accounting.require import InvariantBroken

# minor units, currency, rate, functional currency, minor units of it
AMOUNTS = [
    (3000, "EUR", "1.2", "USD", 3600),
    (-3000, "EUR", "1.2", "USD", -3600),
    (1, "USD", "0.5", "EUR", 0),  # half a cent: to the even one
    (3, "USD", "0.5", "EUR", 2),
    (-1, "USD", "0.5", "EUR", 0),
    (-3, "USD", "0.5", "EUR", -2),
    (5, "USD", "0.5", "EUR", 2),
    (12345, "USD", "150.25", "JPY", 18548),  # 123.45 dollars are 18,548.3625 yen
    (1, "JPY", "0.0067", "USD", 1),  # a yen is 0.67 cents
    (1, "JPY", "0.0049", "USD", 0),
    (1000, "KWD", "3.25", "USD", 325),  # 1 dinar has 1,000 fils
    (325, "USD", "0.307692307692307692", "KWD", 1000),
    (10**30, "USD", "0.000000000000000001", "EUR", 10**12),
    (0, "USD", "7", "EUR", 0),
]


@pytest.mark.parametrize(("amount", "currency", "rate", "functional", "expected"), AMOUNTS)
def test_an_amount_in_minor_units_of_the_other_currency(amount, currency, rate, functional, expected):
    assert expected == converted(amount, currency, Fraction(rate), functional)


@pytest.mark.parametrize("rate", [0, -1, Fraction(-1, 7)])
def test_a_rate_that_is_not_above_zero_is_refused(rate):
    with pytest.raises(InvariantBroken, match="greater than zero"):
        converted(100, "EUR", Fraction(rate), "USD")


def test_in_the_contracts_own_currency_the_amounts_are_the_same():
    movements = {"revenue": -100, "unbilled_receivable": 100}
    found = functional_movements(movements, "USD", Fraction(7), "USD", "revenue")
    assert movements == found
    assert movements is not found


def test_the_revenue_posting_takes_what_rounding_leaves():
    # 33 and 67 cents at a rate of one half are 16 (to the even one) and 34; revenue is what balances them.
    movements = {"unbilled_receivable": 33, "deferred_revenue": 67, "revenue": -100}
    expected = {"unbilled_receivable": 16, "deferred_revenue": 34, "revenue": -50}
    assert expected == functional_movements(movements, "EUR", Fraction(1, 2), "USD", "revenue")
    # 1.5 and 1.5 are 2 and 2: revenue is 4 though 3 would be its own amount.
    movements = {"unbilled_receivable": 3, "deferred_revenue": 3, "revenue": -6}
    expected = {"unbilled_receivable": 2, "deferred_revenue": 2, "revenue": -4}
    assert expected == functional_movements(movements, "EUR", Fraction(1, 2), "USD", "revenue")


def test_an_entry_that_moves_no_revenue_has_a_functional_revenue_posting_where_rounding_needs_it():
    movements = {"unbilled_receivable": 6, "deferred_revenue": -3, "contract_asset": -3}
    expected = {"unbilled_receivable": 3, "deferred_revenue": -2, "contract_asset": -2, "revenue": 1}
    assert expected == functional_movements(movements, "EUR", Fraction(1, 2), "USD", "revenue")


MOVEMENTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(-(10**15), 10**15), max_size=6)
RATES = st.fractions("0.000001", 10_000, max_denominator=10**9)
CURRENCIES = st.sampled_from(["USD", "JPY", "KWD", "CLF", "EUR"])


@given(MOVEMENTS, RATES, CURRENCIES, CURRENCIES)
def test_what_balances_in_one_currency_balances_in_the_other(movements, rate, currency, functional):
    movements["revenue"] = -sum(movements.values())
    found = functional_movements(movements, currency, rate, functional, "revenue")
    assert 0 == sum(found.values())
    for name, amount in movements.items():
        if name != "revenue" and currency != functional:
            assert converted(amount, currency, rate, functional) == found[name]


@given(MOVEMENTS, RATES)
def test_a_reversal_mirrors_what_it_reverses(movements, rate):
    movements["revenue"] = -sum(movements.values())
    found = functional_movements(movements, "EUR", rate, "USD", "revenue")
    mirrored = functional_movements(
        {name: -amount for name, amount in movements.items()}, "EUR", rate, "USD", "revenue"
    )
    assert {name: -amount for name, amount in found.items()} == mirrored
