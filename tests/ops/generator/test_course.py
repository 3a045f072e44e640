"""The made-up business: one seed, one course; everything that a deployment should be looked at with is in it."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from ops.generator.course import LATENESS, Course, Sent, Size
from schemas.decode import decode
from schemas.encode import encode
from schemas.fault import Fault
from schemas.topics import BILLING, CONTRACTS, CONTROL, REFERENCE, USAGE

COUNT = 90_000  # of the business's first two months
SIZE = Size()


@pytest.fixture(scope="module")
def course() -> list[Sent]:
    return list(islice(Course(7, SIZE), COUNT))


def of(course: list[Sent], topic: str) -> list[dict]:
    return [one.record for one in course if one.topic == topic and isinstance(one.record, dict)]


def test_the_same_seed_gives_the_same_records_and_another_one_others(course):
    assert course[:5_000] == list(islice(Course(7, SIZE), 5_000))
    assert course[:5_000] != list(islice(Course(8, SIZE), 5_000))


def test_all_but_usage_is_a_record_of_its_topic(course):
    wrong = [
        (one, found)
        for one in course
        if one.topic != USAGE and isinstance(found := decode(one.topic, encode(one.record)), Fault)
    ]
    assert [] == wrong
    assert {REFERENCE, CONTRACTS, BILLING, CONTROL, USAGE} == {one.topic for one in course}


def test_time_never_goes_back_and_rows_are_a_step_apart(course):
    assert all(one.at <= other.at for one, other in pairwise(course))
    moments = sorted({one.at for one in course if one.topic == USAGE})
    assert {SIZE.step} == {other - one for one, other in pairwise(moments)}


def test_usage_comes_twice_late_after_the_close_and_as_what_cannot_be_booked(course):
    rows = [one for one in course if one.topic == USAGE]
    sent = Counter(encode(one.record) for one in rows if isinstance(one.record, dict))
    assert 0.03 < sum(sent.values()) / len(sent) - 1 < 0.07
    back = [one.at - datetime.fromisoformat(one.record["event_time"]) for one in rows if isinstance(one.record, dict)]
    assert 0.005 < sum(one > LATENESS for one in back) / len(back) < 0.1
    assert any(one > timedelta(days=10) for one in back)
    assert any(isinstance(one.record, bytes) for one in rows)
    assert {"stranger", "customer-0"} < {one["customer_id"] for one in of(course, USAGE)}
    assert {"api.calls", "storage.gb", "seats"} == {one["meter"] for one in of(course, USAGE)}


def test_an_identity_has_one_content(course):
    contents: dict[str, bytes] = {}
    for one in of(course, USAGE):
        assert encode(one) == contents.setdefault(one["event_id"], encode(one))


def test_versions_of_a_contract_come_in_order_and_some_amend_a_month_that_is_closed(course):
    versions: dict[str, int] = {}
    for one in of(course, CONTRACTS):
        assert versions.get(one["contract_id"], 0) + 1 == one["version"]
        versions[one["contract_id"]] = one["version"]
    assert SIZE.customers == len(versions)
    assert max(versions.values()) > 1
    amended = [one for one in of(course, CONTRACTS) if one["version"] > 1]
    assert any(one["effective_at"][:7] < one["event_time"][:7] for one in amended)


def test_a_customer_in_seven_uses_before_its_contract_is_sent(course):
    first = {}
    for one in course:
        if isinstance(one.record, dict) and "customer_id" in one.record:
            first.setdefault(one.record["customer_id"], one.topic)
    early = {name for name, topic in first.items() if topic == USAGE} - {"stranger"}
    assert {f"customer-{number}" for number in range(6, SIZE.customers, 7)} == early


def test_each_month_is_closed_once_for_each_entity_and_the_clock_goes_by_the_hour(course):
    closes = [(one["entity"], one["period"]) for one in of(course, CONTROL) if one["kind"] == "period_close"]
    expected = [(entity, period) for period in ("2025-12", "2026-01") for entity in ("us", "de")]
    assert expected == closes[:4]
    assert len(set(closes)) == len(closes)
    clocks = [datetime.fromisoformat(one["as_of"]) for one in of(course, CONTROL) if one["kind"] == "clock"]
    assert {timedelta(hours=1)} == {other - one for one, other in pairwise(clocks)}


def test_a_new_year_has_new_contracts():
    size = Size(start=datetime(2025, 12, 30, tzinfo=UTC), customers=3, step=timedelta(minutes=30))
    found = of(list(islice(Course(1, size), 400)), CONTRACTS)
    terms = {one["contract_id"]: (one["start"][:10], one["end"][:10]) for one in found}
    assert ("2025-12-30", "2026-01-01") == terms["K-0-2025"]
    assert ("2026-01-01", "2027-01-01") == terms["K-0-2026"]
