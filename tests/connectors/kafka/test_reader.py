"""How much of a partition is taken at once: whole batches while much is behind, what there is when little is."""

import pytest

from connectors.kafka import consumer as module
from connectors.kafka.consumer import SharedConsumer
from connectors.kafka.forms import Forms
from connectors.kafka.reader import FULLER, KafkaReader
from connectors.kafka.registry import FileRegistry
from schemas.topics import USAGE
from tests.support import kafka

SENT, MOST = 230, 100


@pytest.fixture
def shared(monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 30)  # so much comes at once, less than a batch
    one = SharedConsumer(kafka.brokers(), kafka.name("group"))
    yield one
    one.close()


@pytest.fixture
def reader(shared):
    topic = kafka.created(kafka.brokers(), kafka.name("fuller"))
    kafka.sent(kafka.brokers(), topic, *(str(number).encode() for number in range(SENT)))
    return KafkaReader(shared, Forms(USAGE, FileRegistry()), topic, 0, 0, SENT, bounded=False)


def taken(reader) -> int:
    """The next messages, whenever they come."""
    while (piece := reader.take(MOST)) is None:
        pass
    return len(piece)


def test_whole_batches_are_taken_while_one_is_behind_and_then_what_has_come(reader):
    assert MOST == taken(reader)
    rest = []
    while sum(rest) < SENT - MOST:
        rest.append(taken(reader))
    assert len(rest) > 1  # less than a batch is not waited for
    assert SENT - MOST == sum(rest)


def test_of_brokers_that_send_no_more_what_has_come_is_taken_all_the_same(reader, shared, monkeypatch):
    while not reader._held.count:
        shared.poll(0.1)
    came = reader._held.count
    monkeypatch.setattr(shared, "poll", lambda: None)
    assert [None] * FULLER == [reader.take(MOST) for _ in range(FULLER)]
    assert came == len(reader.take(MOST))
