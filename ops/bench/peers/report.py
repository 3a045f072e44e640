"""What was measured of the peers, for people."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from ops.bench.peers.peer import COMMON, PEERS

TITLES = {peer.name: peer.title for peer in PEERS}


def show(console: Console, figures: dict[str, dict[str, Any]]) -> None:
    """Print the table, then of each its settings and what it does not do."""
    table = Table("events per CPU second", "best", "whole", "warm", "per second", "MB", box=None)
    for name, one in figures.items():
        title = f"{TITLES[name]} {one['version']}"
        if "failed" in one:
            table.add_row(title, "failed")
        else:
            rates = (one["events_per_cpu_s"], one["by_cpu"]["whole"], one["by_cpu"]["warm"], one["events_per_s"])
            table.add_row(title, *(f"{number:,}" for number in (*rates, one["rss_mb"])))
    console.print(table)
    common = [line for line in COMMON if all(line in one["lacks"] for one in figures.values())]
    for name, one in figures.items():
        _lines(
            console,
            f"\n{TITLES[name]}: {one['settings']}. It lacks",
            [line for line in one["lacks"] if line not in common],
        )
        if "failed" in one:
            console.print(f"FAILED: {one['failed']}", markup=False)
    _lines(console, "\nEach of them lacks", common)


def _lines(console: Console, title: str, lacks: list[str]) -> None:
    console.print(title, markup=False)
    for line in lacks:
        console.print(f"  - {line}", markup=False)


def fastest(figures: dict[str, dict[str, Any]]) -> int:
    """The events per CPU second of the fastest; 0 where none has run."""
    return max((one["events_per_cpu_s"] for one in figures.values() if "failed" not in one), default=0)
