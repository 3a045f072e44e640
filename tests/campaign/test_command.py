"""The campaign's command: every run is a line, what is there is not run again, and a failure is told and kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.campaign import points
from tests.campaign.__main__ import Campaign, coming, main
from tests.campaign.outcome import Outcome
from tests.campaign.report import at
from tests.campaign.results import known, line, read


def outcome(seed: int, *problems: str) -> Outcome:
    return Outcome("R2 points", seed, "a plan", {"kill": seed}, 10, f"d{seed}", (0.5 * seed,), 1.0, problems)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The seeds that were run; seed 3 fails, and leaves a file."""
    seeds: list[int] = []

    def run_one(seed: int, root: Path) -> Outcome:
        seeds.append(seed)
        (root / "left").write_text("what it has left")
        return outcome(seed, *(["the same books: no"] if seed == 3 else []))

    monkeypatch.setattr(points, "run_one", run_one)
    return seeds


def command(tmp_path: Path, *words: str) -> int:
    return main(["points", "--results", str(tmp_path / "r.jsonl"), "--keep", str(tmp_path / "kept"), *words])


def test_a_campaign_goes_on_where_it_was_stopped(ran: list[int], tmp_path: Path) -> None:
    assert 0 == command(tmp_path, "--seeds", "1-2")
    assert 1 == command(tmp_path, "--seeds", "1-4")
    assert [1, 2, 3, 4] == ran
    assert {1, 2, 3, 4} == known(tmp_path / "r.jsonl", "points")
    assert 0 == command(tmp_path, "--seeds", "1-2", "--again")
    assert [1, 2, 3, 4, 1, 2] == ran
    over = Campaign("points", tmp_path / "r.jsonl", tmp_path / "kept", None)
    over.until = datetime.now().astimezone()
    assert 0 == over.run((1, 9), again=False)
    assert 6 == len(ran)


def test_an_end_behind_midnight_is_one_of_tomorrow() -> None:
    evening = datetime(2025, 3, 1, 23, 50, tzinfo=UTC)
    assert datetime(2025, 3, 2, 2, 15, tzinfo=UTC) == coming("02:15", evening)
    assert datetime(2025, 3, 1, 23, 51, tzinfo=UTC) == coming("23:51", evening)


def test_what_a_failing_run_has_left_is_kept(
    ran: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 1 == command(tmp_path, "--seeds", "3")
    assert "what it has left" == (tmp_path / "kept" / "points-3" / "left").read_text()
    told = capsys.readouterr().err
    assert "points seed 3 has failed" in told
    assert "the same books: no" in told


def test_a_line_has_the_sums_of_its_runs() -> None:
    found = line("simulation", (1, 2), [outcome(1), outcome(2, "it heals by itself: no")], "abc")
    assert {"kill": 3} == found["faults"]
    assert (2, 20, [0.5, 1.0], [1, 2]) == (found["runs"], found["events"], found["recovery_s"], found["seeds"])
    assert ["seed 2: it heals by itself: no"] == found["problems"]


def test_the_report_is_a_failure_when_a_run_was(
    ran: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command(tmp_path, "--seeds", "1-2")
    report = ["report", "--results", str(tmp_path / "r.jsonl")]
    assert 0 == main(report)
    row = next(one for one in capsys.readouterr().out.splitlines() if "R2 points" in one)
    assert ["2", "3", "20", "0", "0.0", "0.5 s", "1.0 s", "1.0 s"] == [one.strip() for one in row.split("│")[2:-1]]
    command(tmp_path, "--seeds", "3")
    assert 1 == main(report)
    assert "R2 points: seed 3: the same books: no" in capsys.readouterr().out


def test_quantiles_are_values_that_were_measured() -> None:
    found = [float(number) for number in range(1, 101)]
    assert (50.0, 99.0, 100.0) == (at(found, 0.5), at(found, 0.99), at(found, 1))
    assert (7.0, 0.0) == (at([7.0], 0.99), at([], 0.5))


def test_the_committed_results_are_whole() -> None:
    for one in read(Path(__file__).with_name("results.jsonl")):
        assert {"name", "seeds", "runs", "ring", "faults", "events", "problems"} <= one.keys()
        assert json.dumps(one)
