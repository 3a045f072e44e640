"""Full disks and places that cannot be written: a plain message, and the rerun ends in the same books."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from tests.support.disk import disk
from tests.support.world import World, usage

# -- full disks

FULL = 300  # events: more than the small disks and files here hold


def many(world: World) -> World:
    world.contract()
    return world.send(*(usage(f"u{n}", n % 28 + 1, customer_id=f"c{n % 7}") for n in range(FULL)))


def test_a_full_disk_under_the_sink_loses_nothing(world: World) -> None:
    world.days()
    shard = next(iter(undisturbed(world).lines("revenue.journal")))
    full = world.sink / "revenue.journal" / shard
    full.parent.mkdir(parents=True)
    full.symlink_to("/dev/full")
    ended = world.process()
    assert (
        1,
        f"accrual run: cannot write or read {full}: No space left on device; make room and run the same command again: "
        "nothing is lost",
    ) == (ended.code, ended.told)
    full.unlink()
    world.booked_right()
    assert world.revenue() == "54.00"


def undisturbed(world: World) -> World:
    """A second world with the same source, run undisturbed."""
    (root := world.root / "undisturbed").mkdir()
    other = World(root)
    other.source.rmdir()
    other.source = world.source
    other.booked_right()
    return other


def test_a_sink_on_a_full_file_system_goes_on_where_it_stopped(world: World) -> None:
    many(world)
    with disk(world.sink, "size=32k") as small:
        ended = world.process()
        assert ended.code == 1
        assert ended.told.endswith("No space left on device; make room and run the same command again: nothing is lost")
        assert f"accrual run: cannot write or read {world.sink}/revenue." in ended.told
        written = {topic: world.lines(topic) for topic in ("revenue.journal", "revenue.exceptions")}
        small.change("size=10m")
        world.booked_right()
        for topic, files in written.items():
            now = world.lines(topic)
            for name, text in files.items():
                whole = text[: text.rfind(b"\n") + 1]
                assert whole == now[name][: len(whole)]


@pytest.mark.parametrize("size", ["40k", "300k", "900k"])
def test_a_state_on_a_full_file_system_goes_on_where_it_stopped(world: World, size: str) -> None:
    many(world)
    with disk(world.state, f"size={size}") as small:
        ended = world.process("--batch-rows", "20")
        assert ended.code == 1
        assert f"accrual run: the store {world.state}/shard-" in ended.told
        assert "No space left on device" in ended.told
        assert ended.told.endswith("; make room, or let it be written, and run the same command again: nothing is lost")
        small.change("size=100m")
        world.booked_right()


@pytest.mark.parametrize("largest", [512, 4_096, 20_000, 40_000])
def test_a_limit_on_file_sizes_is_a_full_disk(world: World, largest: int) -> None:
    many(world)
    ended = world.process("--batch-rows", "20", largest_file=largest)
    assert ended.code == 1
    assert "File too large" in ended.told
    assert ended.told.endswith("and run the same command again: nothing is lost")
    world.booked_right()


# -- places that cannot be written


@pytest.mark.parametrize("place", ["sink", "state"])
def test_a_file_where_a_directory_should_be_is_refused(world: World, place: str) -> None:
    world.days(1, 3)
    path: Path = getattr(world, place)
    path.write_text("mine")
    ended = world.run()
    told = f"the {place} directory {path} cannot be written: {os.strerror(errno.EEXIST)}"
    assert (1, f"accrual run: {told}; mend that, or name another --{place}") == (ended.code, ended.told)
    assert path.read_text() == "mine"
    path.unlink()
    world.booked_right()


@pytest.mark.parametrize("place", ["sink", "state"])
def test_a_read_only_place_is_refused(world: World, place: str) -> None:
    world.days(1, 3)
    path: Path = getattr(world, place)
    with disk(path, "ro") as medium:
        ended = world.run()
        told = f"the {place} directory {path} cannot be written: {os.strerror(errno.EROFS)}"
        assert (1, f"accrual run: {told}; mend that, or name another --{place}") == (ended.code, ended.told)
        medium.change("rw")
        world.booked_right()


def test_a_source_may_be_read_only(world: World) -> None:
    world.days(1, 3)
    content = world.source.rename(world.root / "content")
    with disk(world.source, "size=1m") as medium:
        shutil.copytree(content, world.source, dirs_exist_ok=True)
        medium.change("ro")
        world.booked_right()
