"""Bad input and bad places: the exact consequence of each, what is said about it, and that nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ops.settings import Settings
from tests.support.disk import disk
from tests.support.process import environment, finish, here, start
from tests.support.world import START, World, line, usage

USAGE = "usage.events"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def event(**changes: Any) -> bytes:
    """A line of usage; a change to None leaves the field out."""
    record = {name: value for name, value in usage("bad", 2, **changes).items() if value is not None}
    return json.dumps(record).encode()


# -- lines that are no usage: one exception each, with class, coordinates, reason and the bytes as they were read

LINES: dict[str, tuple[bytes, str, str]] = {
    "an empty line": (b"", "undecodable", "not JSON: EOF while parsing a value at line 1 column 0"),
    "NUL bytes": (b"\x00" * 40, "undecodable", "not JSON: expected value at line 1 column 1"),
    "NUL bytes after a record": (
        event() + b"\x00" * 8,
        "undecodable",
        "not JSON: trailing characters at line 1 column",
    ),
    "half a record": (event()[:60], "undecodable", "not JSON: EOF while parsing a string at line 1 column 60"),
    "an array": (b"[" + event() + b"]", "undecodable", "not a JSON object"),
    "a text": (b'"usage"', "undecodable", "not a JSON object"),
    "the number NaN": (
        event().replace(b'"3"', b"NaN"),
        "undecodable",
        "not JSON: expected value at line 1 column",
    ),
    "no UTF-8": (event().replace(b"bad", b"b\xe4d"), "undecodable", "not JSON: invalid unicode code point"),
    "the text NaN": (
        event(quantity="NaN"),
        "invalid",
        "quantity = 'NaN': ",
    ),
    "a number as quantity": (event(quantity=3), "invalid", "quantity = 3: "),
    "a quantity too fine": (event(quantity="0.0000000000000000001"), "invalid", "quantity = '0.000000"),
    "a number as customer": (event(customer_id=7), "invalid", "customer_id = 7: Input should be a valid string"),
    "an object as meter": (event(meter={}), "invalid", "meter = an object: Input should be a valid string"),
    "an empty customer": (event(customer_id=""), "invalid", "customer_id = '': "),
    "a day that is no time": (event(event_time="yesterday"), "invalid", "event_time = 'yesterday': "),
    "no meter": (event(meter=None), "invalid", "meter is missing: a value is required"),
    "no quantity": (event(quantity=None), "invalid", "quantity is missing: a value is required"),
    "no time": (event(event_time=None), "invalid", "event_time is missing: a value is required"),
    "no identity": (event(event_id=None), "invalid", "event_id is missing: a value is required"),
    "far in the future": (
        event(event_time="2999-01-02T10:00:00Z"),
        "too_early",
        "event_time 2999-01-02T10:00:00Z is outside 2000-01-01 to 2100-01-01: correct the producer's clock and send it again",
    ),
    "on the first day of 2100": (
        event(event_time="2100-01-01T00:00:00Z"),
        "too_early",
        "event_time 2100-01-01T00:00:00Z is outside",
    ),
    "far in the past": (
        event(event_time="1970-01-02T10:00:00Z"),
        "too_early",
        "event_time 1970-01-02T10:00:00Z is outside 2000-01-01 to 2100-01-01",
    ),
    "older than the horizon": (
        event(event_time="2024-11-20T10:00:00Z"),
        "too_late",
        "event_time 2024-11-20T10:00:00Z is more than 35 days older than the partition's watermark: book it by a correction",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "cls", "reason"), LINES.values(), ids=LINES)
def test_a_bad_line_is_one_exception_and_its_neighbours_are_booked(
    world: World, bad: bytes, cls: str, reason: str
) -> None:
    world.contract().send(usage("a", 1), bad, usage("b", 3), usage("c", 4))
    ended = world.booked_right()
    (found,) = world.exceptions()
    assert (cls, "open", "revenue-operations") == (found["class"], found["status"], found["owner"])
    assert found["source"] == {"topic": USAGE, "partition": 0, "offset": 1}
    assert bad == found["payload"]
    assert found["reason"].startswith(reason)
    tally = ended.result.tally
    assert (tally.read, tally.counted, tally.rejected) == (4, 3, 1)
    assert world.revenue() == "18.00"
    # The producer mends it and sends it again: booked, and nothing is said twice.
    world.send(usage("bad", 2))
    ended = world.booked_right()
    assert (ended.result.tally.read, ended.result.tally.counted, ended.result.tally.rejected) == (5, 4, 1)
    assert len(world.exceptions()) == 1
    assert world.revenue() == "24.00"


@pytest.mark.parametrize(("topic", "records"), [("contracts.events", 1), ("control.events", 0)])
@pytest.mark.parametrize(
    ("bad", "cls", "reason"),
    [
        (b"\x00\x00", "undecodable", "not JSON: expected value at line 1 column 1"),
        (b"[]", "undecodable", "not a JSON object"),
        (b'{"kind": "activated"}', "invalid", ""),
    ],
    ids=["NUL bytes", "an array", "fields missing"],
)
def test_a_bad_line_of_a_small_topic_is_one_exception(
    world: World, topic: str, records: int, bad: bytes, cls: str, reason: str
) -> None:
    world.days(1, 3)
    world.scenario.write(topic, bad)
    world.booked_right()
    (found,) = world.exceptions()
    assert (cls, {"topic": topic, "partition": 0, "offset": records}) == (found["class"], found["source"])
    assert bad == found["payload"]
    assert found["reason"].startswith(reason)
    assert world.revenue() == "18.00"


def test_a_last_line_without_newline_is_a_line(world: World) -> None:
    world.days(1, 3)
    path = world.source / USAGE / "0.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    world.booked_right()
    assert (world.revenue(), world.exceptions()) == ("18.00", [])


def test_a_truncated_last_line_is_an_exception_until_the_record_is_sent_whole(world: World) -> None:
    world.days(1, 3)
    path, torn = world.source / USAGE / "0.jsonl", json.dumps(usage("u4", 4)).encode()[:50]
    path.write_bytes(path.read_bytes() + torn)
    world.booked_right()
    (found,) = world.exceptions()
    assert ("undecodable", 3, torn) == (found["class"], found["source"]["offset"], found["payload"])
    assert world.revenue() == "18.00"
    path.write_bytes(path.read_bytes() + b"\n")
    world.send(usage("u4", 4))
    world.booked_right()
    assert (world.revenue(), len(world.exceptions())) == ("24.00", 1)


def test_zero_quantity_counts_and_moves_nothing(world: World) -> None:
    world.contract().send(usage("a", 1, quantity="0"), usage("b", 2))
    ended = world.booked_right()
    assert (ended.result.tally.read, ended.result.tally.counted, ended.result.tally.entries) == (2, 2, 1)
    assert (world.revenue(), world.exceptions()) == ("6.00", [])


# -- usage that nobody's contract takes


def content(payload: bytes) -> dict[str, Any]:
    """A record whose quantity is written in the shortest way: `3` and `3.000` are the same."""
    record = json.loads(payload)
    return {**record, "quantity": f"{Decimal(record['quantity']).normalize():f}"}


def test_usage_of_an_unknown_customer_waits_for_its_contract(world: World) -> None:
    world.days(1, 1).send(usage("x", 1, customer_id="d", contract_id=None))
    ended = world.booked_right(as_of=None)
    assert (ended.result.tally.parked, world.exceptions()) == (1, [])  # its window is open: a contract may come
    world.send(usage("u2", 2), usage("u3", 3))
    world.booked_right()
    (found,) = world.exceptions()
    assert (
        found["class"], found["status"], found["customer_id"], found["contract_id"],
    ) == ("contract_unknown", "open", "d", None)  # fmt: skip
    assert found["source"] == {"topic": USAGE, "partition": 0, "offset": 1}
    assert found["reason"] == (
        "customer d has not a contract in force at that time; meter m: send or amend the contract, the usage is kept "
        "and booked then"
    )
    assert usage("x", 1, customer_id="d", contract_id=None) == content(found["payload"])
    assert world.revenue() == "18.00"
    world.contract(contract_id="kd", customer_id="d", event_id="kd1")
    ended = world.booked_right()
    assert [one["status"] for one in world.exceptions()] == ["open", "resolved"]
    assert (ended.result.tally.parked, ended.result.tally.counted, world.revenue()) == (0, 4, "24.00")


def test_usage_of_an_unmapped_meter_waits_for_its_line(world: World) -> None:
    world.days(1, 2).send(usage("x", 1, meter="gb"), usage("u3", 3))
    world.booked_right()
    (found,) = world.exceptions()
    assert (
        found["class"], found["status"], found["customer_id"], found["contract_id"],
    ) == ("meter_unmapped", "open", "c", "k")  # fmt: skip
    assert found["source"] == {"topic": USAGE, "partition": 0, "offset": 2}
    assert found["reason"].startswith("contract k has no usage line for this meter at that time; meter gb: ")
    assert usage("x", 1, meter="gb") == content(found["payload"])
    assert world.revenue() == "18.00"
    world.contract(line("l", "m"), line("g", "gb", "5"), version=2, kind="amended")
    ended = world.booked_right()
    assert [one["status"] for one in world.exceptions()] == ["open", "resolved"]
    assert (ended.result.tally.parked, ended.result.tally.counted, world.revenue()) == (0, 4, "33.00")


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


# -- wrong settings: each message names the setting, where it was set, the value and what is allowed

NUMBERS = {
    "batch_rows": ("0", "input should be greater than or equal to 1"),
    "workers": ("65", "input should be less than or equal to 64"),
    "shards": ("-1", "input should be greater than or equal to 1"),
}


@pytest.mark.parametrize(("name", "value", "allowed"), [(n, v, a) for n, (v, a) in NUMBERS.items()])
@pytest.mark.parametrize("way", ["flag", "environment", "file"])
def test_a_setting_out_of_range_is_refused(world: World, way: str, name: str, value: str, allowed: str) -> None:
    world.days(1, 3)
    flags, settings, origin, shown = [], {}, "accrual.toml", value
    if way == "flag":
        origin, shown = f"--{name.replace('_', '-')}", repr(value)
        flags = [origin, value]
    elif way == "environment":
        origin, shown = f"ACCRUAL_{name.upper()}", repr(value)
        settings = {origin: value}
    else:
        (world.root / "accrual.toml").write_text(f"{name} = {value}\n")
    ended = world.run(*flags, **settings)
    told = f"setting {name} ({origin}) has the value {shown}: {allowed}"
    assert (2, f"accrual run: {told}") == (ended.code, ended.told)
    assert not world.sink.exists()
    (world.root / "accrual.toml").unlink(missing_ok=True)
    world.booked_right()


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("batch_rows", "many", "input should be a valid integer, unable to parse string as an integer"),
        ("epoch_ms", "9", "input should be greater than or equal to 10"),
        ("lateness_s", "-1", "input should be greater than or equal to 0"),
        ("horizon_days", "401", "input should be less than or equal to 400"),
        ("usage_window", "week", "input should be 'hour', 'day' or 'month'"),
        ("time_zone", "Mars/Base", "must be a name of the tz database, such as Europe/Berlin"),
        ("exception_owner", "", "string should have at least 1 character"),
        (
            "exception_sla_hours",
            "1.5",
            "input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(world: World, name: str, value: str, allowed: str) -> None:
    world.days(1, 3)
    variable = f"ACCRUAL_{name.upper()}"
    ended = world.run(**{variable: value})
    assert (2, f"accrual run: setting {name} ({variable}) has the value {value!r}: {allowed}") == (
        ended.code, ended.told,
    )  # fmt: skip


def test_a_flag_that_is_no_number_is_refused(world: World) -> None:
    world.days(1, 3)
    ended = world.process("--batch-rows", "many")
    told = "has the value 'many': input should be a valid integer, unable to parse string as an integer"
    assert (2, f"accrual run: setting batch_rows (--batch-rows) {told}") == (ended.code, ended.told)


def test_every_wrong_setting_is_named(world: World) -> None:
    ended = world.run(ACCRUAL_SHARDS="0", ACCRUAL_WORKERS="none")
    assert ended.code == 2
    assert "setting shards (ACCRUAL_SHARDS) has the value '0'" in ended.told
    assert "; setting workers (ACCRUAL_WORKERS) has the value 'none'" in ended.told


def test_a_setting_that_does_not_exist_is_refused(world: World) -> None:
    world.days(1, 3)
    (world.root / "accrual.toml").write_text("shard = 4\n")
    ended = world.run()
    known = ", ".join(sorted(Settings.model_fields))
    assert (2, f"accrual run: setting shard in accrual.toml is not known; known are {known}") == (
        ended.code, ended.told,
    )  # fmt: skip


def test_a_settings_file_that_is_no_toml_is_refused(world: World) -> None:
    (world.root / "mine.toml").write_text("shards = \n")
    ended = world.run(ACCRUAL_CONFIG="mine.toml")
    assert ended.code == 2
    assert ended.told.startswith("accrual run: the settings file mine.toml is not TOML: ")


def test_a_settings_file_that_is_not_there_is_refused(world: World) -> None:
    ended = world.run(ACCRUAL_CONFIG="nowhere.toml")
    told = "ACCRUAL_CONFIG names nowhere.toml, which is no file: correct it, or unset it"
    assert (2, f"accrual run: {told}") == (ended.code, ended.told)


def test_flag_over_environment_over_file(world: World) -> None:
    world.days(1, 3)
    (world.root / "accrual.toml").write_text("shards = 3\n")
    world.booked_right("--shards", "2", ACCRUAL_SHARDS="4")
    assert json.loads((world.state / "accrual-state.json").read_text())["shards"] == 2


# -- wrong usage of the command


def instead(words: list[str], option: str, value: str) -> list[str]:
    at = words.index(option)
    return [*words[: at + 1], value, *words[at + 2 :]]


KAFKA = "kafka:// is not in this version: use files:DIR for --source and --sink"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda words: [*words, "--follow"],
            "--as-of closes the books after the last input, --follow has none: leave one of them out",
        ),
        (lambda words: instead(words, "--source", "kafka://localhost:9092"), KAFKA),
        (lambda words: instead(words, "--sink", "kafka://localhost:9092"), KAFKA),
        (lambda words: instead(words, "--source", "in"), "'in' is not an address of the form files:DIR"),
        (lambda words: instead(words, "--sink", "files:"), "'files:' is not an address of the form files:DIR"),
        (
            lambda words: instead(words, "--as-of", "yesterday"),
            "--as-of 'yesterday' is no instant: must be an RFC 3339 time with Z or an offset, such as "
            '"2024-01-31T23:59:59.5Z"; write 2026-01-31T00:00:00Z or 2026-01-31',
        ),
        (
            lambda words: instead(words, "--as-of", "2025-02-30"),
            "--as-of '2025-02-30' is no instant: must be a date that exists; write 2026-01-31T00:00:00Z or 2026-01-31",
        ),
        (
            lambda words: instead(words, "--as-of", "2025-02-01T00:00:00"),
            "--as-of '2025-02-01T00:00:00' is no instant: must be an RFC 3339 time with Z or an offset, such as "
            '"2024-01-31T23:59:59.5Z"; write 2026-01-31T00:00:00Z or 2026-01-31',
        ),
    ],
    ids=[
        "follow with as-of", "kafka source", "kafka sink", "a bare source", "a sink without directory",
        "as-of in words", "as-of on no day", "as-of without zone",
    ],
)  # fmt: skip
def test_wrong_usage_is_refused(world: World, change: Callable[[list[str]], list[str]], told: str) -> None:
    world.days(1, 3)
    ended = here(*change(world.words()), cwd=world.root)
    assert (2, f"accrual run: {told}", "") == (ended.code, ended.told, ended.printed)
    assert not world.sink.exists()
    world.booked_right()


def test_a_clock_behind_the_books_does_nothing(world: World) -> None:
    world.days(1, 3)
    ended = world.booked_right()
    before = world.lines("revenue.journal")
    again = world.run(as_of=START)
    assert world.problems(again) == []
    assert ended.result.tally == again.result.tally
    assert before == world.lines("revenue.journal")
