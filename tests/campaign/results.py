"""The results of the campaign: one JSON line for each run, or for each stretch of seeds of the short ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.campaign.outcome import Outcome

RESULTS = Path(__file__).with_name("results.jsonl")


def line(name: str, seeds: tuple[int, int], outcomes: list[Outcome], commit: str) -> dict[str, Any]:
    """What is kept of the runs of some seeds, the last one included: of one run all of it, of several their sums."""
    (first, *rest), faults = outcomes, Counter[str]()
    for one in outcomes:
        faults.update(one.faults)
    digest = sha256("".join(one.digest for one in outcomes).encode()).hexdigest() if rest else first.digest
    return {
        "name": name, "seeds": list(seeds), "runs": len(outcomes), "commit": commit,
        **asdict(first), "faults": dict(sorted(faults.items())), "digest": digest,
        "events": sum(one.events for one in outcomes),
        "seconds": round(sum(one.seconds for one in outcomes), 1),
        "recovery_s": [seconds for one in outcomes for seconds in one.recovery_s],
        "problems": [f"seed {one.seed}: {problem}" for one in outcomes for problem in one.problems],
    }  # fmt: skip


def append(results: Path, found: dict[str, Any]) -> None:
    """Add a line; one process at a time writes."""
    with results.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found, ensure_ascii=False) + "\n")


def read(results: Path) -> Iterator[dict[str, Any]]:
    """All lines that are whole."""
    if results.exists():
        for text in results.read_bytes().split(b"\n")[:-1]:
            yield json.loads(text)


def known(results: Path, name: str) -> set[int]:
    """The seeds of a ring that have been run."""
    return {
        seed
        for one in read(results)
        if one["name"] == name
        for seed in range(one["seeds"][0], one["seeds"][1] + 1)
    }  # fmt: skip
