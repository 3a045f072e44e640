"""Exceptions as data: raised once, with owner and due time; resolved by what comes later."""

import base64

from accounting.trace import Trace
from dataflows.exception_desk import Coordinates, exception_id
from schemas.decode import decode
from schemas.exceptions import ExceptionRecord
from schemas.topics import EXCEPTIONS

AT = Coordinates("usage.events", 2, 40)
NEW_YEAR = 1_735_689_600_000_000


def raised(parts, **changes):
    """Raise one exception; gives the record."""
    facts = {"since": NEW_YEAR, "customer_id": "c", "contract_id": "k", "trace": Trace("r", "t"), "resolvable": True}
    parts.desk.raise_one("contract_unknown", AT, "no contract", b"\x00{", **{**facts, **changes})
    return parts.said()[-1]


def test_a_record_says_what_where_whose_and_until_when(parts):
    record = raised(parts)
    expected = {
        "exception_id": exception_id("contract_unknown", AT), "class": "contract_unknown", "severity": "error",
        "owner": "revenue-operations", "raised_at": "2025-01-01T00:00:00Z", "due_at": "2025-01-02T00:00:00Z",
        "status": "open", "source": {"topic": "usage.events", "partition": 2, "offset": 40},
        "customer_id": "c", "contract_id": "k", "correlation_id": "r", "traceparent": "t", "reason": "no contract",
        "payload": base64.b64encode(b"\x00{").decode(), "resolution": None, "shard": 3, "sequence": 1,
    }  # fmt: skip
    assert expected == record


def test_a_record_is_one_of_its_topic(parts):
    parts.desk.raise_one("too_early", AT, "r", b"x", since=NEW_YEAR)
    [item] = parts.outbox.take()
    assert isinstance(decode(EXCEPTIONS, item.lines[0]), ExceptionRecord)


def test_without_an_event_time_the_due_time_counts_from_the_clock_of_the_settings(parts):
    assert "1970-01-02T00:00:00Z" == raised(parts, since=None)["due_at"]


def test_an_id_is_the_same_under_replay_and_another_for_another_class_or_place():
    ids = {
        exception_id(cls, Coordinates(topic, partition, offset))
        for cls in ("invalid", "undecodable")
        for topic in ("usage.events", "control.events")
        for partition in (0, 1)
        for offset in (0, 1)
    }
    assert 16 == len(ids)
    assert exception_id("invalid", AT) == exception_id("invalid", Coordinates("usage.events", 2, 40))


def test_an_open_exception_is_resolved_once(parts):
    opened = raised(parts)
    assert [True, False] == [parts.desk.resolve("contract_unknown", AT, "it came") for _ in range(2)]
    assert [{**opened, "status": "resolved", "resolution": "it came", "sequence": 2}] == parts.said()


def test_an_exception_that_cannot_be_resolved_is_not_remembered(parts):
    raised(parts, resolvable=False)
    assert not parts.desk.is_open("contract_unknown", AT)
    assert not parts.desk.resolve("contract_unknown", AT, "it came")


def test_an_open_exception_is_known_after_a_restart(parts):
    raised(parts)
    parts.store.commit()
    parts.reopen()
    assert parts.desk.is_open("contract_unknown", AT)
    assert not parts.desk.is_open("meter_unmapped", AT)
    assert parts.desk.resolve("contract_unknown", AT, "it came")


def test_whether_any_may_be_open_is_known_before_and_after_a_restart(parts):
    assert not parts.desk.may_have_open
    raised(parts, resolvable=False)
    assert not parts.desk.may_have_open
    raised(parts)
    assert parts.desk.may_have_open
    parts.store.commit()
    assert parts.reopen().desk.may_have_open
    parts.desk.resolve("contract_unknown", AT, "it came")
    parts.store.commit()
    assert not parts.reopen().desk.may_have_open
