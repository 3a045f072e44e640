"""Each batch to every shard: the shard's own rows, and for all of them how far the partition has come."""

from __future__ import annotations

import zlib
from itertools import pairwise

import numpy as np
import polars as pl

from connectors.batch import Batch, Record, Rejected
from dataflows.shard_names import shard_names
from schemas.identity import customer_shard_of, customer_shards
from schemas.topics import CONTROL, REFERENCE


def split(batch: Batch, shards: int) -> list[tuple[str, tuple[int, Batch]]]:
    """(shard name, (shard, its part)) for every shard, also where the part is empty: it carries the watermark."""
    rows = _rows(batch, shards)
    records: dict[int, list[Record]] = {}
    rejected: dict[int, list[Rejected]] = {}
    for record in batch.records:
        # What concerns all customers, or nobody knows whom.
        everywhere = batch.topic in (CONTROL, REFERENCE) or record.model.customer_id is None
        for shard in range(shards) if everywhere else [customer_shard_of(record.model.customer_id, shards)]:
            records.setdefault(shard, []).append(record)
    for one in batch.rejected:
        home = home_shard(batch.topic, batch.partition, shards)
        shard = home if one.customer_id is None else customer_shard_of(one.customer_id, shards)
        rejected.setdefault(shard, []).append(one)
    return [
        (
            name,
            (
                shard,
                batch.only(rows.get(shard), tuple(records.get(shard, ())), tuple(rejected.get(shard, ()))),
            ),
        )
        for shard, name in enumerate(shard_names(shards))
    ]


def home_shard(topic: str, partition: int, shards: int) -> int:
    """Where what has no customer goes (events.md, fine print)."""
    return zlib.crc32(f"{topic}/{partition}".encode()) % shards


def _rows(batch: Batch, shards: int) -> dict[int, pl.DataFrame]:
    if batch.rows is None or not batch.rows.height:
        return {}
    if shards == 1:
        return {0: batch.rows}
    found = customer_shards(batch.rows, shards).astype(np.uint16)  # of two bytes: sorted by counting, not by comparing
    # One ordered copy and slices of it: polars' own partitioning costs a small batch three times as much.
    order = np.argsort(found, kind="stable")
    ordered = batch.rows[pl.Series(order.astype(np.uint32))]  # polars' own numbers: others are looked at one by one
    edges = np.searchsorted(found[order], np.arange(shards + 1))
    return {shard: ordered[int(start) : int(end)] for shard, (start, end) in enumerate(pairwise(edges)) if end > start}
