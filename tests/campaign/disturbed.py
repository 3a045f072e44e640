"""A seed's feed on disk, the run that nobody disturbs, and what is needed to disturb others and to judge them."""

from __future__ import annotations

import json
import os
import random
import select
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataflows.tally import Tally
from tests.campaign.invariants import judged
from tests.campaign.left import Left, Reading
from tests.oracle import Books, compute
from tests.support.feed import Drawing, Feed
from tests.support.process import COMMAND, Ended, environment, finish, start

KINDS = {
    "simple": {"rich": False},
    "rich": {"rich": True},
    "modified": {"rich": True, "modified": True},
    "billed": {"rich": True, "modified": True, "billed": True},
}
OUTPUTS = ("revenue.journal", "revenue.exceptions", "revenue.recalculations")
# What becomes of the usage; not how many entries, as a window may be posted in two steps.
COUNTS = ("read", "counted", "duplicates", "conflicts", "rejected", "parked", "late", "unplaced")
LOOK_S = 0.01
FEEDS_MAX = 100  # a defect that every undisturbed run has must not look like bad luck


@dataclass(frozen=True, slots=True)
class Plan:
    """What a seed draws besides the feed."""

    kind: str
    events: int
    workers: int
    settings: dict[str, int]  # batch_rows, epoch_ms, shards

    @classmethod
    def of(cls, seed: int, events: tuple[int, int], workers: tuple[int, ...] = (1, 1, 1, 2)) -> Plan:
        """From a stream of its own."""
        rng = random.Random(f"plan {seed}")
        settings = {
            "batch_rows": rng.choice((7, 15, 50, 200)), "epoch_ms": rng.choice((10, 10, 30)), "shards": rng.choice((1, 2, 3, 5)),
        }  # fmt: skip
        workers_drawn = min(rng.choice(workers), settings["shards"])
        return cls(rng.choice(tuple(KINDS)), rng.randint(*events), workers_drawn, settings)

    def environment(self) -> dict[str, str]:
        """As settings of a process."""
        named = {**self.settings, "workers": self.workers}
        return environment(**{f"ACCRUAL_{name.upper()}": str(value) for name, value in named.items()})

    def __str__(self) -> str:
        """For a line of the results."""
        cuts = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return f"{self.kind} feed of {self.events} events, {self.workers} workers, {cuts}"


@dataclass
class Disturbed:
    """A feed on disk and what an undisturbed run makes of it."""

    feed: Feed
    source: Path
    plan: Plan
    expected: Books = field(repr=False)
    starting: float = 0  # seconds from the start of the process until it owns its state
    working: float = 0  # and from there to its end
    digest: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    command: tuple[str, ...] = (str(COMMAND),)

    def words(self, out: Path, *more: str) -> list[str]:
        """The words of the command."""
        as_of = ["--as-of", self.feed.as_of] if self.feed.as_of else []
        return ["run", "--source", f"files:{self.source}", "--sink", f"files:{out}", *as_of, "--json", *more]

    def start(self, out: Path, *more: str, crash_at: str = "") -> subprocess.Popen[str]:
        """Start a run; `crash_at` as CRASH_AT."""
        crash = {"CRASH_AT": crash_at} if crash_at else {}
        env = {**self.plan.environment(), **crash}
        return start(*self.words(out, *more), cwd=self.source, env=env, command=self.command)

    @property
    def events(self) -> int:
        """Usage records of the input, redeliveries and bad ones included."""
        return sum(len(lines) for lines in self.feed.topics["usage.events"].values())

    def left(
        self, out: Path, ended: Ended, readings: tuple[Reading, ...] = (), recovery_s: tuple[float, ...] = ()
    ) -> Left:
        """What a run has left that ended well."""
        printed = json.loads(ended.printed)
        tally = Tally(**{name: printed[name] for name in Tally.__struct_fields__})
        return Left(
            self.source, out, self.feed.as_of, tally, printed["digest"], self.digest or None, readings, recovery_s,
            exact=self.plan.kind in ("simple", "rich"), expected=self.expected,
        )  # fmt: skip

    def problems(self, out: Path, ended: Ended, *more: Any) -> tuple[str, ...]:
        """Whatever does not hold of a run that has ended."""
        if ended.code != 0:
            return (f"it heals by itself: a run without a fault ended with {ended.code}: {ended.said[-500:]}",)
        found = judged(self.left(out, ended, *more))
        mine = counts(json.loads(ended.printed))
        if self.counts and mine != self.counts:
            found += (f"the same books: an undisturbed run counts {self.counts}, this one {mine}",)
        return found


def counts(printed: dict[str, Any]) -> dict[str, int]:
    """Those of COUNTS."""
    return {name: printed[name] for name in COUNTS}


Peace = Callable[["Disturbed", Path], tuple[str, ...]]


def disturbed(seed: int, root: Path, plan: Plan, peace: Peace | None = None) -> Disturbed:
    """Draw a feed and run it once in peace.

    A feed is passed over when the order of its partitions decides what its books say, when it is idle, or when already
    the undisturbed run is not the oracle's: those are the matter of tests/properties. `peace` runs it, and says what is
    wrong with the feed.
    """
    found: tuple[str, ...] = ()
    for number in range(1_000 * (seed + 1), 1_000 * (seed + 1) + FEEDS_MAX):
        feed = Drawing(number, events=plan.events, **KINDS[plan.kind]).feed()
        if len(feed.topics["contracts.events"][0]) < 2 or not feed.as_of:
            continue
        where = root / str(number)
        (source := where / "in").mkdir(parents=True)
        feed.write(source)
        expected = compute(str(source), feed.as_of)
        if expected.order_dependent or expected.beyond_horizon or len(expected.sums) < 10:
            continue
        case = Disturbed(feed, source, plan, expected)
        found = (peace or in_peace)(case, where / "peace")
        if not found:
            return case
    raise AssertionError(f"{FEEDS_MAX} feeds in a row are no matter of crashes; of the last one in peace: {found}")


def in_peace(case: Disturbed, peace: Path) -> tuple[str, ...]:
    """Run undisturbed, measure it, and say what does not hold of it."""
    began = time.monotonic()
    process = case.start(peace)
    owned = peace / ".state" / "accrual-state.json"
    while not owned.exists() and not ended_within(process, LOOK_S):
        pass
    case.starting = time.monotonic() - began
    ended = finish(process)
    case.working = time.monotonic() - began - case.starting
    found = case.problems(peace, ended)
    if ended.code == 0:
        printed = json.loads(ended.printed)
        case.digest, case.counts = printed["digest"], counts(printed)
    return found


# -- processes


def ended_within(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether it ends by itself in that time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def size(out: Path) -> int:
    """The bytes in the sink."""
    return sum(path.stat().st_size for topic in OUTPUTS for path in (out / topic).glob("*.jsonl"))


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that a launcher has now."""
    try:
        return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    except OSError:
        return []


def all_children(process: subprocess.Popen[str], count: int) -> list[int]:
    """The worker processes of a launcher, once so many are there."""
    while len(found := children(process)) < count:
        assert not ended_within(process, LOOK_S), f"it ended before its workers were there: {finish(process).said}"
    return found


def gone(pids: list[int]) -> None:
    """Wait until processes that are not our children have ended."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        select.select([handle], [], [])
        os.close(handle)
