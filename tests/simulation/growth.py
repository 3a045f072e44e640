"""A log that grows, so that what comes later comes later by the rules, too.

A control record is there once all that comes before it is, and what comes behind it only then: else it would apply to
something else (events.md, fine print), and the books would rightly be others. Between two control records partitions grow
in a drawn order.
"""

from __future__ import annotations

import random

from connectors.piece import Judged, Lines
from connectors.record_rows import record_batches
from connectors.source import CONTROL_SOURCE
from connectors.usage_rows import Lateness, usage_batches
from schemas.topics import USAGE
from tests.simulation.log import Log, LogControls


class Growth:
    """The order in which the lines of a log come."""

    def __init__(self, log: Log, lateness: Lateness, rng: random.Random) -> None:
        timeline = LogControls(log).timeline
        stages: list[list[str]] = [[] for _ in range(len(log.lines[CONTROL_SOURCE]) + 1)]
        for name in log.sources:
            topic, _, number = name.rpartition("/")
            if not log.lines[name]:
                continue
            if topic == USAGE:
                batches = usage_batches(int(number), 0, Lines(log.lines[name]), None, timeline, lateness)
            else:
                batches = record_batches(topic, int(number), 0, Judged(log.outcomes(name)), None, timeline)
            for batch in batches:
                stages[batch.phase] += [name] * (batch.end - batch.start)
        self._order: list[str] = []
        for phase, names in enumerate(stages):
            rng.shuffle(names)
            self._order += names if phase == len(stages) - 1 else [*names, CONTROL_SOURCE]
        self._log, self._there = log, 0
        log.there = dict.fromkeys(log.lines, 0)

    def to(self, share: float) -> bool:
        """Up to a part of it; whether that is more than there was."""
        return self.on(max(0, int(len(self._order) * share) - self._there))

    def on(self, lines: int) -> bool:
        """Some lines more."""
        found = self._order[self._there : self._there + lines]
        for name in found:
            self._log.there[name] += 1
        self._there += len(found)
        return bool(found)

    def left(self, share: float) -> int:
        """How many lines there are up to a part of it."""
        return int(len(self._order) * share) - self._there
