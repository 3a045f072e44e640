"""The flow as a whole: its steps, and the order in which an epoch becomes durable."""

import json
import shutil
from datetime import timedelta

import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.testing import run_main

from connectors.batch import Batch, Emitted
from connectors.files.sink import FileSink, FileSinkPartition
from dataflows.main_job import OpenedShard, main_job
from dataflows.outbox import Outbox
from dataflows.shard_context import ShardContext
from dataflows.shard_names import shard_names
from schemas.topics import JOURNAL
from state.errors import StateUnwritable
from state.store import ShardStore
from tests.support.driven import DrivenShard, flow_settings

STORY = """
    2025-01-01 contract price=2
    2025-01-02 usage n=5
    2025-01-05 usage n=1

    2025-01-02T01 usage n=2

    2025-01-02T02 usage n=3
    2025-01-07 usage n=0
"""


class Told(FixedPartitionedSource):
    """The activations of a timeline, one for each epoch."""

    def __init__(self, activations):
        self._activations = activations

    def list_parts(self):
        return ["told"]

    def build_part(self, step_id, for_part, resume_state):
        return ToldPartition(list(self._activations))


class ToldPartition(StatefulSourcePartition):
    """Says one activation after the other."""

    def __init__(self, activations):
        self._left = activations

    def next_batch(self):
        if not self._left:
            raise StopIteration
        return self._left.pop(0)

    def snapshot(self):
        return None


class Watched(FileSink):
    """The file sink, with a look at the files before anything of an epoch is written."""

    def __init__(self, root, keys, look):
        super().__init__(root, keys)
        self.look = look

    def build_part(self, step_id, for_part, resume_state):
        return WatchedPartition(self.root, self.keys.index(for_part), self.look)


class WatchedPartition(FileSinkPartition):
    """Calls `look` when items come and when the epoch closes, each time before it acts."""

    def __init__(self, root, shard, look):
        super().__init__(root, shard)
        self._look = look

    def write_batch(self, items):
        self._look("write_batch")
        super().write_batch(items)

    def snapshot(self):
        self._look("snapshot")
        super().snapshot()


@pytest.fixture
def job(tmp_path):
    """Runs the flow over the story with one epoch for each activation."""
    contexts = []
    driven = DrivenShard(tmp_path / "other", STORY)
    driven.close()

    def run(look=lambda moment, context: None):
        context = ShardContext(
            flow_settings(), lambda shard: tmp_path / "state", ("contracts.events/0", "usage.events/0"), None
        )
        contexts.append(context)
        sink = Watched(tmp_path / "out", shard_names(1), lambda moment: look(moment, context))
        try:
            run_main(main_job(Told(driven.activations), sink, context), epoch_interval=timedelta(0))
        finally:
            context.close()

    return run


def revisions(path):
    """The revisions in a journal file."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [json.loads(line)["window"]["revision"] for line in lines]


def test_the_steps_read_as_the_procedure(tmp_path):
    context = ShardContext(flow_settings(), lambda shard: tmp_path, (), None)
    flow = main_job(Told([]), FileSink(tmp_path, shard_names(1)), context)
    expected = ["read_the_topics", "split_by_customer", "keep_the_books", "write_the_journal"]
    assert [f"accrual.{name}" for name in expected] == [step.step_id for step in flow.substeps]


def test_every_epoch_writes_what_it_said(tmp_path, job):
    journal, seen = tmp_path / "out" / JOURNAL / "0.jsonl", []
    job(lambda moment, _: seen.append((moment, revisions(journal))))
    assert [1, 2, 3, 1] == revisions(journal)
    growing = [[], [1], [1, 2]]
    assert [(moment, held) for held in growing for moment in ("write_batch", "snapshot")] == seen[:6]


def test_the_state_holds_an_epochs_records_before_the_sink_writes_them(tmp_path, job):
    journal, state, copies = tmp_path / "out" / JOURNAL / "0.jsonl", tmp_path / "state", []

    def look(moment, _context):
        if moment == "snapshot":
            # What a kill -9 at this instant would leave behind.
            shutil.copytree(state, tmp_path / f"copy-{len(copies)}")
            copies.append(len(revisions(journal)))

    job(look)
    held = []
    for number in range(len(copies)):
        store = ShardStore(tmp_path / f"copy-{number}")
        kept = [item for item in Outbox(store, 0).unsent() if item.topic == JOURNAL]
        held.append(kept[0].first + len(kept[0].lines) - 1 if kept else 0)
        store.close()
    assert ([0, 1, 2], [1, 2, 4]) == (copies[:3], held[:3])


def test_a_state_that_cannot_be_made_durable_keeps_the_sink_from_writing(tmp_path, job):
    journal = tmp_path / "out" / JOURNAL / "0.jsonl"

    def look(moment, context):
        if moment == "write_batch" and revisions(journal) == [1]:
            context.close()  # the store is gone before the epoch closes: it cannot be synced

    with pytest.raises(BytewaxRuntimeError) as raised:
        job(look)
    assert isinstance(raised.value.__cause__, StateUnwritable), raised.value
    assert [1] == revisions(journal)
    job()
    assert [1, 2, 3, 1] == revisions(journal)


def test_a_second_run_over_the_same_input_writes_nothing(tmp_path, job):
    journal = tmp_path / "out" / JOURNAL / "0.jsonl"
    job()
    before = journal.read_bytes()
    job()
    assert before == journal.read_bytes()


def test_a_shard_opens_its_part_of_the_sink_with_its_first_step(tmp_path):
    """Else a process that hangs would fence a newer one off when it wakes up and writes for the first time."""
    driven = DrivenShard(tmp_path / "other", STORY)
    driven.close()
    context = ShardContext(flow_settings(), lambda shard: tmp_path / "state", ("usage.events/0",), None)
    opened = OpenedShard(context)
    said = [opened.on_batch([(0, Batch("control.events", 0, 0, 0, None, 0))])[0] for _ in range(2)]
    context.close()
    assert [[Emitted(0, JOURNAL, 1, ())], []] == said
