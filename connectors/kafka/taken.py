"""Consecutive messages of one partition, taken apart as soon as they come: what the client made of them is not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from accounting.trace import Trace
from connectors.kafka.headers import traces
from schemas.topics import TRACED

# Functions of the class: methodcaller looks them up by name for each message, which takes five times as long.
_value, _offset, _timestamp = Message.value, Message.offset, Message.timestamp
_second = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Taken:
    """`offsets` may have gaps; `written` is by the broker's or the producer's clock, in microseconds; `traces`: of topics
    that have them.
    """

    values: list[bytes | None]
    offsets: NDArray[np.int64]
    written: NDArray[np.int64]
    traces: list[Trace]

    @classmethod
    def of(cls, topic: str, messages: Sequence[Message]) -> Taken:
        """Of messages that follow each other in one partition."""
        stamps = np.fromiter(map(_second, map(_timestamp, messages)), dtype=np.int64, count=len(messages))
        values = list(map(_value, messages))
        return cls(values, _offsets(messages), stamps * 1_000, traces(messages) if topic in TRACED else [])

    @classmethod
    def joined(cls, parts: Sequence[Taken]) -> Taken:
        """Several as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            list(chain.from_iterable(part.values for part in parts)),
            np.concatenate([part.offsets for part in parts]) if parts else np.empty(0, dtype=np.int64),
            np.concatenate([part.written for part in parts]) if parts else np.empty(0, dtype=np.int64),
            list(chain.from_iterable(part.traces for part in parts)),
        )

    def __len__(self) -> int:
        return len(self.values)

    def part(self, start: int, stop: int | None = None) -> Taken:
        """Some of them."""
        return Taken(
            self.values[start:stop], self.offsets[start:stop], self.written[start:stop], self.traces[start:stop]
        )

    def before(self, offset: int) -> Taken:
        """Those that stand before an offset."""
        return self.part(0, int(np.searchsorted(self.offsets, offset)))


def _offsets(messages: Sequence[Message]) -> NDArray[np.int64]:
    """In one partition offsets only rise, so that the first and the last tell whether any is missing."""
    first, last = int(messages[0].offset() or 0), int(messages[-1].offset() or 0)
    if last - first == len(messages) - 1:
        return np.arange(first, last + 1)
    return np.fromiter(map(_offset, messages), dtype=np.int64, count=len(messages))
