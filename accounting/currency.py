"""Currencies: how many digits the minor unit of each one has (ISO 4217)."""

from __future__ import annotations

import re
from functools import lru_cache

DEFAULT_DIGITS = 2

# ISO 4217, list one, column "minor unit", without the codes that have the default.
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"

_DIGITS: dict[str, int] = {
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(_THREE_DIGITS.split(), 3),
    **dict.fromkeys(_FOUR_DIGITS.split(), 4),
}
_CODE = re.compile(r"[A-Z]{3}")


@lru_cache(maxsize=1024)
def digits(currency: str) -> int:
    """The number of decimal digits of a currency's minor unit: USD 2, JPY 0, KWD 3.

    A code of three capital letters that the table does not name has 2 digits. Raises ValueError for
    anything that is not three ASCII capital letters.
    """
    known = _DIGITS.get(currency)
    if known is not None:
        return known
    if _CODE.fullmatch(currency) is None:
        raise ValueError(f"currency must be three capital letters, got {currency[:80]!r}")
    return DEFAULT_DIGITS
