"""What an output partition holds already: the sequence of its last committed record."""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.errors import SinkUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import said

SEQUENCE = "sequence"  # header of every record of ours
ANSWER_S = 30
FIRST_LOOK = 100  # offsets from the end; ten times as many when only markers and aborted records are there


def last_sequence(brokers: Brokers, topic: str, partition: int) -> int:
    """0 when there is none. Only after `init_transactions`: before, a commit in flight is invisible.

    SinkUnusable when no broker answers, the topic is missing, or its last record is none of ours.
    """
    consumer = brokers.made(
        Consumer, group_id="accrual-tail", enable_auto_commit=False, auto_offset_reset="error",
        isolation_level="read_committed", enable_partition_eof=True,
    )  # fmt: skip
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=ANSWER_S, cached=False)
        begin, look = high, FIRST_LOOK
        while begin > low:
            begin = max(low, high - look)
            consumer.assign([TopicPartition(topic, partition, begin)])
            found = _last(consumer, topic, partition)
            if found is not None:
                return found
            look *= 10
        return 0
    except KafkaException as error:
        brokers.refuses(error, f"read topic {topic}")
        raise SinkUnusable(f"partition {partition} of {topic} at {brokers} cannot be read: {said(error)}") from error
    finally:
        consumer.close()


def _last(consumer: Consumer, topic: str, partition: int) -> int | None:
    """The last sequence from where the consumer is up to the end."""
    found: int | None = None
    while True:
        message = consumer.poll(ANSWER_S)
        if message is None:
            raise SinkUnusable(f"partition {partition} of {topic} sends nothing for {ANSWER_S} s: are its brokers up?")
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                return found
            if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                continue  # the group is only a name here: nothing is committed
            raise KafkaException(error)
        header = dict(message.headers() or ()).get(SEQUENCE)
        if header is None:
            raise SinkUnusable(
                f"partition {partition} of {topic} holds a record that is none of ours, at offset {message.offset()}: name "
                "another Kafka, or make the topic anew"
            )
        found = int(header)
