"""What others can read of a service's output, and when: outputs read committed while they are written."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from connectors.kafka.asking import ANSWER_S
from connectors.kafka.client import Brokers
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry


@dataclass
class Readings:
    """What was read committed, and when, by this process's clock."""

    topic: str
    seen: list[tuple[float, bytes]] = field(default_factory=list)

    def records(self, first: int = 0) -> list[tuple[float, dict[str, Any]]]:
        """Decoded, from the one with this number on."""
        seen = self.seen[first:]
        messages = Messages([value for _, value in seen], Forms(self.topic, FileRegistry()))
        return [(at, json.loads(messages.payload(row))) for row, (at, _) in enumerate(seen)]


class Reading:
    """Reads topics committed, from their beginning, while the block runs."""

    def __init__(self, brokers: Brokers, *readings: Readings) -> None:
        self._readings = {one.topic: one for one in readings}
        self._done = threading.Event()
        self._consumer = Consumer(
            brokers.client(group_id="latency", enable_auto_commit=False, isolation_level="read_committed",
                           fetch_wait_max_ms=5, auto_offset_reset="earliest")
        )  # fmt: skip
        told = self._consumer.list_topics(timeout=ANSWER_S).topics
        self._consumer.assign(
            [TopicPartition(topic, shard, 0) for topic in self._readings for shard in told[topic].partitions]
        )
        self._thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        while not self._done.is_set():
            for message in self._consumer.consume(1000, 0.005):
                if message.error() is None:
                    now = time.monotonic()
                    self._readings[message.topic() or ""].seen.append((now, message.value() or b""))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._consumer.close()


def percentiles(values: list[float]) -> dict[str, float]:
    """The median, the 99th percentile and the most; nothing of nothing."""
    if not values:
        return {}
    return {name: round(float(np.percentile(values, at)), 1) for name, at in (("p50", 50), ("p99", 99), ("max", 100))}
