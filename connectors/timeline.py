"""The order between control records and everything else.

A control record with time T applies after each partition's prefix whose running maximum of event_time is <= T; one that
names the end of each partition as it was written (`ends`) applies after that prefix instead (events.md, fine print).
The phase of a row is the position in the control partition behind the records that apply before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BEFORE_ALL = -(2**63)
Ends = Mapping[str, int]  # partition ("topic/number") -> the offset behind its last row that comes before


@dataclass(frozen=True, slots=True)
class Timeline:
    """The control records so far, in the order of their positions."""

    times: NDArray[np.int64]  # of those that go by time: the running maximum
    timed: NDArray[np.int64]  # which records those are, and at the end how many records there are in all
    ends: tuple[Ends, ...]  # of those that go by offsets
    bounded: NDArray[np.int64]  # which records those are, and at the end how many there are in all
    positions: NDArray[np.int64]  # behind the first 0, 1, 2, ... records
    # By partition, the bounds that `ends` give it: a service has a clock record every few seconds.
    _bounds: dict[str, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls, times: Sequence[int | None], ends: Mapping[int, Ends] | None = None, positions: Sequence[int] | None = None
    ) -> Timeline:
        """From each record's time (None: it has none that can be read, and takes its predecessor's).

        `ends` by the number of the record; `positions` behind each record, 1, 2, 3, ... unless there are gaps.
        """
        bounded = sorted(ends or {})
        timed = [number for number in range(len(times)) if number not in (ends or {})]
        filled = [BEFORE_ALL if (time := times[number]) is None else time for number in timed]
        reached = np.maximum.accumulate(np.array(filled, dtype=np.int64)) if filled else np.array([], dtype=np.int64)
        behind = range(1, len(times) + 1) if positions is None else positions
        return cls(
            reached, np.array([*timed, len(times)]), tuple((ends or {})[number] for number in bounded),
            np.array([*bounded, len(times)]), np.array([0, *behind]),
        )  # fmt: skip

    def phases(
        self, newest: NDArray[np.int64], source: str = "", offsets: NDArray[np.int64] | None = None
    ) -> NDArray[np.int64]:
        """The phase of each row of a partition, from its offset and the running maximum of event_time up to and with it."""
        first = self.timed[np.searchsorted(self.times, newest, side="left")]
        if self.ends and offsets is not None:
            first = np.minimum(first, self.bounded[np.searchsorted(self._bounds_of(source), offsets, side="right")])
        return self.positions[first].astype(np.int64)

    def _bounds_of(self, source: str) -> NDArray[np.int64]:
        if source not in self._bounds:
            # A partition that a record does not name is younger: all of it comes after.
            named = np.array([one.get(source, 0) for one in self.ends], dtype=np.int64)
            self._bounds[source] = np.maximum.accumulate(named)
        return self._bounds[source]

    def past(self, source: str, position: int, known: int) -> int:
        """Up to which position of the control partition, `known` at the most, a partition that is read up to `position` and
        has no more rows for now has nothing to say before.
        """
        idle = self.phases(np.array([2**62]), source, np.array([position]))
        return min(known, int(idle[0]))
