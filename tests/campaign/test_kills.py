"""Kill -9 at random moments: after any number of deaths the books are those of an undisturbed run and of the oracle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.campaign import bulk
from tests.campaign.disturbed import Plan
from tests.campaign.kills import KILLS, run_one

pytestmark = pytest.mark.slow

CUT = {"batch_rows": 15, "epoch_ms": 10, "shards": 3}
# The short cut of the ring: sixty kills.
PLANS = {
    1: Plan("simple", 600, 1, CUT),
    2: Plan("rich", 600, 1, {**CUT, "batch_rows": 50}),
    3: Plan("modified", 400, 1, {**CUT, "shards": 1}),
    4: Plan("billed", 600, 1, {**CUT, "epoch_ms": 30}),
    5: Plan("rich", 300, 2, {**CUT, "batch_rows": 50}),
    6: Plan("simple", 400, 1, {"batch_rows": 7, "epoch_ms": 10, "shards": 5}),
}


@pytest.mark.parametrize("seed", PLANS)
def test_the_books_survive_any_number_of_deaths(seed: int, tmp_path: Path) -> None:
    outcome = run_one(seed, tmp_path, plan=PLANS[seed])
    assert () == outcome.problems
    assert KILLS == sum(outcome.faults.values())
    assert outcome.recovery_s


def test_large_batches_in_two_processes_survive_them_too(tmp_path: Path) -> None:
    outcome = bulk.run_one(1, tmp_path, replace(bulk.PLAN, events=3_000), count=3)
    assert () == outcome.problems
    assert 3 == sum(outcome.faults.values())
