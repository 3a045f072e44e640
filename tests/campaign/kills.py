"""Ring R2, kills: real processes with a real RocksDB on files, killed at random moments, again and again.

A death is drawn from the seed; how long a life lasts is measured on the undisturbed run, so that the spread over start-up,
reading, the close of an epoch and the end is the same on a slow machine. With two workers one of them or the launcher dies.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.campaign.disturbed import Disturbed, Plan, disturbed
from tests.campaign.life import Life, Moment
from tests.campaign.outcome import Outcome

RING = "R2 kills"
KILLS = 10  # of each seed
EVENTS = (300, 1_200)


def drawn_moment(case: Disturbed, rng: random.Random) -> Moment:
    """At any age, or with something new in the sink and for a while after."""
    phase = rng.choice(("starting", "any", "any", "writing", "writing", "writing"))
    if phase != "writing":
        at = rng.uniform(0, case.starting) + (rng.uniform(0, case.working) if phase == "any" else 0)
        return lambda age, grown: age >= at
    after = rng.choice((0.0, rng.uniform(0, 0.02), rng.uniform(0, case.working)))
    return lambda age, grown: grown is not None and age >= grown + after


def run_one(seed: int, root: Path, kills: int = KILLS, plan: Plan | None = None) -> Outcome:
    """Kill a seed's runs so many times, over as many lives as that takes; the last of each is judged."""
    began, rng = time.monotonic(), random.Random(f"kills {seed}")
    case = disturbed(seed, root, plan or Plan.of(seed, EVENTS))
    faults: dict[str, int] = {}
    recovery_s: list[float] = []
    problems: list[str] = []
    lives = done = 0
    while done < kills:
        life = Life(case, root / f"out-{lives}", rng)
        found: tuple[str, ...] | None = None
        while found is None:
            mortal = done + len(life.readings) < kills
            found = life.goes_on(drawn_moment(case, rng) if mortal else None)
        for name, count in life.faults.items():
            faults[name] = faults.get(name, 0) + count
        lives, done = lives + 1, done + len(life.readings)
        recovery_s += life.recovery_s
        problems += [f"{one} (life {lives})" for one in found]
    words = f"feed {case.feed.seed}: {case.plan}; {lives} lives"
    took = time.monotonic() - began
    times = tuple(round(one, 3) for one in recovery_s)
    return Outcome(RING, seed, words, faults, case.events * lives, case.digest, times, round(took, 1), tuple(problems))
