"""The results of the campaign as a table."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.campaign.results import read

WIDTH = 110


def report(results: Path) -> int:
    """Print what has come of every ring; 1 when a run has failed."""
    rings: dict[str, Counter[str]] = {}
    faults: dict[str, Counter[str]] = {}
    times: dict[str, list[float]] = {}
    problems: list[str] = []
    for one in read(results):
        name = one["ring"]
        sums = rings.setdefault(name, Counter())
        sums.update(runs=one["runs"], events=one["events"], seconds=one["seconds"], failed=bool(one["problems"]))
        faults.setdefault(name, Counter()).update(one["faults"])
        times.setdefault(name, []).extend(one["recovery_s"])
        problems += [f"{name}: {problem}" for problem in one["problems"]]
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    table = Table(title=f"The crash campaign, {results.name}", title_justify="left")
    table.add_column("ring", no_wrap=True)
    for heading in ("runs", "faults", "events", "failed", "hours", "recovery p50", "p99", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in sorted(rings):
        found, sums = sorted(times[name]), rings[name]
        table.add_row(
            name, f"{sums['runs']:,}", f"{faults[name].total():,}", f"{sums['events']:,}", f"{sums['failed']:,}",
            f"{sums['seconds'] / 3_600:.1f}", *(f"{at(found, share):.1f} s" for share in (0.5, 0.99, 1)),
        )  # fmt: skip
    console.print(table)
    kinds = Table(title="Faults by kind", title_justify="left")
    for heading in ("ring", "fault", "times"):
        kinds.add_column(heading, justify="right" if heading == "times" else "left", no_wrap=True)
    for name in sorted(faults):
        for kind, count in faults[name].most_common():
            kinds.add_row(name, kind, f"{count:,}")
    console.print(kinds)
    for problem in problems:
        console.print(problem, soft_wrap=True, markup=False)
    return 1 if problems else 0


def at(found: list[float], share: float) -> float:
    """A quantile of sorted numbers: the smallest that so many are not above."""
    return found[max(0, -int(-share * len(found) // 1) - 1)] if found else 0.0
