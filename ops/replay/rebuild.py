"""A replayed state becomes the state of a service whose own was lost: it goes on behind what the outputs hold.

The state is what the input says, and the outputs are what was said before: the sequences go on behind theirs, and no entry
takes the name of one that is there. Where the journal lacks something (what was not sent when the disk was lost), the
comparison has said so, and a replay with --post beside the new service posts it.
"""

from __future__ import annotations

from collections import Counter

from connectors.kafka.tail import last_sequences
from dataflows.revisions import Revisions
from ops.replay.bounds import END, START
from ops.replay.cut import Cut
from ops.replay.job import ReplayJob
from ops.replay.service import Service
from schemas.identity import customer_shard_of
from schemas.instants import parse_instant
from schemas.topics import OUTPUTS
from state import keys
from state.directory import StateDirectory, shard_path
from state.store import ShardStore


def check_whole(rebuild: bool, post: bool, begin: str, end: str) -> None:
    """ValueError where a state would be rebuilt from half of its input."""
    if rebuild and (begin, end) != (START, END):
        raise ValueError(f"--rebuild needs all of the input: --from {START} --to {END}")
    if rebuild and post:
        raise ValueError(
            "--rebuild comes first: start the service on the rebuilt state, then replay with --post into another DIR"
        )


def hand_over(service: Service, job: ReplayJob, cut: Cut) -> None:
    """Take up where the outputs end. The directory is locked meanwhile: nobody starts on half of it."""
    shards = job.settings.shards
    windows: list[dict[bytes, int]] = [{} for _ in range(shards)]
    contracts: list[Counter[bytes]] = [Counter() for _ in range(shards)]
    for entry in service.entries(cut.posted):
        customer, contract = entry.customer_id or "", entry.contract_id or ""
        shard = customer_shard_of(customer, shards)
        if entry.window is not None:
            line = keys.BOOKED + keys.name(customer, contract, entry.line_id or "", entry.window.meter)
            key = line + keys.number(parse_instant(entry.window.start))
            windows[shard][key] = max(entry.window.revision, windows[shard].get(key, 0))
        else:
            contracts[shard][keys.name(customer, contract)] += 1
    directory = StateDirectory.acquire(job.state, shards, job.settings.deciding())
    try:
        tails = last_sequences(service.brokers, [(topic, shard) for topic in OUTPUTS for shard in range(shards)])
        for shard in range(shards):
            store = ShardStore(shard_path(job.state, shard))
            try:
                _go_on(store, {topic: tails[topic, shard] for topic in OUTPUTS})
                Revisions(store).take(windows[shard], dict(contracts[shard]))
                store.commit()
                store.sync()
            finally:
                store.close()
    finally:
        directory.release()
    job.hand_over()


def _go_on(store: ShardStore, tails: dict[str, int]) -> None:
    """What the replay has said is said; the next record of each topic comes behind the last one there."""
    for part in store.walk(keys.OUTBOX):
        for key, _ in part:
            store.delete(key)
    for topic, last in tails.items():
        if last:
            store.put(keys.SEQUENCE + topic.encode(), last.to_bytes(8, "big"))
        else:
            store.delete(keys.SEQUENCE + topic.encode())


def rebuilt_words(job: ReplayJob, differences: int) -> str:
    """What to do next."""
    start = (
        f"{job.state} is ready: accrual run --source {job.brokers} --sink {job.brokers} --state {job.state} --follow"
    )
    if not differences:
        return start
    return f"{start}; then post what the journal lacks: accrual replay ... --post with another --state"
