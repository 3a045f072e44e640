"""Decimals are exact, bounded and quick to refuse."""

import time
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.decimals import decimal_text, parse_decimal, scaled, unscaled_decimal

REFUSED = [
    "", " 1", "1 ", "1_000", "0x10", "NaN", "Infinity", "-inf", "1.", ".5", "1e", "e5", "+", "--1", "1,5",
    "１", "1\n", "1e999999999", "1e999999999999", "1e-999999999", "-1e99999999999999999999", "1" + "0" * 20,
    "0.0000000000000000001", "100000000000000000000",
]  # fmt: skip
READ = {
    "150.00": "150.00",
    "+1": "1",
    "-0.0": "0.0",
    "1e3": "1000",
    "1.5E+2": "150",
    "25e-1": "2.5",
    "1E-18": "0.000000000000000001",
    "0e999999999999": "0",
    "1.0000000000000000000000": "1.000000000000000000",
    "00012": "12",
    "99999999999999999999.999999999999999999": "99999999999999999999.999999999999999999",
    "-99999999999999999999.999999999999999999": "-99999999999999999999.999999999999999999",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_decimal_of_38_digits_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        parse_decimal(text, 18)


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_a_decimal_keeps_its_value_and_its_fraction_digits(text, expected):
    assert expected == decimal_text(parse_decimal(text, 18))


@pytest.mark.parametrize("text", ["1e999999999", "9" * 1_000_000, "0." + "0" * 1_000_000 + "1", "1e" + "9" * 1_000_000])
def test_a_huge_number_is_refused_within_a_tenth_of_a_second(text):
    start = time.process_time()
    with pytest.raises(ValueError, match="must"):
        parse_decimal(text, 18)
    assert time.process_time() - start < 0.1


@given(st.integers(-(10**38) + 1, 10**38 - 1), st.sampled_from([0, 4, 12, 18]))
def test_scaling_is_exact_both_ways(units, scale):
    value = unscaled_decimal(units, scale)
    assert units == scaled(value, scale)
    assert units == scaled(parse_decimal(decimal_text(value), scale), scale)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20) + 1, max_value=10**20 - 1))
def test_the_text_python_writes_is_read_as_the_same_value(value):
    assert value == parse_decimal(str(value), 18)


def test_scaling_refuses_a_finer_fraction():
    with pytest.raises(ValueError, match="at most 2 fraction digits"):
        scaled(Decimal("1.005"), 2)
