"""Parked usage: kept whole, raised when its window closes, released when its contract comes."""

import base64
import json

import polars as pl
import pytest

from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from schemas.encode import encode
from schemas.instants import parse_instant
from schemas.topics import USAGE
from tests.support.driven import HOUR_US, usage
from tests.support.timeline import instant


@pytest.fixture
def park(parts):
    """Parks usage lines as they come from partition 1, from position 10."""

    def parked(*events):
        lines = [
            encode(usage(instant(at), f"e{number}", n="1.5", **facts)) for number, (at, facts) in enumerate(events)
        ]
        [batch] = usage_batches(1, 10, lines, None, Timeline.of([]), Lateness(HOUR_US, HOUR_US * 1000))
        rows = batch.rows.with_columns(pl.lit(0, dtype=pl.UInt32).alias("origin"))
        parts.parking.park(rows, [(USAGE, 1)], 0)

    return parked


def close(parts, at):
    """The business date reaches an instant, and windows close."""
    parts.clock.advance(parse_instant(instant(at)))
    parts.parking.close_windows()
    return parts.told()


def test_usage_without_a_contract_is_raised_when_its_window_closes_and_not_before(parts, park):
    park(("2025-01-02T10", {}))
    assert ([], []) == (parts.told(), close(parts, "2025-01-02T23:59:59"))
    assert [("contract_unknown", "open")] == close(parts, "2025-01-03")
    assert ([], 1) == (close(parts, "2025-01-04"), parts.parking.count)


def test_the_exception_carries_the_event_and_its_position(parts, park):
    park(("2025-01-02T10", {"meter": "x"}))
    parts.clock.advance(parse_instant(instant("2025-01-03")))
    parts.parking.close_windows()
    [record] = parts.said()
    assert {"topic": USAGE, "partition": 1, "offset": 10} == record["source"]
    payload = json.loads(base64.b64decode(record["payload"]))
    expected = ("e0", "s", "c", None, "x", "1.500000000000000000", "2025-01-02T10:00:00Z")
    names = ("event_id", "source", "customer_id", "contract_id", "meter", "quantity", "event_time")
    assert expected == tuple(payload[name] for name in names)


def test_a_contract_that_comes_in_time_releases_without_a_word(parts, park):
    park(("2025-01-02T10", {}))
    parts.contract(price="2")
    [(_, released)] = parts.parking.release("c")
    assert (15 * 10**17, 1, 10, 11) == (
        released.quantity, released.events, released.source.start, released.source.end,
    )  # fmt: skip
    assert (0, [], []) == (parts.parking.count, parts.told(), close(parts, "2025-02-01"))


def test_a_contract_that_comes_late_resolves_the_exception(parts, park):
    park(("2025-01-02T10", {}))
    close(parts, "2025-01-03")
    parts.contract(price="2")
    assert 1 == len(list(parts.parking.release("c")))
    assert [("contract_unknown", "resolved")] == parts.told()


def test_another_customers_contract_releases_nothing(parts, park):
    park(("2025-01-02T10", {}))
    parts.contract(price="2", customer="d")
    assert ([], 1) == (list(parts.parking.release("d")), parts.parking.count)


def test_only_what_the_contract_takes_is_released(parts, park):
    park(("2025-01-02T10", {}), ("2025-01-02T10", {"meter": "x"}), ("2024-12-31", {}))
    parts.contract(price="2")
    assert [("m", 10)] == [(one.meter, one.source.start) for _, one in parts.parking.release("c")]
    assert [("contract_unknown", "open"), ("meter_unmapped", "open")] == sorted(close(parts, "2025-01-03"))


def test_usage_that_two_contracts_take_is_raised_at_once(parts, park):
    parts.contract(price="2", k="k1")
    parts.contract(1, price="2", k="k2")
    park(("2025-01-02T10", {}))
    assert [("contract_ambiguous", "open")] == parts.told()
    assert [] == close(parts, "2025-01-03")


def test_an_open_exception_says_what_is_wanting_now(parts, park):
    park(("2025-01-02T10", {}))
    close(parts, "2025-01-03")
    parts.contract(price="2", meter="another")
    assert [] == list(parts.parking.release("c"))
    assert [("contract_unknown", "resolved"), ("meter_unmapped", "open")] == parts.told()
    parts.contract(1, version="2", price="2")
    assert 1 == len(list(parts.parking.release("c")))
    assert [("meter_unmapped", "resolved")] == parts.told()


def test_a_close_of_another_entitys_period_raises_nothing(parts, park):
    parts.contract(price="2", entity="us")
    park(("2025-01-02T10", {"meter": "x"}))
    end = parse_instant(instant("2025-02-01"))
    for entity, expected in (("de", []), ("us", [("meter_unmapped", "open")])):
        parts.clock.close_windows(entity, end)
        parts.parking.close_windows()
        assert expected == parts.told()


def test_parked_usage_is_there_after_a_restart_and_still_raised_once(parts, park):
    park(("2025-01-02T10", {}), ("2025-01-04T10", {}))
    close(parts, "2025-01-03")
    parts.store.commit()
    assert 2 == parts.reopen().parking.count
    assert [("contract_unknown", "open")] == close(parts, "2025-01-06")
