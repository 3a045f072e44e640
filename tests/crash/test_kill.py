"""Deaths of one of several processes, and the same books however the work is cut; tests/campaign has deaths of one."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from ops.books_digest import journal_books
from tests.campaign.disturbed import KINDS, LOOK_S, Disturbed, Plan, all_children, disturbed, ended_within, gone, size
from tests.campaign.left import Reading
from tests.oracle import compute
from tests.support.feed import Drawing, Feed
from tests.support.judged import run_feed
from tests.support.process import finish

pytestmark = pytest.mark.slow

AMENDED = 100  # from this number on contracts are amended and billed
TWO = Plan("simple", 1_000, 2, {"batch_rows": 15, "epoch_ms": 10, "shards": 3})
Process = subprocess.Popen[str]


def eventful(number: int, events: int) -> Feed:
    """The first feed from a seed on with three partitions, contracts, closes and a clock at the end."""
    more = KINDS["billed"] if number >= AMENDED else {}
    for seed in itertools.count(1_000 * (number + 1)):
        feed = Drawing(seed, events=events, **more).feed()
        closes = [b"period_close" in line for line in feed.topics.get("control.events", {}).get(0, [])]
        contracts = feed.topics["contracts.events"][0]
        if len(feed.topics["usage.events"]) == 3 and len(contracts) > 2 and any(closes) and feed.as_of:
            return feed
    raise AssertionError("a count has no end")


def until_it_writes(process: Process, out: Path) -> None:
    """Wait until something new is in the sink, or the process has ended."""
    had = size(out)
    while size(out) == had and not ended_within(process, LOOK_S):
        pass


@pytest.mark.parametrize("moment", ["at the start", "while it writes"])
def test_a_killed_worker_stops_the_run_and_the_next_one_completes_it(moment: str, tmp_path: Path) -> None:
    case, rng = disturbed(0, tmp_path, TWO), random.Random(moment)
    out, readings, killed = tmp_path / "out", list[Reading](), 0
    for _ in range(2):
        process = case.start(out)
        workers = all_children(process, 2)
        if moment == "while it writes":
            until_it_writes(process, out)
        os.kill(workers[rng.randrange(2)], signal.SIGKILL)
        ended = finish(process)
        gone(workers)
        if ended.code == 0:  # its worker had done its work already
            assert () == case.problems(out, ended, tuple(readings))
            continue
        killed += 1
        assert 1 == ended.code
        assert "accrual run: worker process " in ended.told or "accrual run: a worker process failed" in ended.told
        assert ended.told.endswith("nothing is lost, run the same command again")
        readings.append(Reading.of(out))
    assert killed
    assert () == case.problems(out, finish(case.start(out)), tuple(readings))


def test_workers_do_not_outlive_a_killed_launcher(tmp_path: Path) -> None:
    case: Disturbed = disturbed(1, tmp_path, TWO)
    out = tmp_path / "out"
    process = case.start(out)
    workers = all_children(process, 2)
    until_it_writes(process, out)
    process.kill()
    finish(process)
    gone(workers)
    reading = Reading.of(out)
    assert () == case.problems(out, finish(case.start(out)), (reading,))


# -- the same books, however the work is cut


def digest(root: Path, out: Path, as_of: str | None, **settings: object) -> str:
    run_feed(root, out, as_of, **settings)
    return journal_books(out).digest()


@pytest.mark.parametrize("number", [20, 21, AMENDED + 1])
def test_the_same_books_for_any_workers_batches_and_shards(number: int, tmp_path: Path) -> None:
    feed = eventful(number, events=400)
    (source := tmp_path / "in").mkdir()
    feed.write(source)
    expected = compute(str(source), feed.as_of)
    assert expected.sums
    cuts: dict[str, dict[str, object]] = {
        "one worker": {},
        "two workers": {"workers": 2},
        "a row a batch": {"batch_rows": 1, "shards": 2},
        "two workers, small batches": {"workers": 2, "batch_rows": 10, "shards": 2},
        "one batch": {"batch_rows": 10_000},
        "one shard": {"shards": 1},
        "eight shards": {"shards": 8},
        "many epochs": {"batch_rows": 7, "epoch_ms": 10},
    }
    found = {
        name: digest(source, tmp_path / name.replace(" ", "-"), feed.as_of, **settings)
        for name, settings in cuts.items()
    }
    peaceful = expected.digest() if number < AMENDED else found["one worker"]
    assert dict.fromkeys(cuts, peaceful) == found
