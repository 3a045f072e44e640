"""What a shard is given when it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from connectors.held_line import HeldLine
from connectors.spans import Spans
from dataflows.metrics import Metrics
from dataflows.notices import Notices
from dataflows.settings import FlowSettings
from state.store import ShardStore


@dataclass(frozen=True, slots=True)
class ShardContext:
    """What the shards of a run share."""

    settings: FlowSettings
    store_path: Callable[[int], Path]
    sources: tuple[str, ...]  # every input partition besides the control topic's
    as_of: int | None  # a clock record after all input
    at_end: list[Callable[[], None]] = field(default_factory=list)  # what this process's shards do then
    opened: list[ShardStore] = field(default_factory=list)  # the stores that this process has open
    metrics: Metrics = field(default_factory=Metrics)
    following: bool = False  # the input does not end: the source says whose turn it is inside a phase
    held: Callable[[int], HeldLine | None] = lambda shard: None  # which rows precede each control record, for a replay
    replaying: bool = False  # what the input says by itself: corrections that were found by a replay are none of it
    goes_on: bool = False  # the input goes on behind what is read, so that a partition without a row still may have one
    in_sink: Mapping[int, Mapping[str, int]] = field(default_factory=dict)  # shard -> topic -> last sequence there
    spans: Spans | None = None  # where somebody sends spans of batches
    notices: Notices | None = None  # where somebody reads what the shards have to tell

    def ended(self) -> None:
        """The flow has ended well, so that all that was said is in the sink."""
        for shard_ended in self.at_end:
            shard_ended()

    def close(self) -> None:
        """Give the stores of this process back, once the flow has ended."""
        while self.opened:
            self.opened.pop().close()
