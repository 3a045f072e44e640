"""Where each shard stood in the input when a control record took effect: noted by a run that followed its input, and held
by a replay of it, so that the same rows come before each control record (architecture.md, "Time").
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from connectors.batch import ENDED, Batch
from connectors.timeline import Ends, Timeline

BEYOND = 2**61  # the phase of rows behind the last line that is held: they are not applied


@dataclass(frozen=True)
class Lines:
    """By shard, for each control record from some first one on, how far every input partition was applied."""

    ends: Mapping[int, Sequence[Ends]]  # shard -> control record -> partition -> offset behind the last row before it
    stops: bool = False  # nothing behind the last line is applied
    # The control records before it were applied by a run that did not follow: by their own ends or times.
    first: int = 0

    @property
    def count(self) -> int:
        """How many control records have their line in every shard."""
        return min((len(one) for one in self.ends.values()), default=0)

    def timeline(self, times: Sequence[int | None], own: Mapping[int, Ends]) -> Timeline:
        """Cuts every partition wherever a shard has a line; before and behind the lines, at the control records' own ends or
        times.

        Its phases number the cuts, and are no positions of the control partition: `HeldLine.phase` says what they are to
        a shard.
        """
        cuts, before = self._cuts, list(range(self.first))
        rest = list(range(self.first + self.count, len(times)))
        # A number: a control record by itself; None: a cut.
        all_ = [*before, *[None] * len(cuts), *rest]
        named = {label: own[at] for label, at in enumerate(all_) if at is not None and at in own}
        named |= dict(enumerate(cuts, start=self.first))
        return Timeline.of([None if at is None else times[at] for at in all_], named)

    def of(self, shard: int, positions: Sequence[int]) -> HeldLine:
        """One shard's; `positions` behind the first 0, 1, 2, ... control records."""
        return HeldLine(self.first, self.ends[shard][: self.count], positions, len(self._cuts), self.stops)

    def furthest(self) -> dict[str, int]:
        """By partition, how far any shard was at the last line."""
        last = [one[self.count - 1] for one in self.ends.values()] if self.count else []
        return {name: max(one.get(name, 0) for one in last) for name in {name for one in last for name in one}}

    @cached_property
    def _cuts(self) -> list[Ends]:
        """Made once: a service has a control record every few seconds, and every shard asks."""
        cuts: list[Ends] = []
        for number in range(self.count):
            stood = [one[number] for one in self.ends.values()]
            names = {name for one in stood for name in one}
            ranks = {name: sorted(one.get(name, 0) for one in stood) for name in names}
            for rank in range(len(stood)):
                cut = {name: offsets[rank] for name, offsets in ranks.items()}
                if not cuts or cuts[-1] != cut:
                    cuts.append(cut)
        return cuts


class HeldLine:
    """What a shard makes of the cuts of its input."""

    def __init__(self, first: int, ends: Sequence[Ends], positions: Sequence[int], cuts: int, stops: bool) -> None:
        self._first = first
        self._ends, self._positions, self._cuts, self._stops = ends, positions, cuts, stops
        self._bounds: dict[str, list[int]] = {}

    def phase(self, batch: Batch) -> int:
        """The position in the control partition behind the records that apply before a batch, none of which lies inside it."""
        if batch.phase == ENDED:
            return ENDED
        if batch.phase < self._first:
            return self._positions[batch.phase]
        passed = bisect_right(self._bounds_of(batch.source), batch.start)
        if passed < len(self._ends):
            return self._positions[self._first + passed]
        if self._stops:
            return BEYOND
        return self._positions[self._first + passed + max(0, batch.phase - self._first - self._cuts)]

    def _bounds_of(self, source: str) -> list[int]:
        if source not in self._bounds:
            self._bounds[source] = list(accumulate((one.get(source, 0) for one in self._ends), max))
        return self._bounds[source]
