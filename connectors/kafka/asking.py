"""Questions to brokers: asked again where they have just come up, and left where nobody can wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaError, KafkaException

ANSWER_S = 30
STRANGE_S = 10
AGAIN_S = 0.1
# A broker that takes over partitions says so for some seconds after it answers at all.
_NOT_YET = (
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR, KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH, KafkaError.UNKNOWN_LEADER_EPOCH, KafkaError.OFFSET_NOT_AVAILABLE, KafkaError._TRANSPORT,
)  # fmt: skip
# So does one that has read its log and has no leader for a partition yet; it may be missing as well.
MISSING = (KafkaError._UNKNOWN_PARTITION, KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART)
Answer = TypeVar("Answer")


def answered(question: Callable[[], Answer]) -> Answer:
    """The answer; KafkaException when it is another error, or after half a minute still none."""
    began = time.monotonic()
    while True:
        try:
            return question()
        except KafkaException as error:
            code, waited = error.args[0].code(), time.monotonic() - began
            if waited > (ANSWER_S if code in _NOT_YET else STRANGE_S if code in MISSING else 0):
                raise
        time.sleep(AGAIN_S)


def within(seconds: float, act: Callable[[], object]) -> bool:
    """Whether it was done in that time; else it is left to itself: brokers that are away hold no end up."""
    actor = threading.Thread(target=act, daemon=True)
    actor.start()
    actor.join(seconds)
    return not actor.is_alive()
