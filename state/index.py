"""Where identities are: the head of each and the number of its row, 8 bytes, sorted, in memory only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FAN_IN = 4
PART = 1 << 16  # entries that fit a processor's cache
HEAD_BITS = np.uint64(32)
NUMBER = np.uint64(2**32 - 1)  # the bits of an entry that hold the row number; the others are the head


class Index:
    """A few sorted runs of entries; those of like size are merged, so each entry is moved a few times in all."""

    def __init__(self) -> None:
        self.runs: list[NDArray[np.uint64]] = []

    def add(self, heads: NDArray[np.uint64], first: int) -> None:
        """Take the heads (numbers below 2^32) of the rows from number `first` on."""
        entries = np.arange(first, first + len(heads), dtype=np.uint64)
        entries |= heads << HEAD_BITS
        entries.sort()  # no two are equal
        self.runs.append(entries)
        while len(self.runs) >= FAN_IN and len(self.runs[-FAN_IN]) < FAN_IN * len(self.runs[-1]):
            self._merge(FAN_IN)

    def settle(self) -> None:
        """Become one run: nothing is added any more."""
        if len(self.runs) > 1:
            self._merge(len(self.runs))

    def parts(self) -> Iterator[NDArray[np.uint64]]:
        """All heads, a part at a time."""
        for run in self.runs:
            for at in range(0, len(run), PART):
                yield run[at : at + PART] >> HEAD_BITS

    def _merge(self, last: int) -> None:
        merged = np.concatenate(self.runs[-last:])
        merged.sort(kind="stable")  # which merges what is sorted in stretches: 10 ns an entry, 60 ms for six million
        self.runs[-last:] = [merged]

    def find(self, heads: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
        """(index into `heads`, row number) of every row that has one of the heads."""
        lowest = heads << HEAD_BITS
        for run in self.runs:
            at = run.searchsorted(lowest)
            hits = (run.take(at, mode="clip") >> HEAD_BITS == heads).nonzero()[0]
            places = at[hits]
            while len(hits):  # mostly once: that two identities have one head is rare
                entries = run.take(places, mode="clip")
                same = (entries >> HEAD_BITS == heads[hits]) & (places < len(run))
                hits, places = hits[same], places[same] + 1
                yield from zip(hits.tolist(), (entries[same] & NUMBER).tolist(), strict=True)
