"""A service on a real Kafka with a real schema registry: nothing is dropped while the registry is away."""

import copy
import io
import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import fastavro
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from connectors.errors import RegistryUnreachable
from connectors.follow import Follow
from connectors.kafka.plan import KafkaPlan
from connectors.kafka.registry_server import RegistryServer, subject_of
from connectors.kafka.rest import RegistryAddress
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.topics import CONTRACTS, CONTROL, EXCEPTIONS, JOURNAL, TOPICS, USAGE
from tests.broker.test_follow import CONTRACT, clock, usage
from tests.support import kafka
from tests.support.kafka_feed import message, topics
from tests.support.registry import started

SHARDS = 2
ACCRUAL = Path(sys.executable).with_name("accrual")
WAITING = "waiting since"
CURRENT = TOPICS[USAGE].avsc()
OLDER, NEWER = copy.deepcopy(CURRENT), copy.deepcopy(CURRENT)
OLDER["fields"] = [one for one in OLDER["fields"] if one["name"] != "dimensions"]
NEWER["fields"].append({"name": "region", "type": ["null", "string"], "default": None})
FOREIGN = 4_000_000_000  # a number that this registry never gave


@pytest.fixture
def registry(tmp_path):
    one = started(tmp_path / "registry")
    yield one
    one.kill()


@pytest.fixture
def world(brokers, registry, tmp_path):
    topics(brokers, 2, SHARDS)
    one = World(brokers, registry, tmp_path)
    yield one
    one.end()


class World:
    """A Kafka with its registry, and the service between its topics."""

    def __init__(self, brokers, registry, folder):
        self.brokers, self.registry, self.folder = brokers, registry, folder
        self.server = RegistryServer(RegistryAddress(registry.url))
        self.environment = {
            **os.environ, "ACCRUAL_SHARDS": str(SHARDS), "ACCRUAL_EPOCH_MS": "100", "ACCRUAL_POLL_MS": "50",
            "ACCRUAL_REGISTRY": registry.url,
        }  # fmt: skip
        self.ids = {}
        self.services = []

    def register(self):
        """By the command; the newest number of each topic."""
        done = subprocess.run(
            [ACCRUAL, "schemas", "register", "--json"], env=self.environment, capture_output=True, text=True, check=True
        )
        self.ids = {one["topic"]: one["id"] for one in json.loads(done.stdout)["schemas"]}

    def run(self, *more):
        command = [ACCRUAL, "run", "--source", str(self.brokers), "--sink", str(self.brokers), "--state",
                   self.folder / "state", *more]  # fmt: skip
        with open(self.folder / "said", "a") as said:
            one = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=said)
        self.services.append(one)
        return one

    @property
    def said(self):
        return (self.folder / "said").read_text()

    def await_said(self, text, seconds=30):
        end = time.monotonic() + seconds
        while text not in self.said:
            assert time.monotonic() < end, self.said
            assert self.services[-1].poll() is None, self.said

    def send(self, topic, record, number=None, schema=None, partition=0):
        out = io.BytesIO(b"\x00" + (self.ids[topic] if number is None else number).to_bytes(4, "big"))
        out.seek(5)
        typed = avro_record(decode(topic, json.dumps(record).encode()))
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema or TOPICS[topic].avsc()), typed)
        kafka.sent(self.brokers, topic, out.getvalue(), partition=partition)

    def told(self, topic):
        """The records of an output topic, as a Confluent client reads them."""
        read = AvroDeserializer(SchemaRegistryClient({"url": self.registry.url}))
        values = [one.value() for shard in range(SHARDS) for one in kafka.held(self.brokers, topic, shard)]
        return [read(value, SerializationContext(topic, MessageField.VALUE)) for value in values]

    def await_count(self, topic, count, seconds=25):
        """Until an output topic has so many records; without the registry."""
        end = time.monotonic() + seconds
        while (found := sum(len(kafka.held(self.brokers, topic, one)) for one in range(SHARDS))) < count:
            assert time.monotonic() < end, f"{topic}: {found} of {count} after {seconds} s; {self.said}"
            assert self.services[-1].poll() is None, self.said
        assert count == found

    def committed(self, topic, partition):
        """How far the service has told its group that it is."""
        consumer = Consumer(self.brokers.client(group_id="accrual"))
        found = consumer.committed([TopicPartition(topic, partition)], 30)[0].offset
        consumer.close()
        return found

    def end(self):
        for one in self.services:
            one.kill()
            one.wait()


def amounts(entries):
    """Date and amount of journal entries."""
    return sorted((str(one["accounting_date"]), one["lines"][0]["amount"]) for one in entries)


def test_messages_of_every_version_are_booked_and_one_with_an_unknown_number_is_one_exception(world):
    world.register()
    world.run("--follow")
    world.send(CONTRACTS, CONTRACT)
    world.send(USAGE, usage("e1", "2026-01-05T10:00:00Z", "1"))
    world.send(USAGE, usage("e2", "2026-01-05T10:01:00Z", "2"), FOREIGN)
    older, newer = (world.server.register(subject_of(USAGE), one) for one in (OLDER, NEWER))
    assert 3 == len({older, newer, world.ids[USAGE]})
    world.send(USAGE, usage("e3", "2026-01-05T10:02:00Z", "4"), older, OLDER)
    world.send(USAGE, usage("e4", "2026-01-05T10:03:00Z", "8"), newer, NEWER)
    world.await_count(EXCEPTIONS, 1)
    world.send(CONTROL, clock("2026-01-06T00:00:00Z"))
    world.await_count(JOURNAL, 1)
    assert [("2026-01-05", Decimal(13))] == amounts(world.told(JOURNAL))
    (bad,) = world.told(EXCEPTIONS)
    assert ("schema_unknown", {"topic": USAGE, "partition": 0, "offset": 1}) == (bad["class"], bad["source"])
    assert str(FOREIGN) in bad["reason"]


def test_while_the_registry_is_away_the_partition_that_needs_it_waits_and_the_others_go_on(world):
    world.register()
    newer = world.server.register(subject_of(USAGE), NEWER)
    running = world.run("--follow")
    world.send(CONTRACTS, CONTRACT)
    world.send(USAGE, usage("e1", "2026-01-05T10:00:00Z", "1"), partition=1)
    world.send(USAGE, usage("x1", "1990-01-05T10:00:00Z"), partition=1)  # too early
    world.await_count(EXCEPTIONS, 1)
    world.registry.kill()
    world.send(USAGE, usage("e2", "2026-01-05T10:01:00Z", "2"), newer, NEWER, partition=0)
    world.send(USAGE, usage("e3", "2026-01-05T10:02:00Z", "4"), partition=0)
    world.await_said(WAITING)
    world.send(USAGE, usage("x2", "1990-01-05T10:00:00Z"), partition=1)
    world.await_count(EXCEPTIONS, 2)
    while world.committed(USAGE, 1) < 3:
        assert running.poll() is None, world.said
    assert world.committed(USAGE, 0) <= 0  # nothing of it is done
    world.registry.start()
    world.await_said("answers again")
    world.send(CONTROL, clock("2026-01-06T00:00:00Z"))
    world.await_count(JOURNAL, 1)
    assert [("2026-01-05", Decimal(7))] == amounts(world.told(JOURNAL))
    assert ["too_early", "too_early"] == [one["class"] for one in world.told(EXCEPTIONS)]
    assert 1 == world.said.count(WAITING)
    assert world.registry.url in world.said


@pytest.mark.parametrize("away", ["kill", "pause"])
def test_it_ends_when_it_is_told_to_while_the_registry_is_away_and_books_later_what_waited(world, away):
    world.register()
    newer = world.server.register(subject_of(USAGE), NEWER)
    running = world.run("--follow")
    world.send(CONTRACTS, CONTRACT)
    world.send(USAGE, usage("x1", "1990-01-05T10:00:00Z"))
    world.await_count(EXCEPTIONS, 1)
    getattr(world.registry, away)()
    world.send(USAGE, usage("e1", "2026-01-05T10:00:00Z", "3"), newer, NEWER)
    world.await_said(WAITING)
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), world.said
    world.registry.start() if away == "kill" else world.registry.resume()
    world.send(CONTROL, clock("2026-01-06T00:00:00Z"))
    assert 0 == world.run().wait(60), world.said  # to the end of what is there
    assert [("2026-01-05", Decimal(3))] == amounts(world.told(JOURNAL))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_waits_for_the_registry_at_its_start_and_a_run_to_the_end_does_not(world, workers):
    world.register()
    world.send(CONTROL, clock("2026-01-01T00:00:00Z"))
    world.registry.kill()
    done = world.run("--workers", str(workers))
    assert 1 == done.wait(30)
    assert f"the schema registry {world.registry.url} gives no answer" in world.said
    assert "correct the setting registry" in world.said
    waiting = world.run("--follow", "--workers", str(workers))
    world.await_said(WAITING)
    waiting.send_signal(signal.SIGTERM)
    assert 0 == waiting.wait(10), world.said
    running = world.run("--follow", "--workers", str(workers))
    world.registry.start()
    world.send(CONTRACTS, CONTRACT)
    world.send(USAGE, usage("e1", "2026-01-05T10:00:00Z", "3"))
    world.send(CONTROL, clock("2026-01-06T00:00:00Z"))
    world.await_count(JOURNAL, 1)
    running.send_signal(signal.SIGTERM)
    assert 0 == running.wait(10), world.said


def test_without_registered_schemas_it_says_which_command_registers_them(world):
    done = world.run("--follow")
    assert 1 == done.wait(30)
    assert f"the schema of {JOURNAL} is not in the schema registry" in world.said
    assert "accrual schemas register" in world.said


class Away:
    """A registry that gives no answer so many times, then the schema of control records."""

    def __init__(self, times, then):
        self.times, self.then = times, then

    def schema(self, number):
        if self.times:
            self.times -= 1
            raise RegistryUnreachable("nobody there")
        return self.then()


@pytest.fixture
def one_control_record(brokers):
    topics(brokers, 1, 1)
    kafka.sent(brokers, CONTROL, message(CONTROL, json.dumps(clock("2026-01-06T00:00:00Z")).encode()))


def test_control_records_wait_for_their_schema_before_anything_is_read(brokers, one_control_record):
    plan = KafkaPlan(brokers, "g", Away(3, TOPICS[CONTROL].avsc), Follow(timedelta(milliseconds=50)))
    assert 1 == plan.controls.position
    assert [1] == [len(batch.records) for batch in plan.controls.since(0)]
    plan.close()


def test_who_is_asked_to_stop_waits_for_the_schema_of_control_records_no_longer(brokers, one_control_record):
    follow = Follow(timedelta(milliseconds=50))

    def never():
        follow.stop()
        raise RegistryUnreachable("nobody there")

    plan = KafkaPlan(brokers, "g", Away(2, never), follow)
    assert 0 == plan.controls.position
    plan.close()
