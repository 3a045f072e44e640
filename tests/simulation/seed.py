"""A seed from its number to its judgement."""

from __future__ import annotations

import shutil
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from ops.run import Result
from tests.simulation.judge import books, judged, records
from tests.simulation.log import log_of
from tests.simulation.plan import Plan, draw, peaceful
from tests.simulation.simulation import Simulation, Told
from tests.support.feed import Feed
from tests.support.judged import problems


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a seed."""

    plan: Plan
    problems: tuple[str, ...]
    faults: dict[str, int]
    steps: int
    events: int
    digest: str

    def __str__(self) -> str:
        """What is printed when it fails: one command does it again."""
        said = "".join(f"\n    {one}" for one in self.problems[:12])
        return f"seed {self.plan.seed} (python -m tests.simulation {self.plan.seed}): {self.plan.words}{said}"


def run_seed(seed: int, root: Path) -> Ended:
    """Run and judge it; `root` is an empty directory, best in memory, and is empty again afterwards."""
    return run_plan(draw(seed), root)


def run_plan(plan: Plan, root: Path) -> Ended:
    """The same of a plan."""
    feed = plan.feed()
    log = log_of(feed)
    events = sum(len(lines) for lines in feed.topics["usage.events"].values())
    faults: dict[str, int] = {}
    steps, digest = 0, ""
    try:
        told = Simulation(plan, root / "run", log, feed.as_of).run()
        faults, steps = told.faults, told.steps
        peace = Simulation(peaceful(plan), root / "peace", log, feed.as_of).run()
        found = judged(told, peace, log)
        digest = books(records(told)["revenue.journal"]).digest()
        if plan.judged:
            oracle = by_oracle(feed, told, root)
            if plan.kind not in ("simple", "rich") and oracle:
                # What it finds in peace, too, is no matter of faults: some changed terms are open (tests/properties).
                known = by_oracle(feed, peace, root)
                oracle = [one for one in oracle if one not in known]
            found += oracle
    except Exception as error:  # whatever the product raises is a failure of the seed, and the next one goes on
        found = [f"it heals by itself: {type(error).__name__}: {error}", *traceback.format_exc().splitlines()[-7:]]
    shutil.rmtree(root / "run", ignore_errors=True)
    shutil.rmtree(root / "peace", ignore_errors=True)
    return Ended(plan, tuple(found), faults, steps, events, digest)


def by_oracle(feed: Feed, told: Told, root: Path) -> list[str]:
    """What the oracle says of it."""
    with tempfile.TemporaryDirectory(dir=root) as place:
        source, out = Path(place) / "in", Path(place) / "out"
        source.mkdir()
        feed.write(source)
        for (topic, shard), lines in told.lines.items():
            (out / topic).mkdir(parents=True, exist_ok=True)
            (out / topic / f"{shard}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
        result = Result(told.tally, 0, 0.0, 0)
        return [f"the books are the oracle's: {one}" for one in problems(source, out, feed.as_of, result)]
