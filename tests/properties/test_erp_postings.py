"""Random answers of the ERP to the entries of random feeds, with deaths: the counts and exceptions are the oracle's, and the
books are those without them.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from ops.books_digest import journal_books
from ops.run import Result
from tests.oracle.postings import TOPIC, Answered, answer_in, answered
from tests.support.answers import answers
from tests.support.feed import Drawing, Feed
from tests.support.judged import cut, run_feed
from tests.support.process import accrual, environment

SEEDS = range(40, 52)
CLASSES = ("entry_unknown", "posting_rejected", "posting_differs")
POINTS = ("batch-written", "batch-applied", "epoch-synced", "file-written", "file-half-written", "outbox-forgotten")


def records(out: Path, topic: str) -> list[dict[str, Any]]:
    """Of an output topic."""
    files = sorted((out / topic).glob("*.jsonl"))
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def open_ones(feed: Feed, out: Path) -> set[tuple[str, str]]:
    """(class, entry id) of the exceptions of the topic that are not resolved, of what is no answer its place; each is open
    at most once, and so is each class of one entry.
    """
    found: dict[str, tuple[str, str]] = {}
    for one in records(out, "revenue.exceptions"):
        at = one["source"]
        if at["topic"] != TOPIC:
            continue
        if one["status"] == "resolved":
            assert found.pop(one["exception_id"], None), f"{one['exception_id']} is resolved and was not open"
        else:
            assert one["exception_id"] not in found, f"{one['exception_id']} is open twice"
            answer = answer_in(feed.topics[TOPIC][at["partition"]][at["offset"]])
            place = f"{at['partition']}/{at['offset']}"
            found[one["exception_id"]] = (one["class"], place if isinstance(answer, str) else answer["entry_id"])
    assert len(set(found.values())) == len(found)
    return set(found.values())


def business_date(feed: Feed) -> str | None:
    """As far as control records and the end of the run take it."""
    controls = [json.loads(line) for line in feed.topics.get("control.events", {}).get(0, [])]
    dates = [one.get("as_of") or one["event_time"] for one in controls]
    return max([*dates, *([feed.as_of] if feed.as_of else [])], default=None)


def expected(feed: Feed, out: Path) -> Answered:
    """What the oracle makes of the journal that is there."""
    return answered(records(out, "revenue.journal"), feed.topics[TOPIC], business_date(feed))


def check(feed: Feed, out: Path, erp: dict[str, Any]) -> None:
    wanted = expected(feed, out)
    unanswered = sum(wanted.unanswered.values())
    assert (wanted.posted, wanted.rejected, wanted.unknown, unanswered) == (
        erp["posted"], erp["rejected"], erp["unknown"], erp["unanswered"]
    )  # fmt: skip
    assert wanted.exceptions == open_ones(feed, out)


def drawn(seed: int, root: Path) -> tuple[Feed, dict[str, Any], Result]:
    """A feed without answers, how its run is cut, and the run."""
    feed, settings = Drawing(seed, events=120).feed(), cut(seed)
    (root / "in").mkdir()
    return feed, settings, run_feed(feed.write(root / "in"), root / "plain", feed.as_of, **settings)


def answer(feed: Feed, seed: int, root: Path) -> Feed:
    """The answers to what the plain run has said, beside the other topics."""
    feed.topics[TOPIC] = answers(seed, records(root / "plain", "revenue.journal"))
    Feed(seed, {TOPIC: feed.topics[TOPIC]}).write(root / "in")
    return feed


@pytest.mark.parametrize("seed", SEEDS)
def test_answers_change_no_book_and_are_counted_as_the_oracle_does(tmp_path, seed):
    feed, settings, before = drawn(seed, tmp_path)
    answer(feed, seed, tmp_path)
    said = records(tmp_path / "plain", "revenue.journal")
    later = run_feed(tmp_path / "in", tmp_path / "plain", feed.as_of, **settings)  # they come when all is booked
    assert said == records(tmp_path / "plain", "revenue.journal")
    check(feed, tmp_path / "plain", vars_of(later))
    anew = run_feed(tmp_path / "in", tmp_path / "anew", feed.as_of, **settings)  # they come among the rest
    check(feed, tmp_path / "anew", vars_of(anew))
    assert journal_books(tmp_path / "plain").digest() == journal_books(tmp_path / "anew").digest()
    assert before.tally == later.tally
    # Which batches come together hangs on the machine, and with it how many entries say the same sums.
    assert replace(before.tally, entries=0) == replace(anew.tally, entries=0)


def vars_of(result: Result) -> dict[str, Any]:
    """The counts as `--json` has them."""
    return {name: getattr(result.erp, name) for name in ("posted", "rejected", "unknown", "unanswered")}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS[:4])
def test_after_deaths_the_answers_are_counted_as_the_oracle_does(tmp_path, seed):
    rng = random.Random(f"{seed} deaths")
    feed, settings, _ = drawn(seed, tmp_path)
    answer(feed, seed, tmp_path)
    words = ["run", "--source", f"files:{tmp_path}/in", "--sink", f"files:{tmp_path}/out", "--json"]
    if feed.as_of:
        words += ["--as-of", feed.as_of]
    named = {f"ACCRUAL_{name.upper()}": str(value) for name, value in settings.items()}
    deaths = 0
    for at in ("batch-written:2", *(f"{rng.choice(POINTS)}:{rng.randint(1, 8)}" for _ in range(2))):
        deaths += accrual(*words, cwd=tmp_path, env=environment(**named, CRASH_AT=at)).code != 0
    ended = accrual(*words, cwd=tmp_path, env=environment(**named))
    assert 0 == ended.code, ended.said
    assert deaths, "nobody died"
    check(feed, tmp_path / "out", json.loads(ended.printed)["erp"])
    assert journal_books(tmp_path / "plain").digest() == journal_books(tmp_path / "out").digest()
