"""Bad records: each is one exception with its bytes, its neighbours are booked, and nothing is lost."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.support.world import World, line, usage

USAGE = "usage.events"


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
