"""The real Apache Kafka that tests use: started by the first test of a process that asks for it, ended with the process."""

import atexit
import itertools
import os
import tempfile
from functools import cache
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.client import Brokers
from ops.broker.apache import ApacheKafka
from ops.broker.errors import BrokerMissing

_numbers = itertools.count(1)


@cache
def broker() -> ApacheKafka:
    """A broker of this process's own, for tests that stop or kill it too."""
    started = ApacheKafka(Path(tempfile.mkdtemp(prefix="accrual-kafka-"))).start()
    atexit.register(started.stop)
    return started


def brokers() -> Brokers:
    """ACCRUAL_TEST_KAFKA=host:port, else our own. Without either the test is skipped, and fails where CI is set."""
    if named := os.environ.get("ACCRUAL_TEST_KAFKA"):
        return Brokers(named)
    try:
        return Brokers(broker().address)
    except BrokerMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def name(prefix: str) -> str:
    """A name that no other test has, on a broker that outlives tests."""
    return f"{prefix}-{os.getpid()}-{next(_numbers)}"


def created(where: Brokers, topic: str, partitions: int = 1, **config: str) -> str:
    """A new topic; gives its name."""
    admin = AdminClient(where.client())
    made = NewTopic(topic, partitions, 1, config={key.replace("_", "."): value for key, value in config.items()})
    for future in admin.create_topics([made]).values():
        future.result(30)
    while topic not in admin.list_topics(timeout=30).topics:  # the controller has it before the broker tells of it
        pass
    return topic


def sent(where: Brokers, topic: str, *values: bytes | None, partition: int = 0) -> None:
    """Produce, and wait until all of it is acknowledged."""
    producer, failed = Producer(where.client()), []
    for row, value in enumerate(values):
        producer.produce(  # each with a key of its own, so that nothing is compacted away
            topic, value, str(row), partition, on_delivery=lambda error, _: failed.append(error) if error else None
        )
    assert 0 == producer.flush(60)
    assert [] == failed


def held(where: Brokers, topic: str, partition: int = 0) -> list:
    """Every committed message of a partition, in order."""
    own = {"enable_partition_eof": True, "isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    consumer = Consumer(where.client(group_id="test", enable_auto_commit=False, **own))
    consumer.assign([TopicPartition(topic, partition, 0)])
    found = []
    while True:
        message = consumer.poll(60)
        assert message is not None, f"{topic}: {len(found)} messages, then nothing for a minute"
        if message.error():
            consumer.close()
            return found
        found.append(message)


def topics_of(where: Brokers) -> set[str]:
    """The topics there are."""
    return set(AdminClient(where.client()).list_topics(timeout=30).topics)


_shards = itertools.count()


def shard() -> int:
    """A shard that no other test of this process has."""
    return next(_shards)


def watching(where: Brokers) -> Consumer:
    """A consumer that looks at offsets and reads nothing."""
    return Consumer(where.client(group_id="test"))
