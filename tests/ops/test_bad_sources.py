"""Sources of another shape, or with less in them than was applied: refused with a word, or empty topics."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.world import World, usage

USAGE = "usage.events"


# -- topics that are not there, or are there twice


def test_an_empty_topic_file_is_an_empty_topic(world: World) -> None:
    world.contract()
    (world.source / USAGE).mkdir()
    (world.source / USAGE / "0.jsonl").touch()
    (world.source / "control.events.jsonl").touch()
    ended = world.booked_right()
    assert (ended.result.tally.read, ended.result.tally.entries) == (0, 0)
    world.send(usage("a", 1))
    world.booked_right()
    assert world.revenue() == "6.00"


def test_a_missing_topic_is_an_empty_topic(world: World) -> None:
    ended = world.booked_right()
    assert ended.result.tally.read == 0
    world.send(usage("a", 1))
    world.booked_right()
    assert [one["class"] for one in world.exceptions()] == ["contract_unknown"]
    world.contract()
    world.booked_right()
    assert (world.revenue(), world.exceptions()[-1]["status"]) == ("6.00", "resolved")


def twice(world: World) -> tuple[str, Callable[[], None]]:
    shutil.copy(world.source / USAGE / "0.jsonl", flat := world.source / f"{USAGE}.jsonl")
    return f"topic {USAGE} has both {flat} and {world.source / USAGE}: keep one of them", flat.unlink


def stray(world: World) -> tuple[str, Callable[[], None]]:
    (file := world.source / USAGE / "notes.txt").write_text("hello")
    return (
        f"{file} is not a partition of {USAGE}: there are <number>.jsonl, <number>.jsonl.gz, <number>.jsonl.zst, "
        "<number>.avro and directories <number>",
        file.unlink,
    )


def same_number(world: World) -> tuple[str, Callable[[], None]]:
    (file := world.source / USAGE / "00.jsonl").touch()
    return f"{file} and {world.source / USAGE / '0.jsonl'} are both partition 0 of {USAGE}", file.unlink


def second_control_partition(world: World) -> tuple[str, Callable[[], None]]:
    world.scenario.write("control.events", {}, partition=1)
    file = world.source / "control.events" / "1.jsonl"
    reason = "control.events has one partition, 0, so that its order is one: put all its records there"
    return f"{file}: {reason}", file.unlink


def no_source(world: World) -> tuple[str, Callable[[], None]]:
    aside = world.source.rename(world.root / "aside")
    told = f"the source directory {world.source} does not exist: name the one that holds the topics"

    def back() -> None:
        aside.rename(world.source)

    return told, back


@pytest.mark.parametrize("spoil", [twice, stray, same_number, second_control_partition, no_source])
def test_a_source_of_another_shape_is_refused(
    world: World, spoil: Callable[[World], tuple[str, Callable[[], None]]]
) -> None:
    world.days(1, 3)
    told, mend = spoil(world)
    ended = world.run()
    assert (2, f"accrual run: {told}", "") == (ended.code, ended.told, ended.printed)
    assert world.lines("revenue.journal") == {}
    mend()
    world.booked_right()
    assert world.revenue() == "18.00"


def test_hidden_files_of_a_topic_directory_are_left_alone(world: World) -> None:
    world.days(1, 3)
    (world.source / USAGE / ".0.jsonl.swp").write_text("an editor's")
    world.booked_right()


# -- a source that is less than it was


def cut_usage(source: Path) -> str:
    path = source / USAGE / "0.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:4]))
    return f"{path} has 4 lines, but 9 were applied already: it was cut or replaced"


def gone_usage(source: Path) -> str:
    (source / USAGE / "1.jsonl").unlink()
    return f"partition {USAGE}/1 is not in the source any more, but 2 of its lines were applied already"


def cut_contracts(source: Path) -> str:
    (path := source / "contracts.events" / "0.jsonl").write_bytes(b"")
    return f"{path} has 0 lines, but 1 were applied already: it was cut or replaced"


def cut_control(source: Path) -> str:
    path = source / "control.events" / "0.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    return f"{path} has 1 lines, but 2 were applied already: it was cut or replaced"


def gone_control(source: Path) -> str:
    shutil.rmtree(source / "control.events")
    return "topic control.events has 0 lines, but 2 were applied already: it was cut or replaced"


@pytest.mark.parametrize("spoil", [cut_usage, gone_usage, cut_contracts, cut_control, gone_control])
def test_a_source_shorter_than_what_was_applied_is_refused(world: World, spoil: Callable[[Path], str]) -> None:
    world.days().send(usage("p", 5), usage("q", 6), partition=1)
    world.scenario.close("2025-01", "2025-02-01T00:00:00Z").close("2025-02", "2025-03-01T00:00:00Z")
    world.booked_right()
    before = world.lines("revenue.journal")
    shutil.copytree(world.source, world.root / "whole")
    told = spoil(world.source)
    ended = world.run()
    remedy = "restore it, or start with an empty --state and --sink"
    assert ended.code == 2
    assert ended.told.startswith(f"accrual run: {told}")
    assert ended.told.endswith(remedy)
    assert before == world.lines("revenue.journal")
    shutil.rmtree(world.source)
    (world.root / "whole").rename(world.source)
    world.send(usage("new", 9, event_time="2025-03-05T10:00:00Z"))
    world.booked_right(as_of="2025-04-01T00:00:00Z")
    assert world.revenue() == "72.00"
