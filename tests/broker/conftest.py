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
    if (elsewhere := kafka.named()) is not None:
        where = Brokers(elsewhere.address)
        # Topics that somebody uses are not ours to delete.
        assert not kafka.topics_of(where).intersection(kafka.TOPICS), (
            f"{where} has topics of a deployment: name another"
        )
        yield elsewhere
        kafka.without_topics(where)
        return
    started = kafka.own(tmp_path / "kafka", RETENTION)
    yield started
    started.stop()


@pytest.fixture
def brokers(kafka_server):
    return Brokers(kafka_server.address)
