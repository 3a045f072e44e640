"""The crash campaign: `python -m tests.campaign RING [--seeds 1-100]`, `... all`, `... report`.

A ring is a module here with `run_one(seed, root)`. Each run is a line in results.jsonl; seeds that are there already are
passed over, so that a campaign that was stopped goes on where it was. What a failing run has left is kept.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.campaign.outcome import Outcome
from tests.campaign.report import report
from tests.campaign.results import RESULTS, append, known, line


def _points() -> tuple[int, int]:
    from tests.campaign.points import SEEDS

    return 0, SEEDS - 1


# Module and its seeds in the long run; of how many seeds a line of the results is.
LONG = {
    "points": _points,
    "kills": lambda: (1, 100),
    "bulk": lambda: (1, 5),
    "simulation": lambda: (1, 10_000),
    "kafka": lambda: (1, 30),
}
STRETCH = {"simulation": 100}
SHOWN = 5


def main(words: list[str] | None = None) -> int:
    """Run rings or show what has come of them; 1 when a run has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("ring", choices=[*LONG, "all", "report"])
    parser.add_argument("--seeds", help="FIRST-LAST, or one; default: those of the long run")
    parser.add_argument("--again", action="store_true", help="also seeds that the results have")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, default=Path("demo-out/campaign"), help="where failing runs are kept")
    parser.add_argument("--until", help="HH:MM, when no further run is begun")
    options = parser.parse_args(words)
    if options.ring == "report":
        return report(options.results)
    rings = [options.ring] if options.ring != "all" else [name for name in LONG if find_spec(f"tests.campaign.{name}")]
    failed = 0
    for name in rings:
        seeds = _span(options.seeds) if options.seeds else LONG[name]()
        failed += Campaign(name, options.results, options.keep, options.until).run(seeds, options.again)
    return 1 if failed else 0


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


class Campaign:
    """One ring over a range of seeds."""

    def __init__(self, name: str, results: Path, keep: Path, until: str | None) -> None:
        self.name, self.results, self.keep, self.until = (
            name,
            results,
            keep,
            until and coming(until, datetime.now().astimezone()),
        )
        self.run_one = import_module(f"tests.campaign.{name}").run_one

    def run(self, seeds: tuple[int, int], again: bool) -> int:
        """How many runs have failed."""
        done = set() if again else known(self.results, self.name)
        left = [seed for seed in range(seeds[0], seeds[1] + 1) if seed not in done]
        print(f"{self.name}: {len(left)} of {seeds[1] - seeds[0] + 1} seeds are to be run", file=sys.stderr)
        began, failed, commit = time.monotonic(), 0, _commit()
        stretch: list[Outcome] = []
        for number, seed in enumerate(left, start=1):
            if self.until and datetime.now().astimezone() >= self.until:
                break
            outcome = self._one(seed)
            stretch.append(outcome)
            if outcome.problems:
                failed += 1
                told = "\n    ".join(outcome.problems[:SHOWN])
                print(f"{self.name} seed {seed} has failed, kept in {self._kept(seed)}\n    {told}", file=sys.stderr)
            follows = number < len(left) and left[number] == seed + 1
            if len(stretch) >= STRETCH.get(self.name, 1) or not follows or outcome.problems:
                self._write(stretch, commit)
            each = (time.monotonic() - began) / number
            print(
                f"{self.name}: {number} of {len(left)}, {failed} failed, {each:.1f} s each, "
                f"{each * (len(left) - number) / 60:.0f} min left",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        self._write(stretch, commit)
        return failed

    def _write(self, stretch: list[Outcome], commit: str) -> None:
        """A line of the runs so far, and begin anew."""
        if stretch:
            append(self.results, line(self.name, (stretch[0].seed, stretch[-1].seed), stretch, commit))
            stretch.clear()

    def _kept(self, seed: int) -> Path:
        return self.keep / f"{self.name}-{seed}"

    def _one(self, seed: int) -> Outcome:
        root = Path(tempfile.mkdtemp(prefix=f"{self.name}-{seed}-"))
        outcome = self.run_one(seed, root)
        if outcome.problems:
            shutil.rmtree(self._kept(seed), ignore_errors=True)
            shutil.copytree(root, self._kept(seed))
        shutil.rmtree(root)
        return outcome


def coming(clock: str, now: datetime) -> datetime:
    """When a clock next shows that time, also behind midnight."""
    at = time.strptime(clock, "%H:%M")
    then = now.replace(hour=at.tm_hour, minute=at.tm_min, second=0, microsecond=0)
    return then if then > now else then + timedelta(days=1)


def _commit() -> str:
    """The short name of what is checked out, with a mark when anything but the results is changed."""

    def git(*words: str) -> str:
        found = subprocess.run(["git", *words], capture_output=True, text=True, check=False, cwd=RESULTS.parent)
        return found.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ":/", f":!{RESULTS.name}")
    return git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")


if __name__ == "__main__":
    # The command finds the package where it is installed, which may be another tree than this one.
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    sys.exit(main())
