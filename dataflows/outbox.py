"""What a shard has decided to say: numbered without a gap, and kept until it is proven sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import msgspec

from connectors.batch import Emitted
from connectors.crash_point import crash_point
from state import keys
from state.directory import last_sequences
from state.errors import StateBehind
from state.store import ShardStore

Note = Callable[[str, Mapping[str, Any], str], None]  # topic, content, its currency where it does not name it
_encode = msgspec.json.Encoder().encode


class Outbox:
    """The output records of one shard, by topic."""

    def __init__(self, store: ShardStore, shard: int, note: Note | None = None) -> None:
        """`note` is told the topic and the content of every record, and its currency where it does not name it."""
        self._store, self._shard, self._notes = store, shard, [] if note is None else [note]
        self._watcher: Callable[[str, Mapping[str, Any]], None] | None = None
        self._last = last_sequences(store)
        self._found = self._last.copy()
        self._fresh: dict[str, list[bytes]] = {}
        self._proven: dict[str, int] = {}
        self._kept = {topic: self._first_kept(topic) for topic in self._last}

    def add(self, topic: str, record: dict[str, Any], currency: str = "") -> bytes:
        """Number a record and keep it; gives its bytes. `currency`: of amounts in a record that does not name it."""
        sequence = self._last.get(topic, 0) + 1
        line = _encode({**record, "shard": self._shard, "sequence": sequence})
        self._store.put(_key(topic, sequence), line)
        self._store.put(keys.SEQUENCE + topic.encode(), sequence.to_bytes(8, "big"))
        self._last[topic] = sequence
        self._fresh.setdefault(topic, []).append(line)
        for note in self._notes:
            note(topic, record, currency)
        if self._watcher is not None:
            self._watcher(topic, record)
        return line

    def tells(self, note: Note) -> None:
        """From now on another one is told the topic and the content of every record."""
        self._notes.append(note)

    @contextmanager
    def watched(self, watcher: Callable[[str, Mapping[str, Any]], None]) -> Iterator[None]:
        """While the block runs, `watcher` is told the topic and the content of every record."""
        self._watcher = watcher
        try:
            yield
        finally:
            self._watcher = None

    @property
    def last(self) -> dict[str, int]:
        """The last sequence of every topic."""
        return self._last.copy()

    def depth(self) -> dict[str, int]:
        """How many records of every topic are kept."""
        return {topic: last - self._kept.get(topic, 1) + 1 for topic, last in self._last.items()}

    def in_sink(self, sequences: Mapping[str, int]) -> None:
        """What the sink was seen to hold. StateBehind when that is more than this state has ever said: somebody has gone on from
        a copy of it.
        """
        for topic, there in sequences.items():
            if there > (said := self._last.get(topic, 0)):
                raise StateBehind(
                    f"{topic} holds {there} records of shard {self._shard}, this state has said {said}: it is older than the "
                    "sink, or another process has gone on from a copy of it; use the state that goes with the sink, or an "
                    "empty --sink"
                )

    def unsent(self) -> list[Emitted]:
        """Everything kept from before: sent once more at the start. The sink drops what it has, and sees by it whether it was
        we who wrote there.
        """
        tails = []
        for topic in self._last:
            lines = tuple(line for _, line in self._store.scan(_prefix(topic)))
            if lines:
                tails.append(Emitted(self._shard, topic, self._last[topic] - len(lines) + 1, lines))
        if tails:
            crash_point("unsent-again")
        return tails

    def take(self) -> list[Emitted]:
        """The records added since the last call, to be sent after the commit."""
        taken = [
            Emitted(self._shard, topic, self._last[topic] - len(lines) + 1, tuple(lines), new=True)
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
        if self._proven:
            crash_point("outbox-forgotten")
        self._proven = {}

    def ended(self) -> None:
        """The flow has ended well: all that was sent is in the sink. What this run found is forgotten where it has said more,
        else runs of one epoch each would keep all of it; its own last words stay, to complete a sink that loses its end.
        """
        self._proven = {
            topic: self._found[topic] for topic, last in self._last.items() if last > self._found.get(topic, last)
        }
        self.epoch_begins()

    def _first_kept(self, topic: str) -> int:
        for key, _ in self._store.scan(_prefix(topic)):
            return int.from_bytes(key[-8:], "big")
        return self._last[topic] + 1


@cache  # there are a few topics
def _prefix(topic: str) -> bytes:
    return keys.OUTBOX + topic.encode() + b"\x00"


def _key(topic: str, sequence: int) -> bytes:
    return _prefix(topic) + sequence.to_bytes(8, "big")
