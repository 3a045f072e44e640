"""Whether a process's flow goes on, and how far it is from where its input ended when it began: told by it, asked by others."""

from __future__ import annotations

from collections.abc import Callable

from connectors.timings import standing


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


class Vitals:
    """Of one process. Written by its flow, read in another thread."""

    def __init__(self, clock: Callable[[], int] = standing) -> None:
        """`clock` gives microseconds that never go back; it never touches the books."""
        self._clock = clock
        self._backlogs: dict[str, Backlog] = {}
        self.opened = False  # books and sink
        self._stepped = clock()

    def begins(self) -> None:
        """A flow is about to be built: at the start, with new partitions, or after something was away."""
        self._backlogs, self.opened = {}, False
        self.steps()

    def steps(self) -> None:
        """The flow has come by."""
        self._stepped = self._clock()

    def opens(self) -> None:
        """Books and sink are open: an epoch closes."""
        self.opened = True
        self.steps()

    def backlog(self, name: str, unit: str) -> Backlog:
        """A partition begins."""
        found = self._backlogs[name] = Backlog(unit)
        return found

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
