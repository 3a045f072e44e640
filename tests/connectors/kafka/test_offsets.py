"""Where partitions begin, end and stood at an instant, on a real broker."""

import pytest
from confluent_kafka import Producer

from connectors.kafka.offsets import at_instant, committed, ends, starts
from tests.support import kafka

FIRST_MS = 1_700_000_000_000


@pytest.fixture(scope="module")
def topic():
    where = kafka.brokers()
    name = kafka.created(where, kafka.name("offsets"), 2)
    producer = Producer(where.client())
    for number in range(3):
        producer.produce(name, str(number), partition=0, timestamp=FIRST_MS + number * 1_000)
    producer.flush()
    kafka.sent_in_transaction(where, name, b"3", partition=0)  # now, and a marker behind it
    return name


def test_an_end_lies_behind_markers_of_transactions(topic):
    places = [(topic, 0), (topic, 1)]
    assert {(topic, 0): 0, (topic, 1): 0} == starts(kafka.brokers(), places)
    assert {(topic, 0): 5, (topic, 1): 0} == ends(kafka.brokers(), places)


@pytest.mark.parametrize(("after_ms", "offset"), [(-1, 0), (0, 0), (0.001, 1), (1_000, 1), (1_001, 2), (10**13, 5)])
def test_an_instant_is_the_first_record_that_was_written_then_or_later(topic, after_ms, offset):
    instant = FIRST_MS * 1_000 + round(after_ms * 1_000)
    assert {(topic, 0): offset, (topic, 1): 0} == at_instant(kafka.brokers(), [(topic, 0), (topic, 1)], instant)


def test_a_group_that_has_told_nothing_is_nowhere(topic):
    assert {} == committed(kafka.brokers(), kafka.name("group"), [(topic, 0)])
