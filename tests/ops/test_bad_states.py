"""States and sinks that are not this run's, or do not go together: refused, and left alone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.process import environment, finish, start
from tests.support.world import World, usage

USAGE = "usage.events"


# -- state that is not this run's


def other_files(world: World) -> str:
    shutil.rmtree(world.state)
    world.state.mkdir()
    (world.state / "photo.jpg").write_text("mine")
    return "holds files but no accrual-state.json: it is not accrual's; name an empty one"


def other_shards(world: World) -> str:
    identity(world, shards=5)
    return (
        "has 5 shards, the setting says 8: the number is fixed at creation; set shards to 5"
    )  # fmt: skip


def other_format(world: World) -> str:
    identity(world, format=2)
    return (
        "has format 2, this program writes 1: use the program that wrote it, or rebuild into an empty directory"
    )  # fmt: skip


def identity(world: World, **changes: int) -> None:
    named = world.state / "accrual-state.json"
    named.write_text(json.dumps({**json.loads(named.read_text()), **changes}))


@pytest.mark.parametrize("spoil", [other_files, other_shards, other_format])
def test_a_foreign_state_is_refused_and_left_alone(world: World, spoil: Callable[[World], str]) -> None:
    world.days(1, 3)
    world.booked_right()
    shutil.copytree(world.state, kept := world.root / "kept")
    told = spoil(world)
    before = contents(world.state)
    world.send(usage("new", 4))
    ended = world.run()
    assert (2, f"accrual run: the state directory {world.state} {told}") == (ended.code, ended.told)
    assert before == contents(world.state)
    shutil.rmtree(world.state)
    kept.rename(world.state)
    world.booked_right()
    assert world.revenue() == "24.00"


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "LOCK"
    }


def test_shards_by_flag_other_than_the_state_has_are_refused(world: World) -> None:
    world.days(1, 3)
    world.booked_right("--shards", "2")
    ended = world.run("--shards", "4")
    told = "has 2 shards, the setting says 4: the number is fixed at creation; set shards to 2"
    assert (2, f"accrual run: the state directory {world.state} {told}") == (ended.code, ended.told)
    world.booked_right("--shards", "2")


def test_an_identity_that_does_not_read_is_refused(world: World) -> None:
    world.days(1, 3)
    world.booked_right()
    named = world.state / "accrual-state.json"
    whole = named.read_bytes()
    named.write_bytes(whole[:10])
    ended = world.run()
    assert ended.code == 1
    assert ended.told.startswith(f"accrual run: {named} does not read (")
    assert ended.told.endswith("): restore it from a backup, or rebuild the state")
    named.write_bytes(whole)
    world.booked_right()


def test_two_processes_on_one_state(world: World) -> None:
    world.days()
    path = world.source / USAGE / "0.jsonl"
    whole = path.read_bytes()
    path.unlink()
    os.mkfifo(path)  # the first process waits in it, the lock in hand
    first = start(*world.words(), cwd=world.root, env=environment())
    feed = opened(path, first)
    second = world.process()
    told = f"the state directory {world.state} is in use by process {first.pid}: stop it, or name another --state"
    assert (1, f"accrual run: {told}") == (second.code, second.told)
    with os.fdopen(feed, "wb") as file:
        file.write(whole)
    ended = finish(first)
    assert ended.code == 0, ended.said
    path.unlink()
    path.write_bytes(whole)
    assert world.problems(ended) == []
    world.booked_right()
    assert world.revenue() == "54.00"


def opened(path: Path, reader: subprocess.Popen[str]) -> int:
    """The writing end of a named pipe, once its reader is there."""
    while True:
        try:
            writing = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
            os.set_blocking(writing, True)
            return writing
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            assert_runs_on(reader)


def assert_runs_on(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=0.01)
    except subprocess.TimeoutExpired:
        return
    pytest.fail(f"it ended with {process.returncode}: {finish(process).said}")


# -- a sink that does not go with the state


def test_a_sink_ahead_of_an_emptied_state_is_refused(world: World) -> None:
    world.days()
    world.booked_right()
    (shard, text), *_ = world.lines("revenue.journal").items()
    world.state.rename(kept := world.root / "kept")
    ended = world.run()
    assert (
        2,
        f"accrual run: {world.sink}/revenue.journal/{shard} holds 9 records, the state in {world.state} has said 0: "
        "the state is older than the sink; use the state that goes with it, or an empty --sink",
    ) == (ended.code, ended.told)
    assert text == world.lines("revenue.journal")[shard]
    shutil.rmtree(world.state)
    kept.rename(world.state)
    world.booked_right()
    # The other remedy: an empty sink for the emptied state.
    shutil.rmtree(world.state)
    shutil.rmtree(world.sink)
    world.booked_right()
    assert world.revenue() == "54.00"


def test_a_sink_that_lost_records_is_refused(world: World) -> None:
    world.contract()
    world.send(*(usage(f"u{n}", 1 + n // 12, event_time=instant(n)) for n in range(300)))
    # Many epochs, so that the state has proof that the sink held the first records, and keeps them no more.
    world.booked_right("--batch-rows", "1", ACCRUAL_EPOCH_MS="10", ACCRUAL_USAGE_WINDOW="day")
    (shard, text), *_ = world.lines("revenue.journal").items()
    path = world.sink / "revenue.journal" / shard
    path.write_bytes(text.splitlines(keepends=True)[0])
    ended = world.run()
    assert ended.code == 1
    assert ended.told.startswith(f"accrual run: {path} holds 1 records, the state in {world.state} says that ")
    assert ended.told.endswith(" were written: restore the sink, or rebuild with an empty --state and --sink")
    path.write_bytes(text)
    world.booked_right()
    assert text == world.lines("revenue.journal")[shard]


def instant(hours: int) -> str:
    return f"2025-01-{hours // 12 + 1:02d}T{hours % 12 * 2:02d}:00:00Z"


@pytest.mark.parametrize("left", ["half of the last line", "a line and a half too few", "a torn line more"])
def test_a_torn_last_line_of_the_sink_is_cut_and_completed(world: World, left: str) -> None:
    world.days()
    world.booked_right()
    (shard, text), *_ = world.lines("revenue.journal").items()
    path, last = world.sink / "revenue.journal" / shard, len(text.splitlines()[-1])
    torn = {
        "half of the last line": text[: -last // 2],
        "a line and a half too few": text[: -last - last // 2],
        "a torn line more": text + text.splitlines()[0][:30],
    }
    path.write_bytes(torn[left])
    world.booked_right()
    if left == "a torn line more":  # nothing is to be written, so that the file is not touched
        world.send(usage("new", 20))
        world.booked_right()
        assert text == world.lines("revenue.journal")[shard][: len(text)]
    else:
        assert text == world.lines("revenue.journal")[shard]


def test_a_line_that_is_no_record_of_ours_is_refused(world: World) -> None:
    world.days()
    world.booked_right()
    (shard, text), *_ = world.lines("revenue.journal").items()
    path = world.sink / "revenue.journal" / shard
    path.write_bytes(text + b'{"theirs": 1}\n')
    ended = world.run()
    assert ended.code == 1
    assert ended.told.startswith(f"accrual run: the last line of {path} is no record of ours (")
    assert ended.told.endswith("): name another --sink")
    path.write_bytes(text)
    world.booked_right()


def test_a_spoilt_line_inside_the_sink_is_named(world: World) -> None:
    world.days()
    world.booked_right()
    (shard, text), *_ = world.lines("revenue.journal").items()
    path = world.sink / "revenue.journal" / shard
    lines = text.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"\x00" * 20 + b"\n", *lines[4:]]))
    ended = world.run()
    assert ended.code == 1
    assert ended.told.startswith(f"accrual run: {path}, line 4: ")
    path.write_bytes(text)
    world.booked_right()
