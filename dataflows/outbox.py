"""What a shard has decided to say: numbered without a gap, and kept until it is proven sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from connectors.batch import Emitted
from state import keys
from state.directory import last_sequences
from state.store import ShardStore

_encode = msgspec.json.Encoder().encode


class Outbox:
    """The output records of one shard, by topic."""

    def __init__(
        self, store: ShardStore, shard: int, note: Callable[[str, Mapping[str, Any]], None] | None = None
    ) -> None:
        """`note` is told the topic and the content of every record."""
        self._store, self._shard, self._note = store, shard, note
        self._last = last_sequences(store)
        self._fresh: dict[str, list[bytes]] = {}
        self._proven: dict[str, int] = {}
        self._kept = {topic: self._first_kept(topic) for topic in self._last}

    def add(self, topic: str, record: dict[str, Any]) -> bytes:
        """Number a record and keep it; gives its bytes."""
        sequence = self._last.get(topic, 0) + 1
        line = _encode({**record, "shard": self._shard, "sequence": sequence})
        self._store.put(_key(topic, sequence), line)
        self._store.put(keys.SEQUENCE + topic.encode(), sequence.to_bytes(8, "big"))
        self._last[topic] = sequence
        self._fresh.setdefault(topic, []).append(line)
        if self._note is not None:
            self._note(topic, record)
        return line

    @property
    def last(self) -> dict[str, int]:
        """The last sequence of every topic."""
        return self._last.copy()

    def depth(self) -> dict[str, int]:
        """How many records of every topic are kept."""
        return {topic: last - self._kept.get(topic, 1) + 1 for topic, last in self._last.items()}

    def in_sink(self, sequences: Mapping[str, int]) -> None:
        """What the sink was seen to hold, durably, before the run: proven, else runs of one epoch each would keep all of it."""
        self._proven = {topic: min(last, sequences.get(topic, 0)) for topic, last in self._last.items()}

    def unsent(self) -> list[Emitted]:
        """Everything kept from before that is not proven: sent once more at the start, the sink drops what it has."""
        tails = []
        for topic in self._last:
            first = (self._proven.get(topic, 0) + 1).to_bytes(8, "big")
            lines = tuple(line for _, line in self._store.scan(_prefix(topic), first))
            if lines:
                tails.append(Emitted(self._shard, topic, self._last[topic] - len(lines) + 1, lines))
        return tails

    def take(self) -> list[Emitted]:
        """The records added since the last call, to be sent after the commit."""
        taken = [
            Emitted(self._shard, topic, self._last[topic] - len(lines) + 1, tuple(lines))
            for topic, lines in self._fresh.items()
        ]
        self._fresh = {}
        return taken

    def epoch_closes(self) -> None:
        """Everything sent so far is committed once the next epoch's first batch arrives: the barrier proves it."""
        self._proven = dict(self._last)

    def epoch_begins(self) -> None:
        """Forget, with the batch in hand, what the barrier has proven."""
        for topic, last in self._proven.items():
            first = self._kept.get(topic, 1)
            for sequence in range(first, last + 1):
                self._store.delete(_key(topic, sequence))
            self._kept[topic] = max(first, last + 1)
        self._proven = {}

    def _first_kept(self, topic: str) -> int:
        for key, _ in self._store.scan(_prefix(topic)):
            return int.from_bytes(key[-8:], "big")
        return self._last[topic] + 1


def _prefix(topic: str) -> bytes:
    return keys.OUTBOX + topic.encode() + b"\x00"


def _key(topic: str, sequence: int) -> bytes:
    return _prefix(topic) + sequence.to_bytes(8, "big")
