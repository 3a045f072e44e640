"""Numbers: exact decimals as fractions, money as integer minor units of its currency."""

import re
from fractions import Fraction

_DECIMAL = re.compile(r"([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))(?:[eE]([+-]?\d+))?", re.ASCII)
_NO_DIGITS = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
_THREE_DIGITS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
_FOUR_DIGITS = ["CLF", "UYW"]


def decimal(text, integer_digits=20, fraction_digits=18):
    """The value of a decimal string that fits decimal(38,18) after normalising, else None (architecture.md, Money)."""
    match = _DECIMAL.fullmatch(text) if type(text) is str else None
    if match is None:
        return None
    sign, whole, fraction, bare_fraction, exponent = match.groups()
    fraction = fraction or bare_fraction or ""
    digits = ((whole or "") + fraction).lstrip("0")
    if not digits:
        return Fraction(0)
    if exponent is not None and len(exponent.lstrip("+-").lstrip("0")) > 9:
        return None
    power = int(exponent or "0") - len(fraction)
    stripped = digits.rstrip("0")
    power += len(digits) - len(stripped)
    if -power > fraction_digits or len(stripped) + power > integer_digits:
        return None
    value = Fraction(int(stripped)) * Fraction(10) ** power
    return -value if sign == "-" else value


def currency_digits(currency):
    """The digits of a currency's minor unit by ISO 4217 (architecture.md, Money)."""
    if currency in _NO_DIGITS:
        return 0
    if currency in _THREE_DIGITS:
        return 3
    return 4 if currency in _FOUR_DIGITS else 2


def to_minor(amount, currency):
    """An exact amount in major units, rounded half-even to minor units (architecture.md, Money)."""
    return round(Fraction(amount) * 10 ** currency_digits(currency))


def convert(minor, currency, other, rate):
    """Minor units of a currency in minor units of another, rounded half-even (accounting.md rule 8)."""
    return to_minor(Fraction(minor, 10 ** currency_digits(currency)) * rate, other)


def major_text(minor, currency):
    """Minor units as a decimal string in major units with exactly the currency's digits."""
    digits = currency_digits(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    text = f"{whole}.{rest:0{digits}d}" if digits else str(whole)
    return "-" + text if minor < 0 else text


def minor_from_text(text, currency):
    """Minor units of an amount >= 0 written with exactly the currency's digits, else None (events.md, Fine print)."""
    digits = currency_digits(currency)
    pattern = rf"\d+\.\d{{{digits}}}" if digits else r"\d+"
    if not isinstance(text, str) or re.fullmatch(pattern, text, re.ASCII) is None:
        return None
    return int(text.replace(".", ""))


def split(total, weights):
    """An integer split by weights, largest remainder first, its sum preserved (accounting.md rule 2).

    Less than nothing is split as what it is the opposite of.
    """
    if total < 0:
        return [-part for part in split(-total, weights)]
    whole = sum(weights)
    if whole == 0:
        return split(total, [1] * len(weights)) if weights else []
    exact = [Fraction(total) * Fraction(weight) / whole for weight in weights]
    parts = [share.numerator // share.denominator for share in exact]
    order = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in order[: total - sum(parts)]:
        parts[index] += 1
    return parts
