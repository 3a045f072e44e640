"""Ring R2, points: a process dies at every named point of the file path, and at every second one while it recovers.

The seed tells the pair: the first P seeds are the points alone, the next P * P every point with every second one; seeds
beyond that are the same pairs on other feeds. At which passing it dies is drawn from how often the undisturbed run passes.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import connectors.crash_point
from connectors.crash_point import POINTS, CrashPoints
from ops.books_digest import journal_books
from ops.run import as_json
from tests.campaign.disturbed import Disturbed, Plan, counts, disturbed
from tests.campaign.invariants import judged
from tests.campaign.left import Left
from tests.campaign.life import Life
from tests.campaign.outcome import Outcome
from tests.support.judged import run_feed

RING = "R2 points"
PLACES = tuple(name for name in POINTS if not name.startswith(("kafka-", "group-")))
SEEDS = len(PLACES) * (len(PLACES) + 1)  # each alone, and all pairs
EVENTS = (120, 250)
WORKERS = (1, 1, 1, 1, 1, 2)  # two take seconds to find each other
TRIES = 4
AFTER_A_DEATH = "unsent-again"  # nothing is left over from before in a first life


class Passings(CrashPoints):
    """Counts how often each point is passed, and never dies."""

    def __init__(self) -> None:
        super().__init__({})
        self.passed: Counter[str] = Counter()

    def reach(self, name: str) -> None:
        self.passed[name] += 1


@dataclass
class Counted:
    """An undisturbed run in this process that has to pass a point."""

    first: str
    passed: Counter[str] = field(default_factory=Counter)

    def __call__(self, case: Disturbed, out: Path) -> tuple[str, ...]:
        """What is wrong with the feed."""
        passings = Passings()
        connectors.crash_point.armed = passings
        try:
            result = run_feed(case.source, out, case.feed.as_of, **case.plan.settings)
        finally:
            connectors.crash_point.armed = None
        self.passed = passings.passed
        case.digest = journal_books(out).digest()
        printed = as_json(result, case.digest)
        case.counts = counts(printed)
        if self.first not in self.passed and self.first != AFTER_A_DEATH:
            return (f"it does not pass {self.first}",)
        exact = case.plan.kind in ("simple", "rich")
        return judged(
            Left(case.source, out, case.feed.as_of, result.tally, case.digest, exact=exact, expected=case.expected)
        )


def pair(seed: int) -> tuple[str, str | None]:
    """(the point, the one while it recovers)."""
    first, rest = PLACES[seed % len(PLACES)], seed // len(PLACES) % (len(PLACES) + 1)
    return first, None if rest == 0 else PLACES[rest - 1]


def run_one(seed: int, root: Path) -> Outcome:
    """Die at a seed's points, and go on to the end."""
    began, rng = time.monotonic(), random.Random(f"points {seed}")
    first, second = pair(seed)
    peace = Counted(first)
    case = disturbed(seed, root, Plan.of(seed, EVENTS, WORKERS), peace)
    passed = peace.passed[first]
    faults: Counter[str] = Counter()
    problems: tuple[str, ...] = (f"it heals by itself: {first} was never reached",)
    for attempt in range(TRIES):
        life = Life(case, root / f"out-{attempt}", rng)
        number = rng.randint(1, max(1, passed // (attempt + 2)))
        if first == AFTER_A_DEATH:
            life.goes_on(crash_at=f"file-to-write:{rng.randint(1, max(1, peace.passed['file-to-write'] // 2))}")
        found = life.goes_on(crash_at=f"{first}:{number}")
        if found is None and second is not None:
            found = life.goes_on(crash_at=f"{second}:1")
        if found is None:
            found = life.goes_on()
        faults.update(life.faults)
        if life.faults.get(first) or found:
            problems = found
            break
    then = f", then {second}:1" if second else ""
    words = f"{first}:{number} of {passed}{then}; feed {case.feed.seed}: {case.plan}"
    times = tuple(round(one, 3) for one in life.recovery_s)
    took = round(time.monotonic() - began, 1)
    return Outcome(RING, seed, words, dict(faults), case.events, case.digest, times, took, problems)
