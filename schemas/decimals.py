"""Decimals: exact numbers of at most 38 digits, read from text and scaled to integers without rounding."""

from __future__ import annotations

import re
from decimal import Decimal

PRECISION = 38
AMOUNT_SCALE = 4

_TEXT = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_EXPONENT_DIGITS_MAX = 9


def parse_decimal(text: str, scale: int) -> Decimal:
    """The exact value of `[+-]digits[.digits][e[+-]digits]` as decimal(38, scale).

    Fraction digits are kept as written ("150.00" stays so), zeros beyond `scale` are dropped, and no
    exponent is left. Minus zero is zero. Raises ValueError, whose text says what is allowed, for any other
    form and for a value that does not fit exactly; it takes time linear in the text whatever the exponent.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError('must be a decimal string such as "-12.5" or "1e-6"')
    sign, whole, fraction, exponent_text = match.groups()
    fraction = fraction or ""
    digits = (whole + fraction).lstrip("0")
    significant = digits.rstrip("0")
    exponent = _exponent(exponent_text)
    if exponent is None:
        if significant:
            raise ValueError(f"must fit decimal({PRECISION},{scale}), its exponent is out of range")
        exponent = 0
    shown = min(max(len(fraction) - exponent, 0), scale)
    if not significant:
        return Decimal((0, (0,), -shown))
    power = len(digits) - len(significant) + exponent - len(fraction)
    if -power > scale:
        raise ValueError(f"must have at most {scale} fraction digits")
    if len(significant) + power > PRECISION - scale:
        raise ValueError(f"must have at most {PRECISION - scale} digits before the point")
    unscaled = int(significant) * 10 ** (power + shown)
    return Decimal((int(sign == "-"), tuple(map(int, str(unscaled))), -shown))


def _exponent(text: str | None) -> int | None:
    """The exponent, or None when it has too many digits to be worth an integer."""
    if text is None:
        return 0
    digits = text.lstrip("+-").lstrip("0")
    # An exponent of many digits would build a huge integer; no value with one can fit anyway.
    if len(digits) > _EXPONENT_DIGITS_MAX:
        return None
    return -int(digits or "0") if text.startswith("-") else int(digits or "0")


def scaled(value: Decimal, scale: int) -> int:
    """`value` as an integer in units of 10 ** -scale; ValueError when it has a finer fraction."""
    whole, rest, _ = _divided(value, scale)
    if rest:
        raise ValueError(f"must have at most {scale} fraction digits")
    return whole


def rounded(value: Decimal, scale: int) -> int:
    """`value` in units of 10 ** -scale, rounded half to even: for estimates, never for what is owed."""
    whole, rest, divisor = _divided(value, scale)
    return whole + (2 * rest > divisor or (2 * rest == divisor and whole % 2))


def _divided(value: Decimal, scale: int) -> tuple[int, int, int]:
    """`value` in units of 10 ** -scale: whole ones, and what is left over as (rest, divisor)."""
    if not value.is_finite():
        raise ValueError(f"must be finite, got {value}")
    # Integers only: decimal arithmetic would round to the 28 digits of the thread's context.
    numerator, divisor = value.as_integer_ratio()
    return *divmod(numerator * 10**scale, divisor), divisor


def unscaled_decimal(units: int, scale: int) -> Decimal:
    """The inverse of `scaled`: units of 10 ** -scale as a decimal with `scale` fraction digits."""
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -scale))


def decimal_text(value: Decimal) -> str:
    """A decimal as plain digits without an exponent; fraction digits as they are."""
    return format(value, "f")
