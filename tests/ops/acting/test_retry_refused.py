"""What sending again cannot help is said, with what does; the source stays as it was."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.acting.excepted import MENDED, USAGE, ask, asked, cloud_event, counts, found, with_bad
from tests.support.process import here
from tests.support.world import World, usage


def refused(world: World, *words: str, payload: Any = None, code: int = 2) -> str:
    """What is said of a refusal, which leaves the source as it was and prints nothing."""
    before = counts(world)
    ended = ask(world, *words, payload=payload)
    assert (code, "") == (ended.code, ended.printed)
    assert before == counts(world)
    return ended.said


PARKED = {
    "meter_unmapped": "the contract is amended with a usage line for its meter",
    "contract_unknown": "a contract of the customer comes that is in force at its time",
    "contract_ambiguous": "one contract alone takes it: by an amendment, or as a billing event names an invoice that comes",
    "version_gap": "the version before it comes",
}


@pytest.mark.parametrize("cls", PARKED)
@pytest.mark.parametrize("payload", [None, usage("other", 1)])
def test_what_is_kept_is_not_sent_again(spoilt: World, cls: str, payload: Any) -> None:
    name = found(spoilt, cls)
    told = f"it is kept, and taken up by itself when {PARKED[cls]}; sent again it would count for nothing"
    assert f"accrual exceptions retry: {name} ({cls}) is not sent: {told}\n" == refused(spoilt, name, payload=payload)


NEEDS = {
    "an invalid quantity": "it would be invalid again (quantity = 'many': ",
    "half a line": "it would be undecodable again (not JSON: ",
    "an empty line": "its payload is empty: give the record with --payload FILE",
    "a clock far ahead": "it stays too early: correct its event_time, and give it with --payload FILE",
    "an identity that was counted": (
        "its identity is counted with other content: correct it under another event_id, and give it with --payload FILE"
    ),
    "usage of last year": "it stays too late: correct it with a later event_time, and give it with --payload FILE",
}
ABOUT = {"half a line": "EOF while parsing an object", "an empty line": "EOF while parsing a value"}


def spoilt_by(world: World, name: str) -> str:
    """The exception of one of MENDED's records."""
    return found(world, MENDED[name][1], ABOUT.get(name, ""))


@pytest.mark.parametrize("name", NEEDS)
def test_what_would_fail_again_needs_a_corrected_record(spoilt: World, name: str) -> None:
    assert f"({MENDED[name][1]}) is not sent: {NEEDS[name]}" in refused(spoilt, spoilt_by(spoilt, name))


UNMENDED: dict[str, tuple[str, Any, str]] = {
    "still invalid": ("an invalid quantity", usage("x", 2, quantity="few"), "is invalid: quantity = 'few': "),
    "another topic's": (
        "an invalid quantity",
        {"kind": "clock"},
        "is invalid: event_id is missing: a value is required",
    ),
    "the same identity": (
        "an identity that was counted",
        usage("a", 1, quantity="5"),
        "has the identity a of test, customer c still: give it an event_id of its own",
    ),
    "the same record": (
        "usage of last year",
        MENDED["usage of last year"][0],
        "says the same as the one that was refused",
    ),
    "an earlier time": (
        "usage of last year",
        usage("x", 2, event_time="2024-11-01T10:00:00Z"),
        "has the event_time 2024-11-01T10:00:00Z: it must be later than 2024-11-02T10:00:00Z",
    ),
    "another time far ahead": (
        "a clock far ahead",
        usage("x", 2, event_time="2100-01-01T00:00:00Z"),
        "has the event_time 2100-01-01T00:00:00Z: it must lie in the years 2000 to 2099",
    ),
}


@pytest.mark.parametrize("name", UNMENDED)
def test_a_correction_that_corrects_nothing_is_refused(spoilt: World, name: str) -> None:
    of, corrected, told = UNMENDED[name]
    said = refused(spoilt, spoilt_by(spoilt, of), payload=corrected)
    assert f"is not sent: the corrected record {told}" in said


WRONG: dict[str, tuple[list[str], str]] = {
    "nothing": (
        [],
        "say which exceptions: EXCEPTION_IDs (accrual exceptions list --json shows them), or --class CLASS",
    ),
    "a class without all": (["--class", "invalid"], "say which exceptions: "),
    "all without a class": (["--all"], "say which exceptions: "),
    "ids and a class": (["abc", "--class", "invalid", "--all"], "give EXCEPTION_IDs, or --class CLASS --all, not both"),
    "an id that is not there": (["abcdefgh"], "no exception 'abcdefgh' among 10: accrual exceptions list --json shows"),
    "an id too short": (["a"], "no exception 'a' among 10: "),
    "a class that is not open": (
        ["--class", "fx_rate_missing", "--all"],
        "no exception of class fx_rate_missing is open; open classes: contract_ambiguous, contract_unknown, ",
    ),
    "a payload for a class": (
        ["--class", "invalid", "--all", "--payload", "p"],
        "--payload corrects one exception: give ",
    ),
    "a payload for two": (
        ["a", "b", "--payload", "p"],
        "--payload corrects one exception: give one EXCEPTION_ID with it",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_choice_that_cannot_be_meant_is_refused(spoilt: World, name: str) -> None:
    words, told = WRONG[name]
    assert refused(spoilt, *words).startswith(f"accrual exceptions retry: {told}")


def test_of_a_class_of_which_none_can_be_sent_each_is_named(spoilt: World) -> None:
    said = refused(spoilt, "--class", "undecodable", "--all").splitlines()
    assert 2 == len(said)
    assert all("(undecodable) is not sent: " in one for one in said)


PAYLOADS = {
    "": "--payload corrected.json is not one JSON object: Input data was truncated",
    "[1]": "--payload corrected.json is not one JSON object; it holds one corrected record",
    '{"a": 1}\n{"b": 2}\n': "--payload corrected.json is not one JSON object: JSON is malformed: trailing",
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_that_is_not_one_record_is_refused(spoilt: World, payload: str) -> None:
    said = refused(spoilt, found(spoilt, "invalid"), payload=payload)
    assert said.startswith(f"accrual exceptions retry: {PAYLOADS[payload]}")


def test_a_payload_that_is_not_there_is_refused(spoilt: World) -> None:
    said = refused(spoilt, found(spoilt, "invalid"), "--payload", "nowhere.json")
    assert "accrual exceptions retry: --payload nowhere.json cannot be read: No such file or directory\n" == said


@pytest.mark.parametrize("place", ["sink", "source"])
@pytest.mark.parametrize("uri", ["files:nowhere", "nowhere", "kafka://broker:9092"])
def test_a_place_that_is_none_is_refused(spoilt: World, place: str, uri: str) -> None:
    words = asked(spoilt, found(spoilt, "invalid"), payload=usage("x", 2))
    words[words.index(f"--{place}") + 1] = uri
    ended = here(*words, cwd=spoilt.root)
    assert (2, "") == (ended.code, ended.printed)
    assert uri.removeprefix("files:") in ended.said


def test_another_source_than_the_runs_is_noticed(spoilt: World) -> None:
    (other := spoilt.root / "other" / USAGE).mkdir(parents=True)
    (other / "7.jsonl").touch()
    words = asked(spoilt, found(spoilt, "invalid"), payload=usage("x", 2))
    words[words.index("--source") + 1] = "files:other"
    told = "other has no partition 0 of usage.events (it has 7): name the source that the run reads"
    assert told in here(*words, cwd=spoilt.root).said


def test_what_would_come_too_late_is_not_sent(world: World) -> None:
    with_bad(world, usage("x", 2, quantity="many"))
    world.send(usage("later", 1, event_time="2025-03-01T00:00:00Z"))
    ended = ask(world, found(world, "invalid"), payload=usage("x", 2))
    told = "its event_time 2025-01-02T10:00:00Z is more than 35 days behind the end of its partition (2025-03-01T00:00:00Z)"
    assert 2 == ended.code
    assert f"{told}: it would be too_late; correct it with a later event_time and --payload FILE" in ended.said
    # It is so: sent by hand, it is too late.
    world.send(usage("x", 2))
    world.booked_right()
    assert found(world, "too_late")


def test_a_resolved_exception_is_over(world: World) -> None:
    world.send(usage("x", 1))
    world.booked_right()
    name = found(world, "contract_unknown")
    world.contract()
    world.booked_right()
    assert "is not sent: it is resolved already: nothing is left to send" in ask(world, name).said
    told = "no exception of class contract_unknown is open; open classes: none\n"
    assert f"accrual exceptions retry: {told}" == ask(world, "--class", "contract_unknown", "--all").said


def test_closes_are_not_sent_again(world: World) -> None:
    world.contract()
    for _ in range(2):
        world.scenario.close("2025-01", "2025-02-01T00:00:00Z")
    world.run(as_of=None)
    name = found(world, "invalid")
    assert "sent as it was it would fail again: correct it, and give it with --payload FILE" in ask(world, name).said
    record = {"kind": "period_close", "entity": "e", "period": "2025-02", "event_time": "2025-03-01T00:00:00Z"}
    assert (
        "closes and reopenings are written by accrual close and accrual reopen" in ask(world, name, payload=record).said
    )


def test_a_control_record_does_not_go_back_in_time(world: World) -> None:
    world.contract()
    world.scenario.write("control.events", {"kind": "clock"}, {"kind": "clock", "as_of": "2025-02-01T00:00:00Z"})
    world.booked_right(as_of=None)
    name = found(world, "invalid")
    ended = ask(world, name, payload={"kind": "clock", "as_of": "2025-01-15T00:00:00Z"})
    told = "its event_time is before 2025-02-01T00:00:00Z, which control.events has reached: correct it with that time"
    assert told in ended.said
    assert 0 == ask(world, name, payload={"kind": "clock", "as_of": "2025-02-02T00:00:00Z"}).code
    world.booked_right(as_of=None)


# -- which ones


def test_of_several_ids_all_are_sent_or_none(world: World) -> None:
    meters = {"ACCRUAL_CLOUDEVENT_METERS": '{"": "m"}'}
    world.contract().send(cloud_event("x", 2), usage("y", 1, meter="other"))
    world.run()
    before = counts(world)
    ended = ask(world, found(world, "invalid"), found(world, "meter_unmapped"), **meters)
    assert (2, "") == (ended.code, ended.printed)
    assert "(meter_unmapped) is not sent: it is kept" in ended.said
    assert "none of the 2 was sent" in ended.said
    assert before == counts(world)


def test_unreadable_exceptions_are_named(world: World) -> None:
    with_bad(world, usage("x", 2, quantity="many"))
    (path,) = (world.sink / "revenue.exceptions").glob("*.jsonl")
    name = found(world, "invalid")
    path.write_bytes(b"spoilt\n" + path.read_bytes())
    ended = ask(world, name)
    assert 1 == ended.code
    assert ended.said.startswith(f"accrual exceptions retry: {path}, line 1: ")
