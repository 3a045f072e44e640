"""Questions to brokers that have just come up: asked again until the answer is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

ANSWER_S = 30
AGAIN_S = 0.1
# A broker that takes over partitions says so for some seconds after it answers at all.
_NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR, KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError._TRANSPORT,
)  # fmt: skip
Answer = TypeVar("Answer")


def answered(question: Callable[[], Answer]) -> Answer:
    """The answer; KafkaException when it is another error, or after half a minute still none."""
    until = time.monotonic() + ANSWER_S
    while True:
        try:
            return question()
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() > until:
                raise
        time.sleep(AGAIN_S)
