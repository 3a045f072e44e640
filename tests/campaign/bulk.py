"""Ring R2, bulk: as `kills`, with hundreds of thousands of events, in batches, shards and processes as a deployment has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.campaign import kills
from tests.campaign.disturbed import Plan
from tests.campaign.outcome import Outcome

RING = "R2 bulk"
KILLS = 20  # of each seed
OTHER_FEEDS = 1_000  # its feeds are not those of `kills`
PLAN = Plan("rich", 300_000, 2, {"batch_rows": 5_000, "epoch_ms": 50, "shards": 8})


def run_one(seed: int, root: Path, plan: Plan = PLAN, count: int = KILLS) -> Outcome:
    """Kill a seed's runs so many times; the last of each is judged by every invariant."""
    return replace(kills.run_one(OTHER_FEEDS + seed, root, count, plan), ring=RING, seed=seed)
