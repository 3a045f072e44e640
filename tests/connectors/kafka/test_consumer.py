"""One consumer for all partitions: each is read in order, and one that is ahead of its reader waits."""

import pytest

from connectors.kafka import consumer as module
from connectors.kafka.consumer import SharedConsumer
from tests.support import kafka


@pytest.fixture
def shared():
    one = SharedConsumer(kafka.brokers(), kafka.name("group"))
    yield one
    one.close()


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def all_of(shared: SharedConsumer, topic: str, partition: int, held) -> list[bytes]:
    """Everything up to the end of a partition."""
    found = []
    while held.count or not held.at_end:
        shared.poll(0.1)
        found += shared.take(topic, partition, 7).values
    return found


def test_each_partition_is_read_in_order_from_its_own_offset(shared):
    topic = kafka.created(kafka.brokers(), kafka.name("order"), 2)
    kafka.sent(kafka.brokers(), topic, *numbered(40))
    kafka.sent(kafka.brokers(), topic, *numbered(40), partition=1)
    first, second = shared.assign(topic, 0, 10), shared.assign(topic, 1, 0)
    assert numbered(40)[10:] == all_of(shared, topic, 0, first)
    assert numbered(40) == all_of(shared, topic, 1, second)


def test_a_partition_of_which_much_waits_is_asked_for_no_more_and_others_go_on(shared, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 20)
    monkeypatch.setattr(module, "HELD_MAX", 100)
    topic = kafka.created(kafka.brokers(), kafka.name("busy"), 2)
    kafka.sent(kafka.brokers(), topic, *numbered(2_000))
    busy, idle = shared.assign(topic, 0, 0), shared.assign(topic, 1, 0)
    while not busy.paused:
        shared.poll(0.1)
    assert 100 < busy.count <= 120
    kafka.sent(kafka.brokers(), topic, b"late", partition=1)
    assert [b"late"] == all_of(shared, topic, 1, idle)
    assert 100 < busy.count <= 120
    assert numbered(2_000) == all_of(shared, topic, 0, busy)  # nothing is lost or repeated where it was paused


def test_the_end_is_told_behind_the_marker_of_a_transaction(shared):
    topic = kafka.created(kafka.brokers(), kafka.name("marker"))
    kafka.sent_in_transaction(kafka.brokers(), topic, b"a")
    held = shared.assign(topic, 0, 0)
    while held.position < 2:  # a commit is answered before its marker is written: until then the end is 0
        shared.poll(0.1)
    assert [b"a"] == all_of(shared, topic, 0, held)
    assert (True, 2) == (held.at_end, held.position)
    kafka.sent(kafka.brokers(), topic, b"b")
    while not held.count:
        shared.poll(0.1)
    messages = shared.take(topic, 0, 10)
    assert ([b"b"], [2]) == (messages.values, messages.offsets.tolist())
