"""Amounts are exact until they are rounded once, half to even, to the currency's digits."""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.currency import digits
from accounting.money import (
    MajorTexts,
    exact_from_minor,
    exact_from_price,
    major_text,
    minor_from_major,
    round_half_even,
)
from accounting.require import InvariantBroken
from tests.accounting.examples import money, price_of, units

TIES = [
    ("USD", "0.005", 0), ("USD", "0.015", 2), ("USD", "0.025", 2), ("USD", "0.035", 4),
    ("USD", "-0.005", 0), ("USD", "-0.015", -2), ("USD", "-0.025", -2), ("USD", "-0.035", -4),
    ("USD", "0.005000000000000000000000000001", 1), ("USD", "-0.005000000000000000000000000001", -1),
    ("USD", "0.004999999999999999999999999999", 0), ("USD", "-0.004999999999999999999999999999", 0),
    ("JPY", "0.5", 0), ("JPY", "1.5", 2), ("JPY", "-0.5", 0), ("JPY", "-1.5", -2), ("JPY", "2.49", 2),
    ("KWD", "0.0005", 0), ("KWD", "0.0015", 2), ("KWD", "-0.0025", -2), ("KWD", "0.00051", 1),
    ("CLF", "0.00005", 0), ("CLF", "0.00015", 2),
]  # fmt: skip


@pytest.mark.parametrize(("currency", "text", "expected"), TIES)
def test_a_tie_goes_to_the_even_minor_unit_on_both_sides_of_zero(currency, text, expected):
    assert expected == round_half_even(money(text), currency)
    assert expected == round_half_even(Fraction(money(text)), currency)


@given(st.integers(-(10**45), 10**45), st.sampled_from(["USD", "JPY", "KWD", "UYW"]))
def test_rounding_is_that_of_decimal(exact, currency):
    with localcontext(prec=60):
        places = Decimal(1).scaleb(-digits(currency))
        expected = Decimal(exact).scaleb(-30).quantize(places, ROUND_HALF_EVEN).scaleb(digits(currency))
    assert expected == round_half_even(exact, currency)
    assert -round_half_even(exact, currency) == round_half_even(-exact, currency)


@given(st.integers(-(10**40), 10**40), st.integers(1, 10**9), st.sampled_from(["USD", "JPY", "KWD"]))
def test_a_fraction_is_never_further_than_half_a_minor_unit_away(numerator, denominator, currency):
    exact = Fraction(numerator, denominator)
    difference = exact_from_minor(round_half_even(exact, currency), currency) - exact
    assert abs(difference) * 2 <= exact_from_minor(1, currency)


def test_a_price_times_a_quantity_of_eighteen_digits_is_exact():
    quantity, price = units("12345678901234567890.123456789012345678"), price_of("0.0000004")
    assert money("4938271560493.8271560493827156049382712") == quantity * price
    assert money("0.0000004") == exact_from_price(price)


@given(st.integers(-(10**30), 10**30), st.sampled_from(["USD", "JPY", "KWD", "CLF", "XXX"]))
def test_a_booked_amount_survives_exact_form_and_text(minor, currency):
    assert minor == round_half_even(exact_from_minor(minor, currency), currency)
    text = major_text(minor, currency)
    assert minor == Decimal(text).scaleb(digits(currency)) if abs(minor) < 10**27 else True
    assert digits(currency) == len(text.partition(".")[2])


@pytest.mark.parametrize(
    ("minor", "currency", "expected"),
    [(15_000, "USD", "150.00"), (-5, "USD", "-0.05"), (0, "USD", "0.00"), (-150, "JPY", "-150"),
     (1, "KWD", "0.001"), (-1_234, "KWD", "-1.234"), (0, "KWD", "0.000"), (5, "CLF", "0.0005"), (1, "CLF", "0.0001"),
     (-5, "JPY", "-5"), (10**40, "USD", "1" + "0" * 38 + ".00")],
)  # fmt: skip
def test_an_amount_is_written_in_major_units(minor, currency, expected):
    assert expected == major_text(minor, currency)
    texts = MajorTexts(currency)
    assert [expected, expected] == [texts[minor], texts[minor]]


@given(st.integers(-(10**40), 10**40), st.sampled_from(["JPY", "USD", "KWD", "CLF"]))
def test_an_amount_in_major_units_reads_back_as_its_minor_units(minor, currency):
    assert minor == minor_from_major(major_text(minor, currency), currency)


@pytest.mark.parametrize(
    ("text", "currency", "expected"),
    [("150.00", "USD", 15_000), ("-0.05", "USD", -5), ("0.00", "USD", 0), ("-150", "JPY", -150), ("0", "JPY", 0),
     ("-1.234", "KWD", -1_234), ("0.001", "KWD", 1), ("-0.0005", "CLF", -5)],
)  # fmt: skip
def test_minor_units_are_read_back_and_written_as_they_were(text, currency, expected):
    assert expected == minor_from_major(text, currency)
    assert text == major_text(expected, currency)


@pytest.mark.parametrize(("text", "currency"), [("1.5", "USD"), ("1", "USD"), ("1.005", "USD"), ("1.0", "JPY")])
def test_an_amount_with_other_digits_than_its_currency_is_no_amount_of_the_books(text, currency):
    with pytest.raises(InvariantBroken, match="minor units"):
        minor_from_major(text, currency)


def test_what_is_no_number_is_no_amount():
    with pytest.raises(ValueError, match="invalid literal"):
        minor_from_major("a.bc", "USD")


@pytest.mark.parametrize("code", ["", "usd", "US", "USDX", "ÜSD", "US1", "USD\n", "ＵＳＤ"])
def test_what_is_no_three_capital_letters_is_no_currency(code):
    with pytest.raises(ValueError, match="three capital letters"):
        digits(code)
