"""The order between control records and everything else.

A control record with time T applies after each partition's prefix whose running maximum of event_time is <= T
(events.md, fine print). The phase of a row is the number of control records that apply before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BEFORE_ALL = -(2**63)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of the control records, in the order of their positions."""

    times: NDArray[np.int64]

    @classmethod
    def of(cls, times: list[int | None]) -> Timeline:
        """From each record's time (None: it has none that can be read, and takes its predecessor's)."""
        filled = np.array([BEFORE_ALL if time is None else time for time in times], dtype=np.int64)
        return cls(np.maximum.accumulate(filled) if len(filled) else filled)

    def phases(self, newest: NDArray[np.int64]) -> NDArray[np.int64]:
        """The phase of each row, from the running maximum of event_time up to and including it."""
        return np.searchsorted(self.times, newest, side="left").astype(np.int64)
