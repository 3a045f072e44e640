"""`/status`, who may read it, and what a run tells of itself as a whole."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ops.job import Job
from ops.redaction import Redaction
from ops.run_facts import RunFacts
from ops.settings import TOKEN_MIN, load
from ops.standing import Restart, Standing
from ops.version import product
from tests.connectors.test_files_follow import CONTRACTS, CONTROL, PATIENCE_S, USAGE, day
from tests.ops.test_endpoint import Watched, ask
from tests.support.driven import contract
from tests.support.process import Ended, accrual, environment
from tests.support.scraped import Scraped

TOKEN = "0123456789abcdef-XYZ.~+/=="


def status(watched: Watched, worker: int = 0) -> dict[str, Any]:
    """Of a process that answers."""
    code, kind, text = ask(watched.port + worker, "/status")
    assert (200, "application/json") == (code, kind)
    return json.loads(text)


def until(watched: Watched, come: Any) -> dict[str, Any]:
    """The first status of which something is true."""
    watched.scrape()
    end = time.monotonic() + PATIENCE_S
    while not come(found := status(watched)):
        assert time.monotonic() < end, found
    return found


def lag(watched: Watched, topic: str) -> int:
    """As a scraper gets it, from whichever process reads the partition."""
    return int(watched.scrape().by("accrual_input_lag_records", "topic")[topic,])


def applied(found: dict[str, Any]) -> dict[str, int]:
    return {one["topic"]: one["applied"] for one in found["inputs"]}


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_process_says_where_the_whole_run_stands(tmp_path: Path, workers: int) -> None:
    watched = Watched(tmp_path, workers)
    watched.add(CONTRACTS, contract("2025-01-01T00:00:00Z", "k2", price="1", k="k2", customer="d"))
    watched.add(USAGE, day(1, "a"), day(2, "b"), day(2, "e", customer="d"), "no usage", day(3, "c", customer="nobody"))
    watched.add(CONTROL, {"kind": "clock", "as_of": "2025-01-04T00:00:00Z"})
    with watched.served():
        wanted = {"contracts.events": 2, "control.events": 1, "usage.events": 5}
        found = until(
            watched,
            lambda one: one["ready"] and len(one["processes"]) == workers and applied(one) == wanted
            and all(at["lag"] == 0 for at in one["inputs"]),
        )  # fmt: skip
        sizes = {topic: (watched.source / f"{topic}.jsonl").stat().st_size for topic in wanted}
        assert {**sizes, "control.events": 1} == {one["topic"]: one["end"] for one in found["inputs"]}
        assert {"bytes", "records"} == {one["unit"] for one in found["inputs"]}
        assert (
            "2025-01-03T11:00:00Z"
            == next(one for one in found["inputs"] if one["topic"] == "usage.events")["watermark"]
        )
        assert ("2025-01-04T00:00:00Z", product(), 1, 1) == tuple(
            found[name] for name in ("business_date", "product", "state_format", "generation")
        )
        assert 3 == found["schemas"]["revenue.journal"]
        assert [("contract_unknown", 1), ("undecodable", 1)] == [
            (one["class"], one["open"]) for one in found["exceptions_open"]
        ]
        assert [*range(workers)] == found["answers_for"]
        assert [0, 1] == sorted(shard for one in found["processes"] for shard in one["shards"])
        assert (False, False, None) == (found["source"]["away"], found["sink"]["away"], found["last_restart"])
        assert found["ready_for_s"] >= 0
        others = [status(watched, number)["answers_for"] for number in range(1, workers)]
        assert [[number] for number in range(1, workers)] == others
        now = watched.scrape()
        assert {(product(), "1", str(workers)): workers} == now.by(
            "accrual_build_info", "version", "generation", "workers"
        )
        for name in ("accrual_ready", "accrual_source_away", "accrual_sink_away"):
            assert (workers if name == "accrual_ready" else 0) == now.sum(name)
        assert watched.stop().code == 0


def test_lag_is_what_is_not_in_the_books_yet(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.add(USAGE, day(1, "a"))
    with watched.served():
        until(watched, lambda one: one["ready"])
        half = json.dumps(day(2, "b")).encode()[:50]
        watched.write(USAGE, half)  # a line that somebody is still writing
        end = time.monotonic() + PATIENCE_S
        while lag(watched, "usage.events") != len(half):
            assert time.monotonic() < end, lag(watched, "usage.events")
        assert 0 == lag(watched, "contracts.events")
        watched.write(USAGE, json.dumps(day(2, "b")).encode()[50:] + b"\n")
        while lag(watched, "usage.events"):
            assert time.monotonic() < end
        watched.until("01.1")
        assert watched.stop().code == 0


def test_a_restart_is_told_with_its_cause(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    with watched.served():
        found = until(watched, lambda one: one["ready"])
        import os

        from tests.campaign.disturbed import all_children

        os.kill(all_children(watched.process, 1)[0], 9)
        found = until(watched, lambda one: one["ready"] and one["generation"] == 2)
        assert {"died": 1, "hung": 0, "away": 0} == found["restarts"]
        assert "died" == found["last_restart"]["cause"]
        assert "SIGKILL" in found["last_restart"]["told"]
        assert watched.stop().code == 0


@pytest.mark.parametrize("what", ["source", "sink"])
def test_what_ended_the_workers_before_is_away_until_it_is_open_again(tmp_path: Path, what: str) -> None:
    job = Job.of(f"files:{tmp_path}", f"files:{tmp_path}/out", None, None, load(shards=2), follow=True)
    standing = Standing(1, 2, 3, last=Restart("away", "no broker answers", "2025-01-01T00:00:00Z", what))
    away = {"source": standing.source_away, "sink": standing.sink_away}
    assert {"source": what == "source", "sink": what == "sink"} == {name: ask_it(job) for name, ask_it in away.items()}
    assert [what] == [name.split("_")[1] for name in GAUGES if of(job, standing, name)]
    job.metrics.vitals.opens()  # a process that reads no partition has shards
    assert [] == [name for name in GAUGES if of(job, standing, name)]
    died = Standing(1, 2, 3, last=Restart("died", "by a signal", "2025-01-01T00:00:00Z"))
    job.metrics.vitals.begins()
    assert [] == [name for name in GAUGES if of(job, died, name)]


GAUGES = ("accrual_source_away", "accrual_sink_away")


def of(job: Job, standing: Standing, name: str) -> float:
    """The value of a gauge."""
    return next(one.samples[0].value for one in RunFacts(job, standing).collect() if one.name == name)


# -- who may read it


def test_with_a_token_only_live_and_ready_are_open(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    file = watched.root / "token"
    file.write_text(f"{TOKEN}\n")
    watched.root.joinpath("accrual.toml").write_text(f'metrics_token_file = "{file}"\n')
    with watched.served():
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                if ask(watched.port, "/ready")[0] == 200:
                    break
            except OSError:
                assert time.monotonic() < end
        assert 200 == ask(watched.port, "/live")[0]
        right = f"Bearer {TOKEN}"
        wrong = (
            "",
            "Bearer",
            "Bearer ",
            TOKEN,
            f"Basic {TOKEN}",
            right[:-1],
            right + "x",
            right.upper(),
            "Bearer \u00fc",
        )
        for path in ("/metrics", "/status", "/"):
            assert [401] * len(wrong) == [ask(watched.port, path, Authorization=one)[0] for one in wrong]
            assert 401 == ask(watched.port, path)[0]
        assert (200, 200, 404) == tuple(
            ask(watched.port, path, Authorization=right)[0] for path in ("/metrics", "/status", "/")
        )
        text = ask(watched.port, "/metrics", Authorization=f"bearer {TOKEN}")[2]
        assert 1 == Scraped(text).sum("accrual_ready")
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                assert TOKEN.encode() not in (folder / "cmdline").read_bytes()
            except OSError:
                continue
        ended = watched.stop()
        assert (0, "") == (ended.code, ended.said)


def begun(watched: Watched, **settings: str) -> Ended:
    """A run to the end of its input that would serve."""
    env = environment(ACCRUAL_SHARDS="2", **settings)
    return accrual(*watched.words("--metrics-port", str(watched.port)), cwd=watched.root, env=env)


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_an_address_that_others_reach_is_refused_without_a_token(tmp_path: Path, address: str) -> None:
    watched = Watched(tmp_path)
    ended = begun(watched, ACCRUAL_METRICS_ADDRESS=address)
    assert 2 == ended.code
    assert ended.told == (
        f"accrual run: setting metrics_address has the value {address!r}: who reaches it could read every figure of the books; "
        "put a token into a file that only the service and its scraper read and name it in metrics_token_file (or set "
        "ACCRUAL_METRICS_TOKEN), or leave the address at 127.0.0.1"
    )
    assert not watched.sink.exists()
    assert 0 == begun(watched, ACCRUAL_METRICS_ADDRESS=address, ACCRUAL_METRICS_TOKEN=TOKEN).code
    watched.port = 0  # nothing is served
    assert 0 == begun(watched, ACCRUAL_METRICS_ADDRESS=address).code


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"ACCRUAL_METRICS_ADDRESS": "everywhere"},
            "'everywhere': must be an IP address of this machine, such as 127.0.0.1",
        ),
        (
            {"ACCRUAL_METRICS_TOKEN_FILE": "nowhere"},
            "metrics_token_file names nowhere, which does not read: FileNotFoundError",
        ),
        ({"ACCRUAL_METRICS_TOKEN": "hush"}, f"ACCRUAL_METRICS_TOKEN holds no token: at least {TOKEN_MIN} letters"),
        ({"ACCRUAL_METRICS_TOKEN": "hush hush hush hush hush"}, "ACCRUAL_METRICS_TOKEN holds no token"),
        ({"ACCRUAL_TRACES_ENDPOINT": "collector"}, "must be a URL such as http://host:4318/v1/traces"),
        ({"ACCRUAL_LOG_FORMAT": "xml"}, "input should be 'text' or 'json'"),
    ],
)
def test_what_is_wrong_is_refused_and_no_token_is_shown(tmp_path: Path, settings: dict[str, str], told: str) -> None:
    ended = begun(Watched(tmp_path), **settings)
    assert (2, True) == (ended.code, told in ended.told), ended.told
    assert "hush" not in ended.said


# -- secrets


def test_a_secret_is_three_stars_wherever_it_stands() -> None:
    hides = Redaction(["hush4711", "hush", "a.b", ""])
    assert {"x": ["***, (***)", 1, None], "***": "hushed a_b"} == hides.of(
        {"x": ["hush4711, (a.b)", 1, None], "hush": "hushed a_b"}
    )
    assert "hush" == Redaction().of("hush")
