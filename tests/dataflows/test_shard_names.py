"""Shards land where their names say: the prediction equals Bytewax's own routing."""

import threading

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from bytewax.testing import TestingSink, cluster_main

from dataflows.shard_names import SPREAD, shard_names, siphash13, worker_of

KEYS = [*shard_names(8), "", "a", "customer-1", "ein Schlüssel", "🙂", "x" * 7, "x" * 8, "x" * 500]


class Seeded(DynamicSource):
    """Worker 0 says the keys; every worker says in which thread it runs."""

    def __init__(self):
        self.workers = {}

    def build(self, step_id, worker_index, worker_count):
        self.workers[threading.get_ident()] = worker_index
        return Keys(KEYS if worker_index == 0 else [])


class Keys(StatelessSourcePartition):
    """All keys at once, then the end."""

    def __init__(self, keys):
        self._keys = keys

    def next_batch(self):
        if not self._keys:
            raise StopIteration
        keys, self._keys = self._keys, []
        return [(key, key) for key in keys]


class Here(op.StatefulBatchLogic):
    """Says the thread in which a key's logic runs."""

    def on_batch(self, values):
        return [threading.get_ident()], False

    def snapshot(self):
        return None


@pytest.mark.parametrize("workers", [2, 3])
def test_a_key_goes_to_the_worker_that_its_hash_names(workers):
    source, found = Seeded(), []
    flow = Dataflow("routing")
    keyed = op.input("keys", flow, source)
    placed = op.stateful_batch("place", keyed, lambda _resume_state: Here())
    op.output("out", placed, TestingSink(found))
    cluster_main(flow, [], 0, worker_count_per_proc=workers)
    assert set(range(workers)) == set(source.workers.values())
    assert {key: worker_of(key, workers) for key in KEYS} == {key: source.workers[thread] for key, thread in found}


def test_siphash_has_its_published_value_for_an_empty_text():
    assert 0xD1FBA762150C532C == siphash13(b"")


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_eight_shards_land_evenly(workers):
    homes = [worker_of(name, workers) for name in shard_names(8)]
    assert [8 // workers] * workers == [homes.count(worker) for worker in range(workers)]


@pytest.mark.parametrize("shards", [1, 8, 64])
def test_a_shards_hash_is_its_number(shards):
    assert list(range(shards)) == [worker_of(name, SPREAD) for name in shard_names(shards)]


def test_more_shards_do_not_rename_the_first_ones():
    assert shard_names(8) == shard_names(64)[:8]
    assert 64 == len(set(shard_names(64)))
