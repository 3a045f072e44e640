"""Exact de-duplication: which usage identities have been admitted, where first, and with what content.

Identity = (customer, source, event_id) as 128 bits; no answer rests on the filter or on 64 bits. Runs are merged by size
(eight of one size class become one of the next) inside a stretch of event time, so that a whole stretch can be forgotten
when it is older than the horizon. Source of the rule: architecture.md, "Dedupe".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accounting.require import require
from state import run as runs
from state.filter import Filter
from state.run import ROW, Run
from state.store import ShardStore

FAN_IN = 8
BUCKETS = 5  # stretches of event time in one horizon: forgetting is at most a fifth late, never early


@dataclass(frozen=True, slots=True)
class Verdict:
    """For each row of the batch, exactly one of the three; `first` says where the identity was seen first."""

    fresh: NDArray[np.bool_]
    duplicate: NDArray[np.bool_]
    conflict: NDArray[np.bool_]
    first: NDArray[np.void]  # ROW of the first occurrence, for every row of the batch


class Seen:
    """The identities of one shard."""

    def __init__(self, store: ShardStore, horizon_us: int) -> None:
        self._store = store
        self._bucket_us = max(1, horizon_us // BUCKETS)
        self._runs = runs.load(store)
        self._next = 1 + max((run.number for run in self._runs), default=0)
        self._filter = Filter(0)
        self._refill(0)

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def admit(self, rows: NDArray[np.void], newest: int) -> Verdict:
        """Judge a batch of ROWs, in order of arrival, and remember the fresh ones with the commit of the store.

        `newest` is the watermark's event time in microseconds: it names the stretch in which the rows are kept.
        Inside the batch and against the store alike, the first occurrence wins; a later one with the same fingerprint
        is a duplicate, with another one a conflict.
        """
        order = runs.in_order(rows)
        ordered = rows[order]
        leads = np.ones(len(rows), dtype=bool)
        leads[1:] = (ordered["high"][1:] != ordered["high"][:-1]) | (ordered["low"][1:] != ordered["low"][:-1])
        group = np.cumsum(leads) - 1
        leaders = ordered[leads]
        first, known = self._look_up(leaders)
        firsts = first[group]
        fresh = leads & ~known[group]
        same = (firsts["print_high"] == ordered["print_high"]) & (firsts["print_low"] == ordered["print_low"])
        again = ~fresh & (firsts["partition"] == ordered["partition"]) & (firsts["offset"] == ordered["offset"])
        require(not again.any(), "a position that was admitted before is applied again: the state is torn")
        self._remember(leaders[~known], newest // self._bucket_us)

        def unsorted(values: NDArray[np.generic]) -> NDArray[np.generic]:
            result = np.empty_like(values)
            result[order] = values
            return result

        return Verdict(unsorted(fresh), unsorted(~fresh & same), unsorted(~fresh & ~same), unsorted(firsts))  # type: ignore[arg-type]

    def forget(self, before: int) -> None:
        """Drop the stretches of event time that ended at or before `before` (microseconds)."""
        gone = [run for run in self._runs if (run.bucket + 1) * self._bucket_us <= before]
        for run in gone:
            runs.drop(self._store, run)
        if gone:
            self._runs = [run for run in self._runs if run not in gone]
            self._refill(0)

    def _look_up(self, leaders: NDArray[np.void]) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """The stored first occurrence of each leader where there is one, else the leader itself."""
        first, known = leaders.copy(), np.zeros(len(leaders), dtype=bool)
        open_ = np.flatnonzero(self._filter.maybe(leaders["high"], leaders["low"]))
        for run in reversed(self._runs):  # the newest first: redeliveries are mostly recent
            if not len(open_):
                break
            found = run.find(self._store, leaders["high"][open_], leaders["low"][open_])
            for index, row in found:
                first[open_[index]], known[open_[index]] = row, True
            if found:
                open_ = np.delete(open_, [index for index, _ in found])
        return first, known

    def _remember(self, rows: NDArray[np.void], bucket: int) -> None:
        if not len(rows):
            return
        if self._filter.count + len(rows) > self._filter.capacity:
            self._refill(len(rows))
        self._filter.add(rows["high"], rows["low"])
        self._add(rows, bucket)
        while (full := self._full_class()) is not None:
            merged = runs.merge([run.read(self._store) for run in full])
            for run in full:
                runs.drop(self._store, run)
                self._runs.remove(run)
            self._add(merged, full[0].bucket)

    def _add(self, rows: NDArray[np.void], bucket: int) -> None:
        self._runs.append(runs.write(self._store, self._next, bucket, rows))
        self._next += 1

    def _full_class(self) -> list[Run] | None:
        """Runs of one stretch and one size class that are due to be merged."""
        classes: dict[tuple[int, int], list[Run]] = {}
        for run in self._runs:
            classes.setdefault((run.bucket, (len(run).bit_length() - 1) // 3), []).append(run)
        return next((members for members in classes.values() if len(members) >= FAN_IN), None)

    def _refill(self, extra: int) -> None:
        """A filter with room to double, filled from the runs."""
        self._filter = Filter(2 * (len(self) + extra) + 4096)
        for run in self._runs:
            rows = run.read(self._store)
            self._filter.add(rows["high"], rows["low"])


__all__ = ["ROW", "Seen", "Verdict"]
