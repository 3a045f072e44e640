"""Who may go next: partitions read side by side, and none runs ahead into the next phase.

The shards hold back what comes too early in any case; the gate keeps that little, so that memory does not grow with the
skew between partitions. Inside a phase master data goes before contracts, contracts before billing, and billing before
usage.
"""

from __future__ import annotations

from connectors.batch import ENDED


class Gate:
    """The next phase of every partition that this process reads."""

    def __init__(self) -> None:
        self._next: dict[str, tuple[int, int]] = {}

    def join(self, source: str, rank: int) -> None:
        """A partition will read; until it says more, it may be in any phase. Inside one, lower ranks go first."""
        self._next[source] = (-1, rank)

    def at(self, source: str, phase: int) -> None:
        """The partition's next rows are of `phase`."""
        self._next[source] = (phase, self._next[source][1])

    def ended(self, source: str) -> None:
        """The partition has no more rows."""
        self.at(source, ENDED)

    def may_go(self, source: str) -> bool:
        """Whether the partition's next rows may be sent."""
        phase, rank = self._next[source]
        for other, (other_phase, other_rank) in self._next.items():
            if other == source:
                continue
            if other_phase < phase or (other_rank < rank and other_phase == phase):
                return False
        return True
