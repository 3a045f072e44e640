"""Following a source: when to look again, what has changed since, and when to stop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Follow:
    """How a run follows its source, and whether it shall stop: one for all partitions of a process."""

    poll: timedelta
    stopping: bool = False  # somebody asked for the end
    regrouping: bool = False  # there are partitions that were not there at the start: the run begins anew with them
    _looked: float = field(default=0.0)

    def stop(self, *_signal: object) -> None:
        """Ask for the end; may be called from a signal handler."""
        self.stopping = True

    @property
    def ended(self) -> bool:
        """Whether the partitions shall say that they have no more."""
        return self.stopping or self.regrouping

    @property
    def next(self) -> datetime:
        """When to look again."""
        return datetime.now(UTC) + self.poll

    def rest(self, seconds: float) -> None:
        """Wait, unless it shall end."""
        until = time.monotonic() + seconds
        while not self.stopping and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))  # a signal handler only notes the wish

    def due(self) -> bool:
        """Whether it is time to look at the source itself: once per interval, whichever partition asks."""
        now = time.monotonic()
        if now - self._looked < self.poll.total_seconds():
            return False
        self._looked = now
        return True
