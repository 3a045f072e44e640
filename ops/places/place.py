"""What a run needs of its source and of its sink, whatever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from bytewax.outputs import Sink

from connectors.follow import Follow
from connectors.source import Plan
from connectors.timings import Timings


class SourcePlace(Protocol):
    """Where the topics are read."""

    @property
    def uri(self) -> str:
        """As on the command line."""

    def check(self) -> None:
        """SourceUnusable unless it is there."""

    def await_registry(self, follow: Follow | None) -> None:
        """The schema registry answers, where there is one. RegistryUnreachable when it does not; a run that follows its
        source waits for it, until it is asked to stop.
        """

    def plan(self, follow: Follow | None) -> Plan:
        """What there is to read."""

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

    def check(self) -> None:
        """SinkUnusable unless it can be written."""

    def await_registry(self, follow: Follow | None) -> None:
        """As of a source. RegistryRefuses when the schema of an output topic is not registered."""

    @property
    def numbers(self) -> dict[str, int]:
        """What the registry then says, by topic, for the worker processes."""

    def know(self, numbers: dict[str, int]) -> None:
        """What the launcher has asked for."""

    def holds(self, topic: str, shard: int) -> int:
        """The sequence of the last record of a shard that is there; 0: none."""

    def keeps(self, topic: str, shard: int) -> int:
        """As `holds`, of what no crash takes away: the state need not keep it any more."""

    def name(self, topic: str, shard: int) -> str:
        """Where those records are, for messages."""

    def sink(self, keys: tuple[str, ...], timings: Timings) -> Sink:
        """What the flow writes to; `keys` are the shards' names in order."""

    def digest(self) -> str | None:
        """Of the books that the journal adds up to; None where it would have to be read anew as a whole."""
