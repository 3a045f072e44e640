"""A death at every named point of the file path, once: the end is that of an undisturbed run."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.crash_point import POINTS
from tests.campaign.points import PLACES, SEEDS, pair, run_one

pytestmark = pytest.mark.slow


def test_the_seeds_are_every_point_alone_and_every_pair() -> None:
    pairs = [pair(seed) for seed in range(SEEDS)]
    assert {(one, None) for one in PLACES} | {(one, two) for one in PLACES for two in PLACES} == set(pairs)
    assert SEEDS == len(set(pairs))
    assert {"kafka", "group"} == {name.partition("-")[0] for name in POINTS if name not in PLACES}


@pytest.mark.parametrize("seed", range(len(PLACES)), ids=lambda seed: PLACES[seed])
def test_a_death_at_a_point_changes_nothing(seed: int, tmp_path: Path) -> None:
    outcome = run_one(seed, tmp_path)
    assert () == outcome.problems
    assert outcome.faults[PLACES[seed]] == 1
    assert outcome.recovery_s


def test_a_second_death_while_it_recovers_changes_nothing(tmp_path: Path) -> None:
    wanted = ("file-half-written", "unsent-again")
    outcome = run_one(next(seed for seed in range(SEEDS) if pair(seed) == wanted), tmp_path)
    assert () == outcome.problems
    assert set(wanted) <= outcome.faults.keys()
