"""The plots of the benchmark of scale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.bench.plot import Axis, Point, line_plot
from ops.bench.runs import CPU

THROUGHPUT, MEMORY = Axis("events per CPU second"), Axis("resident memory, MB")
OVER = {
    "keys": ("identities", Axis("identities stored before the run", powers=True)),
    "customers": ("customers", Axis("customers", powers=True)),
    "shards": ("shards", Axis("shards of the state")),
}


def write_plots(figures: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Write them below a folder; each one's path once it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (what, x) in OVER.items():
        ran = {int(case): found for case, found in figures[name].items()}
        for kind, y, column in (("throughput", THROUGHPUT, CPU), ("memory", MEMORY, "rss_mb")):
            points: list[Point] = [(case, found[column]) for case, found in sorted(ran.items())]
            if points:
                yield _written(folder / f"{kind}-over-{name}.svg", f"{kind.capitalize()} over {what}", x, y, points)
    x = Axis("events read")
    for kind, y, at in (("throughput", THROUGHPUT, 1), ("memory", MEMORY, 2)):
        points = [(sample[0], sample[at]) for sample in figures["over_time"]]
        if points:  # a run that is over before it is looked at twice has none
            yield _written(folder / f"{kind}-over-time.svg", f"{kind.capitalize()} over time", x, y, points)


def _written(path: Path, title: str, x: Axis, y: Axis, points: list[Point]) -> Path:
    path.write_text(line_plot(title, x, y, {"": points}))
    return path
