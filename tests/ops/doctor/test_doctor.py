"""The doctor finds what is wrong, says what to do, changes nothing, and works while a run does."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.settings import Settings
from tests.ops.doctor.asking import JOURNAL, USAGE, ask, found
from tests.support.disk import disk
from tests.support.process import environment, finish, here, start
from tests.support.world import World, usage


def touched(root: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below a directory, with size, content's age and inode."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns, path.lstat().st_ino)
        for path in sorted([root, *root.rglob("*")])
    }


@pytest.fixture
def booked(world: World) -> World:
    """Nine days, booked."""
    world.days()
    world.booked_right()
    return world


# -- when all is well


def test_a_healthy_run_passes_and_nothing_is_changed(booked: World) -> None:
    before = touched(booked.root)
    ended = ask(booked)
    assert 0 == ended.code, ended.printed
    assert [] == found(ended, "fail")
    assert [] == [one for one in found(ended, "warn") if not one.startswith(("tz database", "state disk", "sink disk"))]
    assert before == touched(booked.root)
    told = [" ".join(one.split()) for one in found(ended, "ok")]
    for expected in (
        f"settings {len(Settings.model_fields)} at their default",
        f"source {USAGE}: 1 partition, 1 file, ",
        f"sink {JOURNAL}: 1 file, 9 records, no gap, every entry balances",
        f"state {booked.state}: format 1, generation 1, 8 shards",
        "state lock nobody holds it",
        f"state it goes with the sink {booked.sink}: nothing is missing there, nothing is ahead",
        f"state every partition that is applied is in {booked.source}",
    ):
        assert any(one.startswith(expected) for one in told), (expected, told)


def test_it_is_one_object_for_programs(booked: World) -> None:
    printed = json.loads(ask(booked, "--json").printed)
    assert printed["ok"]
    assert {"ok", "warn"} >= {one["level"] for one in printed["checks"]}
    (state,) = [one for one in printed["checks"] if "generation" in one]
    assert (1, 8) == (state["generation"], state["shards"])
    (sizes,) = [one for one in printed["checks"] if "bytes_by_shard" in one]
    assert 8 == len(sizes["bytes_by_shard"])
    (settings,) = [one for one in printed["checks"] if "settings" in one]
    assert {"value": 8, "from": "default"} == settings["settings"]["shards"]


def test_places_that_are_not_there_yet_are_well(world: World) -> None:
    world.days()
    ended = ask(world)
    assert 0 == ended.code, ended.printed
    assert f"{world.sink} is not there yet: the first run makes it" in ended.printed
    assert f"{world.state} is not there yet: the first run makes it" in ended.printed
    assert not world.sink.exists()


def test_without_places_it_looks_at_the_program(world: World) -> None:
    ended = here("doctor", cwd=world.root)
    assert 0 == ended.code, ended.printed
    parts = [line[6:18].strip() for line in ended.printed.splitlines()[:-1]]
    assert ["python", "packages", "settings", "tz database", "clock", "schemas"] == parts


def test_the_state_is_looked_for_where_a_run_puts_it(world: World) -> None:
    world.days(1, 2)
    here("run", "--source", f"files:{world.source}", "--sink", f"files:{world.sink}", cwd=world.root)
    ended = here("doctor", "--sink", f"files:{world.sink}", cwd=world.root)
    assert f"{world.sink}/.state: format 1, generation 1, 8 shards" in ended.printed


def test_what_a_killed_run_left_in_the_log_is_seen(booked: World) -> None:
    """A state that was not closed keeps what was committed in its log: read through it, it goes with the sink."""
    booked.send(*(usage(f"more{day}", day) for day in range(10, 20)))
    process = start(*booked.words("--batch-rows", "1"), cwd=booked.root, env=environment(ACCRUAL_EPOCH_MS="10"))
    while len(booked.records(JOURNAL)) < 12 and process.poll() is None:
        pass
    process.kill()
    finish(process)
    before = touched(booked.state)
    ended = ask(booked)
    assert [] == found(ended, "fail"), ended.printed
    assert before == touched(booked.state)
    booked.booked_right()


def test_it_works_while_a_run_does(booked: World) -> None:
    path = booked.source / USAGE / "0.jsonl"
    whole = path.read_bytes()
    env = environment(ACCRUAL_POLL_MS="20")
    run = start(*booked.words("--follow", as_of=None), cwd=booked.root, env=env)
    try:
        path.write_bytes(whole + b"".join(json.dumps(usage(f"n{day}", day)).encode() + b"\n" for day in (20, 21)))
        while len(booked.records(JOURNAL)) < 10:
            assert run.poll() is None, finish(run)
        ended = ask(booked)
        assert 0 == ended.code, ended.printed
        told = [" ".join(one.split()) for one in found(ended, "ok")]
        assert f"state lock process {run.pid} works on it" in told
        assert "state whether it goes with the sink is not looked at while a run works on it" in told
    finally:
        run.terminate()
        assert 0 == finish(run).code
    assert "nobody holds it" in ask(booked).printed


# -- the program


def test_settings_are_told_with_where_they_come_from(world: World) -> None:
    (world.root / "accrual.toml").write_text("lateness_s = 60\n")
    ended = here("doctor", cwd=world.root, ACCRUAL_SHARDS="4")
    (told,) = [one for one in found(ended, "ok") if one.startswith("settings")]
    rest = len(Settings.model_fields) - 2
    expected = f"settings shards = 4 (ACCRUAL_SHARDS), lateness_s = 60 (accrual.toml), {rest} at their default"
    assert expected == " ".join(told.split())


def test_wrong_settings_fail(booked: World) -> None:
    ended = ask(booked, ACCRUAL_WORKERS="0")
    assert 1 == ended.code
    (told,) = found(ended, "fail")
    assert told.startswith("settings     setting workers (ACCRUAL_WORKERS) has the value '0': input should be greater")


def test_settings_that_the_state_was_not_made_with_fail(booked: World) -> None:
    ended = ask(booked, ACCRUAL_SHARDS="4", ACCRUAL_LATENESS_S="60")
    assert 1 == ended.code
    told = [" ".join(one.split()) for one in found(ended, "fail")]
    assert [
        f"state {booked.state} has 8 shards, the setting says 4: set shards to 8: the number is fixed at creation",
        f"state the books in {booked.state} were made with lateness_s = 3600, the setting says 60: set lateness_s to 3600, or "
        "rebuild with an empty --state and --sink",
    ] == told


def test_the_tz_database_in_force_is_told(world: World) -> None:
    zone = here("doctor", cwd=world.root).printed
    assert "tz database  version 2" in zone


def test_files_from_the_future_are_doubted(booked: World) -> None:
    path = booked.sink / "note"
    path.touch()
    os.utime(path, (4_000_000_000, 4_000_000_000))
    (told,) = [one for one in found(ask(booked), "warn") if one.startswith("clock")]
    assert f"but {path} was written later than that: did the clock go back? set it right" in told


# -- the sink


def journal_of(world: World) -> Path:
    (path,) = (world.sink / JOURNAL).glob("*.jsonl")
    return path


def gap(path: Path) -> str:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], *lines[4:]]))
    return f"{path}, line 4: sequence 5 where 4 should be: restore the sink from a copy, or rebuild"


def said_twice(path: Path) -> str:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], *lines[2:]]))
    return f"{path}, line 4: sequence 3 where 4 should be: "


def spoilt(path: Path) -> str:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"\x00\n", *lines[4:]]))
    return f"{path}, line 4: JSON is malformed: "


def unbalanced(path: Path) -> str:
    lines = path.read_bytes().splitlines(keepends=True)
    entry = json.loads(lines[3])
    entry["lines"][0]["amount"] = "7.00"
    path.write_bytes(b"".join([*lines[:3], json.dumps(entry).encode() + b"\n", *lines[4:]]))
    return f"{path}, line 4: entry {entry['entry_id']} has debit 7.00 and credit 6.00: "


def another_shards(path: Path) -> str:
    entry = json.loads(path.read_bytes().splitlines()[0])
    path.write_bytes(json.dumps({**entry, "shard": entry["shard"] + 1}).encode() + b"\n")
    return f"{path}, line 1: a record of shard {entry['shard'] + 1}: "


@pytest.mark.parametrize("spoil", [gap, said_twice, spoilt, unbalanced, another_shards])
def test_a_journal_that_is_not_whole_fails(booked: World, spoil: Callable[[Path], str]) -> None:
    told = spoil(journal_of(booked))
    ended = here("doctor", "--sink", f"files:{booked.sink}", cwd=booked.root)
    assert 1 == ended.code
    assert any(one.removeprefix("sink").strip().startswith(told) for one in found(ended, "fail")), ended.printed


def test_a_torn_last_line_is_no_failure(booked: World) -> None:
    path = journal_of(booked)
    path.write_bytes(path.read_bytes() + b'{"entry_id": "')
    ended = ask(booked)
    assert 0 == ended.code, ended.printed
    told = f"the last line of {path} is torn: nothing need be done: the next run cuts it and writes it anew"
    assert any(told in one for one in found(ended, "warn"))
    assert f"{JOURNAL}: 1 file, 9 records, no gap" in ended.printed


def test_strange_files_among_the_output_are_doubted(booked: World) -> None:
    (path := booked.sink / JOURNAL / "copy.jsonl").touch()
    told = f"{path} is no file of {JOURNAL}: there are <shard>.jsonl: move it away"
    assert any(told in one for one in found(ask(booked), "warn"))


# -- the state


def emptied(world: World) -> str:
    shutil.rmtree(world.state)
    return (
        f"{world.state} holds no state, but the sink {world.sink} holds records: restore state and sink from one backup"
    )


def foreign(world: World) -> str:
    (world.state / "accrual-state.json").unlink()
    return f"{world.state} holds files but no accrual-state.json: it is not accrual's: name another --state"


def no_identity(world: World) -> str:
    (world.state / "accrual-state.json").write_text('{"form')
    return f"{world.state}/accrual-state.json does not read (Input data was truncated): restore it from a backup"


def other_format(world: World) -> str:
    named = world.state / "accrual-state.json"
    named.write_text(json.dumps({**json.loads(named.read_text()), "format": 2}))
    return f"{world.state} has format 2, this program writes 1: use the program that wrote it, or rebuild"


def sink_ahead(world: World) -> str:
    kept = world.root / "kept"
    shutil.copytree(world.state, kept)
    world.send(usage("more", 12))
    world.booked_right()
    shutil.rmtree(world.state)
    kept.rename(world.state)
    path = journal_of(world)
    return f"{path} holds 10 records, the state in {world.state} has said 9: the state is older than the sink: use the state"


def sink_behind(world: World) -> str:
    # Many epochs: what was kept to be said again is forgotten when a later one begins.
    world.send(*(usage(f"n{number}", 10 + number // 12) for number in range(200)))
    world.booked_right("--batch-rows", "1", ACCRUAL_EPOCH_MS="10")
    path = journal_of(world)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:5]))
    return f"{path} holds 5 records, the state in {world.state} has written "


def shard_gone(world: World) -> str:
    shutil.rmtree(world.state / "shard-002")
    return f"{world.state}/shard-002 is missing: restore state and sink from one backup"


def partition_gone(world: World) -> str:
    (world.source / USAGE / "0.jsonl").rename(world.source / USAGE / "5.jsonl")
    return (
        f"partitions are applied that {world.source} does not have: {USAGE}/0 (9 applied): restore them, or start with"
    )


def store_damaged(world: World) -> str:
    for path in (world.state / "shard-002").glob("MANIFEST-*"):
        path.write_bytes(b"")
    return f"cannot be looked at: the store {world.state}/shard-002 does not open: "


@pytest.mark.parametrize(
    "spoil",
    [
        emptied, foreign, no_identity, other_format, sink_ahead, sink_behind, shard_gone, partition_gone, store_damaged,
    ],
)  # fmt: skip
def test_a_state_that_does_not_go_with_its_places_fails(booked: World, spoil: Callable[[World], str]) -> None:
    told = spoil(booked)
    before = touched(booked.root)
    ended = ask(booked)
    assert 1 == ended.code
    assert any(one.removeprefix("state").strip().startswith(told) for one in found(ended, "fail")), ended.printed
    assert before == touched(booked.root)
    if spoil is not partition_gone and spoil is not shard_gone:
        assert 0 != booked.run().code  # a run says so too


# -- the disk


@pytest.mark.parametrize(
    ("options", "level", "told"),
    [
        ("ro", "fail", "cannot be written: let it be written, or name another --sink"),
        ("size=1m", "fail", "make room: a run that finds none stops, nothing is lost"),
        ("size=500m", "warn", "make room soon"),
        ("size=2g,nr_inodes=500", "fail", "make room: a run that finds none stops, nothing is lost"),
        ("size=2g,nr_inodes=5000", "warn", "make room soon"),
    ],
)
def test_a_disk_without_room_is_noticed(world: World, options: str, level: str, told: str) -> None:
    with disk(world.sink, options):
        ended = here("doctor", "--sink", f"files:{world.sink}", cwd=world.root)
    assert any(one.startswith("sink disk") and told in one for one in found(ended, level)), ended.printed
    assert (level == "fail") == (ended.code == 1)


def test_a_file_where_a_directory_should_be_fails(world: World) -> None:
    world.sink.write_text("mine")
    ended = here("doctor", "--sink", f"files:{world.sink}", cwd=world.root)
    assert 1 == ended.code
    assert f"{world.sink} is no directory: move it away, or name another --sink" in ended.printed


# -- wrong usage


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--source", "in"], "'in' is not an address of the form files:DIR"),
        (
            ["--sink", "kafka://b:9"],
            "--sink 'kafka://b:9': this command works on files: accrual topics fetch writes them",
        ),
    ],
)
def test_wrong_usage_is_refused(world: World, given: list[str], told: str) -> None:
    ended: Any = here("doctor", *given, cwd=world.root)
    assert (2, f"accrual doctor: {told}\n", "") == (ended.code, ended.said, ended.printed)
