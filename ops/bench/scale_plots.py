"""The plots of the benchmark of scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.bench.plot import Axis, Point, line_plot
from ops.bench.runs import CPU, WARM

Lines = dict[str, list[Point]]
THROUGHPUT, MEMORY = Axis("events per CPU second"), Axis("resident memory, MB")
THROUGHPUTS = {CPU: "whole run", WARM: "without its beginning and end"}
MEMORIES = {"rss_mb": "most"}
OVER = {
    "keys": ("identities", Axis("identities stored before the run", powers=True)),
    "customers": ("customers", Axis("customers", powers=True)),
    "shards": ("shards", Axis("shards of the state")),
}


def write_plots(figures: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Write them below a folder; each one's path once it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (what, x) in OVER.items():
        ran = {int(case): found for case, found in sorted(figures[name].items(), key=lambda one: int(one[0]))}
        for kind, y, columns in (("throughput", THROUGHPUT, THROUGHPUTS), ("memory", MEMORY, MEMORIES)):
            lines: Lines = {
                told: [(case, found[column]) for case, found in ran.items() if column in found]
                for column, told in columns.items()
            }
            yield from _written(folder / f"{kind}-over-{name}.svg", f"{kind.capitalize()} over {what}", x, y, lines)
    x = Axis("events read")
    for kind, y, at in (("throughput", THROUGHPUT, 1), ("memory", MEMORY, 2)):
        over: Lines = {"": [(sample[0], sample[at]) for sample in figures["over_time"]]}
        yield from _written(folder / f"{kind}-over-time.svg", f"{kind.capitalize()} over time", x, y, over)


def _written(path: Path, title: str, x: Axis, y: Axis, lines: Lines) -> Iterator[Path]:
    """Nothing where there is no point: a run that is over before it is looked at twice has none over time."""
    drawn = {name: points for name, points in lines.items() if points}
    if drawn:
        path.write_text(line_plot(title, x, y, drawn))
        yield path
