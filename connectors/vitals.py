"""Whether a process's flow goes on, and how far it is from where its input ended when it began: told by it, asked by others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.step import standing


def _nobody() -> None:
    """Nobody wants to know."""


class Backlog:
    """What of one partition was there at the start and is not booked yet."""

    def __init__(self, unit: str) -> None:
        """`unit` of what is counted, in plural."""
        self.unit, self.unread, self.booked = unit, 0, False
        self._sent = self._closing = False

    def stands(self, unread: int, waiting: bool) -> None:
        """So much is unread; `waiting`: some of what is read is not sent to the shards yet."""
        self.unread = unread
        self._sent = self._sent or not (unread or waiting)

    def epoch_closes(self) -> None:
        """What is sent by now is behind the next barrier."""
        self._closing = self._sent

    def barrier(self) -> None:
        """What was sent before the epoch closed is done by every shard and by the sink."""
        self.booked = self.booked or self._closing

    def ends(self) -> None:
        """There is no more to come: nobody waits for it."""
        self.unread, self.booked = 0, True


@dataclass(slots=True)
class Reach:
    """How far a partition is booked, and where it ends: offsets of Kafka, bytes of files, or control records."""

    end: Callable[[], int]  # behind what is there, as far as is known; asked in any thread
    at: int  # all before it is in the books of every shard and in the sink
    unit: str = "offsets"  # of both

    @property
    def lag(self) -> int:
        """What lies between. OSError where a file is gone."""
        return max(0, self.end() - self.at)


class Vitals:
    """Of one process. Written by its flow, read in another thread."""

    def __init__(self, clock: Callable[[], int] = standing) -> None:
        """`clock` gives microseconds that never go back; it never touches the books."""
        self._clock = clock
        self._backlogs: dict[str, Backlog] = {}
        self._reaches: dict[str, Reach] = {}
        self.opened = False  # books and sink
        self.ready_at: int | None = None  # when all was caught up for the first time since the flow began, by the clock
        self.on_ready: Callable[[], None] = _nobody
        # Behind the last control record, in the process that reads them.
        self.control_end: Callable[[], int] | None = None
        self._stepped = clock()

    def begins(self) -> None:
        """A flow is about to be built: at the start, with new partitions, or after something was away."""
        self._backlogs, self._reaches, self.opened, self.ready_at = {}, {}, False, None
        self.steps()

    def steps(self) -> None:
        """The flow has come by."""
        self._stepped = self._clock()
        if self.ready_at is None and self.opened and not self.behind:
            self.ready_at = self._stepped
            self.on_ready()

    def opens(self) -> None:
        """Books and sink are open: an epoch closes."""
        self.opened = True
        self.steps()

    def backlog(self, name: str, unit: str) -> Backlog:
        """A partition begins."""
        found = self._backlogs[name] = Backlog(unit)
        return found

    def reach(self, name: str, reach: Reach) -> Reach:
        """Of a partition that begins."""
        self._reaches[name] = reach
        return reach

    @property
    def reaches(self) -> dict[str, Reach]:
        """Of every partition that this process reads, by name."""
        return self._reaches.copy()

    @property
    def ready_us(self) -> int | None:
        """For how long it has been caught up, microseconds; None: it is not."""
        return None if self.ready_at is None else self._clock() - self.ready_at

    @property
    def still_us(self) -> int:
        """How long ago the flow last came by, microseconds."""
        return self._clock() - self._stepped

    @property
    def partitions(self) -> int:
        """How many this process reads."""
        return len(self._backlogs)

    @property
    def behind(self) -> dict[str, Backlog]:
        """The partitions of which something is not booked yet, by name."""
        return {name: one for name, one in sorted(self._backlogs.copy().items()) if not one.booked}
