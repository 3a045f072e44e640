"""A broker in memory, behind the clients of confluent_kafka: transactions, fencing, and commits whose outcome nobody knows."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from connectors.kafka.news import News
from connectors.kafka.tail import SEQUENCE

Place = tuple[str, int]


@dataclass(slots=True)
class Slot:
    """One offset of a partition: a record, or (line None) a marker or something aborted."""

    line: bytes | None
    sequence: bytes
    writer: int  # generation of the run that wrote it


@dataclass
class Transaction:
    """What a producer has open."""

    records: list[tuple[Place, Slot]] = field(default_factory=list)
    decided: bool = False  # the broker has the commit request: whoever comes next finds it committed


class Broker:
    """Partitions and who may write."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.partitions: dict[Place, list[Slot]] = {}
        self.epochs: dict[str, int] = {}
        self.open: dict[str, Transaction] = {}
        self.fenced = 0  # refusals

    def begins(self, name: str) -> int:
        """init_transactions: the one before is fenced off, and what it left open is decided."""
        self.epochs[name] = self.epochs.get(name, 0) + 1
        if left := self.open.pop(name, None):
            (self.commit if left.decided else self.abort)(left)
        return self.epochs[name]

    def check(self, name: str, epoch: int) -> None:
        """Whether a producer may still write."""
        if self.epochs[name] != epoch:
            self.fenced += 1
            raise KafkaException(KafkaError(KafkaError._FENCED, "a newer producer has its transactional id"))

    def commit(self, transaction: Transaction) -> None:
        """All of it is there."""
        for place, slot in transaction.records:
            self.partitions.setdefault(place, []).append(slot)
        self._mark(transaction)

    def abort(self, transaction: Transaction) -> None:
        """None of it is; its offsets are used up."""
        for place, _ in transaction.records:
            self.partitions.setdefault(place, []).append(Slot(None, b"", 0))
        self._mark(transaction)

    def _mark(self, transaction: Transaction) -> None:
        for place in {place for place, _ in transaction.records}:
            self.partitions[place].append(Slot(None, b"", 0))

    def clear(self) -> None:
        """The topics are made anew."""
        self.partitions.clear()
        for name in list(self.open):
            self.abort(self.open.pop(name))
        self.partitions.clear()
        for name in self.epochs:
            self.epochs[name] += 1

    def lines(self, topic: str, shard: int) -> list[bytes]:
        """The committed records."""
        return [slot.line for slot in self.partitions.get((topic, shard), []) if slot.line is not None]

    def settle(self) -> None:
        """Every commit that the broker has been asked for is done."""
        for name, left in sorted(self.open.items()):
            if left.decided:
                self.commit(left)
                del self.open[name]


class Clients:
    """What the product has for brokers (connectors.kafka.client.Brokers), of one process."""

    def __init__(
        self, broker: Broker, generation: int, fault: Callable[[], str | None], reach: Callable[[str], None]
    ) -> None:
        """`fault` is asked at each commit: None, or one of OUTCOMES. `reach` is told of each step."""
        self.broker, self.generation, self.fault, self.reach = broker, generation, fault, reach
        self.news = News(lambda: 0.0)

    def made(self, kind: type, **own: Any) -> Any:
        """A client."""
        if kind is Producer:
            return MemoryProducer(self, str(own["transactional_id"]))
        assert kind is Consumer, kind
        return MemoryConsumer(self.broker)

    def refuses(self, error: KafkaException | KafkaError, doing: str) -> None:
        """Everybody may do everything."""

    def check(self) -> None:
        """Nothing was heard."""

    def __str__(self) -> str:
        return "kafka://memory"


# What may happen to a commit: it is never heard of; it is done, and the answer comes late or never; it is done only when
# somebody else asks.
OUTCOMES = ("unheard", "answer late", "answer lost", "done later")


class MemoryProducer:
    """A transactional producer."""

    def __init__(self, clients: Clients, name: str) -> None:
        self._clients, self._broker, self._name = clients, clients.broker, name
        self._epoch = 0
        self._open: Transaction | None = None
        self._asked: str | None = None  # what has become of the commit

    def init_transactions(self, timeout: float) -> None:
        self._epoch = self._broker.begins(self._name)

    def begin_transaction(self) -> None:
        self._broker.check(self._name, self._epoch)
        self._open, self._asked = Transaction(), None
        self._broker.open[self._name] = self._open

    def produce(
        self, topic: str, value: bytes, key: bytes | None, partition: int, on_delivery: Any, headers: dict[str, Any]
    ) -> None:
        self._broker.check(self._name, self._epoch)
        assert self._open is not None
        slot = Slot(value, str(headers[SEQUENCE]).encode(), self._clients.generation)
        self._open.records.append(((topic, partition), slot))
        self._clients.reach("record sent")

    def flush(self, timeout: float) -> int:
        return 0

    def poll(self, timeout: float) -> int:
        return 0

    def commit_transaction(self, timeout: float) -> None:
        """Called again it waits on for the one answer."""
        self._broker.check(self._name, self._epoch)
        transaction = self._open
        assert transaction is not None
        if self._asked is None:
            self._clients.reach("before transaction commit")
            self._asked = self._clients.fault() or "answered"
            if self._asked.startswith("answer"):
                self._broker.commit(transaction)
                del self._broker.open[self._name]
            transaction.decided = self._asked == "done later"
            self._clients.reach("after transaction commit")
        elif self._asked == "answer late":
            self._asked = "answered"
        if self._asked != "answered":
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the answer does not come", retriable=True))


@dataclass(slots=True)
class _Message:
    place: Place
    at: int
    slot: Slot | None  # None: the end of the partition

    def topic(self) -> str:
        return self.place[0]

    def value(self) -> bytes | None:
        return None if self.slot is None else self.slot.line

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self.slot is None else None

    def headers(self) -> list[tuple[str, bytes]]:
        return [] if self.slot is None else [(SEQUENCE, self.slot.sequence)]


class MemoryConsumer:
    """A consumer that reads what is committed."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._left = broker, list[_Message]()

    def get_watermark_offsets(self, at: TopicPartition, timeout: float, cached: bool) -> tuple[int, int]:
        return 0, len(self._broker.partitions.get((at.topic, at.partition), ()))

    def assign(self, places: list[TopicPartition]) -> None:
        self._left = []
        for one in places:
            place = (one.topic, one.partition)
            slots = self._broker.partitions.get(place, [])
            found = [
                _Message(place, at, slot) for at, slot in enumerate(slots) if at >= one.offset and slot.line is not None
            ]
            self._left += [*found, _Message(place, len(slots), None)]

    def poll(self, timeout: float) -> _Message | None:
        return self._left.pop(0) if self._left else None

    def close(self) -> None:
        self._left = []
