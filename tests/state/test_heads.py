"""A start reads the heads of identities in place of their rows, and answers the same."""

from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from state.errors import StateDamaged, StateForeign
from state.keys import HEADS, SEEN
from state.seen import ROW, Seen
from state.store import ShardStore
from state.stretch import BLOCK_ROWS, CHUNK_ROWS
from tests.state.test_seen import HORIZON, STRETCH, Answer, Model, answers, feed

BLOCK_CHUNKS = BLOCK_ROWS // CHUNK_ROWS


def numbered(first: int, count: int) -> NDArray[np.void]:
    """Rows of identities that have a head each, by their numbers."""
    made = np.zeros(count, dtype=ROW)
    made["offset"] = np.arange(first, first + count)
    made["high"] = made["offset"] << np.uint64(32)
    return made


def stored_heads(store: ShardStore) -> list[list[int]]:
    """Of each block, in order."""
    return [np.frombuffer(data[1:], dtype="<u4").tolist() for _, data in store.scan(HEADS)]


def forget_heads(store: ShardStore, from_block: int = 0) -> None:
    """As a program wrote it that knew none, or as one that has known them for a while."""
    for key, _ in list(store.scan(HEADS))[from_block:]:
        store.delete(key)
    store.commit()


def again(seen: Seen, members: NDArray[np.void]) -> list[int]:
    """(fresh, duplicates, conflicts) of these members, sent again from another partition."""
    sent = members.copy()
    sent["partition"] = 1
    verdict = seen.admit(sent, 0)
    return [int(one.sum()) for one in (verdict.fresh, verdict.duplicate, verdict.conflict)]


def filled(path: Path, count: int) -> tuple[ShardStore, NDArray[np.void]]:
    """A store of so many rows, which came in batches of odd sizes."""
    store, members = ShardStore(path), numbered(0, count)
    seen = Seen(store, HORIZON)
    for part in np.array_split(members, 7):
        seen.admit(part, 0)
        store.commit()
    return store, members


@pytest.mark.parametrize("count", [0, 1, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS + 5])
def test_a_block_that_is_full_has_its_heads_beside_its_rows(tmp_path, count):
    store, _ = filled(tmp_path / "shard", count)
    blocks = range(count // BLOCK_ROWS)
    assert [list(range(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS)) for block in blocks] == stored_heads(store)


def test_heads_and_rows_are_one_write(tmp_path):
    store = ShardStore(tmp_path / "shard")
    Seen(store, HORIZON).admit(numbered(0, BLOCK_ROWS), 0)
    store.close()
    store = ShardStore(tmp_path / "shard")
    assert ([], []) == (list(store.scan(HEADS)), list(store.scan(SEEN)))


LOST = {"kept": None, "of a program that wrote none": 0, "of one that wrote none at the end": 1}


@pytest.mark.parametrize("from_block", LOST.values(), ids=LOST)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_restart_answers_as_a_dict_does(tmp_path, seed, from_block):
    random = Random(seed)
    events, model = feed(random, 60_000, 2), Model()
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for number, size in enumerate([5_000, 1, 3_000, 9_000, BLOCK_ROWS, 130, 7_000, 1_000, 12_000, 4_000]):
        newest, batch = number // 4 * STRETCH, [next(events) for _ in range(size)]
        expected: list[Answer] = [model.admit(event, newest) for event in batch]
        assert expected == answers(seen, batch, newest), f"seed {seed}, batch {number}"
        store.commit()
        if random.random() < 0.6:
            if from_block is not None:
                forget_heads(store, from_block)
            store.close()
            store = ShardStore(tmp_path / "shard")
            seen = Seen(store, HORIZON)
            assert len(model.first) == len(seen)


@pytest.mark.parametrize("from_block", [0, 1, 2])
def test_heads_that_are_not_there_are_made_with_the_first_commit(tmp_path, from_block):
    store, members = filled(tmp_path / "shard", 3 * BLOCK_ROWS + 5)
    made = stored_heads(store)
    forget_heads(store, from_block)
    seen = Seen(store, HORIZON)
    assert [0, len(members), 0] == again(seen, members)
    store.commit()
    assert made == stored_heads(store)
    assert [0, len(members), 0] == again(Seen(store, HORIZON), members)


def test_a_start_reads_no_row_whose_head_it_has_and_a_look_up_reads_it(tmp_path):
    store, members = filled(tmp_path / "shard", 2 * BLOCK_ROWS)
    [chunk] = [key for number, (key, _) in enumerate(store.scan(SEEN)) if number == 3]
    store.delete(chunk)
    store.commit()
    seen = Seen(store, HORIZON)
    assert [0, 3 * CHUNK_ROWS, 0] == again(seen, members[: 3 * CHUNK_ROWS])
    with pytest.raises(StateDamaged, match=r"chunk 3 of stretch 0 of the identities in .*shard .*restore .*rebuild"):
        again(seen, members[3 * CHUNK_ROWS :][:1])


@pytest.mark.parametrize("harm", ["gone", "cut", "empty"])
def test_heads_that_are_not_whole_are_refused_by_name(tmp_path, harm):
    store, _ = filled(tmp_path / "shard", 3 * BLOCK_ROWS)
    key, data = list(store.scan(HEADS))[1]
    if harm == "gone":
        store.delete(key)
    else:
        store.put(key, {"cut": data[:-4], "empty": data[:1]}[harm])
    store.commit()
    told = r"block of heads 1 of stretch 0 of the identities in .*shard .*restore .*rebuild"
    with pytest.raises(StateDamaged, match=told):
        Seen(store, HORIZON)


@pytest.mark.parametrize("harm", ["the heads are of other rows", "the rows are gone"])
def test_heads_without_their_rows_are_refused(tmp_path, harm):
    store, _ = filled(tmp_path / "shard", 2 * BLOCK_ROWS)
    if harm == "the rows are gone":
        for key, _ in list(store.scan(SEEN))[BLOCK_CHUNKS:]:
            store.delete(key)
    else:
        (_, first), (last, _) = store.scan(HEADS)
        store.put(last, first)
    store.commit()
    told = rf"chunk {2 * BLOCK_CHUNKS - 1} of stretch 0 of the identities in .*shard .*restore .*rebuild"
    with pytest.raises(StateDamaged, match=told):
        Seen(store, HORIZON)


def test_heads_in_another_format_are_refused_with_the_remedy(tmp_path):
    store, _ = filled(tmp_path / "shard", BLOCK_ROWS)
    [(key, data)] = store.scan(HEADS)
    store.put(key, b"\x09" + data[1:])
    store.commit()
    with pytest.raises(StateForeign, match=r"stored in format 09, this program reads 02: use the program that wrote"):
        Seen(store, HORIZON)


def test_with_a_stretch_its_heads_are_forgotten(tmp_path):
    store = ShardStore(tmp_path / "shard")
    seen = Seen(store, HORIZON)
    for stretch in range(3):
        seen.admit(numbered(stretch * 10_000, BLOCK_ROWS + stretch), stretch * STRETCH)
    store.commit()
    assert [0, 10_000, 20_000] == [heads[0] for heads in stored_heads(store)]
    seen.forget(2 * STRETCH)
    store.commit()
    assert [20_000] == [heads[0] for heads in stored_heads(store)]
    assert BLOCK_ROWS + 2 == len(seen) == len(Seen(store, HORIZON))
