"""Topics that change under a service: deleted, made anew, expired, grown. It goes on right, or stops and says why."""

import json
import os
import re
import signal

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)

from connectors.kafka.topics import TopicAdmin, forms
from schemas.topics import CONTRACTS, CONTROL, EXCEPTIONS, JOURNAL, OUTPUTS, USAGE
from tests.campaign.disturbed import all_children
from tests.support import kafka
from tests.support.kafka_feed import awaited, message, said, topics
from tests.support.process import Ended, accrual, environment, finish, start

SHARDS = 2
ENVIRONMENT = environment(ACCRUAL_SHARDS=str(SHARDS), ACCRUAL_EPOCH_MS="50", ACCRUAL_POLL_MS="50")
PARTITIONS = 2


class Service:
    """A service on a Kafka of its own, and that Kafka."""

    def __init__(self, brokers, place):
        self.brokers, self.place = brokers, place
        self.admin = AdminClient(brokers.client())
        self.running = None

    def words(self, *more, state="state"):
        return [
            "run",
            "--source",
            str(self.brokers),
            "--sink",
            str(self.brokers),
            "--state",
            str(self.place / state),
            *more,
        ]

    def start(self, *more, state="state"):
        self.running = start(*self.words("--follow", *more, state=state), cwd=self.place, env=ENVIRONMENT)

    def once(self, *more, state="state") -> Ended:
        return accrual(*self.words(*more, state=state), cwd=self.place, env=ENVIRONMENT)

    def ended(self, within: float = 60) -> Ended:
        """How it ends by itself."""
        self.running.wait(within)
        return finish(self.running)

    def stopped(self) -> Ended:
        """How it ends when it is told to."""
        self.running.send_signal(signal.SIGTERM)
        self.running.wait(20)
        return finish(self.running)

    def send(self, topic, *records, partition=0):
        values = [message(topic, json.dumps(one).encode()) for one in records]
        kafka.sent(self.brokers, topic, *values, partition=partition)

    def delete(self, *names):
        for future in self.admin.delete_topics(list(names)).values():
            future.result(30)
        while kafka.topics_of(self.brokers) & set(names):
            pass

    def create(self, *names):
        """As they are to be."""
        made = tuple(one for one in forms(PARTITIONS, SHARDS, 36_500) if one.name in names)
        assert sorted(names) == sorted(TopicAdmin(self.brokers).create(made, 1))

    def expire(self, topic, before, partition=0):
        """All before an offset is deleted, as retention does it."""
        for future in self.admin.delete_records([TopicPartition(topic, partition, before)]).values():
            future.result(30)

    def said(self, topic):
        return [json.loads(line) for lines in said(self.brokers, topic, SHARDS) for line in lines]

    def booked(self, count):
        """Customer, date and amount of that many entries, once they are there."""
        found = [json.loads(line) for line in awaited(self.brokers, JOURNAL, SHARDS, count)]
        return sorted((one["customer_id"], one["accounting_date"], one["lines"][0]["amount"][:-2]) for one in found)


@pytest.fixture
def service(brokers, tmp_path):
    topics(brokers, PARTITIONS, SHARDS)
    one = Service(brokers, tmp_path)
    yield one
    if one.running is not None:
        one.running.kill()
        one.running.communicate()


def contract(name="c"):
    return {
        "event_id": name, "source": "crm", "event_time": "2026-01-01T00:00:00Z", "contract_id": name, "version": 1,
        "kind": "activated", "effective_at": "2026-01-01T00:00:00Z", "customer_id": name, "entity": "us",
        "currency": "USD", "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
        "lines": [{"line_id": "u", "kind": "usage", "rate": {
            "meter": "m", "aggregation": "sum", "billing_period": "month", "model": "per_unit", "unit_price": "1"}}],
    }  # fmt: skip


def usage(name, day, quantity="1", customer="c"):
    return {"event_id": name, "source": "app", "customer_id": customer, "meter": "m", "quantity": quantity,
            "event_time": f"2026-01-{day:02d}T10:00:00Z"}  # fmt: skip


def clock(day):
    at = f"2026-01-{day:02d}T00:00:00Z"
    return {"kind": "clock", "as_of": at, "event_time": at}


def first_day(service) -> None:
    """Five usage events of one day are booked."""
    service.send(CONTRACTS, contract())
    service.send(USAGE, *(usage(f"e{number}", 5) for number in range(5)))
    service.send(CONTROL, clock(6))


BOOKED = [("c", "2026-01-05", "5.00")]


def names(ended: Ended, *words: str) -> None:
    """It stopped clearly: 1, and one message that has all these words."""
    assert 1 == ended.code, ended.said
    assert [] == [word for word in words if not re.search(word, ended.told)], ended.told
    assert "Traceback" not in ended.said
    assert "rdkafka" not in ended.said


@pytest.mark.parametrize("topic, left", [(USAGE, "offset 5 of partition 0"), (CONTROL, "offset 1 of partition 0")])
def test_a_topic_that_is_deleted_stops_the_service_and_the_next_one_too(service, topic, left):
    service.start()
    first_day(service)
    assert BOOKED == service.booked(1)
    service.delete(topic)
    names(service.ended(), topic, left, "is gone from", "accrual topics accept", "empty --state")
    again = service.once()
    assert (2, True) == (again.code, f"has no topic {topic}: accrual topics create" in again.told)
    service.create(topic)  # empty: not what it was
    names(service.once(), topic, left, "made anew", "empty --state and new output topics")


def test_after_the_remedy_the_books_are_made_from_what_is_there(service):
    first_day(service)
    assert 0 == service.once().code
    service.delete(USAGE)
    service.create(USAGE)
    service.send(USAGE, usage("n1", 5, "2"))
    names(service.once(), USAGE, "made anew")
    service.delete(*OUTPUTS)
    service.create(*OUTPUTS)
    ended = service.once(state="new")
    assert 0 == ended.code, ended.said
    assert [("c", "2026-01-05", "2.00")] == service.booked(1)


@pytest.mark.parametrize("more", [0, 20])
def test_a_topic_made_anew_is_noticed_however_much_it_holds(service, more):
    first_day(service)
    assert 0 == service.once().code
    service.delete(USAGE)
    service.create(USAGE)
    service.send(USAGE, *(usage(f"n{number}", 7) for number in range(more)))
    for _ in range(2):  # it is not forgotten
        names(service.once(), USAGE, "offset 5 of partition 0", "made anew", "its id is", "accrual topics accept")
    assert BOOKED == service.booked(1)


@pytest.mark.parametrize("topic, left", [(USAGE, "offset 5"), (CONTRACTS, "offset 1")])
def test_a_topic_made_anew_under_the_service_is_noticed_with_plausible_offsets(service, topic, left):
    service.start()
    first_day(service)
    assert BOOKED == service.booked(1)
    processes = [service.running.pid, *all_children(service.running, 1)]
    for process in processes:  # so that they never see the topic gone
        os.kill(process, signal.SIGSTOP)
    service.delete(topic)
    service.create(topic)
    more = [usage(f"n{number}", 7) if topic == USAGE else contract(f"n{number}") for number in range(20)]
    service.send(topic, *more)
    for process in processes:
        os.kill(process, signal.SIGCONT)
    names(service.ended(), topic, f"{left} of partition 0", "made anew")
    names(service.once(), topic, f"{left} of partition 0", "made anew")


def test_a_topic_that_was_restored_is_read_on_once_that_is_said(service):
    first_day(service)
    assert 0 == service.once().code
    service.delete(USAGE)
    service.create(USAGE)
    service.send(USAGE, *(usage(f"e{number}", 5) for number in range(5)), usage("e5", 6))
    service.send(CONTROL, clock(7))
    names(service.once(), USAGE, "accrual topics accept")
    accepted = accrual(
        "topics", "accept", USAGE, "--state", str(service.place / "state"), cwd=service.place, env=ENVIRONMENT
    )
    assert (0, True) == (accepted.code, "the next run takes the topic that it finds" in accepted.printed)
    ended = service.once()
    assert 0 == ended.code, ended.said
    assert [*BOOKED, ("c", "2026-01-06", "1.00")] == service.booked(2)


def test_only_a_topic_that_was_read_can_be_accepted(service):
    nothing = accrual(
        "topics", "accept", USAGE, "--state", str(service.place / "no"), cwd=service.place, env=ENVIRONMENT
    )
    assert (2, True) == (nothing.code, "is no state of a run" in nothing.said)
    assert 0 == service.once().code
    other = accrual(
        "topics", "accept", "x", "--state", str(service.place / "state"), cwd=service.place, env=ENVIRONMENT
    )
    assert (2, True) == (other.code, "'x' is no topic that" in other.said)


def test_a_topic_of_which_nothing_was_read_may_be_made_anew(service):
    assert 0 == service.once().code
    service.delete(USAGE)
    service.create(USAGE)
    first_day(service)
    ended = service.once()
    assert 0 == ended.code, ended.said
    assert BOOKED == service.booked(1)


def test_offsets_that_expired_before_they_were_read_stop_the_run(service):
    first_day(service)
    assert 0 == service.once().code
    service.send(USAGE, *(usage(f"l{number}", 7) for number in range(5)))
    service.expire(USAGE, 8)
    names(service.once(), f"{USAGE}/0", "begins at offset 8, and 5 is where it was left", "expired", "empty --state")
    assert BOOKED == service.booked(1)


def test_of_a_topic_that_was_never_read_and_has_lost_its_beginning_the_rest_is_booked_and_that_is_said(service):
    first_day(service)
    service.expire(USAGE, 3)
    ended = service.once()
    assert 0 == ended.code, ended.said
    assert [("c", "2026-01-05", "2.00")] == service.booked(1)
    assert 1 == ended.said.count(f"{USAGE}/0 begins at offset 3: what was before has expired")


def test_of_several_processes_all_end_and_the_next_run_says_why(service):
    service.start("--workers", "2")
    first_day(service)
    assert BOOKED == service.booked(1)
    service.delete(USAGE)
    service.create(USAGE)
    ended = service.ended()
    names(ended, "topic usage.events", "gone|made anew", "accrual topics accept")  # as it was seen
    names(service.once("--workers", "2"), USAGE, "offset 5 of partition 0", "made anew")


def test_offsets_that_were_read_may_expire(service):
    service.start()
    first_day(service)
    assert BOOKED == service.booked(1)
    service.expire(USAGE, 5)
    service.send(USAGE, usage("e5", 6))
    service.send(CONTROL, clock(7))
    assert [*BOOKED, ("c", "2026-01-06", "1.00")] == service.booked(2)
    assert 0 == service.stopped().code
    assert 0 == service.once().code


def test_offsets_that_expire_by_retention_stop_the_run(kafka_server, service):
    resource = ConfigResource(ResourceType.TOPIC, USAGE, incremental_configs=[
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in (("retention.ms", "1"), ("segment.ms", "1"), ("file.delete.delay.ms", "0"))
    ])  # fmt: skip
    first_day(service)
    assert 0 == service.once().code
    service.send(USAGE, *(usage(f"l{number}", 7) for number in range(5)))
    for future in service.admin.incremental_alter_configs([resource]).values():
        future.result(30)
    consumer = kafka.watching(service.brokers)
    while consumer.get_watermark_offsets(TopicPartition(USAGE, 0), 30, cached=False)[0] < 10:
        service.send(USAGE, usage("l", 7))  # a segment is closed by what comes after
    consumer.close()
    names(service.once(), f"{USAGE}/0", r"begins at offset \d+, and 5 is where it was left", "expired")


def test_partitions_that_are_added_are_read_and_nothing_is_said_twice(service):
    service.start()
    first_day(service)
    assert BOOKED == service.booked(1)
    grown = [NewPartitions(USAGE, 4), NewPartitions(CONTRACTS, 3)]
    for future in service.admin.create_partitions(grown).values():
        future.result(30)
    while len(service.admin.list_topics(USAGE).topics[USAGE].partitions) < 4:
        pass
    service.send(CONTRACTS, contract("d"), partition=2)
    service.send(USAGE, usage("d1", 6, "4", "d"), usage("d2", 6, "5", "d"), partition=3)
    service.send(USAGE, usage("e5", 6, "2"))
    service.send(USAGE, usage("e0", 5), partition=2)  # a redelivery in another partition is one all the same
    service.send(CONTROL, clock(7))
    expected = [*BOOKED, ("c", "2026-01-06", "2.00"), ("d", "2026-01-06", "9.00")]
    assert expected == service.booked(3)
    ended = service.stopped()
    assert 0 == ended.code, ended.said
    assert 0 == service.once().code
    assert expected == service.booked(3)
    assert [] == service.said(EXCEPTIONS)
    for lines in said(service.brokers, JOURNAL, SHARDS):
        assert list(range(1, len(lines) + 1)) == [json.loads(line)["sequence"] for line in lines]


def test_control_events_with_more_than_one_partition_are_refused(service):
    first_day(service)
    assert 0 == service.once().code
    for future in service.admin.create_partitions([NewPartitions(CONTROL, 2)]).values():
        future.result(30)
    while len(service.admin.list_topics(CONTROL).topics[CONTROL].partitions) < 2:
        pass
    ended = service.once()
    assert (2, True) == (ended.code, "has 2 partitions: it has one" in ended.told)


def test_control_records_that_expired_are_missed(service):
    first_day(service)
    assert 0 == service.once().code
    service.expire(CONTROL, 1)
    names(service.once(), CONTROL, "begins at offset 1", "accrual topics check")
