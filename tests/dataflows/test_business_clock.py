"""How far time has come: the slowest watermark, the business date, and what is frozen. No wall clock."""

from accounting.calendar import Period
from accounting.coverage import ALWAYS
from tests.support.driven import HOUR_US

A, B = "usage.events/0", "usage.events/1"
JANUARY = Period(2025, 1)


def test_nothing_is_closed_while_a_partition_has_not_spoken(parts):
    parts.clock.saw(A, 100 * HOUR_US)
    assert ALWAYS == parts.clock.watermark() == parts.clock.frontier()


def test_the_watermark_is_the_slowest_partitions_newest_event_time_less_the_lateness(parts):
    parts.clock.saw(A, 100 * HOUR_US)
    parts.clock.saw(B, 50 * HOUR_US)
    assert 49 * HOUR_US == parts.clock.watermark()
    parts.clock.saw(B, 200 * HOUR_US)
    assert 99 * HOUR_US == parts.clock.watermark()


def test_contracts_hold_no_window_open_and_close_none(parts):
    parts.clock.saw(A, 100 * HOUR_US)
    parts.clock.saw(B, 100 * HOUR_US)
    parts.clock.saw("contracts.events/0", 1)
    parts.clock.ended("contracts.events/0")
    assert 99 * HOUR_US == parts.clock.watermark()


def test_a_partition_that_ended_without_a_valid_row_is_not_waited_for(parts):
    parts.clock.saw(A, 100 * HOUR_US)
    parts.clock.ended(B)
    assert 99 * HOUR_US == parts.clock.watermark()


def test_a_partition_that_ended_keeps_its_watermark(parts):
    parts.clock.saw(A, 100 * HOUR_US)
    parts.clock.saw(B, 50 * HOUR_US)
    parts.clock.ended(B)
    assert 49 * HOUR_US == parts.clock.watermark()


def test_when_no_partition_ever_had_a_row_there_is_no_watermark(parts):
    parts.clock.ended(A)
    parts.clock.ended(B)
    assert ALWAYS == parts.clock.watermark()


def test_the_business_date_never_goes_back(parts):
    for instant in (10, 30, 20):
        parts.clock.advance(instant)
    assert 30 == parts.clock.business_date
    parts.store.commit()
    assert 30 == parts.reopen().clock.business_date


def test_the_frontier_is_the_further_of_business_date_and_watermark(parts):
    parts.clock.saw(A, 100 * HOUR_US)
    parts.clock.saw(B, 100 * HOUR_US)
    parts.clock.advance(98 * HOUR_US)
    assert 99 * HOUR_US == parts.clock.frontier()
    parts.clock.advance(120 * HOUR_US)
    assert 120 * HOUR_US == parts.clock.frontier()


def test_an_entitys_windows_close_for_it_alone_and_stay_closed(parts):
    parts.clock.close_windows("us", 50)
    parts.clock.close_windows("us", 40)
    assert (50, ALWAYS, 50) == (parts.clock.frontier("us"), parts.clock.frontier("de"), parts.clock.furthest())
    parts.store.commit()
    assert 50 == parts.reopen().clock.frontier("us")


def test_a_frozen_period_is_its_entitys_alone_until_it_is_reopened(parts):
    parts.clock.freeze("us", JANUARY, "ann", 4)
    assert ({JANUARY}, set(), set()) == tuple(parts.clock.closed(entity) for entity in ("us", "de", None))
    parts.store.commit()
    assert {JANUARY} == parts.reopen().clock.closed("us")
    parts.clock.reopen("us", JANUARY, 7)
    parts.store.commit()
    clock = parts.reopen().clock
    assert set() == clock.closed("us")
    # What came between the two found it closed, and always will have.
    assert [False, True, True, False] == [clock.was_closed("us", JANUARY, phase) for phase in (4, 5, 7, 8)]
    clock.freeze("us", JANUARY, "ann", 9)
    assert {JANUARY} == clock.closed("us")
    assert [True, False, True] == [clock.was_closed("us", JANUARY, phase) for phase in (7, 9, 10)]
