"""Currencies have the minor units of ISO 4217."""

import pytest

from accounting.currency import digits


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("USD", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("EUR", 2), ("ISK", 0), ("ZZZ", 2)],
)
def test_a_currency_has_the_digits_of_its_minor_unit(currency, expected):
    assert expected == digits(currency)


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDX", "U1D", "USD\n", "ＵＳＤ"])
def test_what_is_no_code_is_refused(currency):
    with pytest.raises(ValueError, match="three capital letters"):
        digits(currency)
