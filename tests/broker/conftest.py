"""A Kafka of its own for each test: topics have the names that they have."""

import pytest

from connectors.kafka.client import Brokers
from tests.support import kafka

RETENTION = {  # looked at now, not after half a minute
    "log.retention.check.interval.ms": "100",
    "log.initial.task.delay.ms": "100",
}


@pytest.fixture
def kafka_server(tmp_path):
    """For a test that ends its broker, or needs it set: always one of our own."""
    started = kafka.own(tmp_path / "kafka", RETENTION)
    yield started
    started.stop()


@pytest.fixture
def brokers(request):
    """The one that ACCRUAL_KAFKA names, or one of the test's own."""
    where = kafka.named()
    if where is None or "kafka_server" in request.fixturenames:
        yield Brokers(request.getfixturevalue("kafka_server").address)
        return
    # Topics that somebody uses are not ours to delete.
    assert not kafka.topics_of(where).intersection(kafka.TOPICS), f"{where} has topics of a deployment: name another"
    yield where
    kafka.without_topics(where)
