"""States that lost something: an old backup, a log of RocksDB that is cut, flipped or gone, a shard that is gone. A run ends
with the right books or with a named refusal, never with a silent rewind.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ops.test_bad_states import contents
from tests.support.world import World, usage

OLDER = "the state is older than the sink; use the state that goes with it, or an empty --sink"
NAMED = (OLDER, "does not open", "cannot be read", "does not read")


def cut(log: Path) -> None:
    log.write_bytes(log.read_bytes()[: log.stat().st_size // 2])


def flipped(log: Path) -> None:
    whole = bytearray(log.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    log.write_bytes(bytes(whole))


def gone(log: Path) -> None:
    log.unlink()


def logs(world: World) -> list[Path]:
    """The write-ahead logs that hold something."""
    return [path for path in sorted(world.state.glob("shard-*/*.log")) if path.stat().st_size]


def test_an_old_backup_is_refused_and_the_sink_stays_as_it_is(world: World) -> None:
    world.days(1, 3)
    world.booked_right()
    shutil.copytree(world.state, world.root / "backup")
    world.send(*(usage(f"more{day}", day) for day in range(4, 8)))
    world.booked_right()
    world.state.rename(kept := world.root / "kept")
    shutil.copytree(world.root / "backup", world.state)
    before = contents(world.sink)
    world.send(usage("last", 9))
    ended = world.run()
    assert 2 == ended.code
    assert ended.told.endswith(OLDER)
    assert before == contents(world.sink)
    shutil.rmtree(world.state)
    kept.rename(world.state)
    world.booked_right()
    assert "48.00" == world.revenue()


@pytest.mark.parametrize("damage", [cut, flipped, gone])
@pytest.mark.parametrize("died", ["file-synced:1", "epoch-synced:1"], ids=["said", "nothing said yet"])
def test_a_log_that_lost_something_is_read_again_or_refused(
    world: World, damage: Callable[[Path], None], died: str
) -> None:
    world.days(1, 3)
    assert -signal.SIGKILL == world.process("--shards", "2", CRASH_AT=died).code
    assert logs(world)  # a store that is closed well has none
    for place in (world.state, world.sink):
        if place.exists():
            shutil.copytree(place, world.root / f"whole-{place.name}")
    refused = 0
    for number in range(len(logs(world))):
        before = contents(world.sink)
        damage(logs(world)[number])
        ended = world.run("--shards", "2")
        if ended.code:
            assert any(name in ended.told for name in NAMED), ended.said
            assert before == contents(world.sink)
            refused += 1
        else:
            assert [] == world.problems(ended)
            assert "18.00" == world.revenue()
        for place in (world.state, world.sink):
            shutil.rmtree(place, ignore_errors=True)
            if (whole := world.root / f"whole-{place.name}").exists():
                shutil.copytree(whole, place)
    assert (died == "file-synced:1") == (refused > 0)
    world.booked_right("--shards", "2")


def test_a_shard_that_is_gone_is_refused_where_it_had_said_something(world: World) -> None:
    world.days(1, 3)
    world.booked_right("--shards", "2")
    refused = []
    for shard in sorted(world.state.glob("shard-*")):
        shard.rename(kept := world.root / shard.name)
        ended = world.run("--shards", "2")
        if ended.code:
            assert ended.told.endswith(OLDER)
            refused.append(shard.name)
        else:
            assert [] == world.problems(ended)
        shutil.rmtree(shard, ignore_errors=True)
        kept.rename(shard)
    assert 1 == len(refused)  # the one of the only customer
    world.booked_right("--shards", "2")


@pytest.mark.parametrize("lives", [(1, 2, 4, 1), (4, 1, 2)])
def test_the_books_are_the_same_for_any_workers_from_life_to_life(world: World, lives: tuple[int, ...]) -> None:
    world.contract()
    for number, workers in enumerate(lives):
        world.send(*(usage(f"u{number}-{day}", day) for day in range(1, 10)))
        ended = world.booked_right("--workers", str(workers), "--shards", "4")
        assert number + 1 == ended.result.generation
    assert f"{54 * len(lives)}.00" == world.revenue()
