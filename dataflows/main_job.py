"""The main job as a Bytewax dataflow: its steps read as the accounting procedure."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.batch import Batch, Emitted
from connectors.crash_point import crash_point
from dataflows.shard import Shard
from dataflows.shard_context import ShardContext
from dataflows.split import split
from schemas.topics import JOURNAL


class OpenedShard(op.StatefulBatchLogic[tuple[int, Batch], Emitted, None]):
    """A shard that is opened by its first item: Bytewax builds a key's logic without telling it the key."""

    def __init__(self, context: ShardContext) -> None:
        self._context = context
        self._shard: Shard | None = None
        self._number = -1

    def on_batch(self, values: list[tuple[int, Batch]]) -> tuple[list[Emitted], bool]:
        """Apply a shard's batches of one activation."""
        greeting: list[Emitted] = []
        if self._shard is None:
            self._number = values[0][0]
            self._shard = Shard(self._context, self._number)
            # Nothing to write: it opens the shard's part of the sink now, not when the first entry waits for it.
            greeting = [Emitted(self._number, JOURNAL, 1, ())]
        batches, notices = [batch for _, batch in values], self._context.notices
        if notices is not None:
            notices.come(self._number, batches)
        spans = self._context.spans
        with spans.books(self._number, batches) if spans is not None else nullcontext():
            said, ends = self._shard.on_batch(batches)
        if notices is not None:
            notices.said(self._number, said)
        return greeting + said, ends

    def snapshot(self) -> None:
        """The epoch closes."""
        if self._shard is not None:
            crash_point("epoch-to-sync")
            self._shard.snapshot()
            crash_point("epoch-synced")
            if self._context.notices is not None:
                self._context.notices.durable(self._number)


def main_job(
    source: Source[Batch], sink: Sink, context: ShardContext, watch: Callable[[OpenedShard], OpenedShard] | None = None
) -> Dataflow:
    """Usage, contracts and control records in; journal and exceptions out. `watch` is given each shard's logic."""

    def to_shards(batch: Batch) -> list[tuple[str, tuple[int, Batch]]]:
        with context.metrics.timings.steps.split:
            parts = split(batch, context.settings.shards)
        if context.spans is not None:
            context.spans.splits(batch)
        return parts

    def open_shard(_resume_state: None) -> OpenedShard:
        return OpenedShard(context) if watch is None else watch(OpenedShard(context))

    flow = Dataflow("accrual")
    batches = op.input("read_the_topics", flow, source)
    parts = op.flat_map("split_by_customer", batches, to_shards)
    said = op.stateful_batch("keep_the_books", parts, open_shard)
    op.output("write_the_journal", said, sink)
    return flow
