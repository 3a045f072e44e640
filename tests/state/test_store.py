"""A store answers as a dict does, whatever is committed and whatever is still pending."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from state.errors import StateDamaged, StateLocked
from state.store import ShardStore

ROOT = Path(__file__).parents[2]
# Short keys over few bytes, so that prefixes nest; long ones for tables with names in their keys.
LETTERS = st.sampled_from([b"a", b"b", b"\x00", b"\xff"])
NAME = bytes(range(16))
KEYS = st.one_of(
    st.lists(LETTERS, min_size=1, max_size=3).map(b"".join),
    st.tuples(st.sampled_from([b"a" + NAME, b"b" + NAME, b"a" + NAME[::-1]]), LETTERS).map(b"".join),
)
PREFIXES = st.one_of(KEYS, st.sampled_from([b"a", b"b", b"\xff", b"\xff\xff", b"a" + NAME]))
EDGES = st.lists(LETTERS, max_size=2).map(b"".join)
VALUES = st.binary(max_size=3)


class StoreMachine(RuleBasedStateMachine):
    """A store beside two dicts: what is committed, and what the batch in hand makes of it."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = ShardStore(self.folder / "shard")
        self.committed: dict[bytes, bytes] = {}
        self.now: dict[bytes, bytes] = {}

    @rule(key=KEYS, value=VALUES)
    def put(self, key: bytes, value: bytes) -> None:
        self.store.put(key, value)
        self.now[key] = value

    @rule(key=KEYS)
    def delete(self, key: bytes) -> None:
        self.store.delete(key)
        self.now.pop(key, None)

    @rule()
    def commit(self) -> None:
        self.store.commit()
        self.committed = dict(self.now)

    @rule()
    def sync(self) -> None:
        self.store.sync()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = ShardStore(self.folder / "shard")
        self.now = dict(self.committed)

    @rule(key=KEYS)
    def get(self, key: bytes) -> None:
        assert self.now.get(key) == self.store.get(key)

    @rule(prefix=PREFIXES, start=EDGES, stop=st.none() | EDGES)
    def scan(self, prefix: bytes, start: bytes, stop: bytes | None) -> None:
        expected = [
            (key, value)
            for key, value in sorted(self.now.items())
            if key.startswith(prefix) and key >= prefix + start and (stop is None or key < prefix + stop)
        ]
        assert expected == list(self.store.scan(prefix, start, stop))

    @rule(prefix=PREFIXES, stop=EDGES)
    def last_before(self, prefix: bytes, stop: bytes) -> None:
        found = [key for key in self.now if key.startswith(prefix) and key < prefix + stop]
        expected = (max(found), self.now[max(found)]) if found else None
        assert expected == self.store.last_before(prefix, stop)

    @rule(prefix=PREFIXES, start=EDGES)
    def any_from(self, prefix: bytes, start: bytes) -> None:
        expected = any(key.startswith(prefix) and key >= prefix + start for key in self.now)
        assert expected == self.store.any_from(prefix, start)

    @invariant()
    def everything_reads_back(self) -> None:
        for letter in (b"a", b"b", b"\x00", b"\xff"):
            expected = sorted((key, value) for key, value in self.now.items() if key.startswith(letter))
            assert expected == list(self.store.scan(letter))

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestAStoreIsADict = StoreMachine.TestCase


def test_an_empty_value_that_is_pending_hides_the_stored_one(tmp_path):
    store = ShardStore(tmp_path / "shard")
    store.put(b"a1", b"old")
    store.commit()
    store.put(b"a1", b"")
    assert (b"a1", b"") == store.last_before(b"a", b"2")


def test_the_last_key_before_a_stop_is_not_the_stop_itself(tmp_path):
    store = ShardStore(tmp_path / "shard")
    for key in (b"a1", b"a2", b"b1"):
        store.put(key, key)
    for _ in ("pending", "committed"):
        assert (b"a1", b"a1") == store.last_before(b"a", b"2")
        assert None is store.last_before(b"a", b"1")
        assert None is store.last_before(b"b", b"1")
        store.commit()


def test_what_is_not_committed_is_gone_after_a_reopen(tmp_path):
    store = ShardStore(tmp_path / "shard")
    store.put(b"a", b"1")
    store.commit()
    store.put(b"b", b"2")
    store.delete(b"a")
    store.close()
    store = ShardStore(tmp_path / "shard")
    assert [b"1", None] == [store.get(b"a"), store.get(b"b")]


KEYS_PER_BATCH = 200
WRITER = f"""
import sys
from pathlib import Path
from state.store import ShardStore
store = ShardStore(Path(sys.argv[1]))
batch = int.from_bytes(store.get(b"n") or b"", "big")
while True:
    batch += 1
    text = batch.to_bytes(8, "big")
    for number in range({KEYS_PER_BATCH}):
        store.put(b"k" + number.to_bytes(4, "big"), text)
    store.put(b"b" + text, b"")
    if batch > 3:
        store.delete(b"b" + (batch - 3).to_bytes(8, "big"))
    store.put(b"n", text)
    store.commit()
    if batch % 5 == 0:
        store.sync()
    print(batch, flush=True)
"""


def test_a_killed_process_leaves_whole_batches(tmp_path):
    for kill in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "shard")], stdout=subprocess.PIPE, cwd=ROOT
        )
        assert child.stdout is not None
        lines = [int(child.stdout.readline()) for _ in range(7 * kill + 1)]
        child.send_signal(signal.SIGKILL)
        lines += [int(line) for line in child.stdout.read().splitlines()]  # what it said before it died
        child.wait()
        child.stdout.close()
        store = ShardStore(tmp_path / "shard")
        batch = int.from_bytes(store.get(b"n") or b"", "big")
        assert batch in (lines[-1], lines[-1] + 1), "a batch that was reported as committed is there"
        values = [value for _, value in store.scan(b"k")]
        assert [batch.to_bytes(8, "big")] * KEYS_PER_BATCH == values
        kept = [int.from_bytes(key[1:], "big") for key, _ in store.scan(b"b")]
        assert [number for number in range(batch - 2, batch + 1) if number > 0] == kept
        store.close()


HOLDER = """
import sys
from pathlib import Path
from state.store import ShardStore
store = ShardStore(Path(sys.argv[1]))
print("open", flush=True)
sys.stdin.read()
"""


def test_a_store_that_another_process_has_is_locked_until_that_one_ends(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "shard")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert child.stdout is not None
    assert b"open\n" == child.stdout.readline()
    with pytest.raises(StateLocked, match="in use by another process"):
        ShardStore(tmp_path / "shard")
    child.communicate()
    ShardStore(tmp_path / "shard").close()


def filled(path: Path) -> None:
    """A store of 5,000 keys whose content lies in a table file."""
    store = ShardStore(path)
    for number in range(5_000):
        store.put(b"x" + number.to_bytes(4, "big"), os.urandom(100))
    store.commit()
    store.close()
    ShardStore(path).close()  # recovery turns the log into a table


def test_a_store_whose_current_file_names_nothing_is_damaged(tmp_path):
    path = tmp_path / "block"  # "lock" in its name does not make it locked
    filled(path)
    (path / "CURRENT").write_text("MANIFEST-999999\n")
    with pytest.raises(StateDamaged, match="does not open"):
        ShardStore(path)


def test_a_store_whose_current_file_is_torn_is_damaged(tmp_path):
    filled(tmp_path / "shard")
    (tmp_path / "shard" / "CURRENT").write_bytes(b"MANI")
    with pytest.raises(StateDamaged, match="does not open"):
        ShardStore(tmp_path / "shard")


def test_a_damaged_block_is_an_error_and_not_the_end_of_a_scan(tmp_path):
    path = tmp_path / "shard"
    filled(path)
    table = max(path.glob("*.sst"), key=lambda one: one.stat().st_size)
    data = bytearray(table.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(200)
    table.write_bytes(data)
    store = ShardStore(path)
    with pytest.raises(StateDamaged, match="cannot be read"):
        list(store.scan(b"x"))
    reads = []
    for number in range(5_000):
        try:
            reads.append(store.get(b"x" + number.to_bytes(4, "big")) is not None)
        except StateDamaged:
            reads.append(False)
            with pytest.raises(StateDamaged):
                store.last_before(b"x", (number + 1).to_bytes(4, "big"))
            with pytest.raises(StateDamaged):
                store.any_from(b"x", number.to_bytes(4, "big"))
    assert 0 < reads.count(False) < 200
