"""A Kafka as sink: what a process says in an epoch is one transaction, each shard in its own partition of each output topic.

Every record has shard and sequence in its headers, and what its cause was sent under. After a restart what is committed is
read back and dropped from what the shards say again: each result is there once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from accounting.require import require
from connectors.batch import Emitted
from connectors.crash_point import crash_point
from connectors.errors import SinkUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.messages import HEAD_BYTES
from connectors.kafka.tail import SEQUENCE, last_sequences, values_from
from connectors.kafka.transactions import Headers, Transactions
from connectors.kafka.written import Numbers, OutputWriter, Written
from connectors.timings import Timings, unseen
from schemas.topics import OUTPUTS

SHARD = "shard"


@dataclass
class KafkaSink(FixedPartitionedSink[Emitted, None]):
    """One Bytewax partition per shard; `keys` are the shards' names in order."""

    brokers: Brokers
    keys: tuple[str, ...]
    namespace: str  # two deployments on one Kafka do not fence each other
    numbers: Numbers
    timings: Timings = field(default_factory=unseen)
    stopping: Callable[[], bool] = lambda: False  # whether the run shall end: then nobody is waited for long

    def __post_init__(self) -> None:
        self.transactions = Transactions(self.brokers, self.namespace, self.stopping)

    def list_parts(self) -> list[str]:
        return list(self.keys)

    def part_fn(self, item_key: str) -> int:
        # Bytewax counts the parts in the order of their names: from ten shards on that is not the shards' own.
        return sorted(self.keys).index(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: None) -> KafkaSinkPartition:
        return KafkaSinkPartition(self, self.keys.index(for_part))


class KafkaSinkPartition(StatefulSinkPartition[Emitted, None]):
    """What a shard says; see Transactions."""

    def __init__(self, sink: KafkaSink, shard: int) -> None:
        """SinkUnusable when the brokers do not answer."""
        self.shard, self._timings, self._brokers = shard, sink.timings, sink.brokers
        self._writers = {topic: OutputWriter(topic, sink.numbers) for topic in OUTPUTS}
        self._waiting: list[Emitted] = []
        self._new: list[tuple[Emitted, tuple[bytes, ...]]] = []
        self._transactions = sink.transactions
        self._transactions.open(shard)
        # After that: what a process before this one was committing is committed or aborted by now.
        there = last_sequences(sink.brokers, [(topic, shard) for topic in OUTPUTS])
        self._last = {topic: there[topic, shard] for topic in OUTPUTS}
        self._next = self._last
        self._transactions.join(self)

    def write_batch(self, items: list[Emitted]) -> None:
        self._waiting.extend(items)

    def snapshot(self) -> None:
        # Not in write_batch: only here is every shard's state of this epoch known to be durable.
        write = self._timings.steps.write
        write.begins()
        if self._transactions.close_epoch():
            write.ends()  # an idle epoch writes nothing

    def gather(self) -> bool:
        waiting, self._waiting = self._waiting, []
        self._next = dict(self._last)
        self._new = [(item, lines) for item in waiting if (lines := self._fresh(item, self._next))]
        return bool(self._new)

    def speak(self, send: Callable[[str, Written, int, Headers], None]) -> None:
        for item, lines in self._new:
            writer, end = self._writers[item.topic], item.first + len(item.lines)
            for sequence, line in enumerate(lines, start=end - len(lines)):
                if sequence == end - (len(lines) + 1) // 2:
                    crash_point("kafka-half-produced")
                record = writer.message(line)
                send(
                    item.topic, record, self.shard, {SHARD: str(self.shard), SEQUENCE: str(sequence), **record.headers}
                )

    def done(self) -> None:
        self._last = self._next
        for item, _ in self._new:
            self._timings.arrived(item.topic, item.read_at)

    def close(self) -> None:
        # Runs while unwinding after a failure too: nothing is committed here. An open transaction is aborted by whoever
        # comes next with the same transactional.id, or by the broker in its time.
        self._waiting = []
        self._transactions.leave(self)

    def _fresh(self, item: Emitted, last: dict[str, int]) -> tuple[bytes, ...]:
        """What the partition does not hold yet; `last` by topic moves on."""
        require(item.shard == self.shard, "a record comes to its own shard's partition", shard=item.shard)
        has = last[item.topic]
        if item.new and item.first <= has:
            raise SinkUnusable(item.known(f"{item.topic}/{self.shard} of {self._brokers}"))
        if item.lines and item.first <= has:
            self._check_same(item, has)
        require(item.first <= has + 1, "the sink's sequence has no gap", topic=item.topic, last=has, next=item.first)
        last[item.topic] = max(has, item.first + len(item.lines) - 1)
        return item.lines[max(0, has + 1 - item.first) :]

    def _check_same(self, item: Emitted, has: int) -> None:
        """What is said again is what the partition holds."""
        there = values_from(self._brokers, (item.topic, self.shard), item.first, has)
        for sequence, line in enumerate(item.lines[: has + 1 - item.first], start=item.first):
            value, found = self._writers[item.topic].message(line).value, there.get(sequence)
            # A record that was written with another schema has other bytes.
            if found is not None and found != value and found[:HEAD_BYTES] == value[:HEAD_BYTES]:
                raise SinkUnusable(item.other(f"{item.topic}/{self.shard} of {self._brokers}", sequence))
