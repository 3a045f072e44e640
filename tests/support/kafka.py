"""The real Apache Kafka that tests use: started by the first test of a process that asks for it, ended with the process."""

import atexit
import itertools
import os
import tempfile
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from connectors.kafka.client import Brokers
from ops.broker.apache import ApacheKafka
from ops.broker.errors import BrokerMissing
from schemas.topics import TOPICS
from tests.support.lacking import lacking
from tests.support.noida import NoidaDb

_numbers = itertools.count(1)


def own(folder: Path, settings: Mapping[str, str] | None = None) -> ApacheKafka | NoidaDb:
    """An Apache Kafka; where Java or Maven is missing a warning says so and noida-db takes its place.

    Where CI is set that is a failure; without noida-db the test is skipped.
    """
    try:
        return ApacheKafka(folder, settings).start()
    except BrokerMissing as error:
        if os.environ.get("CI"):
            raise
        warnings.warn(f"{error}. These tests use noida-db, which is no Apache Kafka", stacklevel=2)
    try:
        return NoidaDb(folder.with_suffix(".noida")).start()
    except BrokerMissing as error:
        lacking(error)


def named() -> Brokers | None:
    """ACCRUAL_KAFKA=host:port."""
    address = os.environ.get("ACCRUAL_KAFKA")
    return Brokers(address) if address else None


@cache
def brokers() -> Brokers:
    """One for all tests of this process that do not end it."""
    if (where := named()) is not None:
        return where
    started = own(Path(tempfile.mkdtemp(prefix="accrual-kafka-")))
    atexit.register(started.stop)
    return Brokers(started.address)


def without_topics(where: Brokers) -> None:
    """Delete the topics of a deployment, and wait until they are gone."""
    admin = AdminClient(where.client())
    there = topics_of(where).intersection(TOPICS)
    for future in admin.delete_topics(list(there)).values() if there else ():
        future.result(30)
    while topics_of(where).intersection(TOPICS):  # the controller has forgotten them before the broker does
        pass


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


def sent(
    where: Brokers, topic: str, *values: bytes | None, partition: int = 0, headers: dict[str, str | bytes] | None = None
) -> None:
    """Produce, each with the headers, and wait until all of it is acknowledged."""
    producer, failed = Producer(where.client()), []
    for row, value in enumerate(values):
        producer.produce(  # each with a key of its own, so that nothing is compacted away
            topic, value, str(row), partition, on_delivery=lambda error, _: failed.append(error) if error else None,
            headers=headers,
        )  # fmt: skip
    assert 0 == producer.flush(60)
    assert [] == failed


def sent_in_transaction(where: Brokers, topic: str, *values: bytes, partition: int = 0) -> None:
    """Produce in one transaction, and commit it."""
    producer = Producer(where.client(transactional_id=name("t")))
    producer.init_transactions(60)
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=partition)
    producer.commit_transaction(60)


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
