"""Seeds of the simulation: those that once found something, and the first 500."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.campaign.simulation import in_memory
from tests.simulation.machine import Machine
from tests.simulation.plan import BETWEEN, MOMENTS, OF_FILES, OF_KAFKA, draw
from tests.simulation.seed import run_seed

SEEDS, AT_ONCE = 500, 25


def kept() -> list[Any]:
    """The seeds of the file; a defect that is open is expected to be found still."""
    lines = Path(__file__).with_name("kept_seeds.txt").read_text().splitlines()
    found = [line.split(maxsplit=1) for line in lines if not line.startswith("#")]
    return [
        pytest.param(int(seed), marks=[pytest.mark.xfail(strict=True, reason=why)] if why.startswith("OPEN") else [])
        for seed, why in found
    ]


@pytest.mark.parametrize("seed", kept())
def test_a_seed_that_once_found_something_passes(seed: int) -> None:
    with in_memory() as root:
        ended = run_seed(seed, root)
    assert not ended.problems, ended


@pytest.mark.parametrize("first", range(1, SEEDS + 1, AT_ONCE))
def test_seeds_pass(first: int) -> None:
    with in_memory() as root:
        ended = [run_seed(seed, root) for seed in range(first, first + AT_ONCE)]
    assert [] == [str(one) for one in ended if one.problems]


def test_one_seed_does_one_thing() -> None:
    """Whatever else has run in the process before."""
    with in_memory() as root:
        for seed in (3, 14, 41):
            once, again = run_seed(seed, root), run_seed(seed, root)
            assert once == again


def test_every_fault_is_drawn_and_bites() -> None:
    plans = [draw(seed) for seed in range(1, SEEDS + 1)]
    lives = [life for plan in plans for life in plan.lives]
    drawn = Counter(life.before for life in lives) + Counter(life.death.moment for life in lives if life.death)
    assert {} == {
        name: drawn[name] for name in (*BETWEEN, *MOMENTS, *OF_FILES, *OF_KAFKA, "", "step") if not drawn[name]
    }
    assert {1, 2, 4} == {life.workers for life in lives}
    assert {True, False} == {life.follow for life in lives} == {life.bytewax for life in lives}
    found: Counter[str] = Counter()
    wanted = ("kill", "power cut", "commits lost", "torn file", "clock jump", "rewind", "zombie", "zombie fenced")
    wanted += ("old state refused", "no state refused", "sink cut refused", "sink away", "all new", "run by bytewax")
    with in_memory() as root:
        for seed, plan in enumerate(plans, start=1):
            lacking = {name for name in wanted if not found[name]}
            # Behind the first hundred only those that draw what is rare.
            if seed < 100 or {f"{life.before} refused" for life in plan.lives} & lacking:
                found.update(run_seed(seed, root).faults)
    assert {} == {name: found[name] for name in wanted if not found[name]}


def test_most_deaths_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """A death that is drawn for a moment that the run does not come to is none."""
    died: Counter[bool] = Counter()
    right = Machine.crash

    def crash(machine: Machine, power: bool) -> None:
        died[True] += 1
        right(machine, power)

    monkeypatch.setattr(Machine, "crash", crash)
    drawn = 0
    with in_memory() as root:
        for seed in range(101, 131):
            drawn += sum(life.death is not None for life in draw(seed).lives)
            run_seed(seed, root)
    assert died[True] >= 0.4 * drawn, (died, drawn)
