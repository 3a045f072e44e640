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
from schemas.native import HeadFilter
from state.errors import StateDamaged, StateForeign
from state.index import FAN_IN, Index
from state.keys import SEEN
from state.seen import BUCKETS, ROW, Seen
from state.store import ShardStore
from state.stretch import CHUNK_ROWS, RECENT_CHUNKS

HORIZON = 35 * 86_400_000_000
STRETCH = HORIZON // BUCKETS
FRESH, DUPLICATE, CONFLICT = "fresh", "duplicate", "conflict"
TOP = 2**64 - 1


def looked_at(names: HeadFilter, heads) -> tuple[list[int], list[int]]:
    told = names.suspects(np.array(heads, dtype=np.uint64))
    suspects, before = (np.frombuffer(rows, dtype=np.uint32).tolist() for rows in told)
    return suspects, before


def suspects(names: HeadFilter, heads) -> list[int]:
    return looked_at(names, heads)[0]


Answer = tuple[str, tuple[int, int] | None]  # with the position of the first occurrence where it is told


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

    @property
    def position(self) -> tuple[int, int]:
        return self.partition, self.offset


def rows(events: Iterable[Event]) -> NDArray[np.void]:
    return np.array([tuple(event) for event in events], dtype=ROW)


class Model:
    """What admission must say, by a Python dict for each stretch of event time."""

    def __init__(self) -> None:
        self.first: dict[tuple[int, int], tuple[Event, int]] = {}

    def admit(self, event: Event, newest: int = 0) -> Answer:
        first, _ = self.first.setdefault(event.identity, (event, newest // STRETCH))
        if first is event:
            return FRESH, None
        return (DUPLICATE, None) if first.content == event.content else (CONFLICT, first.position)

    def forget(self, before: int) -> None:
        self.first = {name: one for name, one in self.first.items() if (one[1] + 1) * STRETCH > before}

    def events(self) -> list[Event]:
        return sorted(event for event, _ in self.first.values())


def answers(seen: Seen, events: list[Event], newest: int = 0) -> list[Answer]:
    """The verdict on a batch, row by row; each row gets exactly one."""
    verdict = seen.admit(rows(events), newest)
    marks = np.stack([verdict.fresh, verdict.duplicate, verdict.conflict])
    assert [1] * len(events) == marks.sum(axis=0).tolist()
    names = [(FRESH, DUPLICATE, CONFLICT)[index] for index in marks.argmax(axis=0)]
    assert sum(name == CONFLICT for name in names) == len(verdict.first)
    return [(name, verdict.first.get(at)) for at, name in enumerate(names)]


def held(store: ShardStore) -> list[tuple[int, ...]]:
    """All that is stored, in order."""
    return sorted(row for _, data in store.scan(SEEN) for row in np.frombuffer(data, dtype=ROW, offset=1).tolist())


def feed(random: Random, identities: int, contents: int) -> Iterator[Event]:
    """Rows with many repetitions. Upper halves collide by the dozen, whole or in their first 32 bits, also at both ends."""
    highs = [0, 1, TOP, TOP - 1, 2**32, 2**32 - 1] + [random.getrandbits(64) for _ in range(max(1, identities // 12))]
    highs += [high ^ 1 << random.randrange(64) for high in highs]
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
    assert model.events() == held(store)


@pytest.mark.parametrize("seed", range(6))
def test_forgetting_whole_stretches_is_what_a_dict_does(tmp_path, seed):
    random = Random(seed)
    events, model = feed(random, 1_500, 2), Model()
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for number in range(120):
        batch = [next(events) for _ in range(random.choice([1, 7, 60, 200]))]
        newest = (number // 12 + random.choice([0, 0, 0, 0, -1, 1])) * STRETCH + random.randrange(STRETCH)
        expected = [model.admit(event, newest) for event in batch]
        assert expected == answers(seen, batch, newest), f"seed {seed}, batch {number}"
        if random.random() < 0.1:
            before = (number // 12 - random.randrange(4)) * STRETCH + random.choice([0, -1, 1])
            model.forget(before)
            seen.forget(before)
        store.commit()
        assert len(model.first) == len(seen)
        if random.random() < 0.1:
            store.close()
            store = ShardStore(tmp_path / "shard")
            seen = Seen(store, HORIZON)
    assert model.events() == held(store)


def test_every_chunk_but_the_last_is_full(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    events = (Event(number, number, 0, 0, 0, number) for number in range(10**9))
    count = 0
    for size in [1, CHUNK_ROWS - 2, 1, 1, CHUNK_ROWS, 3 * CHUNK_ROWS - 1, 1, 5 * CHUNK_ROWS + 7, 2]:
        answers(seen, [next(events) for _ in range(size)])
        store.commit()
        count += size
        sizes = [(len(data) - 1) // ROW.itemsize for _, data in store.scan(SEEN)]
        assert [min(CHUNK_ROWS, count - at) for at in range(0, count, CHUNK_ROWS)] == sizes
        seen = Seen(store, HORIZON) if size % 2 else seen
    assert count == len(seen)


def test_identities_that_share_their_upper_half_are_told_apart(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    same = [Event(7, low, 0, 0, 0, low) for low in range(1, 1_000)]  # over many chunks
    assert {FRESH} == {name for name, _ in answers(seen, same)}
    store.commit()
    assert [(FRESH, None)] == answers(seen, [Event(7, 0, 0, 0, 0, 5_000)])
    store.commit()
    again = [Event(7, low, 0, low % 2, 1, low) for low in (500, 501, 0, 999)]
    expected = [(DUPLICATE, None), (CONFLICT, (0, 501)), (DUPLICATE, None), (CONFLICT, (0, 999))]
    assert expected == answers(seen, again)


@pytest.mark.parametrize("half", ["high", "low"])
def test_identities_that_differ_in_one_bit_are_two(tmp_path, half):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    one = Event(TOP // 3, TOP // 5, 0, 0, 0, 0)
    others = [one._replace(**{half: getattr(one, half) ^ 1 << bit}, offset=bit + 1) for bit in range(64)]
    assert [(FRESH, None)] == answers(seen, [one])
    assert [(FRESH, None)] * 32 == answers(seen, others[:32])
    assert [(FRESH, None)] * 32 + [(DUPLICATE, None)] == answers(seen, [*others[32:], one._replace(offset=99)])


def test_what_is_no_longer_in_memory_is_answered_from_the_store(tmp_path):
    seed, count = 7, (RECENT_CHUNKS + 40) * CHUNK_ROWS + 5
    random = np.random.default_rng(seed)
    members = np.zeros(count, dtype=ROW)
    members["high"] = random.integers(0, 2**14, count, dtype=np.uint64) << np.uint64(50)  # many collide
    members["low"] = np.arange(count)
    members["offset"] = np.arange(count)
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    assert seen.admit(members, 0).fresh.all()
    store.commit()
    for asked in (seen, Seen(store, HORIZON)):
        again = random.choice(members, 300, replace=False)
        again["partition"] = 1
        assert asked.admit(again, 0).duplicate.all(), f"seed {seed}"
        again["print_low"] = 1
        verdict = asked.admit(again, 0)
        assert verdict.conflict.all(), f"seed {seed}"
        assert dict(enumerate(zip([0] * 300, again["low"].tolist(), strict=True))) == verdict.first
    strangers = again.copy()
    strangers["low"] += np.uint64(count)
    assert seen.admit(strangers, 0).fresh.all(), f"seed {seed}"


def test_inside_a_batch_the_first_in_order_of_arrival_wins(tmp_path):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    batch = [Event(5, 5, 0, 2, 0, 9), Event(1, 1, 0, 0, 0, 8), Event(5, 5, 0, 1, 0, 7), Event(5, 5, 0, 2, 1, 6)]
    expected = [(FRESH, None), (FRESH, None), (CONFLICT, (0, 9)), (DUPLICATE, None)]
    assert expected == answers(seen, batch)


def test_either_half_of_the_content_makes_a_conflict(tmp_path):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    answers(seen, [Event(1, 1, 5, 5, 0, 0)])
    later = [Event(1, 1, 5, 6, 0, 1), Event(1, 1, 6, 5, 0, 2), Event(1, 1, 5, 5, 0, 3)]
    assert [CONFLICT, CONFLICT, DUPLICATE] == [name for name, _ in answers(seen, later)]


def test_a_position_that_comes_again_stops_the_shard(tmp_path):
    seen = Seen(ShardStore(tmp_path / "shard"), HORIZON)
    answers(seen, [Event(1, 1, 0, 0, 2, 40)])
    answers(seen, [Event(1, 1, 0, 0, 2, 41), Event(1, 1, 0, 0, 3, 40)])
    with pytest.raises(InvariantBroken, match="applied again"):
        answers(seen, [Event(1, 1, 0, 0, 2, 40)])
    with pytest.raises(InvariantBroken, match="applied again"):
        answers(seen, [Event(2, 2, 0, 0, 2, 50), Event(2, 2, 0, 1, 2, 50)])


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
        assert left == len(list(store.scan(SEEN)))
    later = [Event(number, 1, 0, 0, 1, number) for number in (8, 11, 12)]
    assert [FRESH, FRESH, DUPLICATE] == [name for name, _ in answers(seen, later, 3 * STRETCH)]


def test_the_runs_of_an_index_stay_few():
    seed = 6
    random, index, count = np.random.default_rng(seed), Index(), 0
    for _ in range(2_000):
        heads = random.integers(0, 2**32, random.integers(1, 30), dtype=np.uint64)
        index.add(heads, count)
        count += len(heads)
        assert len(index.runs) <= (FAN_IN - 1) * 10, f"seed {seed}"  # a factor of FAN_IN every FAN_IN - 1 runs
        assert count == sum(map(len, index.runs))
    index.settle()
    assert [count] == [len(run) for run in index.runs]


SMALL = st.integers(0, 40) | st.integers(2**32 - 40, 2**32 - 1)


@given(st.lists(st.lists(SMALL, min_size=1, max_size=30), max_size=20), st.lists(SMALL, max_size=30), st.booleans())
def test_an_index_finds_every_row_of_a_head_and_no_other(batches, wanted, settled):
    index, held = Index(), []
    for batch in batches:
        index.add(np.array(batch, dtype=np.uint64), len(held))
        held += batch
    if settled:
        index.settle()
    expected = [(at, number) for at, head in enumerate(wanted) for number, one in enumerate(held) if one == head]
    assert expected == sorted(index.find(np.array(wanted, dtype=np.uint64)))
    assert sorted(held) == sorted(head for part in index.parts() for head in part.tolist())


def refused(store: ShardStore) -> None:
    """Opening answers, or a look-up does."""
    answers(Seen(store, HORIZON), [Event(number << 32, number, 0, 0, 1, number) for number in range(1_000)])


@pytest.mark.parametrize("chunk", [0, 3], ids=["the first", "one amid"])
@pytest.mark.parametrize("harm", ["gone", "cut", "short", "empty"])
def test_a_chunk_that_is_not_whole_is_refused_by_name(tmp_path, chunk, harm):
    store = ShardStore(tmp_path / "shard")
    answers(Seen(store, HORIZON), [Event(number << 32, number, 0, 0, 0, number) for number in range(1_000)])
    store.commit()
    key, data = list(store.scan(SEEN))[chunk]
    if harm == "gone":
        store.delete(key)
    else:
        store.put(key, {"cut": data[:-1], "short": data[: -ROW.itemsize], "empty": data[:1]}[harm])
    store.commit()
    told = rf"chunk {chunk + (harm == 'short')} of stretch 0 of the identities in .*shard .*restore .*rebuild"
    with pytest.raises(StateDamaged, match=told):
        refused(store)


def test_only_the_newest_chunks_are_in_memory_and_one_that_is_lost_is_refused_by_name(tmp_path):
    members = np.zeros((RECENT_CHUNKS + 3) * CHUNK_ROWS, dtype=ROW)
    members["high"] = np.arange(len(members), dtype=np.uint64) << np.uint64(32)
    members["offset"] = np.arange(len(members))
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for part in np.array_split(members, 50):
        seen.admit(part, 0)
        store.commit()
    chunks = [key for key, _ in store.scan(SEEN)]
    for key in chunks[2:]:
        store.delete(key)
    store.commit()
    members["partition"] = 1
    there = [*range(2 * CHUNK_ROWS), *range(3 * CHUNK_ROWS, len(members), CHUNK_ROWS)]
    assert seen.admit(members[there], 0).duplicate.all()
    with pytest.raises(StateDamaged, match=r"chunk 2 of stretch 0 of the identities in .*shard"):
        seen.admit(members[2 * CHUNK_ROWS :][:1], 0)


def test_identities_that_an_earlier_program_wrote_are_refused_with_the_remedy(tmp_path):
    store = ShardStore(tmp_path / "shard")
    for part in (b"h", b"r"):  # the head of a run and its only chunk
        store.put(SEEN + part + bytes(3) + b"\x01" + bytes(4), b"\x01" + bytes(52))
    store.commit()
    with pytest.raises(
        StateForeign, match=r"stored in format 01, this program reads 02: use the program that wrote them"
    ):
        Seen(store, HORIZON)


HEADS = st.integers(0, 2**32 - 1)


@given(st.lists(st.lists(HEADS | SMALL, max_size=60), max_size=8), st.booleans())
def test_a_head_that_is_there_twice_is_a_suspect_wherever_it_stands(batches, looked_at):
    names, known = HeadFilter(0), []
    for batch in batches:
        rows = suspects(names, batch) if looked_at else []
        if not looked_at:
            names.add(np.array(batch, dtype=np.uint64))
        twice = [row for row, head in enumerate(batch) if head in known or batch.count(head) > 1]
        assert not looked_at or set(twice) <= set(rows)
        assert sorted(rows) == rows
        known += batch
    assert list(range(len(known))) == suspects(names, known)


@given(st.lists(st.lists(HEADS | SMALL, max_size=60), max_size=8))
def test_a_head_that_was_there_before_is_looked_for_and_one_that_came_twice_alone_is_not(batches):
    names, known = HeadFilter(1 << 14), set()
    for batch in batches:
        rows, before = looked_at(names, batch)
        assert {row for row, head in enumerate(batch) if head in known} <= set(before) <= set(rows)
        assert sorted(before) == before
        known |= set(batch)
    names = HeadFilter(1 << 14)
    assert ([0, 1, 2], []) == looked_at(names, [5, 5, 5])
    assert ([0, 2, 3], [2]) == looked_at(names, [6, 7, 5, 6])


@pytest.mark.parametrize("capacity", [1 << 14, 3_000_000], ids=["smallest", "large"])
def test_a_filter_at_its_capacity_suspects_few_others(capacity):
    seed = 8
    random = np.random.default_rng(seed)
    names = HeadFilter(capacity)
    members, others = (
        random.integers(0, 2**32, count, dtype=np.uint64) for count in (capacity, min(20_000, capacity // 20))
    )
    names.add(members)
    assert len(others) * 0.03 > len(suspects(names, np.unique(others))), f"seed {seed}"
