"""A harness that cannot fail proves nothing: builds that are broken on purpose are each caught within so many seeds.

From seed 1 on most are caught within twenty and the slowest within eighty (the number that each names); so that the test is
quick it begins there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors.files.sink
import ops.job
import state.seen
import tests.simulation.broker
from connectors.batch import Emitted
from connectors.errors import SinkAway
from connectors.files.sink import FileSinkPartition
from connectors.kafka.sink import KafkaSinkPartition
from connectors.kafka.transactions import Transactions
from dataflows.outbox import Outbox
from dataflows.shard import Shard
from ops.job import Job
from ops.places.kafka import KafkaOutput
from state.seen import Seen
from tests.campaign.simulation import in_memory
from tests.simulation.machine import Store
from tests.simulation.seed import run_seed
from tests.simulation.store import MemoryStore
from tests.support.sabotage import admits_all

SEEDS = 5  # within which each is caught, from the seed that it names on
Patch = pytest.MonkeyPatch
Sabotage = Callable[[Patch], None]
SABOTAGES: dict[str, tuple[Sabotage, int]] = {}


def sabotage(first: int) -> Callable[[Sabotage], Sabotage]:
    """Add to the list; `first` of the seeds from 1 on that catches it."""

    def add(build: Sabotage) -> Sabotage:
        SABOTAGES[build.__name__] = build, first
        return build

    return add


@sabotage(1)
def nothing_is_sent_again(patch: Patch) -> None:
    patch.setattr(Outbox, "unsent", lambda box: [])


@sabotage(1)
def what_is_sent_again_begins_too_late(patch: Patch) -> None:
    right = Outbox.unsent
    patch.setattr(
        Outbox,
        "unsent",
        lambda box: [Emitted(one.shard, one.topic, one.first + 1, one.lines[1:]) for one in right(box)],
    )


@sabotage(3)
def the_outbox_forgets_before_the_barrier(patch: Patch) -> None:
    right = Outbox.take

    def take(box: Outbox) -> list[Emitted]:
        found = right(box)
        box.epoch_closes()
        return found

    patch.setattr(Outbox, "take", take)


@sabotage(4)
def the_sink_writes_what_it_has(patch: Patch) -> None:
    def fresh(part: KafkaSinkPartition, item: Emitted, last: dict[str, int]) -> tuple[bytes, ...]:
        last[item.topic] = item.first + len(item.lines) - 1
        return item.lines

    patch.setattr(KafkaSinkPartition, "_fresh", fresh)
    patch.setattr(connectors.files.sink, "durable_sequence", lambda path: 0)


@sabotage(37)
def the_sink_writes_before_the_state_is_durable(patch: Patch) -> None:
    for kind in (FileSinkPartition, KafkaSinkPartition):
        patch.setattr(kind, "write_batch", _at_once(kind.write_batch))


def _at_once(right: Callable[[Any, list[Emitted]], None]) -> Callable[[Any, list[Emitted]], None]:
    def write_batch(part: Any, items: list[Emitted]) -> None:
        right(part, items)
        part.snapshot()

    return write_batch


@sabotage(36)
def nothing_is_synced(patch: Patch) -> None:
    right = Shard.snapshot

    def snapshot(shard: Shard) -> None:
        shard._store.sync, kept = (lambda: None), shard._store.sync  # type: ignore[method-assign]
        right(shard)
        shard._store.sync = kept  # type: ignore[method-assign]

    patch.setattr(Shard, "snapshot", snapshot)


@sabotage(1)
def a_synced_write_is_lost(patch: Patch) -> None:
    right = MemoryStore.sync

    def sync(store: MemoryStore) -> None:
        del store._image.unsynced[-1:]
        right(store)

    patch.setattr(MemoryStore, "sync", sync)


@sabotage(56)
def a_batch_is_written_in_two(patch: Patch) -> None:
    right = Store.commit

    def commit(store: Store) -> None:
        whole = list(store._pending.items())
        for part in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            store._pending = dict(part)
            right(store)

    patch.setattr(Store, "commit", commit)


@sabotage(14)
def positions_are_noted_before_their_effect(patch: Patch) -> None:
    right = Shard._apply

    def apply(shard: Shard, batch: Any) -> None:
        before = shard._applied.get(batch.source)
        if batch.rows is not None and batch.start == (before.offset if before else 0):
            shard._note(batch)
            shard._store.commit()
            shard._applied.pop(batch.source)
            shard._applied |= {batch.source: before} if before else {}
        right(shard, batch)

    patch.setattr(Shard, "_apply", apply)


@sabotage(42)
def reading_begins_where_the_first_shard_is(patch: Patch) -> None:
    right = ops.job.start_positions

    def furthest(path: Path, shards: int) -> dict[str, Any]:
        found = right(path, shards)
        for shard in range(shards):
            if ops.job.shard_path(path, shard).exists():
                store = ops.job.ShardStore(ops.job.shard_path(path, shard))
                for name, one in state.directory.applied(store).items():
                    if name not in found or one.offset > found[name].offset:
                        found[name] = one
                store.close()
        return found

    patch.setattr(ops.job, "start_positions", furthest)


@sabotage(8)
def identities_are_forgotten_at_a_restart(patch: Patch) -> None:
    patch.setattr(state.seen.stretches, "load", lambda store: {})


@sabotage(3)
def everything_is_admitted(patch: Patch) -> None:
    """In peace, too: it is the oracle that sees it."""
    patch.setattr(Seen, "admit", admits_all(Seen.admit))


@sabotage(3)
def an_old_state_is_taken(patch: Patch) -> None:
    patch.setattr(Job, "check_sink", lambda job: None)


@sabotage(15)
def an_unknown_commit_is_tried_again_in_place(patch: Patch) -> None:
    right = Transactions.close_epoch

    def close_epoch(transactions: Transactions) -> bool:
        waiting = {part: list(part._waiting) for part in transactions._speakers}  # type: ignore[attr-defined]
        try:
            return right(transactions)
        except SinkAway:
            transactions._producer.init_transactions(1)  # type: ignore[union-attr]
            for part, items in waiting.items():
                part._waiting = items  # type: ignore[attr-defined]
            return right(transactions)

    patch.setattr(Transactions, "close_epoch", close_epoch)


@sabotage(12)
def nobody_is_fenced(patch: Patch) -> None:
    def check(broker: Any, name: str, epoch: int) -> None:
        broker.open.setdefault(name, tests.simulation.broker.Transaction())

    patch.setattr(tests.simulation.broker.Broker, "check", check)


@sabotage(367)
def processes_before_are_not_fenced_off(patch: Patch) -> None:
    patch.setattr(KafkaOutput, "fence", lambda place, shards: None)
    patch.setattr(KafkaSinkPartition, "_fresh", _without_the_look(KafkaSinkPartition._fresh))
    patch.setattr(KafkaSinkPartition, "_check_same", lambda *words: None)


def _without_the_look(right: Any) -> Any:
    def fresh(part: Any, item: Emitted, last: dict[str, int]) -> Any:
        return right(part, Emitted(item.shard, item.topic, item.first, item.lines, item.read_at), last)

    return fresh


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_sabotaged_build_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, first = SABOTAGES[name]
    build(monkeypatch)
    with in_memory() as root:
        caught = next((one for seed in range(first, first + SEEDS) if (one := run_seed(seed, root)).problems), None)
    assert caught is not None, f"{name} passes seeds {first} to {first + SEEDS - 1}"
    print(name, caught)
