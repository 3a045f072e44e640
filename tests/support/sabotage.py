"""Defects that more than one harness puts in on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from state.seen import Verdict

Admit = Callable[[Any, Any, int], Verdict]


def admits_all(right: Admit) -> Admit:
    """`Seen.admit` of a product to which everything is new."""

    def admit(seen: Any, rows: Any, newest: int) -> Verdict:
        none = np.zeros(len(rows), dtype=bool)
        return Verdict(~none, none, none, right(seen, rows, newest).first)

    return admit


def conflicts_are_duplicates(right: Admit) -> Admit:
    """`Seen.admit` of a product that tells nobody of another content under a known identity."""

    def admit(seen: Any, rows: Any, newest: int) -> Verdict:
        found = right(seen, rows, newest)
        return Verdict(found.fresh, found.duplicate | found.conflict, np.zeros_like(found.conflict), found.first)

    return admit
