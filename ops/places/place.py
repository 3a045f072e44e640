"""What a run needs of its source and of its sink, whatever they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from bytewax.outputs import Sink

from connectors.follow import Follow
from connectors.source import Plan
from connectors.timings import Timings
from ops.clock import ControlEnd

Held = dict[int, dict[str, int]]  # by shard and topic the sequence of the last record; 0: none


class SourcePlace(Protocol):
    """Where the topics are read."""

    @property
    def uri(self) -> str:
        """As on the command line."""

    @property
    def away(self) -> bool:
        """Whether it was asked something and does not answer for now."""

    def check(self) -> None:
        """SourceUnusable unless it is there."""

    def same(self, known: Mapping[str, str], applied: Callable[[], Mapping[str, int]]) -> dict[str, str]:
        """By topic, what tells it apart from another one of its name; SourceChanged where that is not as it is `known` and
        something of the other one was `applied` (offset by "topic/partition").
        """

    def await_registry(self, follow: Follow | None) -> None:
        """The schema registry answers, where there is one. RegistryUnreachable when it does not; a run that follows its
        source waits for it, until it is asked to stop.
        """

    def plan(self, follow: Follow | None) -> Plan:
        """What there is to read."""

    def done(self, positions: Mapping[str, int]) -> None:
        """Tell whoever watches how far each partition is done; nothing depends on it."""

    def control_end(self) -> ControlEnd:
        """Where a service writes control records; ValueError where it does not."""

    def unread(self) -> list[str]:
        """What is there and is not read, in words."""


class SinkPlace(Protocol):
    """Where results go."""

    @property
    def uri(self) -> str:
        """As on the command line."""

    @property
    def state(self) -> Path | None:
        """Where the state is kept unless the command says otherwise; None: it has to say."""

    @property
    def away(self) -> bool:
        """As of a source."""

    def check(self) -> None:
        """SinkUnusable unless it can be written."""

    def await_registry(self, follow: Follow | None) -> None:
        """As of a source. RegistryRefuses when the schema of an output topic is not registered."""

    @property
    def numbers(self) -> dict[str, int]:
        """What the registry then says, by topic, for the worker processes."""

    def know(self, numbers: dict[str, int]) -> None:
        """What the launcher has asked for."""

    def holds(self, shards: int) -> Held:
        """What is there."""

    def fence(self, shards: int) -> None:
        """Processes of a run before this one write nothing any more. SinkAway."""

    def name(self, topic: str, shard: int) -> str:
        """Where those records are, for messages."""

    def sink(self, keys: tuple[str, ...], timings: Timings, follow: Follow | None) -> Sink:
        """What the flow writes to; `keys` are the shards' names in order."""

    def digest(self) -> str | None:
        """Of the books that the journal adds up to; None where it would have to be read anew as a whole."""
