"""The garbage collector of a process: how seldom it looks."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 10_000


def collect_seldom() -> None:
    """Look at new objects by the ten thousand: of those of a record hardly one is in a cycle, and most are gone by then."""
    gc.set_threshold(YOUNG_OBJECTS)
