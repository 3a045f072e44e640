"""The garbage collector of a process: how seldom it looks."""

from __future__ import annotations

import gc

# Several fetches of messages: with fewer each fetch was looked through, a third of what it costs.
YOUNG_OBJECTS = 200_000


def collect_seldom() -> None:
    """Look at new objects by the hundred thousand: of those of a record hardly one is in a cycle, and most are gone by then."""
    gc.set_threshold(YOUNG_OBJECTS)


def leave_alone() -> None:
    """Look at nothing again that is there by now: code and models stay to the end, and to go through them holds the flow up for a
    tenth of a second.
    """
    gc.freeze()
