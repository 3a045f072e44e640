"""Sending excepted records again: what can be booked is, what cannot is said, and nothing else is touched."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.ops.acting.excepted import MENDED, USAGE, ask, asked, cloud_event, counts, found, with_bad
from tests.support.process import accrual, here
from tests.support.world import START, World, line, usage


@pytest.mark.parametrize("name", MENDED)
def test_a_corrected_record_is_booked(world: World, name: str) -> None:
    bad, cls, corrected = MENDED[name]
    with_bad(world, bad)
    assert "12.00" == world.revenue()
    before = world.lines("revenue.exceptions")
    ended = ask(world, found(world, cls), payload=corrected)
    path = world.source / USAGE / "0.jsonl"
    assert (0, "") == (ended.code, ended.said)
    assert [
        f"sent again: {found(world, cls)} ({cls}) to {path}",
        "the next run reads it as a new record, one that follows at once; the exception itself stays in the journal of "
        "exceptions as it is, open",
    ] == ended.printed.splitlines()
    assert corrected == json.loads(path.read_bytes().splitlines()[-1])
    world.booked_right()
    assert "18.00" == world.revenue()
    # What was recorded is never changed.
    assert before == world.lines("revenue.exceptions")


def test_usage_refused_for_a_closed_period_is_booked_in_an_open_one(world: World) -> None:
    policy = {"kind": "policy", "key": "late_usage", "value": "reject", "event_time": "2025-01-01T00:00:00Z"}
    world.contract().scenario.write("control.events", policy).close("2025-01", "2025-02-01T00:00:00Z")
    world.send(usage("a", 1), usage("b", 1, event_time="2025-02-03T10:00:00Z"), usage("late", 2))
    world.booked_right(as_of="2025-03-01T00:00:00Z")
    name = found(world, "period_closed_rejected")
    told = "the corrected record has the identity late of test, customer c still: give it an event_id of its own"
    assert told in ask(world, name, payload=usage("late", 2, event_time="2025-02-03T10:00:00Z")).said
    assert 0 == ask(world, name, payload=usage("mended", 2, event_time="2025-02-03T10:00:00Z")).code
    world.booked_right(as_of="2025-03-01T00:00:00Z")
    assert "18.00" == world.revenue()


def test_a_corrected_contract_version_is_taken_up(world: World) -> None:
    world.days(1, 2)
    world.contract(line("l", "m", "5"))  # version 1 again, with another price
    world.booked_right()
    name = found(world, "version_conflict")
    records = [json.loads(one) for one in (world.source / "contracts.events" / "0.jsonl").read_bytes().splitlines()]
    told = "the corrected record is contract k version 1 still: send the change as the next version"
    assert told in ask(world, name, payload={**records[1], "event_id": "other"}).said
    second = {**records[1], "version": 2, "kind": "amended", "effective_at": START}
    assert 0 == ask(world, name, payload=second).code
    world.booked_right()
    assert "30.00" == world.revenue()


def test_what_the_settings_take_by_now_is_sent_as_it_was(world: World) -> None:
    meters = {"ACCRUAL_CLOUDEVENT_METERS": '{"": "m"}'}
    world.contract().send(usage("a", 1), cloud_event("x", 2), cloud_event("y", 3), usage("z", 3, quantity=""))
    assert 0 == world.run().code
    assert "6.00" == world.revenue()
    ended = ask(world, "--class", "invalid", "--all", "--json", **meters)
    printed = json.loads(ended.printed)
    assert (0, 2, 1) == (ended.code, len(printed["sent"]), len(printed["refused"]))
    assert "it would be invalid again (quantity = '': " in printed["refused"][0]["reason"]
    lines = (world.source / USAGE / "0.jsonl").read_bytes().splitlines()
    assert lines[1:3] == lines[-2:]  # byte for byte, in their order
    assert 0 == world.run(**meters).code
    assert "18.00" == world.revenue()


def test_a_record_goes_to_the_partition_it_came_from(world: World) -> None:
    world.contract().send(usage("a", 1)).send(usage("x", 2, quantity=""), partition=3)
    world.booked_right()
    assert 0 == ask(world, found(world, "invalid"), payload=usage("x", 2)).code
    assert [1, 1, 2] == list(counts(world).values())
    world.booked_right()
    assert "12.00" == world.revenue()


def test_a_partition_of_compressed_files_gets_a_later_one(world: World) -> None:
    world.contract()
    folder = world.source / USAGE / "0"
    folder.mkdir(parents=True)
    records = [usage("a", 1), usage("x", 2, quantity="")]
    (folder / "0001.jsonl.gz").write_bytes(gzip.compress(b"".join(json.dumps(one).encode() + b"\n" for one in records)))
    assert 0 == world.run().code
    assert 0 == ask(world, found(world, "invalid"), payload=usage("x", 2)).code
    assert ["0001.jsonl.gz", "0001_1.jsonl"] == sorted(path.name for path in folder.iterdir())
    assert 0 == world.run().code
    assert "12.00" == world.revenue()


def test_a_compressed_topic_of_one_file_is_refused_with_a_way_out(world: World) -> None:
    world.contract()
    packed = world.source / f"{USAGE}.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(usage("x", 2, quantity="")).encode() + b"\n"))
    assert 0 == world.run().code
    ended = ask(world, found(world, "invalid"), payload=usage("x", 2))
    assert (2, "") == (ended.code, ended.printed)
    assert (
        f"accrual exceptions retry: {packed} cannot be added to: move it to {world.source}/{USAGE}/0/0001."
        in ended.said
    )


def test_a_record_laid_out_over_lines_becomes_one_line(world: World) -> None:
    with_bad(world, usage("x", 2, quantity="many"))
    assert 0 == ask(world, found(world, "invalid"), payload=json.dumps(usage("x", 2), indent=2)).code
    world.booked_right()
    assert "18.00" == world.revenue()


def test_the_beginning_of_an_id_will_do(world: World) -> None:
    with_bad(world, usage("x", 2, quantity="many"))
    assert 0 == ask(world, found(world, "invalid")[:8], payload=usage("x", 2)).code


def test_a_full_disk_leaves_the_source_as_it_was(world: World) -> None:
    with_bad(world, usage("x", 2, quantity="many"))
    path = world.source / USAGE / "0.jsonl"
    before, name = path.read_bytes(), found(world, "invalid")
    words = asked(world, name, payload=usage("x", 2))
    ended = accrual(*words, cwd=world.root, largest_file=len(before) + 20)
    assert (1, "") == (ended.code, ended.printed)
    assert (
        f"accrual exceptions retry: cannot write or read {path}: File too large; make room and run the same"
        in ended.said
    )
    assert before == path.read_bytes()
    assert 0 == here(*words, cwd=world.root).code
    world.booked_right()
    assert "18.00" == world.revenue()


def test_the_source_grows_by_that_record_alone(world: World) -> None:
    with_bad(world, usage("x", 2, quantity="many"))
    before = counts(world)
    ask(world, found(world, "invalid"), payload=usage("x", 2))
    changed = {name: count - before.get(name, 0) for name, count in counts(world).items() if count != before.get(name)}
    assert {str(world.source / USAGE / "0.jsonl"): 1} == changed
