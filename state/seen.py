"""Exact de-duplication: which usage identities have been admitted, where first, and with what content.

Identity = (customer, source, event_id) as 128 bits. An identity is certainly new when no other row, of the batch or
stored, has the same first 32 bits: that is seen in memory, for whole batches. The few others are compared in full, each
with what is stored: no answer rests on the filter or on 32 bits. Identities are kept by stretch of event time, so that
a whole stretch can be forgotten when it is older than the horizon. Source of the rule: architecture.md, "Dedupe".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accounting.require import require
from schemas.native import HeadFilter
from state import stretch as stretches
from state.store import ShardStore
from state.stretch import ROW, Row, Stretch, heads, position, rows_of

LEAST_ROOM = 1 << 14  # identities that a filter has room for at the least
BUCKETS = 5  # stretches of event time in one horizon: forgetting is at most a fifth late, never early


@dataclass(frozen=True, slots=True)
class Verdict:
    """For each row of the batch, exactly one of the three."""

    fresh: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]
    conflict: NDArray[np.bool_]
    first: dict[int, tuple[int, int]]  # of each conflict, in order: partition and offset of what was admitted


class Seen:
    """The identities of one shard."""

    def __init__(self, store: ShardStore, horizon_us: int) -> None:
        """StateForeign and StateDamaged when what the store holds cannot be read."""
        self._store = store
        self._bucket_us = max(1, horizon_us // BUCKETS)
        self._stretches = stretches.load(store)
        self._refill()

    def __len__(self) -> int:
        return sum(map(len, self._stretches.values()))

    def admit(self, rows: NDArray[np.void], newest: int) -> Verdict:
        """Judge a batch of ROWs, in order of arrival, and remember the fresh ones with the commit of the store.

        `newest` is the watermark's event time in microseconds: it names the stretch in which the rows are kept.
        Inside the batch and against the store alike, the first occurrence wins; a later one with the same fingerprint
        is a duplicate, with another one a conflict.
        """
        known, suspects = self._suspects(heads(rows))
        duplicates, conflicts = [], {}
        for at, row in zip(suspects.tolist(), rows_of(rows.take(suspects)), strict=True):
            original = known.setdefault(row[0], row)
            if original is row:
                continue
            if original[2] == row[2]:
                require(False, "a position that was admitted before is applied again: the state is torn")
            if original[1] == row[1]:
                duplicates.append(at)
            else:
                conflicts[at] = position(original)
        duplicate, conflict = np.zeros((2, len(rows)), dtype=bool)
        duplicate[duplicates] = conflict[list(conflicts)] = True
        fresh = ~(duplicate | conflict)
        self._remember(rows.take(fresh.nonzero()[0]), self.stretch(newest))
        return Verdict(fresh, duplicate, conflict, conflicts)

    def stretch(self, newest: int) -> int:
        """Which stretch of event time keeps what comes at a watermark (microseconds)."""
        return newest // self._bucket_us

    def forget(self, before: int) -> None:
        """Drop the stretches of event time that ended at or before `before` (microseconds)."""
        gone = [name for name in self._stretches if (name + 1) * self._bucket_us <= before]
        for name in gone:
            self._stretches.pop(name).drop()
        if gone:
            self._refill()

    def _suspects(self, asked: NDArray[np.uint64]) -> tuple[dict[bytes, Row], NDArray[np.intp]]:
        """(stored rows by identity, indices in order of arrival): all other heads are there once, here and in the store."""
        told, before = self._filter.suspects(asked)
        suspects = np.frombuffer(told, dtype=np.uint32).astype(np.intp)
        # What is there twice in the batch alone is not looked for in the store; sorted, what is looked for lies close together.
        wanted = np.sort(asked[np.frombuffer(before, dtype=np.uint32)])
        known: dict[bytes, Row] = {}
        for stretch in self._stretches.values():
            for row in stretch.find(wanted):
                known[row[0]] = row
        return known, suspects

    def _remember(self, rows: NDArray[np.void], name: int) -> None:
        if not len(rows):
            return
        if name not in self._stretches:
            for other in self._stretches.values():
                other.settle()
            self._stretches[name] = Stretch(self._store, name)
        self._stretches[name].append(rows)
        self._room -= len(rows)  # the filter knows them since they were looked at
        if self._room < 0:
            self._refill()

    def _refill(self) -> None:
        """A filter with room for half as many more, filled from memory."""
        capacity = max(LEAST_ROOM, len(self) + len(self) // 2)
        self._filter = HeadFilter(0)  # the old one goes first: never is there memory for both
        self._filter, self._room = HeadFilter(capacity), capacity - len(self)
        for stretch in self._stretches.values():
            for part in stretch.index.parts():
                self._filter.add(part)


__all__ = ["ROW", "Seen", "Verdict"]
