"""What the service beside which a replay runs has done: how far it is, where it stood at control records, what it posted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from connectors.errors import SourceUnusable
from connectors.kafka.client import Brokers
from connectors.kafka.committed import committed_lines
from connectors.kafka.forms import Forms
from connectors.kafka.offsets import Place, committed
from connectors.kafka.tail import last_sequences
from connectors.kafka.topics import TopicAdmin
from connectors.timeline import Ends
from ops.places.registry import Schemas
from ops.show.entry import Entry
from schemas.topics import APPLIED, JOURNAL


class _End(msgspec.Struct):
    topic: str
    partition: int
    offset: int


class _Said(msgspec.Struct):
    topic: str
    sequence: int


class Line(msgspec.Struct):
    """A record of control.applied."""

    shard: int
    offset: int
    ends: list[_End] = []
    said: list[_Said] = []

    @property
    def bounds(self) -> Ends:
        """How far each partition was applied."""
        return {f"{one.topic}/{one.partition}": one.offset for one in self.ends}

    @property
    def posted(self) -> int | None:
        """The last sequence of the journal then; None: it was not told yet by the program of that time."""
        if not self.said:
            return None
        return next((one.sequence for one in self.said if one.topic == JOURNAL), 0)


@dataclass(slots=True)
class Service:
    """The outputs of one deployment, read only."""

    brokers: Brokers
    group: str
    schemas: Schemas

    @property
    def shards(self) -> int:
        """How many it has. SourceUnusable where it has never written."""
        there = TopicAdmin(self.brokers).readable([JOURNAL])
        if JOURNAL not in there:
            raise SourceUnusable(
                f"{self.brokers} has no topic {JOURNAL}: no service has posted there; is it the right one?"
            )
        return there[JOURNAL].partitions

    def positions(self, places: Iterable[Place]) -> dict[Place, int]:
        """How far it has told that all is posted; nothing where its group is unknown."""
        return committed(self.brokers, self.group, places)

    def lines(self) -> dict[int, list[Line]]:
        """By shard, where it stood when each control record took effect, as far as that is noted from the first one on."""
        decoder = msgspec.json.Decoder(Line)
        forms = Forms(APPLIED, self.schemas.at_once)
        there = TopicAdmin(self.brokers).topics([APPLIED])
        shards = range(there[APPLIED].partitions) if there else range(0)
        return {
            shard: [decoder.decode(line) for line in committed_lines(self.brokers, forms, APPLIED, shard)]
            for shard in shards
        }

    def posted(self) -> dict[int, int]:
        """The last sequence of the journal by shard."""
        found = last_sequences(self.brokers, [(JOURNAL, shard) for shard in range(self.shards)])
        return {shard: sequence for (_, shard), sequence in found.items()}

    def entries(self, until: Mapping[int, int]) -> Iterator[Entry]:
        """Its journal, by shard up to a sequence."""
        decoder, forms = msgspec.json.Decoder(Entry), Forms(JOURNAL, self.schemas.at_once)
        for shard, last in sorted(until.items()):
            for line in committed_lines(self.brokers, forms, JOURNAL, shard):
                entry = decoder.decode(line)
                if entry.sequence > last:
                    break
                yield entry
