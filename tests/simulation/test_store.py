"""The store in memory does what RocksDB does: the same calls give the same answers, and a crash loses only a suffix."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from state.store import ShardStore
from tests.simulation.store import Disk, Image, MemoryStore

KEYS = [letter + bytes([high, low]) for letter in (b"a", b"b") for high in (0, 7, 255) for low in range(6)]


def asked(store: Any, rng: random.Random) -> list[Any]:
    """Answers to some questions."""
    prefix, start, stop = (
        rng.choice((b"a", b"b", b"a\x07", b"b\xff")),
        rng.choice((b"", b"\x07")),
        rng.choice((None, b"\xff")),
    )
    return [
        store.get(rng.choice(KEYS)),
        list(store.scan(prefix, start, stop)),
        [one for part in store.walk(prefix, stop) for one in part],
        store.last_before(prefix, rng.choice((b"\x07\x02", b"\xff\xff"))),
        store.any_from(prefix, start),
        next(iter(store.scan(prefix, limit=1)), None),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_both_stores_answer_alike(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    disk = Disk()
    real, memory = ShardStore(tmp_path / "real"), MemoryStore(tmp_path / "memory", disk)
    for _ in range(120):
        match rng.randrange(8):
            case 0 | 1 | 2:
                key, value = rng.choice(KEYS), rng.randbytes(3)
                real.put(key, value), memory.put(key, value)
            case 3 | 4:
                key = rng.choice(KEYS)
                real.delete(key), memory.delete(key)
            case 5:
                real.commit(), memory.commit()
            case 6:
                real.commit(), memory.commit(), real.sync(), memory.sync()
            case _:
                real.close(), memory.close()  # without what was not committed
                real, memory = ShardStore(tmp_path / "real"), MemoryStore(tmp_path / "memory", disk)
        question = rng.random()
        assert asked(real, random.Random(question)) == asked(memory, random.Random(question))
    real.close()


@pytest.mark.parametrize("seed", range(8))
def test_a_power_cut_takes_a_suffix_of_what_was_not_synced(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    disk = Disk()
    store, synced = MemoryStore(tmp_path / "s", disk), 0
    for number in range(30):
        store.put(b"n", bytes([number]))
        store.put(bytes([number]), b"there")
        store.commit()
        if rng.random() < 0.2:
            store.sync()
            synced = number
    disk.crash(rng)
    found = MemoryStore(tmp_path / "s", disk)
    last = (found.get(b"n") or b"\x00")[0]
    assert last >= synced
    assert [bytes([number]) for number in range(last + 1)] == [
        key for key, value in found.scan(b"") if value == b"there"
    ]


def test_a_kill_takes_nothing_that_was_committed() -> None:
    image = Image()
    image.unsynced = [{b"a": b"1"}, {b"a": None, b"b": b"2"}]
    assert 0 == image.crash(None)
    assert {b"b": b"2"} == image.synced
