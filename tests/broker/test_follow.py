"""A service on a real Kafka: it goes on after kills, restarts of the broker and SIGTERM, and says each result once."""

import json
import signal
import time
from decimal import Decimal

import pytest

from connectors.kafka.topics import TopicAdmin, forms
from schemas.topics import APPLIED
from tests.support.kafka_feed import awaited, said, topics
from tests.support.process import here
from tests.support.service import CONTRACT, clock, serviced, usage

SHARDS = 2


@pytest.fixture
def service(brokers, tmp_path):
    topics(brokers, 2, SHARDS)
    with serviced(brokers, tmp_path / "state", SHARDS) as deployment:
        yield deployment


def day_of_usage(service, day):
    """Usage of a day, and the clock record behind it."""
    at = f"2026-01-{day:02d}"
    service.send("usage.events", usage(f"e{day}", f"{at}T10:00:00Z", str(day)), partition=day % 2)
    service.send("control.events", clock(f"2026-01-{day + 1:02d}T00:00:00Z"))


def days(last):
    """The entries of so many of them."""
    return [(f"2026-01-{day:02d}", Decimal(day)) for day in range(1, last + 1)]


def booked(service, count):
    """The entries, once there are so many."""
    awaited(service.brokers, "revenue.journal", SHARDS, count)
    return service.amounts()


def controls(service):
    """The control records there are."""
    return [json.loads(line) for line in said(service.brokers, "control.events", 1)[0]]


def test_what_is_sent_is_booked_while_it_runs_and_it_ends_when_it_is_told_to(service):
    running = service.start()
    service.send("contracts.events", CONTRACT)
    service.send("usage.events", usage("e1", "2026-01-05T10:00:00Z"), usage("e2", "2026-01-05T11:00:00Z", "2"))
    service.send("control.events", clock("2026-01-06T00:00:00Z"))
    assert [("2026-01-05", Decimal(3))] == booked(service, 1)
    service.send("usage.events", usage("e3", "2026-01-06T10:00:00Z", "4"), usage("e1", "2026-01-05T10:00:00Z"))
    service.send("control.events", clock("2026-01-07T00:00:00Z"))
    assert [("2026-01-05", Decimal(3)), ("2026-01-06", Decimal(4))] == booked(service, 2)
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), service.told


def test_after_each_kill_it_goes_on_where_it_was(service):
    service.send("contracts.events", CONTRACT)
    for day in range(1, 7):
        running = service.start()
        day_of_usage(service, day)
        assert days(day) == booked(service, day)
        running.kill()
        running.wait()


def told_once(service, words):
    """Once the service has said them."""
    running = service.processes[-1]
    while words not in service.told:
        assert running.poll() is None, service.told
        time.sleep(0.05)


def test_a_service_that_is_started_before_its_broker_waits_for_it(kafka_server, service):
    service.send("contracts.events", CONTRACT)
    day_of_usage(service, 5)
    kafka_server.stop()
    service.start()
    told_once(service, "waited for")
    kafka_server.start()
    assert [("2026-01-05", Decimal(5))] == booked(service, 1)


def test_a_service_that_waits_for_its_broker_ends_when_it_is_told_to(kafka_server, service):
    kafka_server.stop()
    running = service.start()
    told_once(service, "waited for")
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), service.told


@pytest.mark.parametrize("ended", ["stop", "kill"])
def test_it_rides_out_restarts_of_the_broker(kafka_server, service, ended):
    running = service.start()
    service.send("contracts.events", CONTRACT)
    for day in range(1, 4):
        day_of_usage(service, day)
        assert days(day) == booked(service, day)
        getattr(kafka_server, ended)()
        kafka_server.start()
    day_of_usage(service, 4)
    assert days(4) == booked(service, 4)
    assert running.poll() is None, service.told
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), service.told


def test_what_it_decides_while_the_broker_is_away_is_said_once_it_is_back(kafka_server, service):
    running = service.start()
    service.send("contracts.events", CONTRACT)
    day_of_usage(service, 1)
    kafka_server.pause()
    kafka_server.resume()
    assert days(1) == booked(service, 1)
    kafka_server.pause()
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), service.told
    kafka_server.resume()
    service.start()
    day_of_usage(service, 2)
    assert days(2) == booked(service, 2)


def test_it_tells_where_each_control_record_took_effect(service):
    service.start()
    service.send("contracts.events", CONTRACT)
    day_of_usage(service, 1)
    day_of_usage(service, 2)
    assert days(2) == booked(service, 2)
    awaited(service.brokers, "control.applied", SHARDS, 2 * SHARDS)
    applied = service.said("control.applied")
    assert sorted([0, 1] * SHARDS) == sorted(one["offset"] for one in applied)
    ends = {
        (end["topic"], end["partition"]): end["offset"] for one in applied if one["offset"] == 1 for end in one["ends"]
    }
    assert (1, 1) == (ends["usage.events", 0], ends["usage.events", 1])


def test_the_records_that_it_writes_itself_close_windows_where_no_usage_comes(brokers, tmp_path):
    topics(brokers, 2, SHARDS)
    with serviced(brokers, tmp_path / "state", SHARDS, clock_every_s=1) as service:
        service.send("contracts.events", CONTRACT)
        service.send("usage.events", usage("e1", "2026-01-05T10:00:00Z"))
        service.start()
        assert ("2026-01-05", Decimal(1)) in booked(service, 1)
        ends = [one for one in controls(service) if one["ends"]][0]["ends"]
        assert {"topic": "usage.events", "partition": 0, "offset": 1} in ends
        assert {"topic": "usage.events", "partition": 1, "offset": 0} in ends


def test_a_period_is_closed_by_command_and_what_comes_later_names_the_month_it_belongs_to(service, tmp_path):
    service.start()
    service.send("contracts.events", CONTRACT)
    day_of_usage(service, 1)
    assert days(1) == booked(service, 1)
    words = ("us", "2026-01", "--source", str(service.brokers), "--actor", "ann", "--at", "2026-02-02", "--json")
    closed = here("close", *words, cwd=tmp_path)
    assert (0, "") == (closed.code, closed.said)
    [_, written] = controls(service)
    assert ("period_close", 1) == (written["kind"], json.loads(closed.printed)["offset"])
    assert {"topic": "usage.events", "partition": 1, "offset": 1} in written["ends"]
    again = here("close", *words, cwd=tmp_path)
    assert 2 == again.code
    assert "2026-01 of us is closed already" in again.said
    service.send("usage.events", usage("late", "2026-01-01T12:00:00Z", "4"), partition=1)
    awaited(service.brokers, "revenue.journal", SHARDS, 2)
    entries = {one["period"]: one for one in service.said("revenue.journal")}
    assert ("2026-01", "2026-02-01") == (entries["2026-02"]["origin_period"], entries["2026-02"]["accounting_date"])


def test_the_topic_that_only_we_know_of_is_made_where_it_is_missing(brokers, tmp_path):
    TopicAdmin(brokers).create(tuple(one for one in forms(1, SHARDS, 36_500) if one.name != APPLIED), 1)
    ended = here(
        "run", "--source", str(brokers), "--sink", str(brokers), "--state", "state", cwd=tmp_path,
        ACCRUAL_SHARDS=str(SHARDS),
    )  # fmt: skip
    assert 0 == ended.code, ended.said
    assert SHARDS == TopicAdmin(brokers).topics([APPLIED])[APPLIED].partitions
