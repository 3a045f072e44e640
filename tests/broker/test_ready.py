"""A service on a real Kafka is ready after its backlog and not before, and lives while brokers are away for a while."""

import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path

import pytest
from confluent_kafka import Producer

from connectors.follow import Follow
from connectors.kafka.plan import KafkaPlan
from connectors.kafka.registry import FileRegistry
from connectors.source import TopicSource
from connectors.usage_rows import Lateness
from schemas.topics import CONTRACTS, USAGE
from tests.support import kafka
from tests.support.driven import contract, usage
from tests.support.kafka_feed import message, topics
from tests.support.scraped import Scraped, ports_in_a_row

SHARDS, PARTITIONS, BACKLOG = 2, 2, 300
PATIENCE_S = 60


def send(brokers, topic, *records, partition=0):
    kafka.sent(brokers, topic, *[message(topic, json.dumps(one).encode()) for one in records], partition=partition)


def send_in_transaction(brokers, *records):
    """To partition 1: behind them stands the marker of the commit."""
    producer = Producer(brokers.client(transactional_id="test"))
    producer.init_transactions(PATIENCE_S)
    producer.begin_transaction()
    for one in records:
        producer.produce(USAGE, message(USAGE, json.dumps(one).encode()), partition=1)
    producer.commit_transaction(PATIENCE_S)


def used(count, first=0):
    """So many events of one day."""
    return [usage("2025-01-02T10:00:00Z", f"e{number}", n="1") for number in range(first, first + count)]


@pytest.fixture
def filled(brokers):
    """A Kafka with a contract and a backlog of usage in both partitions; behind that of partition 1 stands a marker."""
    topics(brokers, PARTITIONS, SHARDS)
    send(brokers, CONTRACTS, contract("2025-01-01T00:00:00Z", "c", price="2"))
    send(brokers, USAGE, *used(BACKLOG))
    send_in_transaction(brokers, *used(10, BACKLOG))
    return brokers


def awaited(what, seconds=PATIENCE_S):
    """The first true value that something gives."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
    return found


def test_a_partition_is_booked_after_the_barrier_behind_its_last_offset(filled):
    """Step by step, as Bytewax asks for it."""
    plan = KafkaPlan(filled, "test", FileRegistry(), Follow(timedelta(0)))
    source = TopicSource(plan, {}, 100, Lateness(0, 0))
    parts = {name: source.build_part("read", name, None) for name in source.list_parts()}
    booked = {}  # partition -> offsets sent before it counted as booked
    assert (BACKLOG, 11, 0) == tuple(
        source.vitals.behind[name].unread for name in (f"{USAGE}/0", f"{USAGE}/1", f"{CONTRACTS}/1")
    )
    sent = dict.fromkeys(parts, 0)
    end = time.monotonic() + PATIENCE_S
    while source.vitals.behind:
        assert time.monotonic() < end, source.vitals.behind
        for name, part in parts.items():
            before = name in source.vitals.behind
            batches = part.next_batch()
            if before and name not in source.vitals.behind:
                booked[name] = sent[name]
            sent[name] += sum(batch.end - batch.start for batch in batches)
            part.snapshot()
        if sent[f"{USAGE}/0"] == BACKLOG and f"{USAGE}/0" in source.vitals.behind:
            send(filled, USAGE, *used(5, 10 * BACKLOG))  # nobody waits for what comes later
    # The marker of the transaction is no message: the partition ends behind it all the same.
    assert (BACKLOG, 11) == (min(booked[f"{USAGE}/0"], BACKLOG), booked[f"{USAGE}/1"])
    assert {f"{USAGE}/0", f"{USAGE}/1", f"{CONTRACTS}/0", f"{CONTRACTS}/1"} <= booked.keys()
    plan.close()


@pytest.fixture
def service(filled, tmp_path):
    """A running service, and the port on which it answers."""
    port = ports_in_a_row(1)
    command = [Path(sys.executable).with_name("accrual"), "run", "--source", str(filled), "--sink", str(filled), "--state",
               str(tmp_path / "state"), "--follow", "--metrics-port", str(port), "--batch-rows", "5"]  # fmt: skip
    env = {**os.environ, "ACCRUAL_SHARDS": str(SHARDS), "ACCRUAL_EPOCH_MS": "50"}
    started = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    yield started, port
    started.kill()
    started.wait()
    started.stderr.close()


def ask(service, path):
    """Status and facts; None while nobody answers."""
    process, port = service
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except OSError:
        assert process.poll() is None, process.stderr.read()
        return None
    finally:
        connection.close()


def test_a_service_is_ready_once_its_backlog_is_booked(filled, service):
    seen = []

    def ready():
        seen.append(awaited(lambda: ask(service, "/ready")))
        return seen[-1][0] == 200

    awaited(ready)
    assert [503] * (len(seen) - 1) + [200] == [status for status, _ in seen]
    assert len(seen) > 1
    left = [facts["behind"][f"{USAGE}/0"]["unread"] for _, facts in seen if f"{USAGE}/0" in facts["behind"]]
    assert sorted(left, reverse=True) == left
    assert {"ready": True, "opened": True, "behind": {}} == seen[-1][1]
    applied = Scraped.at(service[1]).by("accrual_applied_offset", "topic", "partition")
    assert (BACKLOG, 10) <= tuple(int(applied[USAGE, number]) for number in ("0", "1"))
    send(filled, USAGE, *used(5, 10 * BACKLOG))
    assert (200, True) == (ask(service, "/ready")[0], ask(service, "/live")[1]["live"])


def test_a_service_lives_while_its_broker_is_away(kafka_server, service):
    awaited(lambda: (ask(service, "/ready") or (0,))[0] == 200)
    kafka_server.pause()
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert 200 == ask(service, "/live")[0]
    finally:
        kafka_server.resume()
    assert 200 == ask(service, "/live")[0]
