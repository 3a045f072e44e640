"""A state directory has one owner, one shape and a generation that only grows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from state import codec, keys
from state.directory import StateDirectory, applied, furthest, last_sequences, shard_path, start_positions
from state.errors import StateDamaged, StateForeign, StateLocked
from state.records import Applied
from state.store import ShardStore

ROOT = Path(__file__).parents[2]
IDENTITY = "accrual-state.json"


def written(path: Path) -> dict:
    return json.loads((path / IDENTITY).read_text())


def test_every_owner_starts_a_new_generation(tmp_path):
    path = tmp_path / "new" / "state"
    for generation in (1, 2, 3):
        owned = StateDirectory.acquire(path, 8)
        assert generation == owned.identity.generation
        assert {"format": 1, "shards": 8, "generation": generation, "settings": {}, "topics": {}} == written(path)
        owned.release()


def test_the_topics_that_were_read_are_known_to_every_later_owner(tmp_path):
    first = StateDirectory.acquire(tmp_path, 8)
    first.note({"usage.events": "AbC"})
    first.release()
    second = StateDirectory.acquire(tmp_path, 8)
    assert (2, {"usage.events": "AbC"}) == (second.identity.generation, second.identity.topics)
    second.release()
    named = tmp_path / IDENTITY
    # Of before topics were noted.
    named.write_text(json.dumps({"format": 1, "shards": 8, "generation": 2, "settings": {}}))
    assert {} == StateDirectory.acquire(tmp_path, 8).identity.topics


def test_how_far_any_shard_has_come_is_told_by_the_furthest(tmp_path):
    for shard, offset in ((0, 3), (2, 7)):
        store = ShardStore(shard_path(tmp_path, shard))
        store.put(keys.APPLIED + b"usage.events/0", codec.encode(Applied(offset, None, 0)))
        store.commit()
        store.close()
    assert {"usage.events/0": 7} == furthest(tmp_path, 4)


def test_an_empty_directory_is_taken_and_so_is_one_with_nothing_but_its_lock(tmp_path):
    (tmp_path / "LOCK").touch()
    assert 1 == StateDirectory.acquire(tmp_path, 8).identity.generation


def test_a_crash_between_writing_and_naming_the_first_identity_leaves_the_directory_usable(tmp_path):
    (tmp_path / "LOCK").touch()
    (tmp_path / "accrual-state.new").write_bytes(b'{"format"')
    assert 1 == StateDirectory.acquire(tmp_path, 8).identity.generation


def test_a_directory_with_other_files_is_foreign_and_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StateForeign, match=r"not accrual's; name an empty one"):
        StateDirectory.acquire(tmp_path, 8)
    assert ["thesis.txt"] == [one.name for one in tmp_path.iterdir()]


def test_shards_without_an_identity_are_foreign(tmp_path):
    shard_path(tmp_path, 0).mkdir()
    with pytest.raises(StateForeign):
        StateDirectory.acquire(tmp_path, 8)


def test_another_number_of_shards_is_refused_and_changes_nothing(tmp_path):
    StateDirectory.acquire(tmp_path, 8).release()
    with pytest.raises(StateForeign, match="has 8 shards, the setting says 4"):
        StateDirectory.acquire(tmp_path, 4)
    assert 1 == written(tmp_path)["generation"]


def test_another_format_is_refused_and_changes_nothing(tmp_path):
    (tmp_path / IDENTITY).write_text('{"format": 2, "shards": 8, "generation": 5, "more": "fields"}')
    with pytest.raises(StateForeign, match="has format 2, this program writes 1"):
        StateDirectory.acquire(tmp_path, 8)
    assert 5 == written(tmp_path)["generation"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": 1}', '{"format": "1", "shards": 8, "generation": 1}', "[]", "\x00" * 40]
)
def test_a_torn_identity_is_damage_that_names_the_file(tmp_path, text):
    (tmp_path / IDENTITY).write_text(text)
    with pytest.raises(StateDamaged, match=IDENTITY):
        StateDirectory.acquire(tmp_path, 8)


def test_a_directory_that_was_refused_is_not_held(tmp_path):
    StateDirectory.acquire(tmp_path, 8).release()
    with pytest.raises(StateForeign) as refused:
        StateDirectory.acquire(tmp_path, 4)
    assert refused.traceback  # the error is still at hand, and with it every frame
    assert 2 == StateDirectory.acquire(tmp_path, 8).identity.generation


HOLDER = """
import sys
from pathlib import Path
from state.directory import StateDirectory
owned = StateDirectory.acquire(Path(sys.argv[1]), 8)
print("owned", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_told_which_one_has_the_directory(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    assert child.stdout is not None
    assert b"owned\n" == child.stdout.readline()
    with pytest.raises(StateLocked, match=f"in use by process {child.pid}:"):
        StateDirectory.acquire(tmp_path, 8)
    child.kill()
    child.communicate()
    assert 2 == StateDirectory.acquire(tmp_path, 8).identity.generation


def shard(path: Path, number: int, **positions: Applied) -> None:
    store = ShardStore(shard_path(path, number))
    for name, position in positions.items():
        store.put(keys.APPLIED + name.encode(), codec.encode(position))
    store.commit()
    store.close()


def test_reading_begins_where_the_slowest_shard_stands(tmp_path):
    shard(tmp_path, 0, usage=Applied(10, 5, 1), contracts=Applied(3, None, 0))
    shard(tmp_path, 1, usage=Applied(7, 9, 0), contracts=Applied(3, None, 2))
    assert Applied(7, 9, 0) == start_positions(tmp_path, 2)["usage"]
    assert 3 == start_positions(tmp_path, 2)["contracts"].offset


def test_a_partition_or_a_shard_that_has_nothing_applied_is_read_from_the_start(tmp_path):
    shard(tmp_path, 0, usage=Applied(10, 5, 1), contracts=Applied(3, None, 0))
    assert {} == start_positions(tmp_path, 2)
    shard(tmp_path, 1, usage=Applied(7, 9, 0))
    assert {"usage"} == set(start_positions(tmp_path, 2))


def test_looking_for_the_start_gives_the_locks_back_even_when_a_shard_does_not_read(tmp_path):
    shard(tmp_path, 0)
    store = ShardStore(shard_path(tmp_path, 0))
    store.put(keys.APPLIED + b"usage", b"\x02")
    store.commit()
    store.close()
    with pytest.raises(StateDamaged) as damaged:
        start_positions(tmp_path, 1)
    assert damaged.traceback
    ShardStore(shard_path(tmp_path, 0)).close()


def test_a_shard_knows_its_positions_and_sequences(tmp_path):
    store = ShardStore(tmp_path / "shard")
    store.put(keys.APPLIED + b"usage.events/0", codec.encode(Applied(4, None, 0)))
    store.put(keys.SEQUENCE + b"revenue.journal", (2**40).to_bytes(8, "big"))
    assert {"usage.events/0": Applied(4, None, 0)} == applied(store)
    assert {"revenue.journal": 2**40} == last_sequences(store)


def test_books_made_with_other_settings_are_not_gone_on_with(tmp_path):
    StateDirectory.acquire(tmp_path, 8, {"time_zone": "UTC"}).release()
    with pytest.raises(
        StateForeign, match="made with time_zone = UTC, the setting says Asia/Tokyo: set time_zone to UTC"
    ):
        StateDirectory.acquire(tmp_path, 8, {"time_zone": "Asia/Tokyo"})
    assert 2 == StateDirectory.acquire(tmp_path, 8, {"time_zone": "UTC"}).identity.generation
