"""Named points at which a process dies: each is in the product, a wrong name is wrong usage, every process counts."""

import ast
import json
import signal
from pathlib import Path

import pytest

from connectors.crash_point import POINTS, CrashPoints
from tests.support.feed import Drawing
from tests.support.process import accrual, environment, here

ROOT = Path(__file__).parents[2]
PRODUCT = ("accounting", "schemas", "state", "connectors", "dataflows", "ops")
CALLS = ("crash_point", "dies_next")


def called() -> dict[str, set[str]]:
    """The names that each function of the points is called with, over the product."""
    found: dict[str, set[str]] = {name: set() for name in CALLS}
    for path in (one for folder in PRODUCT for one in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(point))]) if name in CALLS:
                    found[name].add(point)
                case ast.Call(func=ast.Name(id=name), args=[ast.Name()]) if name in CALLS:
                    raise AssertionError(f"{path}: the name of a point is written where it is called")
    return found


def the_words(tmp_path: Path) -> list[str]:
    Drawing(7, events=60).feed().write(tmp_path / "in")
    return ["run", "--source", "files:in", "--sink", "files:out", "--as-of", "2025-04-01", "--json"]


def test_every_point_is_in_the_product_and_every_point_there_has_a_name() -> None:
    assert set(POINTS) == called()["crash_point"]
    assert called()["dies_next"] <= set(POINTS)


@pytest.mark.parametrize(
    "wrong",
    ["batch-read", "batch-read:0", "batch-read:-1", "batch-read:x", "batch-raed:1", ":1", "batch-read:1,", "²:²"],
)
def test_a_wrong_crash_at_is_wrong_usage(wrong: str, tmp_path: Path) -> None:
    ended = here(*the_words(tmp_path), cwd=tmp_path, CRASH_AT=wrong)
    assert 2 == ended.code
    part = wrong.split(",")[-1]
    assert f"CRASH_AT has {part!r}: write name:n with n from 1 and a name of generation-to-write, " in ended.told
    assert "Traceback" not in ended.said
    assert not (tmp_path / "out" / ".state").exists()


def test_a_wrong_crash_at_is_wrong_usage_of_a_process_too(tmp_path: Path) -> None:
    ended = accrual(*the_words(tmp_path), cwd=tmp_path, env=environment(CRASH_AT="nowhere:1"))
    assert 2 == ended.code
    assert "Traceback" not in ended.said


def test_a_process_dies_at_the_nth_passing_and_the_next_one_completes(tmp_path: Path) -> None:
    words = the_words(tmp_path)
    killed = accrual(*words, cwd=tmp_path, env=environment(CRASH_AT="file-half-written:1"))
    assert -signal.SIGKILL == killed.code
    torn = [path for path in (tmp_path / "out").glob("*/*.jsonl") if not path.read_bytes().endswith(b"\n")]
    assert 1 == len(torn)
    ended = accrual(*words, cwd=tmp_path)
    assert 0 == ended.code
    assert {b"\n"} == {path.read_bytes()[-1:] for path in (tmp_path / "out").glob("*/*.jsonl")}
    assert 2 == json.loads(ended.printed)["generation"]


def test_worker_processes_die_at_their_points_too(tmp_path: Path) -> None:
    words = [*the_words(tmp_path), "--workers", "2"]
    killed = accrual(*words, cwd=tmp_path, env=environment(CRASH_AT="batch-written:1"))
    assert 1 == killed.code
    assert killed.told.endswith("nothing is lost, run the same command again")
    assert [] == list((tmp_path / "out").glob("*/*.jsonl"))
    assert 0 == accrual(*words, cwd=tmp_path).code


def test_a_point_is_passed_until_its_number_is_reached() -> None:
    died: list[bool] = []
    points = CrashPoints({"batch-read": 3, "batch-applied": 1}, lambda: died.append(True))
    for _ in range(2):
        points.reach("batch-read")
    points.reach("batch-written")
    assert [] == died
    assert points.awaits("batch-read")
    points.reach("batch-read")
    points.reach("batch-read")
    assert [True] == died
