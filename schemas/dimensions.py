"""Dimensions: their canonical text, which is equal exactly when the sets of pairs are."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

CACHED_TEXTS_MAX = 32_768
CACHED_RAW_BYTES_MAX = 512


class _Pair(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    key: str
    value: str


_pairs = msgspec.json.Decoder(list[_Pair] | None)


def dimensions_text(pairs: Iterable[tuple[str, str]]) -> str:
    """The canonical text of (key, value) pairs: compact JSON [[key,value],...] sorted by pair; "" for none.

    JSON quotes every text, so no two different lists of pairs share a text.
    """
    ordered = sorted(pairs)
    return msgspec.json.encode(ordered).decode() if ordered else ""


def dimension_pairs(text: str) -> list[tuple[str, str]]:
    """The inverse of `dimensions_text`: the sorted pairs of a canonical text."""
    return msgspec.json.decode(text, type=list[tuple[str, str]]) if text else []


class DimensionTexts(dict[bytes, str | None]):
    """Canonical texts by the raw JSON they were read from, bounded; None = left to the typed model.

    Feeds repeat few sets of dimensions, so a look-up replaces parsing and sorting for most rows.
    """

    def __missing__(self, raw: bytes) -> str | None:
        text = _text_of(raw)
        # A feed with a new dimension in every row must not grow the process without end.
        if len(self) >= CACHED_TEXTS_MAX:
            self.clear()
        if len(raw) <= CACHED_RAW_BYTES_MAX:
            self[raw] = text
        return text


def _text_of(raw: bytes) -> str | None:
    try:
        pairs = _pairs.decode(raw)
    except (ValueError, RecursionError):
        return None
    if not all(pair.key for pair in pairs or ()):
        return None
    return dimensions_text((pair.key, pair.value) for pair in pairs or ())
