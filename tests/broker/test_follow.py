"""A service on a real Kafka: it goes on after kills, restarts of the broker and SIGTERM, and says each result once."""

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import kafka
from tests.support.kafka_feed import awaited, message, said, topics

SHARDS = 2
ENVIRONMENT = {**os.environ, "ACCRUAL_SHARDS": str(SHARDS), "ACCRUAL_EPOCH_MS": "100"}


@pytest.fixture
def service(brokers, tmp_path):
    """Starts `accrual run --follow`; all of them are ended."""
    topics(brokers, 2, SHARDS)
    started = []

    def start() -> subprocess.Popen[str]:
        command = [Path(sys.executable).with_name("accrual"), "run", "--source", str(brokers), "--sink", str(brokers),
                   "--state", str(tmp_path / "state"), "--follow"]  # fmt: skip
        one = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        started.append(one)
        return one

    yield start
    for one in started:
        one.kill()
        one.wait()
        one.stderr.close()


def send(brokers, topic, *records, partition=0):
    kafka.sent(brokers, topic, *[message(topic, json.dumps(one).encode()) for one in records], partition=partition)


CONTRACT = {
    "event_id": "c1", "source": "crm", "event_time": "2026-01-01T00:00:00Z", "contract_id": "K", "version": 1,
    "kind": "activated", "effective_at": "2026-01-01T00:00:00Z", "customer_id": "c", "entity": "us", "currency": "USD",
    "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
    "lines": [{"line_id": "u", "kind": "usage", "rate": {
        "meter": "m", "aggregation": "sum", "billing_period": "month", "model": "per_unit", "unit_price": "1"}}],
}  # fmt: skip


def usage(name, at, quantity="1"):
    return {"event_id": name, "source": "app", "customer_id": "c", "meter": "m", "quantity": quantity, "event_time": at}


def clock(at):
    return {"kind": "clock", "as_of": at, "event_time": at}


def amounts(lines):
    """Date and amount of journal entries."""
    found = [json.loads(line) for line in lines]
    return sorted((one["accounting_date"], Decimal(one["lines"][0]["amount"])) for one in found)


def test_what_is_sent_is_booked_while_it_runs_and_it_ends_when_it_is_told_to(brokers, service):
    running = service()
    send(brokers, "contracts.events", CONTRACT)
    send(brokers, "usage.events", usage("e1", "2026-01-05T10:00:00Z"), usage("e2", "2026-01-05T11:00:00Z", "2"))
    send(brokers, "control.events", clock("2026-01-06T00:00:00Z"))
    assert [("2026-01-05", Decimal(3))] == amounts(awaited(brokers, "revenue.journal", SHARDS, 1))
    send(brokers, "usage.events", usage("e3", "2026-01-06T10:00:00Z", "4"), usage("e1", "2026-01-05T10:00:00Z"))
    send(brokers, "control.events", clock("2026-01-07T00:00:00Z"))
    assert [("2026-01-05", Decimal(3)), ("2026-01-06", Decimal(4))] == amounts(
        awaited(brokers, "revenue.journal", SHARDS, 2)
    )
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), running.stderr.read()


def test_after_each_kill_it_goes_on_where_it_was(brokers, service):
    send(brokers, "contracts.events", CONTRACT)
    for day in range(1, 7):
        running = service()
        send(brokers, "usage.events", usage(f"e{day}", f"2026-01-{day:02d}T10:00:00Z", str(day)), partition=day % 2)
        send(brokers, "control.events", clock(f"2026-01-{day + 1:02d}T00:00:00Z"))
        awaited(brokers, "revenue.journal", SHARDS, day)
        running.kill()
        running.wait()
    expected = [(f"2026-01-{day:02d}", Decimal(day)) for day in range(1, 7)]
    shards = said(brokers, "revenue.journal", SHARDS)
    assert expected == amounts([line for lines in shards for line in lines])
    for lines in shards:
        assert list(range(1, len(lines) + 1)) == [json.loads(line)["sequence"] for line in lines]
