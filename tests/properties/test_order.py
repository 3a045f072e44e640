"""Order: the books are the same in whatever order the records of a topic come.

Without closes, late_usage = reject and contradictions of master data, which depend on the order by their meaning; and
without identities whose contents differ between partitions, of which the first that is read counts. Within a partition
usage has its order; which number the partition has, and so when it is read, is free.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from ops.books_digest import journal_books
from tests.oracle import Books, compute
from tests.support.feed import Drawing, Feed
from tests.support.judged import cut, run_feed


def orderless(seed: int, events: int = 300) -> Feed:
    """A rich feed without what depends on the order."""
    feed = Drawing(seed, events=events, rich=True).feed()
    controls = [json.loads(line) for line in feed.topics.pop("control.events", {}).get(0, [])]
    kept = [one for one in controls if one["kind"] == "policy" and one["key"] != "late_usage"]
    if kept:
        feed.topics["control.events"] = {0: [json.dumps(one).encode() for one in kept]}
    return feed


def mixed(feed: Feed) -> Feed:
    """The same records: master data and contracts shuffled, partitions of usage with other numbers."""
    rng, topics = random.Random(f"{feed.seed} order"), dict(feed.topics)
    for topic in ("reference.events", "contracts.events"):
        lines = [line for part in topics[topic].values() for line in part]
        rng.shuffle(lines)
        topics[topic] = {0: lines}
    usage = topics["usage.events"]
    numbers = rng.sample(range(40), len(usage)) if len(usage) > 1 else [0]
    topics["usage.events"] = dict(zip(numbers, usage.values(), strict=True))
    return Feed(feed.seed, topics, feed.as_of)


def expected(feed: Feed, root: Path) -> Books:
    """What the oracle says of a feed."""
    root.mkdir()
    return compute(str(feed.write(root)), feed.as_of)


def depends_on_order(books: Books) -> bool:
    """Whether a feed has something left whose meaning is the order."""
    contradiction = any(name == "reference_conflict" for name, *_ in books.exceptions)
    return bool(contradiction or books.order_dependent or books.beyond_horizon)


def classes(books: Books) -> list[tuple[Any, ...]]:
    """The exceptions without their coordinates."""
    return sorted(name for name, *_ in books.exceptions)


def test_the_oracles_books_are_the_same_in_any_order(tmp_path: Path) -> None:
    judged = 0
    for seed in range(3_000, 3_040):
        feed = orderless(seed, events=100)
        one = expected(feed, tmp_path / f"{seed} one")
        other = expected(mixed(feed), tmp_path / f"{seed} other")
        if depends_on_order(one):
            continue
        judged += 1
        assert one.digest() == other.digest(), seed
        assert one.functional == other.functional, seed
        assert classes(one) == classes(other), seed
    assert judged >= 20


def test_a_contradiction_depends_on_the_order(tmp_path: Path) -> None:
    """What is left out above is left out because it must be."""
    feed = orderless(3_000, events=100)
    account = {"kind": "account", "name": "unbilled_receivable", "effective_from": "2025-01-02T00:00:00Z"}
    lines = [json.dumps({**account, "number": number}).encode() for number in ("1", "2")]
    feed.topics["reference.events"] = {0: lines}
    feed.topics.pop("control.events", None)
    one = expected(feed, tmp_path / "one")
    feed.topics["reference.events"] = {0: lines[::-1]}
    assert depends_on_order(one)
    assert one.digest() != expected(feed, tmp_path / "other").digest()


# Without 3107, which depends on the order by its meaning: two master data records contradict each other there.
ORDERLESS = (*range(3_100, 3_107), 3_108)


@pytest.mark.parametrize("seed", ORDERLESS)
def test_the_products_books_are_the_same_in_any_order(seed: int, tmp_path: Path) -> None:
    feed = orderless(seed)
    assert not depends_on_order(expected(feed, tmp_path / "expected")), "it says nothing about order: draw another seed"
    digests = []
    for name, shape in (("one", feed), ("other", mixed(feed))):
        (source := tmp_path / name / "in").mkdir(parents=True)
        run_feed(shape.write(source), tmp_path / name / "out", feed.as_of, **cut(seed))
        digests.append(journal_books(tmp_path / name / "out").digest())
    assert digests[0] == digests[1]
