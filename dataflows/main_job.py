"""The main job as a Bytewax dataflow: its steps read as the accounting procedure."""

from __future__ import annotations

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from connectors.batch import Batch, Emitted
from dataflows.shard import Shard, ShardContext
from dataflows.split import split


class OpenedShard(op.StatefulBatchLogic[tuple[int, Batch], Emitted, None]):
    """A shard that is opened by its first item: Bytewax builds a key's logic without telling it the key."""

    def __init__(self, context: ShardContext) -> None:
        self._context = context
        self._shard: Shard | None = None

    def on_batch(self, values: list[tuple[int, Batch]]) -> tuple[list[Emitted], bool]:
        """Apply a shard's batches of one activation."""
        if self._shard is None:
            self._shard = Shard(self._context, values[0][0])
        return self._shard.on_batch([batch for _, batch in values])

    def snapshot(self) -> None:
        """The epoch closes."""
        if self._shard is not None:
            self._shard.snapshot()


def main_job(source: Source[Batch], sink: Sink, context: ShardContext) -> Dataflow:
    """Usage, contracts and control records in; journal and exceptions out."""

    def to_shards(batch: Batch) -> list[tuple[str, tuple[int, Batch]]]:
        began = context.metrics.timings.clock()
        parts = split(batch, context.settings.shards)
        context.metrics.timings.split.since(began)
        return parts

    def open_shard(_resume_state: None) -> OpenedShard:
        return OpenedShard(context)

    flow = Dataflow("accrual")
    batches = op.input("read_the_topics", flow, source)
    parts = op.flat_map("split_by_customer", batches, to_shards)
    said = op.stateful_batch("keep_the_books", parts, open_shard)
    op.output("write_the_journal", said, sink)
    return flow
