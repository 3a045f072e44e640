"""One partition of a Kafka topic as the source reads it."""

from __future__ import annotations

from connectors.kafka.consumer import Held, SharedConsumer
from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from schemas.topics import USAGE

FULLER = 10  # so often is looked, some milliseconds apart, whether more comes before less than a whole batch is taken


class KafkaReader:
    """From where it is taken up, to an end or on and on."""

    unit = "offsets"

    def __init__(
        self, consumer: SharedConsumer, forms: Forms, topic: str, partition: int, begin: int, high: int, bounded: bool
    ) -> None:
        """`high`: where it ended at the start; `bounded`: behind that nothing is read."""
        self._consumer, self._forms, self._topic, self._partition = consumer, forms, topic, partition
        self._begin, self._high, self._taken = begin, high, begin
        self._end = high if bounded else None
        self._held: Held = consumer.assign(topic, partition, begin)
        self._known_end = high
        self._kept: Messages | None = None  # taken, and not read for want of a schema
        self._looks = 0  # since there was little to take, and much behind it

    @property
    def size(self) -> int:
        """Offsets from the first on, as far as is known."""
        return self._held.position if self._end is None else self._end

    @property
    def read(self) -> int:
        """Offsets up to what has been taken."""
        return self._taken

    @property
    def end(self) -> int:
        """Behind the last message that the client knows of."""
        return max(self._known_end, self._held.position) if self._end is None else self._end

    def passed(self, offset: int, all_sent: bool) -> int:
        """Offsets count themselves. Asked in the flow's thread now and then, it takes the end over from the client."""
        self._known_end = self._consumer.high(self._topic, self._partition)
        return max(offset, self._begin)

    @property
    def left(self) -> int:
        """Offsets that were there at the start and have not been taken; behind the last message there may be markers."""
        kept = len(self._kept) if self._kept is not None else 0
        return kept + max(0, self._high - (self._taken if self._held.count else max(self._taken, self._held.position)))

    @property
    def stalled(self) -> bool:
        """Whether there are messages that wait for a schema."""
        return self._kept is not None

    def take(self, most: int) -> Messages | None:
        """Up to so many messages that have come, before the first whose schema is not there yet."""
        if self._held.count < most:
            self._consumer.poll()
            if self._kept is None and self._fills(most):
                return None
        come = self._come(most) if self._kept is None else self._kept
        if come is None:
            return None
        ready = come.readable()
        if ready == len(come):
            self._kept = None
            return come
        self._kept = come.part(ready)
        return come.part(0, ready) if ready else None

    def _fills(self, most: int) -> bool:
        """Whether more is worth waiting for: what a batch costs hardly hangs on how much is in it.

        Only while a whole batch lies behind what has come, so that nobody waits for what has just been written; and only for
        so long, since the brokers may be away.
        """
        short = 0 < self._held.count < most
        if (
            not short
            or self._looks == FULLER
            or self._consumer.high(self._topic, self._partition) - self._held.position < most
        ):
            self._looks = 0
            return False
        self._looks += 1
        return True

    def _come(self, most: int) -> Messages | None:
        if self._end is not None and self._taken >= self._end:
            return None
        found = self._consumer.take(self._topic, self._partition, most)
        if not found:
            return None
        self._taken = int(found.offsets[-1]) + 1
        if self._end is not None and self._taken > self._end:
            found, self._taken = found.before(self._end), self._end
            if not found:
                return None
        stamps = found.written if self._topic == USAGE else None
        return Messages(found.values, self._forms, found.offsets, stamps, found.traces)

    def behind(self, offset: int) -> int | None:
        """Behind the end, or what the broker had when it last said that it had no more; None before it says so."""
        if self._kept is not None:
            return None
        if self._end is not None and max(self._taken, 0 if self._held.count else self._held.position) >= self._end:
            return self._end
        if self._end is None and self._held.at_end and not self._held.count:
            return max(offset, self._held.position)
        return None

    def close(self) -> None:
        """The consumer is everybody's."""
