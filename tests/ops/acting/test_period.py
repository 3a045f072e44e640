"""Closing and reopening by command: the record is written once or not at all, and the next run keeps it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.instants import parse_instant
from tests.support.disk import disk
from tests.support.process import Ended, accrual, environment, finish, here, start
from tests.support.world import World, usage

CONTROL = "control.events"
FEBRUARY = "2025-02-01T00:00:00Z"
PATIENCE_S = 60


def words(
    world: World, verb: str = "close", period: str = "2025-01", at: str | None = FEBRUARY, **more: str
) -> list[str]:
    """The words of a close or reopening of entity e."""
    given = {"source": f"files:{world.source}", "actor": "ann", **more}
    if verb == "reopen":
        given = {"approver": "bob", **given}
    options = [word for name, value in given.items() if name != "entity" for word in (f"--{name}", value)]
    return [verb, given.get("entity", "e"), period, *options, *(["--at", at] if at else [])]


def ask(world: World, *more: str, **how: Any) -> Ended:
    """Close or reopen, in this process."""
    return here(*words(world, **how), *more, cwd=world.root)


def flat(world: World) -> Path:
    return world.source / f"{CONTROL}.jsonl"


def controls(world: World) -> list[dict[str, Any]]:
    """The control records of the flat file."""
    return [json.loads(line) for line in flat(world).read_bytes().splitlines()]


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def landed(world: World) -> list[tuple[str, str | None]]:
    """Period and origin period of each entry, in the order of the journal."""
    return [(one["period"], one["origin_period"]) for one in world.records("revenue.journal")]


# -- what is written, and what the next run makes of it


def test_a_closed_period_takes_no_entry_any_more(world: World) -> None:
    world.days(1, 2)
    ended = ask(world)
    assert (0, "") == (ended.code, ended.said)
    world.booked_right(as_of=None)
    assert [("2025-01", None)] * 2 == landed(world)
    world.send(*after_the_close("late"))
    world.booked_right(as_of=None)
    assert [("2025-01", None), ("2025-01", None), ("2025-02", "2025-01")] == landed(world)
    assert "18.00" == world.revenue()


def after_the_close(name: str, day: int = 5) -> list[dict[str, Any]]:
    """Usage of February, and behind it late usage of January."""
    return [usage(f"{name}-february", 1, event_time=f"2025-02-{day:02d}T10:00:00Z"), usage(name, 2)]


def test_a_reopened_period_takes_later_differences(world: World) -> None:
    world.days(1, 2)
    ask(world)
    world.booked_right(as_of=None)
    assert 0 == ask(world, verb="reopen", at="2025-02-02T00:00:00Z").code
    world.send(*after_the_close("late"))
    world.booked_right(as_of=None)
    assert [("2025-01", None)] * 3 == landed(world)
    assert 0 == ask(world, at="2025-02-05T12:00:00Z").code
    world.send(*after_the_close("later", 6))
    world.booked_right(as_of=None)
    assert [("2025-01", None)] * 3 == landed(world)[:3]
    assert {("2025-02", None), ("2025-02", "2025-01")} == set(landed(world)[3:])


def test_a_run_that_follows_applies_it_at_once(world: World) -> None:
    world.days(1, 2)
    env = environment(ACCRUAL_POLL_MS="20", ACCRUAL_EPOCH_MS="20", ACCRUAL_SHARDS="2")
    run = start(*world.words("--follow", as_of=None), cwd=world.root, env=env)
    try:
        until(run, lambda: len(landed(world)) == 1)  # the second day is not over
        assert 0 == ask(world).code
        until(run, lambda: len(landed(world)) == 2)
        run.send_signal(signal.SIGTERM)
        assert 0 == finish(run).code
    finally:
        run.kill()
        run.wait()
    world.booked_right(as_of=None, ACCRUAL_SHARDS="2")


def until(run: Any, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        assert run.poll() is None, finish(run)
        time.sleep(0.01)


def test_the_record_is_whole_and_says_who_when_and_what(world: World) -> None:
    ended = ask(world, "--json")
    (record,) = controls(world)
    assert record["event_id"].startswith("close-e-2025-01-")
    expected = {
        "event_id": record["event_id"],
        "source": "accrual-cli",
        "event_time": FEBRUARY,
        "kind": "period_close",
        "entity": "e",
        "period": "2025-01",
        "actor": "ann",
    }
    assert expected == record
    printed = json.loads(ended.printed)
    assert {**expected, "topic": CONTROL, "partition": 0, "offset": 0, "place": str(flat(world))} == {
        name: value for name, value in printed.items() if name != "warnings"
    }
    assert b"\n" == flat(world).read_bytes()[-1:]


def test_the_approver_of_a_reopening_is_recorded(world: World) -> None:
    ask(world)
    ask(world, verb="reopen", at="2025-02-02")
    assert ("period_reopen", "ann", "bob", "2025-02-02T00:00:00Z") == tuple(
        controls(world)[1][name] for name in ("kind", "actor", "approver", "event_time")
    )


def test_the_same_period_closed_again_has_another_identity(world: World) -> None:
    for verb in ("close", "reopen", "close"):
        assert 0 == ask(world, verb=verb).code
    assert 3 == len({record["event_id"] for record in controls(world)})


def test_the_time_is_now_unless_given(world: World) -> None:
    before = time.time_ns() // 1_000
    assert 0 == ask(world, at=None).code
    assert before <= parse_instant(controls(world)[0]["event_time"]) <= time.time_ns() // 1_000


def test_people_are_told_what_happens_next(world: World) -> None:
    world.contract()
    told = [
        f"close of 2025-01 for e, {FEBRUARY}, is record 1 of {flat(world)}",
        f"it is applied by the next run (accrual run --source files:{world.source} ...), or at once by one that follows",
    ]
    assert told == ask(world).printed.splitlines()


def test_records_are_appended_where_the_topic_is(world: World) -> None:
    world.contract()
    world.scenario.close("2024-12", "2025-01-01T00:00:00Z")
    ended = ask(world, "--json")
    printed = json.loads(ended.printed)
    path = world.source / CONTROL / "0.jsonl"
    assert (str(path), 1) == (printed["place"], printed["offset"])
    assert ["2024-12", "2025-01"] == [json.loads(line)["period"] for line in path.read_bytes().splitlines()]
    assert not flat(world).exists()


def test_of_several_at_once_one_closes(world: World) -> None:
    world.contract()
    running = [start(*words(world), cwd=world.root) for _ in range(4)]
    codes = [finish(one).code for one in running]
    assert [0, 2, 2, 2] == sorted(codes)
    assert 1 == len(controls(world))


# -- what is refused: nothing is written


def closed(world: World) -> None:
    ask(world)


def clocked(world: World) -> None:
    world.scenario.write(CONTROL, {"kind": "clock", "as_of": "2025-03-01T00:00:00Z"})


def clocked_and_back(world: World) -> None:
    clocked(world)
    world.scenario.write(CONTROL, {"kind": "clock", "as_of": "2025-01-15T00:00:00Z"})


def closed_twice(world: World) -> None:
    closed(world)
    record = {**controls(world)[0], "actor": "eve", "event_time": "2025-02-03T00:00:00Z"}
    flat(world).write_bytes(flat(world).read_bytes() + json.dumps(record).encode() + b"\n")


def two_partitions(world: World) -> None:
    world.scenario.write(CONTROL, {}, partition=0).write(CONTROL, {}, partition=1)


def packed(world: World) -> None:
    (world.source / f"{CONTROL}.jsonl.gz").write_bytes(gzip.compress(b""))


def torn(world: World) -> None:
    flat(world).write_bytes(b'{"kind": "clo')


def piped(world: World) -> None:
    os.mkfifo(flat(world))


def both_shapes(world: World) -> None:
    two_partitions(world)
    flat(world).touch()


def nothing(world: World) -> None:
    pass


@pytest.mark.parametrize(
    ("before", "how", "told"),
    [
        (nothing, {"period": "2025-13"}, "PERIOD '2025-13' is no month: write YYYY-MM, for example 2025-01"),
        (nothing, {"period": "January"}, "PERIOD 'January' is no month: write YYYY-MM, for example 2025-01"),
        (nothing, {"period": "9999-12"}, "PERIOD '9999-12' is no month: write YYYY-MM, for example 2025-01"),
        (nothing, {"at": "soon"}, "--at 'soon' is no instant: must be an RFC 3339 time"),
        (nothing, {"at": "2025-02-30"}, "--at '2025-02-30' is no instant: must be a date that exists"),
        (nothing, {"actor": " "}, "--actor is empty: name the person"),
        (nothing, {"entity": ""}, "ENTITY is empty: name the legal entity as its contracts do"),
        (nothing, {"source": "in"}, "'in' is not an address of the form files:DIR"),
        (nothing, {"source": "files:nowhere"}, "the source directory nowhere does not exist: name the one that holds"),
        (
            closed,
            {"at": "2025-02-02"},
            "2025-01 of e is closed already: closed by ann on 2025-02-01T00:00:00Z, record 1 of ",
        ),
        (
            nothing,
            {"verb": "reopen"},
            "2025-01 of e is not closed, so that there is nothing to reopen; closed periods of e in topic control.events: none",
        ),
        (closed, {"verb": "reopen", "period": "2025-02"}, "2025-02 of e is not closed, so that there is nothing to reopen; "),
        (closed, {"verb": "reopen", "entity": "f"}, "2025-01 of f is not closed, so that there is nothing to reopen; "),
        (
            closed,
            {"verb": "reopen", "approver": "Ann "},
            "--approver 'Ann ' is the --actor: reopening a period needs two different people",
        ),
        (closed, {"verb": "reopen", "approver": ""}, "--approver is empty: name the person"),
        (
            clocked,
            {},
            "--at says 2025-02-01T00:00:00Z, but record 1 of {source}/control.events/0.jsonl (clock) has taken the business "
            "date to 2025-03-01T00:00:00Z, and control records never move it back: give --at 2025-03-01T00:00:00Z or later",
        ),
        (clocked_and_back, {}, "--at says 2025-02-01T00:00:00Z, but record 1 of {source}/control.events/0.jsonl (clock) has"),
        (closed_twice, {"at": "2025-02-04"}, "2025-01 of e is closed already: closed by ann on 2025-02-01T00:00:00Z, "),
        (two_partitions, {}, "{source}/control.events/1: control.events has one partition, 0, so that its order is one"),
        (both_shapes, {}, "topic control.events has both {source}/control.events.jsonl and {source}/control.events"),
        (
            packed,
            {},
            "{source}/control.events.jsonl.gz cannot be added to: move it to {source}/control.events/0/0001.jsonl.gz (no run "
            "may be following), where later files are read behind it",
        ),
        (piped, {}, "{source}/control.events.jsonl is no regular file: nothing can be added to it safely"),
        (
            torn,
            {},
            "the last line of {source}/control.events.jsonl has no newline: whoever writes it has not finished; let them",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused(
    world: World, before: Callable[[World], None], how: dict[str, Any], told: str
) -> None:
    world.contract()
    before(world)
    there = contents(world.source)
    ended = ask(world, **how)
    verb = how.get("verb", "close")
    assert (2, "") == (ended.code, ended.printed)
    assert ended.said.startswith(f"accrual {verb}: " + told.format(source=world.source)), ended.said
    assert there == contents(world.source)


def test_a_close_that_the_run_would_not_take_does_not_count(world: World) -> None:
    """A reopening by one person is an exception of the run, so that the period is closed still."""
    world.contract()
    ask(world)
    with flat(world).open("ab") as file:
        record = {"kind": "period_reopen", "entity": "e", "period": "2025-01", "event_time": FEBRUARY, "actor": "ann"}
        file.write(json.dumps({**record, "approver": "ann"}).encode() + b"\n")
    assert "is closed already" in ask(world).said
    assert 0 == ask(world, verb="reopen").code


# -- what may be a slip


def test_an_entity_that_no_contract_names_is_doubted(world: World) -> None:
    world.contract()
    ended = ask(world, entity="E")
    told = f"accrual close: warning: no contract of {world.source} names entity E; contracts name: e\n"
    assert (0, told) == (ended.code, ended.said)


def test_a_period_that_is_not_over_is_doubted(world: World) -> None:
    world.contract()
    assert "" == ask(world, at="2025-01-31T10:00:00Z").said  # where clocks are 14 hours ahead it is February
    told = (
        "warning: 2025-02 is not over anywhere at 2025-02-27T00:00:00Z: usage of it that comes later is booked in the"
    )
    assert told in ask(world, period="2025-02", at="2025-02-27").said


def test_a_time_ahead_of_the_clock_is_doubted(world: World) -> None:
    world.contract()
    ended = ask(world, at="2999-01-01")
    assert 0 == ended.code
    assert "warning: 2999-01-01T00:00:00Z lies ahead of this machine's clock (" in ended.said


# -- disks


def test_half_a_record_is_taken_back(world: World) -> None:
    world.contract()
    ask(world)
    before = flat(world).read_bytes()
    limit = len(before) + 20
    ended = accrual(*words(world, period="2025-02", at="2025-03-01"), cwd=world.root, largest_file=limit)
    assert (1, "") == (ended.code, ended.printed)
    assert (
        f"accrual close: cannot write or read {flat(world)}: File too large; make room and run the same command"
        in ended.said
    )
    assert before == flat(world).read_bytes()
    assert 0 == ask(world, period="2025-02", at="2025-03-01").code
    assert 2 == len(controls(world))


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def test_on_a_full_disk_nothing_is_left_behind(world: World) -> None:
    world.source.rmdir()
    with disk(world.source, "size=64k") as small:
        fill(world.source / "filler")
        ended = ask(world)
        assert (1, f"accrual close: cannot write or read {flat(world)}: No space left on device; make room and run") == (
            ended.code, ended.said[: ended.said.index(" the same")],
        )  # fmt: skip
        assert ["filler"] == [path.name for path in world.source.iterdir()]
        small.change("size=1m")
        assert 0 == ask(world).code
