"""The doctor, asked about a small world, and what it says of the checks of a level."""

from __future__ import annotations

from tests.support.process import Ended, here
from tests.support.world import World

USAGE, JOURNAL = "usage.events", "revenue.journal"


def ask(world: World, *more: str, **settings: str) -> Ended:
    """`accrual doctor` with the places of a world, in this process."""
    places = ["--source", f"files:{world.source}", "--sink", f"files:{world.sink}", "--state", str(world.state)]
    return here("doctor", *places, *more, cwd=world.root, **settings)


def found(ended: Ended, level: str) -> list[str]:
    """What is said of the checks of a level."""
    return [line[len(level) :].strip() for line in ended.printed.splitlines() if line.startswith(f"{level} ")]
