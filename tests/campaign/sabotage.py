"""Ring R2, sabotage: builds with one deliberate defect die and recover as the product does, and the invariants report them."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

from tests.campaign.disturbed import Disturbed, Plan, disturbed
from tests.campaign.invariants import names
from tests.campaign.life import Life
from tests.campaign.sabotaged import BUILDS

SEED = 46  # a feed with closes, late usage for closed periods, three partitions and every way to be excepted
PLAN = Plan("rich", 400, 1, {"batch_rows": 15, "epoch_ms": 10, "shards": 2})
TRIES = 4


def peaceful(root: Path, seed: int = SEED) -> Disturbed:
    """The feed that every build is given, and what the product makes of it."""
    return disturbed(seed, root, PLAN)


def reported(name: str, case: Disturbed, root: Path) -> tuple[str, ...]:
    """What the invariants say of a build, after its deaths.

    How batches and commits fall hangs on the machine's load: what is torn at a counted point today may be whole tomorrow, or
    the point not be reached. So a build lives again, dying earlier each time, until the invariant that is meant reports it.
    """
    build, found = BUILDS[name], ()
    for attempt in range(1, TRIES + 1):
        found += _lived(name, case, root / f"out-{attempt}", attempt)
        if build.caught_by in names(found):
            break
    return found


def _lived(name: str, case: Disturbed, out: Path, attempt: int) -> tuple[str, ...]:
    command = (sys.executable, "-m", "tests.campaign.sabotaged", name)
    life = Life(replace(case, command=command), out, random.Random(name))
    for death in BUILDS[name].deaths:
        point, _, number = death.partition(":")
        found = life.goes_on(crash_at=f"{point}:{max(1, int(number) // attempt)}")
        if found is not None:  # it ended before it came there
            return found
    return life.goes_on() or ()
