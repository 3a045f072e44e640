"""De-duplication is exact: it answers as a dict does, over any batches, restarts and collisions."""

from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from accounting.require import InvariantBroken
from state import run as runs
from state.filter import Filter
from state.keys import SEEN
from state.seen import BUCKETS, ROW, Seen
from state.store import ShardStore

HORIZON = 35 * 86_400_000_000
STRETCH = HORIZON // BUCKETS
FRESH, DUPLICATE, CONFLICT = "fresh", "duplicate", "conflict"
TOP = 2**64 - 1


class Event(NamedTuple):
    """One row: 128 bits of identity, 128 bits of content, and where it stands."""

    high: int
    low: int
    print_high: int
    print_low: int
    partition: int
    offset: int

    @property
    def identity(self) -> tuple[int, int]:
        return self.high, self.low

    @property
    def content(self) -> tuple[int, int]:
        return self.print_high, self.print_low


def rows(events: Iterable[Event]) -> NDArray[np.void]:
    return np.array([tuple(event) for event in events], dtype=ROW)


class Model:
    """What admission must say, by a Python dict."""

    def __init__(self) -> None:
        self.first: dict[tuple[int, int], Event] = {}

    def admit(self, event: Event) -> tuple[str, Event]:
        first = self.first.setdefault(event.identity, event)
        if first is event:
            return FRESH, event
        return (DUPLICATE if first.content == event.content else CONFLICT), first


def answers(seen: Seen, events: list[Event], newest: int = 0) -> list[tuple[str, Event]]:
    """The verdict on a batch, row by row; each row gets exactly one."""
    verdict = seen.admit(rows(events), newest)
    marks = np.stack([verdict.fresh, verdict.duplicate, verdict.conflict])
    assert [1] * len(events) == marks.sum(axis=0).tolist()
    names = [(FRESH, DUPLICATE, CONFLICT)[index] for index in marks.argmax(axis=0)]
    return [(name, Event(*map(int, first))) for name, first in zip(names, verdict.first.tolist(), strict=True)]


def feed(random: Random, identities: int, contents: int) -> Iterator[Event]:
    """Rows with many repetitions. Upper halves collide by the dozen, also at both ends of their range."""
    highs = [0, 1, TOP, TOP - 1] + [random.getrandbits(64) for _ in range(max(1, identities // 12))]
    pool = [(random.choice(highs), random.choice([0, TOP, random.getrandbits(64)])) for _ in range(identities)]
    for offset in range(10**9):
        high, low = random.choice(pool)
        print_low = random.randrange(contents)
        yield Event(high, low, random.randrange(2), print_low, random.randrange(3), offset)


# seed, batch sizes, identities, contents: small and large batches, dense and sparse repetition
CAMPAIGNS = [
    (1, [1] * 400, 60, 1),
    (2, [1, 2, 3, 5, 8, 13] * 40, 400, 2),
    (3, [0, 1, 700, 0, 9, 1500], 5_000, 2),
    (4, [300] * 24, 4_000, 3),
    (5, [2_000, 1, 1, 2_000, 64, 2_000], 100_000, 1),
]


@pytest.mark.parametrize(("seed", "sizes", "identities", "contents"), CAMPAIGNS)
@pytest.mark.parametrize("reopening", [False, True], ids=["kept open", "reopened"])
def test_admission_answers_as_a_dict_does(tmp_path, seed, sizes, identities, contents, reopening):
    random = Random(seed)
    events, model = feed(random, identities, contents), Model()
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for number, size in enumerate(sizes):
        batch = [next(events) for _ in range(size)]
        expected = [model.admit(event) for event in batch]
        assert expected == answers(seen, batch), f"seed {seed}, batch {number}"
        assert len(model.first) == len(seen)
        store.commit()
        if reopening and random.random() < 0.2:
            store.close()
            store = ShardStore(tmp_path / "shard")
            seen = Seen(store, HORIZON)
    held = np.concatenate([run.read(store) for run in runs.load(store)])
    assert sorted(map(tuple, model.first.values())) == sorted(held.tolist())


def test_runs_stay_few_and_their_chunks_go_with_them(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    events = feed(Random(6), 10**6, 1)
    for _ in range(600):
        answers(seen, [next(events)])
        store.commit()
    kept = runs.load(store)
    assert len(kept) <= 4 * 7
    chunks = sum(-(-len(run) // runs.CHUNK_ROWS) for run in kept)
    assert (len(kept), chunks) == (len(list(store.scan(SEEN + b"h"))), len(list(store.scan(SEEN + b"r"))))


def test_identities_that_share_their_upper_half_are_told_apart(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    same = [Event(7, low, 0, 0, 0, low) for low in range(1, 1_000)]  # over many chunks of one run
    assert {FRESH} == {name for name, _ in answers(seen, same)}
    store.commit()
    assert [(FRESH, Event(7, 0, 0, 0, 0, 5_000))] == answers(seen, [Event(7, 0, 0, 0, 0, 5_000)])
    store.commit()
    again = [Event(7, low, 0, low % 2, 1, low) for low in (500, 501, 0, 999)]
    assert [DUPLICATE, CONFLICT, DUPLICATE, CONFLICT] == [name for name, _ in answers(seen, again)]


def test_a_run_too_large_to_stay_in_memory_answers_from_the_store(tmp_path):
    seed, count = 7, runs.RESIDENT_ROWS + 500
    random = np.random.default_rng(seed)
    members = np.zeros(count, dtype=ROW)
    members["high"] = random.integers(0, TOP, count, dtype=np.uint64) // np.uint64(2**50)  # many collide
    members["low"] = np.arange(count)
    members["offset"] = np.arange(count)
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    assert seen.admit(members, 0).fresh.all()
    store.commit()
    for asked in (seen, Seen(store, HORIZON)):
        again = random.choice(members, 300, replace=False)
        again["partition"] = 1
        verdict = asked.admit(again, 0)
        assert verdict.duplicate.all(), f"seed {seed}"
        assert again["low"].tolist() == verdict.first["offset"].tolist()
    strangers = again.copy()
    strangers["low"] += np.uint64(count)
    assert seen.admit(strangers, 0).fresh.all(), f"seed {seed}"


def test_inside_a_batch_the_first_in_order_of_arrival_wins(tmp_path):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    batch = [Event(5, 5, 0, 2, 0, 9), Event(1, 1, 0, 0, 0, 8), Event(5, 5, 0, 1, 0, 7), Event(5, 5, 0, 2, 1, 6)]
    expected = [(FRESH, batch[0]), (FRESH, batch[1]), (CONFLICT, batch[0]), (DUPLICATE, batch[0])]
    assert expected == answers(seen, batch)


def test_either_half_of_the_content_makes_a_conflict(tmp_path):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    answers(seen, [Event(1, 1, 5, 5, 0, 0)])
    later = [Event(1, 1, 5, 6, 0, 1), Event(1, 1, 6, 5, 0, 2), Event(1, 1, 5, 5, 0, 3)]
    assert [CONFLICT, CONFLICT, DUPLICATE] == [name for name, _ in answers(seen, later)]


def test_a_position_that_comes_again_stops_the_shard(tmp_path):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    answers(seen, [Event(1, 1, 0, 0, 2, 40)])
    with pytest.raises(InvariantBroken, match="applied again"):
        answers(seen, [Event(1, 1, 0, 0, 2, 40)])


def test_what_was_not_committed_is_admitted_again_after_a_restart(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    answers(seen, [Event(1, 1, 0, 0, 0, 0)])
    store.commit()
    answers(seen, [Event(2, 2, 0, 0, 0, 1)])
    store.close()
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    again = answers(seen, [Event(1, 1, 0, 0, 1, 0), Event(2, 2, 0, 0, 0, 1)])
    assert [DUPLICATE, FRESH] == [name for name, _ in again]


def test_a_stretch_is_forgotten_once_all_of_it_is_older_than_the_horizon(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for stretch in range(-1, 4):  # below zero: before 1970
        answers(seen, [Event(stretch + 9, 1, 0, 0, 0, stretch + 9)], stretch * STRETCH + 5)
    store.commit()
    for before, left in ((-1, 5), (STRETCH - 1, 4), (STRETCH, 3), (3 * STRETCH, 1)):
        seen.forget(before)
        store.commit()
        assert left == len(seen) == len(Seen(store, HORIZON))
        assert left == len(list(store.scan(SEEN + b"h"))) == len(list(store.scan(SEEN + b"r")))
    later = [Event(number, 1, 0, 0, 1, number) for number in (8, 11, 12)]
    assert [FRESH, FRESH, DUPLICATE] == [name for name, _ in answers(seen, later, 3 * STRETCH)]


def test_merging_never_mixes_stretches(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for number in range(200):
        answers(seen, [Event(number, number, 0, 0, 0, number)], number % 3 * STRETCH)
    store.commit()
    by_stretch = [sum(len(run) for run in runs.load(store) if run.bucket == name) for name in range(3)]
    assert [67, 67, 66] == by_stretch
    seen.forget(STRETCH)
    assert 133 == len(seen)


HALVES = st.integers(0, TOP)


@given(st.lists(st.lists(st.tuples(HALVES, HALVES), max_size=60), max_size=8))
def test_the_filter_never_says_no_to_a_member(batches):
    names, known = Filter(0), []
    for batch in batches:
        high, low = (np.array([one[half] for one in batch], dtype=np.uint64) for half in (0, 1))
        names.add(high, low)
        known += batch
        everything = np.array(known, dtype=np.uint64).reshape(-1, 2)
        assert names.maybe(everything[:, 0], everything[:, 1]).all()
    assert len(known) == names.count


def test_a_filter_at_its_capacity_says_no_to_most_others():
    seed = 8
    random = np.random.default_rng(seed)
    names = Filter(4096)
    members = random.integers(0, TOP, (2, names.capacity), dtype=np.uint64, endpoint=True)
    others = random.integers(0, TOP, (2, 20_000), dtype=np.uint64, endpoint=True)
    names.add(*members)
    assert names.maybe(*members).all()
    assert names.maybe(*others).mean() < 0.01, f"seed {seed}"
