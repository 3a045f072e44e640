"""A Kafka of its own for each test: topics have the names that they have."""

import pytest

from connectors.kafka.client import Brokers
from ops.broker.apache import ApacheKafka


@pytest.fixture
def kafka_server(tmp_path):
    retention = {
        "log.retention.check.interval.ms": "100",
        "log.initial.task.delay.ms": "100",
    }  # not after half a minute
    started = ApacheKafka(tmp_path / "kafka", retention).start()
    yield started
    started.stop()


@pytest.fixture
def brokers(kafka_server):
    return Brokers(kafka_server.address)
