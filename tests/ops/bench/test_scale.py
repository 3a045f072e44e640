"""What the benchmark of scale runs and tells; how fast anything is is no matter of a test."""

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.bench import runs, scale
from ops.bench.process import SPENDER, Spent
from ops.bench.runs import CPU, WARM, over_time
from ops.bench.scale import QUICK, ScaleSize, bench_scale, scale_size

SIZE = ScaleSize(keys=(300, 3_000), customers=(5,), shards=(2,), events=400, longer=800, rounds=1)


def test_everything_is_compared_with_books_that_are_right(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(scale, "HELPS", 1)
    code = bench_scale(SIZE, tmp_path / "plots", as_json=True)
    printed = capsys.readouterr()
    assert 0 == code, printed.err
    figures = json.loads(printed.out)
    names = {
        "keys": {"300", "3000"}, "customers": {"5"}, "hot": {"even", "hot"}, "shards": {"2"},
        "processes": {"one", "two", "ratio"},
        "flat": {"keys", "keys_from_start", "customers", "customers_from_start", "hot", "shards"},
        "start": {"identities", "ready_s", "most_ready_s", "help_s"},
    }  # fmt: skip
    assert {**names, "over_time": set()}.keys() == figures.keys()
    assert names == {name: set(figures[name]) for name in names}
    columns = {CPU, "events_per_s", "events", "cpu_s", "wall_s", "rss_mb", "entries", "stages"}
    for found in (figures["keys"]["300"], figures["processes"]["two"], figures["hot"]["hot"]):
        assert columns == found.keys() - {WARM, "idle_cpu_s"}
        assert found["entries"] > 0
    assert all({WARM, "idle_cpu_s"} <= one.keys() for name in ("keys", "customers") for one in figures[name].values())
    assert 3_000 == figures["start"]["identities"]
    written = {path.name for path in (tmp_path / "plots").iterdir()}
    assert written >= {
        f"{kind}-over-{name}.svg" for kind in ("throughput", "memory") for name in ("keys", "customers", "shards")
    }


@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs that count nothing and write nothing, and a service that is ready at once; the list holds what was asked for."""
    asked: list[str] = []

    def ran(*words: str, **settings: object) -> tuple[dict, Spent]:
        asked.append(" ".join(f"{name}={value}" for name, value in settings.items()))
        if settings.get("workers") == 2:
            raise OSError("accrual run ended with 1")
        Path(words[words.index("--sink") + 1].removeprefix("files:")).mkdir(parents=True, exist_ok=True)
        return {"counted": 0, "duplicates": 0, "entries": 0, "cpu_s": {}}, Spent(2.0, 4.0, 100)

    @contextmanager
    def ready(*_: object):
        class Ready:
            def ready(self, seconds: float, look_s: float) -> float:
                return 0

        yield Ready()

    monkeypatch.setattr(runs, "accrual_result", ran)
    monkeypatch.setattr(scale, "service", ready)
    monkeypatch.setattr(scale, "accrual", lambda *_: ("", Spent(0.1, 0.2)))
    return asked


def test_wrong_books_and_failed_runs_fail_the_benchmark(nothing_runs: list[str], capsys) -> None:
    assert 1 == bench_scale(SIZE, None, as_json=True)
    printed = capsys.readouterr()
    said = " ".join(printed.err.split())
    assert "WRONG: 300 identities: events counted: expected 400, was 0" in said
    assert "WRONG: two: accrual run ended with 1" in said
    figures = json.loads(printed.out)
    assert {"one"} == figures["processes"].keys()
    assert {"300", "3000"} == figures["keys"].keys()
    assert {"workers=1", "workers=2", "shards=2"} <= set(nothing_runs)


def test_runs_go_to_and_fro_and_the_one_in_the_middle_counts(tmp_path: Path) -> None:
    order: list[str] = []
    speeds = {"a": [5, 1, 3], "b": [2, 9, 4]}

    def case(name: str) -> dict:
        order.append(name)
        return {CPU: speeds[name][order.count(name) - 1]}

    found = runs.Runs(tmp_path, print).in_turns({name: lambda name=name: case(name) for name in speeds}, 3)
    assert ["a", "b", "b", "a", "a", "b"] == order
    assert {"a": {CPU: 3}, "b": {CPU: 4}} == found


def test_over_time_is_told_between_samples_in_which_it_went_on() -> None:
    mb = 2**20
    samples = [(0, 0.5, mb), (100, 1.0, 2 * mb), (100, 1.5, 2 * mb), (400, 2.0, 3 * mb), (600, 3.0, 3 * mb)]
    assert [(400, 300, 3), (600, 200, 3)] == over_time(samples)
    assert [] == over_time([])


def test_over_time_has_few_points() -> None:
    told = over_time([(1_000 * number, number, 1.0) for number in range(1_000)])
    assert 15 <= len(told) <= 20
    assert {1_000} == {speed for _, speed, _ in told}


def test_the_memory_of_whoever_measures_is_not_that_of_what_is_measured(tmp_path: Path) -> None:
    held = bytearray(300 << 20)
    held[::4096] = b"x" * len(held[::4096])
    subprocess.run([*SPENDER, str(tmp_path / "told"), sys.executable, "-S", "-c", "print(1)"], check=True)
    told = json.loads((tmp_path / "told").read_text())
    assert 0 < told["resident"] < 150
    assert 0 < told["cpu"]
    assert 0 < told["wall"]


def test_how_it_ended_is_told_by_whoever_measures(tmp_path: Path) -> None:
    ended = subprocess.run([*SPENDER, str(tmp_path / "told"), sys.executable, "-S", "-c", "raise SystemExit(3)"])
    assert 3 == ended.returncode


def test_what_is_measured_ends_with_whoever_measures(tmp_path: Path) -> None:
    waits = "import sys; print('waits', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [*SPENDER, str(tmp_path / "told"), sys.executable, "-S", "-c", waits],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert b"waits\n" == process.stdout.readline()
    process.terminate()
    assert b"" == process.stdout.read()  # both have let go of it
    assert 0 != process.wait()
    process.stdin.close()


def test_what_the_command_line_asks_for() -> None:
    assert QUICK == scale_size(True, None, None)
    asked = scale_size(False, [500, 20, 500], 77)
    assert ((20, 500), 77, 385, 3) == (asked.keys, asked.events, asked.longer, asked.rounds)
