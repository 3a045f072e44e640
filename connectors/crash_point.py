"""Named moments at which a process can be made to die, so that tests can put an end between any two steps that matter.

CRASH_AT=name:n, or several with commas, kills the process without a word when it comes to that point for the nth time;
each process of a run counts by itself. Without it a point costs one comparison.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping

VARIABLE = "CRASH_AT"

# Every point in the order in which a run comes to them: what is done and what is not when it dies there.
POINTS: dict[str, str] = {
    "generation-to-write": "the run has begun; the state directory does not know of it yet",
    "generation-written": "the directory is ours, in a new generation; what the sink holds is not compared yet",
    "sink-checked": "state and sink go together, a torn last line is cut; no store is open for work yet",
    "unsent-again": "a shard has read what it may not have sent; nothing of it is in the sink",
    "batch-read": "a batch is read; no shard has it, and no offset is noted",
    "outbox-forgotten": "rows of the outbox that are in the sink are deleted, only in memory",
    "retention-worked": "a part of what is no longer kept is let go, only in memory",
    "batch-applied": "a shard has booked its batches, only in memory: offsets, books, outbox",
    "batch-written": "books, offsets and outbox are in the store's log, which is not synced; the sink has nothing",
    "epoch-to-sync": "an epoch closes; the log of a shard is not synced",
    "epoch-synced": "the log of a shard is on the disk; the sink has nothing of the epoch",
    "file-to-write": "the epoch is closed everywhere; a file of the sink is about to grow",
    "file-half-written": "a file of the sink ends in half a record",
    "file-written": "a file of the sink has the records; it is not synced",
    "file-synced": "a file of the sink is on the disk; the outbox still has what is in it",
    "kafka-initialised": "transactions of a process before us are decided; what is committed is not read back yet",
    "kafka-to-begin": "the epoch is closed everywhere; no transaction is open",
    "kafka-begun": "a transaction is open; nothing is sent in it",
    "kafka-half-produced": "half of what an epoch says in a topic is given to the client",
    "kafka-produced": "all of it is given to the client; not all need be with the brokers",
    "kafka-flushed": "the brokers have all of it; the commit is not asked for",
    "kafka-committed": "the transaction is committed; the outbox still has what is in it",
    "group-to-tell": "everything before an offset is done; the consumer group does not know",
    "group-told": "the group's offsets are on their way, with or without an answer",
    "run-ended": "everything is done; the process has not said so",
}


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class CrashPoints:
    """How often each armed point may still be passed."""

    def __init__(self, armed: Mapping[str, int], die: Callable[[], None] = _kill) -> None:
        """`armed`: the passing of each point, from 1, at which it dies."""
        self._left, self._die = dict(armed), die

    @classmethod
    def of(cls, text: str) -> CrashPoints | None:
        """From the environment's text; ValueError names what is wrong."""
        if not text:
            return None
        armed: dict[str, int] = {}
        for part in text.split(","):
            name, _, count = part.strip().rpartition(":")
            if name not in POINTS or not count.isdecimal() or int(count) < 1:
                raise ValueError(
                    f"{VARIABLE} has {part!r}: write name:n with n from 1 and a name of {', '.join(POINTS)}, or unset it"
                )
            armed[name] = int(count)
        return cls(armed)

    def reach(self, name: str) -> None:
        """A step comes to a point."""
        if name in self._left:
            self._left[name] -= 1
            if self._left[name] == 0:
                self._die()

    def awaits(self, name: str) -> bool:
        """Whether it dies when it comes to that point next."""
        return self._left.get(name) == 1


armed: CrashPoints | None = None


def arm(environment: Mapping[str, str]) -> None:
    """As the environment says, if it says anything; ValueError names what is wrong."""
    global armed
    if VARIABLE in environment:
        armed = CrashPoints.of(environment[VARIABLE])


def crash_point(name: str) -> None:
    """The step is here; dies if it was told to."""
    if armed is not None:
        armed.reach(name)


def dies_next(name: str) -> bool:
    """Whether the next step to come here dies: it has to leave its work half done."""
    return armed is not None and armed.awaits(name)
