"""Since when what a shard says has been on its way: the reading of what caused it, in one activation."""

from __future__ import annotations

from dataclasses import replace

from connectors.batch import Batch, Emitted
from dataflows.breakdown import Breakdown
from dataflows.recalculations import AMENDMENT
from schemas.topics import CONTRACTS, JOURNAL, RECALCULATIONS


class ReadAt:
    """By the run's own clock (connectors.timings); None: unknown."""

    def __init__(self, breakdown: Breakdown) -> None:
        self._breakdown = breakdown
        self.begins()

    def begins(self) -> None:
        """An activation."""
        self._first: int | None = None  # of the first read batch among those that are applied
        self._versions: int | None = None  # of those with contract versions
        self._amended = self._breakdown.said(AMENDMENT)

    def applied(self, batch: Batch) -> None:
        """A batch is applied in this activation."""
        self._first = _earlier(self._first, batch.read_at)
        if batch.topic == CONTRACTS and batch.records:
            self._versions = _earlier(self._versions, batch.read_at)

    def stamped(self, said: list[Emitted], given: list[Batch]) -> list[Emitted]:
        """What the activation says. Control records alone count from their own reading; else they count from what gave
        them their turn. Recalculations of other causes than contract versions are not timed."""
        if self._first is None and given:
            self._first = given[0].read_at
        amended = self._breakdown.said(AMENDMENT) > self._amended
        read_at = {JOURNAL: self._first, RECALCULATIONS: self._versions if amended else None}
        return [replace(one, read_at=read_at.get(one.topic)) for one in said]


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((at for at in (one, other) if at is not None), default=None)
