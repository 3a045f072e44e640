"""Ring R1 of the campaign: seeds of the simulation (tests/simulation), by the thousand."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.campaign.outcome import Outcome
from tests.simulation.seed import run_seed

RING = "R1 simulation"
IN_MEMORY = Path("/dev/shm")  # where it is missing the world's few files are on the disk


def run_one(seed: int, root: Path) -> Outcome:
    """One seed; nothing of it stays: python -m tests.simulation SEED does it again."""
    began = time.monotonic()
    with in_memory() as place:
        ended = run_seed(seed, place)
    return Outcome(
        RING, seed, ended.plan.words, dict(sorted(ended.faults.items())), ended.events, ended.digest, (),
        round(time.monotonic() - began, 2), ended.problems,
    )  # fmt: skip


@contextmanager
def in_memory() -> Iterator[Path]:
    """An empty directory."""
    place = IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="accrual-simulation-", dir=place) as root:
        yield Path(root)
