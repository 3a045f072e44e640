"""A real Apache Kafka starts, holds what it is given, and comes back after a stop, a kill and a pause."""

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from ops.broker.apache import ApacheKafka
from ops.broker.errors import BrokerMissing
from ops.broker.jars import kafka_jars


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    started = ApacheKafka(tmp_path_factory.mktemp("kafka")).start()
    yield started
    started.stop()


def created(address: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([NewTopic(topic, 1, 1)]).values():
        future.result(30)


def sent(address: str, topic: str, *values: bytes, **settings: str) -> None:
    """Produce and wait until all of it is acknowledged."""
    producer, failed = Producer({"bootstrap.servers": address, **settings}), []
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: failed.append(error) if error else None)
    assert 0 == producer.flush(60)
    assert [] == failed


def held(address: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "t", "auto.offset.reset": "error"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    found = []
    while len(found) < count:
        message = consumer.poll(60)
        assert message is not None, f"{len(found)} of {count} within a minute"
        assert message.error() is None, message.error()
        found.append(message.value())
    consumer.close()
    return found


def test_records_of_an_earlier_year_stay(broker):
    created(broker.address, "old")
    admin, resource = AdminClient({"bootstrap.servers": broker.address}), ConfigResource(ResourceType.TOPIC, "old")
    told = admin.describe_configs([resource])[resource].result(30)
    assert "-1" == told["retention.ms"].value


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_was_acknowledged_is_there_after_it_ended(broker, end):
    created(broker.address, f"kept-{end}")
    sent(broker.address, f"kept-{end}", b"a", b"b")
    getattr(broker, end)()
    broker.start()
    sent(broker.address, f"kept-{end}", b"c")
    assert [b"a", b"b", b"c"] == held(broker.address, f"kept-{end}", 3)


def test_what_is_sent_while_it_is_paused_arrives_when_it_goes_on(broker):
    created(broker.address, "paused")
    producer = Producer({"bootstrap.servers": broker.address})
    broker.pause()
    producer.produce("paused", b"a")
    assert 1 == producer.flush(0.2)
    broker.resume()
    assert 0 == producer.flush(60)
    assert [b"a"] == held(broker.address, "paused", 1)


def test_its_folder_is_taken_up_by_another_one(tmp_path):
    first = ApacheKafka(tmp_path / "kafka").start()
    created(first.address, "kept")
    sent(first.address, "kept", b"a")
    first.stop()
    second = ApacheKafka(tmp_path / "kafka").start()
    assert [b"a"] == held(second.address, "kept", 1)
    second.stop()
    assert first.address == second.address


def test_one_that_cannot_serve_says_why(tmp_path):
    with pytest.raises(BrokerMissing, match=r"compression\.type"):
        ApacheKafka(tmp_path / "kafka", {"compression.type": "paper"}).start()


def test_without_java_it_says_what_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(BrokerMissing, match=r"needs Java 17 or later.*ACCRUAL_KAFKA=host:port"):
        ApacheKafka(tmp_path / "kafka").start()


def test_without_maven_it_says_what_is_needed(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrokerMissing, match="there is no mvn"):
        kafka_jars(tmp_path / "cache")
