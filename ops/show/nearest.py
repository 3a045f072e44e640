"""The names that are most like one that does not exist: what a person may have meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice

COMPARED_MAX = 20_000  # names compared letter by letter, which takes some 10 µs each


def nearest(name: str, known: Collection[str], count: int = 3) -> list[str]:
    """Up to `count` of the names, those that contain it first; if none is alike, the first ones in order."""
    if len(known) > COMPARED_MAX:
        near = name.casefold()
        inside = (one for one in known if near in one.casefold())
        begin = (one for one in known if one.casefold()[:3] == near[:3])
        known = (
            list(dict.fromkeys([*islice(inside, COMPARED_MAX), *islice(begin, COMPARED_MAX)])) or sorted(known)[:count]
        )
    by_folded = {one.casefold(): one for one in known}
    folded = name.casefold()
    containing = sorted(one for key, one in by_folded.items() if folded in key or key in folded)
    close = [by_folded[one] for one in get_close_matches(folded, list(by_folded), count, 0.5)]
    found = list(dict.fromkeys([*containing[:count], *close]))[:count]
    return found or sorted(known)[:count]
