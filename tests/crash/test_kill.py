"""Kill -9 at random moments: after any number of deaths the books are those of an undisturbed run.

Each feed's kills are spread over start-up, reading, the close of an epoch and the end. A death is drawn from the feed's
seed; how long a life lasts is measured on the undisturbed run, so that the spread is the same on a slow machine.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.books_digest import journal_books
from tests.oracle import Journal, compute
from tests.support.feed import Drawing, Feed
from tests.support.judged import open_exceptions, problems, run_feed
from tests.support.process import Ended, as_result, environment, finish, start

pytestmark = pytest.mark.slow

EVENTS = 1_000
KILLS = 10  # of each feed
AMENDED = 100  # from this number on contracts are amended and billed
FEEDS = (0, 1, 2, 4, 5, AMENDED)  # 3 meets the open defect in tests/properties/test_feeds.py: see its xfail
MANY_EPOCHS = environment(ACCRUAL_EPOCH_MS="10", ACCRUAL_BATCH_ROWS="15", ACCRUAL_SHARDS="3")
OUTPUTS = ("revenue.journal", "revenue.exceptions", "revenue.recalculations")
LOOK_S = 0.01


@dataclass
class Disturbed:
    """A feed on disk and what an undisturbed run makes of it."""

    feed: Feed
    source: Path
    starting: float  # seconds from the start of the process until it owns its state
    working: float  # and from there to its end
    digest: str
    exceptions: set[tuple[str, str, int, int]]
    counts: dict[str, int]

    def words(self, out: Path, *more: str) -> list[str]:
        """The words of the command."""
        assert self.feed.as_of is not None
        places = ["--source", f"files:{self.source}", "--sink", f"files:{out}"]
        return ["run", *places, "--as-of", self.feed.as_of, "--json", *more]

    def start(self, out: Path, *more: str) -> subprocess.Popen[str]:
        """Start a run."""
        return start(*self.words(out, *more), cwd=self.source, env=MANY_EPOCHS)

    def agrees(self, out: Path, ended: Ended) -> None:
        """What is in the sink is what an undisturbed run leaves there."""
        assert ended.code == 0, ended.said
        journal = Journal.read(str(out))  # reports entry ids that come twice and sequences with a gap
        assert journal.problems == []
        assert self.digest == json.loads(ended.printed)["digest"]
        assert self.exceptions == open_exceptions(out)  # refuses one that is open twice
        assert self.counts == counts(ended)


def counts(ended: Ended) -> dict[str, int]:
    """What became of the usage; not how many entries, as a window may be posted in two steps."""
    names = ("read", "counted", "duplicates", "conflicts", "rejected", "parked", "late", "unplaced")
    printed = json.loads(ended.printed)
    return {name: printed[name] for name in names}


def eventful(number: int, events: int = EVENTS) -> Feed:
    """The first feed from a seed on with three partitions, contracts, closes and a clock at the end."""
    more = {"rich": True, "modified": True, "billed": True} if number >= AMENDED else {}
    for seed in itertools.count(1_000 * (number + 1)):
        feed = Drawing(seed, events=events, **more).feed()
        closes = [b"period_close" in line for line in feed.topics.get("control.events", {}).get(0, [])]
        contracts = feed.topics["contracts.events"][0]
        if len(feed.topics["usage.events"]) == 3 and len(contracts) > 2 and any(closes) and feed.as_of:
            return feed
    raise AssertionError("a count has no end")


def disturbed(number: int, root: Path) -> Disturbed:
    """Draw a feed, run it once in peace and let the oracle judge that run."""
    feed = eventful(number)
    (source := root / "in").mkdir()
    feed.write(source)
    expected = compute(str(source), feed.as_of)
    assert not expected.order_dependent
    assert not expected.beyond_horizon
    assert {"duplicate", "identity_conflict", "counted"} <= expected.counts().keys()
    assert expected.sums
    case = Disturbed(feed, source, 0, 0, expected.digest(), set(), {})
    peace = root / "peace"
    began = time.monotonic()
    process = case.start(peace)
    owned = peace / ".state" / "accrual-state.json"
    while not owned.exists() and not ended_within(process, LOOK_S):
        pass
    case.starting = time.monotonic() - began
    ended = finish(process)
    case.working = time.monotonic() - began - case.starting
    assert ended.code == 0, ended.said
    result = as_result(json.loads(ended.printed))
    assert problems(source, peace, feed.as_of, result) == []
    if number >= AMENDED:  # the oracle's books are the same up to roundings that no rule orders, which it has judged
        case.digest = json.loads(ended.printed)["digest"]
    assert case.digest == json.loads(ended.printed)["digest"]
    case.exceptions, case.counts = open_exceptions(peace), counts(ended)
    return case


def ended_within(process: subprocess.Popen[str], seconds: float) -> bool:
    """Whether it ends by itself in that time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def whole_lines(out: Path) -> dict[str, bytes]:
    """What a reader of the sink may have read: its files up to their last whole line."""
    found = {}
    for topic in OUTPUTS:
        for path in (out / topic).glob("*.jsonl"):
            text = path.read_bytes()
            found[f"{topic}/{path.name}"] = text[: text.rfind(b"\n") + 1]
    return found


def still_there(before: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Every line that was there is there, byte for byte, in its place."""
    for name, text in before.items():
        assert text == after.get(name, b"")[: len(text)], name


def size(out: Path) -> int:
    """The bytes in the sink."""
    return sum(path.stat().st_size for topic in OUTPUTS for path in (out / topic).glob("*.jsonl"))


def survives(case: Disturbed, process: subprocess.Popen[str], out: Path, rng: random.Random) -> bool:
    """Let a process live up to a drawn moment; whether it ended by itself before."""
    phase = rng.choice(("starting", "any", "any", "writing", "writing", "writing"))
    if phase == "starting":
        return ended_within(process, rng.uniform(0, case.starting))
    if phase == "any":
        return ended_within(process, case.starting + rng.uniform(0, case.working))
    had = size(out)  # the moment after something new is in the sink
    while size(out) == had:
        if ended_within(process, LOOK_S):
            return True
    return ended_within(process, rng.choice((0.0, rng.uniform(0, 0.02), rng.uniform(0, case.working))))


@pytest.mark.parametrize("number", FEEDS)
def test_the_books_survive_any_number_of_deaths(number: int, tmp_path: Path) -> None:
    case, rng = disturbed(number, tmp_path), random.Random(number)
    kills = life = 0
    while kills < KILLS:
        out, read = tmp_path / f"out-{life}", dict[str, bytes]()
        while True:
            process = case.start(out)
            if kills == KILLS or survives(case, process, out, rng):
                ended = finish(process)
                break
            process.kill()
            finish(process)
            kills += 1
            now = whole_lines(out)
            still_there(read, now)
            read = now
        still_there(read, whole_lines(out))
        case.agrees(out, ended)
        life += 1
    assert kills == KILLS


# -- several processes


def children(process: subprocess.Popen[str], count: int) -> list[int]:
    """The worker processes of a launcher, once they are there."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while True:
        try:
            found = [int(pid) for pid in listed.read_text().split()]
        except OSError:
            found = []
        if len(found) == count:
            return found
        if ended_within(process, LOOK_S):
            pytest.fail(f"it ended before its workers were there: {finish(process).said}")


def gone(pids: list[int]) -> None:
    """Wait until processes that are not our children have ended."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        select.select([handle], [], [])
        os.close(handle)


@pytest.mark.parametrize("moment", ["at the start", "while it writes"])
def test_a_killed_worker_stops_the_run_and_the_next_one_completes_it(moment: str, tmp_path: Path) -> None:
    case, rng = disturbed(FEEDS[0], tmp_path), random.Random(moment)
    out, read, killed = tmp_path / "out", dict[str, bytes](), 0
    for _ in range(2):
        process = case.start(out, "--workers", "2")
        workers = children(process, 2)
        had = size(out)
        while moment == "while it writes" and size(out) == had and not ended_within(process, LOOK_S):
            pass
        victim = rng.randrange(2)
        os.kill(workers[victim], signal.SIGKILL)
        ended = finish(process)
        gone(workers)
        if ended.code == 0:  # its worker had done its work already
            case.agrees(out, ended)
            continue
        killed += 1
        assert ended.code == 1
        assert "accrual run: worker process " in ended.told
        assert ended.told.endswith("the others were stopped; nothing is lost, run the same command again")
        now = whole_lines(out)
        still_there(read, now)
        read = now
    assert killed
    case.agrees(out, finish(case.start(out, "--workers", "2")))
    still_there(read, whole_lines(out))


def test_workers_do_not_outlive_a_killed_launcher(tmp_path: Path) -> None:
    case = disturbed(FEEDS[1], tmp_path)
    out = tmp_path / "out"
    process = case.start(out, "--workers", "2")
    workers = children(process, 2)
    while not size(out) and not ended_within(process, LOOK_S):
        pass
    process.kill()
    finish(process)
    gone(workers)
    read = whole_lines(out)
    case.agrees(out, finish(case.start(out)))
    still_there(read, whole_lines(out))


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
