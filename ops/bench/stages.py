"""What each step of a run costs for each event, and what is left over."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table

WHOLE, REST = "whole", "rest"


def stages(cpu_s: Mapping[str, float], whole_s: float, events: int) -> dict[str, float]:
    """Microseconds of CPU for each event by step. The rest: start and end, the flow itself, threads of libraries."""
    spent = {**cpu_s, REST: whole_s - sum(cpu_s.values()), WHOLE: whole_s}
    return {name: round(seconds / events * 1e6, 3) for name, seconds in spent.items()}


def stage_table(found: Mapping[str, float]) -> Table:
    """For people."""
    table = Table("stage", "µs of CPU per event", box=None)
    for name, spent in found.items():
        table.add_row(name, f"{spent:.2f}")
    return table
