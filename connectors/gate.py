"""Who may go next: partitions read side by side, and none runs ahead into the next phase.

The shards hold back what comes too early in any case; the gate keeps that little, so that memory does not grow with the
skew between partitions. Inside a phase master data goes before contracts, contracts before billing, and billing before
usage.
"""

from __future__ import annotations

from connectors.batch import ENDED


class Gate:
    """The next phase of every partition that this process reads."""

    def __init__(self, in_turn: bool = False) -> None:
        """`in_turn`: of an input that does not end, a batch of each lower rank goes first, and no more than that: a mass
        of contract versions does not hold usage back.
        """
        self._next: dict[str, tuple[int, int]] = {}
        self._in_turn = in_turn
        self._stalled: set[str] = set()
        self._gone: dict[str, int] = {}  # batches that have gone
        self._seen: dict[tuple[str, str], int] = {}  # of another partition, when one's last batch went

    def join(self, source: str, rank: int) -> None:
        """A partition will read; until it says more, it may be in any phase. Inside one, lower ranks go first."""
        self._next[source] = (-1, rank)

    def at(self, source: str, phase: int) -> None:
        """The partition's next rows are of `phase`."""
        self._stalled.discard(source)
        self._next[source] = (phase, self._next[source][1])

    def stalled(self, source: str, phase: int) -> None:
        """The partition's next rows, of `phase` or later, cannot be read yet, and nobody knows for how long: inside the
        phase nobody waits for them.
        """
        self.at(source, phase)
        self._stalled.add(source)

    @property
    def waits(self) -> bool:
        """Whether a partition cannot be read for now."""
        return bool(self._stalled)

    def ended(self, source: str) -> None:
        """The partition has no more rows."""
        self.at(source, ENDED)

    def may_go(self, source: str) -> bool:
        """Whether the partition's next rows may be sent."""
        phase, rank = self._next[source]
        for other, (other_phase, other_rank) in self._next.items():
            if other == source:
                continue
            if other_phase < phase:
                return False
            if other in self._stalled:
                continue
            if other_rank < rank and other_phase == phase and not self._had_its_turn(source, other):
                return False
        return True

    def goes(self, source: str) -> None:
        """A batch of the partition is sent."""
        self._gone[source] = self._gone.get(source, 0) + 1
        if self._in_turn:
            self._seen.update({(source, other): self._gone.get(other, 0) for other in self._next})

    def _had_its_turn(self, source: str, other: str) -> bool:
        return self._in_turn and self._gone.get(other, 0) > self._seen.get((source, other), 0)
