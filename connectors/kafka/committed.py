"""What is committed in a partition, as the lines that it would be in a file."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from connectors.errors import SourceAway
from connectors.kafka.asking import ANSWER_S
from connectors.kafka.client import Brokers
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.refusal import said

AT_ONCE = 10_000
WAIT_S = 0.02  # asked for many, a consumer waits all of it whatever has come


def committed_lines(brokers: Brokers, forms: Forms, topic: str, partition: int) -> Iterator[bytes]:
    """JSON lines, from the first record to the end there is now. SourceAway when the brokers do not send them."""
    consumer: Consumer = brokers.made(
        Consumer, group_id="accrual-fetch", enable_auto_commit=False, auto_offset_reset="earliest",
        isolation_level="read_committed", enable_partition_eof=True, fetch_wait_max_ms=10,
    )  # fmt: skip
    consumer.assign([TopicPartition(topic, partition, 0)])
    waited, ended = 0.0, False
    try:
        while not ended:
            found = consumer.consume(AT_ONCE, WAIT_S)
            waited = 0.0 if found else waited + WAIT_S
            if waited > ANSWER_S:
                raise SourceAway(
                    f"partition {partition} of {topic} sends nothing for {ANSWER_S} s: are its brokers up?"
                )
            good = []
            for one in found:
                error = one.error()
                if error is None:
                    good.append(one.value())
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended = True
                elif not error.retriable():
                    brokers.refuses(error, f"read topic {topic}")
                    raise SourceAway(f"partition {partition} of {topic} cannot be read: {said(error)}")
            messages = Messages(good, forms)
            yield from (messages.payload(row) for row in range(len(good)))
    except KafkaException as error:
        raise SourceAway(f"partition {partition} of {topic} cannot be read: {said(error)}") from error
    finally:
        consumer.close()
