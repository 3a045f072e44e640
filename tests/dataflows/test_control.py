"""Control records: the clock, a close that posts before it freezes, and a reopening by two people."""

import pytest

from accounting.calendar import Period
from connectors.record_rows import decoded
from dataflows.control import Control
from schemas.encode import encode
from schemas.topics import CONTROL
from tests.support.timeline import instant, micros

JANUARY = Period(2025, 1)
CLOSE = {"kind": "period_close", "entity": "us", "period": "2025-01", "actor": "ann"}
REOPEN = {"kind": "period_reopen", "entity": "us", "period": "2025-01", "actor": "ann", "approver": "bob"}


@pytest.fixture
def settled():
    """What the clock said each time everything due was posted: business date, frontier of us, frozen periods of us."""
    return []


@pytest.fixture
def restated():
    """From when on all books had to be looked at again."""
    return []


@pytest.fixture
def control(parts, settled, restated):
    """Applies control records at the times of a timeline."""

    def settle():
        settled.append((parts.clock.business_date, parts.clock.frontier("us"), set(parts.clock.closed("us"))))

    def apply(at, offset=0, at_home=True, **fields):
        records, rejected = decoded(CONTROL, offset, [encode({"event_time": instant(at), **fields})])
        assert not rejected, rejected

        def restate(since, _trace):
            restated.append(since)

        def correct(event, record):
            raise AssertionError("no correction was sent")

        Control(parts.clock, parts.desk, parts.master, parts.policies, settle, restate, correct, at_home).apply(
            records[0]
        )

    return apply


def test_a_clock_record_moves_the_business_date_to_its_instant(parts, control):
    control("2025-01-01", kind="clock", as_of=instant("2025-01-05"))
    assert micros("2025-01-05") == parts.clock.business_date


def test_the_business_date_never_goes_back(parts, control):
    for day in ("2025-01-05", "2025-01-03"):
        control("2025-01-01", kind="clock", as_of=instant(day))
    assert micros("2025-01-05") == parts.clock.business_date


def test_every_control_record_moves_the_business_date_to_its_event_time(parts, control):
    control("2025-02-03", **CLOSE)
    assert micros("2025-02-03") == parts.clock.business_date
    control("2025-02-04", **REOPEN)
    assert micros("2025-02-04") == parts.clock.business_date


def test_a_close_posts_everything_due_up_to_the_periods_end_and_then_freezes(parts, control, settled):
    control("2025-01-20", **CLOSE)
    date, end = micros("2025-01-20"), micros("2025-02-01")
    assert [(date, date, set()), (date, end, set())] == settled
    assert {JANUARY} == parts.clock.closed("us")


def test_a_close_is_its_entitys_alone(parts, control):
    control("2025-01-20", **CLOSE)
    assert (set(), micros("2025-01-20")) == (parts.clock.closed("de"), parts.clock.frontier("de"))


def test_a_second_close_is_said_to_be_invalid(parts, control):
    control("2025-02-01", **CLOSE)
    assert [] == parts.told()
    control("2025-02-02", offset=1, **CLOSE)
    assert [("invalid", "open")] == parts.told()
    assert {JANUARY} == parts.clock.closed("us")


def test_a_reopening_takes_two_people(parts, control):
    line = encode({"event_time": instant("2025-02-03"), **REOPEN, "approver": "ann"})
    records, [rejected] = decoded(CONTROL, 0, [line])
    assert ((), "invalid", "approver must be another person than actor") == (
        records, rejected.cls, rejected.reason,
    )  # fmt: skip
    control("2025-02-01", **CLOSE)
    control("2025-02-03", offset=1, **REOPEN)
    assert (set(), []) == (parts.clock.closed("us"), parts.told())


def test_a_period_that_is_not_closed_cannot_be_reopened(parts, control):
    control("2025-02-03", **REOPEN)
    assert [("invalid", "open")] == parts.told()


def test_windows_that_a_close_has_closed_stay_closed_when_the_period_is_reopened(parts, control):
    control("2025-01-20", **CLOSE)
    control("2025-01-21", offset=1, **REOPEN)
    assert micros("2025-02-01") == parts.clock.frontier("us")


def test_a_complaint_is_said_by_one_shard_alone(parts, control):
    control("2025-02-03", at_home=False, **REOPEN)
    assert [] == parts.told()
    control("2025-02-03", at_home=True, **REOPEN)
    assert [("invalid", "open")] == parts.told()
