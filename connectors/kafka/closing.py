"""The end of an epoch at the sink: the transactions of all shards of a process, committed side by side."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from connectors.errors import SinkAway


class Said(Protocol):
    """What one shard says."""

    def begin(self) -> bool:
        """Open a transaction and give the client all that was said since the last one; False where that is nothing."""

    def finish(self) -> None:
        """Commit it, whole or not at all. Called in any thread."""

    def done(self) -> None:
        """It is there."""


class Closing:
    """A broker that is busy answers a commit late, and eight that wait for each other take eight times as long.

    No record of the next epoch exists before every part of this one has closed, so the first part that is told to close may
    close for all.
    """

    def __init__(self) -> None:
        self._parts: list[Said] = []
        self._threads: ThreadPoolExecutor | None = None

    def join(self, part: Said) -> None:
        self._parts.append(part)

    def leave(self, part: Said) -> None:
        if part in self._parts:
            self._parts.remove(part)
        if not self._parts and self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def close(self) -> bool:
        """Commit what all parts have said; whether there was anything. Of what they raise the first that is final, else the
        first.
        """
        parts = [part for part in self._parts if part.begin()]
        if len(parts) == 1:
            parts[0].finish()
        elif parts:
            self._side_by_side([part.finish for part in parts])
        for part in parts:
            part.done()
        return bool(parts)

    def _side_by_side(self, commits: list[Callable[[], None]]) -> None:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(thread_name_prefix="commit")
        waiting = [self._threads.submit(commit) for commit in commits]
        # All are waited for: none may still commit when the run stops because of another.
        failed = [error for one in waiting if (error := one.exception()) is not None]
        if failed:
            raise min(failed, key=lambda error: isinstance(error, SinkAway))
