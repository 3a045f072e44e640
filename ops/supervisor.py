"""The supervisor of a service: its worker processes are started again, all of them, when one has died or hangs."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors.crash_point import VARIABLE
from connectors.errors import SinkAway
from connectors.follow import Follow
from connectors.source import Progress
from ops.failures import RunFailed, RunRefused
from ops.job import Job
from ops.log import say, works_in
from ops.places.awaited import AWAY_REST_S
from ops.standing import CAUSES, Restart
from ops.worker_group import GroupEnd, WorkerGroup
from ops.worker_process import WorkerProcess
from schemas.instants import instant_text
from state.directory import StateDirectory, positions, smallest
from state.records import Applied

RESTS_S = (0.2, 1, 2, 4, 8, 16, 30)  # after the first death in a row, the second, ...; then always the last
STEADY_S = 300  # a group that has worked for so long has not died of what it began with
Positions = list[dict[str, Applied]]


@dataclass(slots=True)
class Restarts:
    """Deaths in a row, and what is done about them."""

    most: int  # in a row without progress
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0))
    _row: int = 0

    def after(self, cause: str, progress: bool) -> float | None:
        """How long to rest after an end, seconds; None: it has died too often, and would again."""
        if cause == "away":
            self.counts[cause] += 1
            return AWAY_REST_S
        self._row = 1 if progress else self._row + 1
        if self._row > self.most:
            return None
        self.counts[cause] += 1
        return RESTS_S[min(self._row, len(RESTS_S)) - 1]


class Supervisor:
    """Of one run in worker processes."""

    def __init__(
        self,
        job: Job,
        directory: StateDirectory,
        listeners: list[socket.socket],
        show: Callable[[Progress], None] | None,
        waiting: Sequence[WorkerProcess] = (),
    ) -> None:
        """Those that are `waiting` are its first workers."""
        self._job, self._directory, self._listeners, self._show = job, directory, listeners, show
        self._waiting = waiting
        self._restarts = Restarts(job.settings.restarts)
        self._first = True
        self._last: Restart | None = None
        self.rows = 0  # read by all groups

    def run(self) -> None:
        """To the end of the input; a service until it is told to stop, with partitions that are new, after deaths, and with
        brokers that were away for a while. Each group goes on where the state is.

        RunRefused for what a restart does not mend, RunFailed for a death that is not followed by another life.
        """
        follow = self._job.follow
        at = positions(self._job.state, self._job.settings.shards)
        while follow is None or not follow.stopping:
            end, lasted = self._one_group(at)
            if end is None:
                if follow is None:
                    return
                at = positions(self._job.state, self._job.settings.shards)
                continue  # told to stop, or partitions are new
            if end.cause == "refused" or (follow is None and end.cause == "away"):
                raise RunRefused(end.told, end.code)
            if follow is None:
                raise RunFailed(f"{end.told}; the others were stopped; nothing is lost, run the same command again")
            if follow.stopping:
                return _ended_as_asked(end)
            before, at = at, positions(self._job.state, self._job.settings.shards)
            self._rest(follow, end, _sum(at) > _sum(before) or lasted > STEADY_S, at)

    def _one_group(self, at: Positions) -> tuple[GroupEnd | None, float]:
        """Why it ended, and for how many seconds it worked."""
        environment = dict(os.environ)
        if not self._first:
            # What an earlier group has left behind is told apart from what this one does.
            works_in(self._directory.renew())
            environment.pop(VARIABLE, None)  # a death that was asked for is died once
        self._first, began = False, time.monotonic()
        settings = self._job.settings
        try:
            self._job.sink.fence(settings.shards)
        except SinkAway as error:
            return GroupEnd("away", str(error), away="sink"), 0
        group = WorkerGroup(
            self._spec(at),
            settings.workers,
            self._directory.lock_number,
            self._listeners,
            settings.hang_s,
            environment,
            self._waiting,
        )
        self._waiting = ()
        try:
            end = group.await_end(self._job.follow, self._show)
            self.rows += group.progress.rows_read
            return end, time.monotonic() - began
        finally:
            group.end()

    def _rest(self, follow: Follow, end: GroupEnd, progress: bool, at: Positions) -> None:
        rest = self._restarts.after(end.cause, progress)
        if rest is None:
            raise RunFailed(
                f"{end.told}; the workers have died {self._restarts.most + 1} times in a row without getting any further: "
                f"{_places(at)}. What comes next there may be what they die of, or the machine lacks memory or room. "
                "Nothing is lost: see what is said above and what accrual doctor says, mend it and run the same command "
                "again"
            )
        self._last = Restart(end.cause, end.told, instant_text(time.time_ns() // 1_000_000 * 1_000), end.away)
        if end.cause == "away":
            told = f"{end.told}; it is taken up again in {rest:g} s"
        else:
            told = f"{end.told}; all workers are started again in {rest:g} s, nothing is lost"
        say(f"accrual run: {told}", "restart", cause=end.cause, away=end.away or None, rest_s=rest)
        follow.rest(rest)

    def _spec(self, at: Positions) -> dict[str, Any]:
        job = self._job
        return {
            "source": job.source.uri,
            "sink": job.sink.uri,
            "state": str(job.state),
            "as_of": job.as_of,
            "follow": job.follow is not None,
            "settings": job.settings.model_dump(mode="json"),
            "starts": {name: [one.offset, one.newest, one.phase] for name, one in smallest(at).items()},
            "numbers": job.sink.numbers,
            "restarts": self._restarts.counts,
            "last": None if self._last is None else asdict(self._last),
            "generation": self._directory.identity.generation,
        }


def _ended_as_asked(end: GroupEnd) -> None:
    say(
        f"accrual run: ended as asked; what is decided and not sent yet is sent at the next start: {end.told}",
        "ended_as_asked",
    )


def _sum(at: Positions) -> int:
    return sum(one.offset for shard in at for one in shard.values())


def _places(at: Positions) -> str:
    found = smallest(at)
    return (
        ", ".join(f"{name} is applied up to {one.offset}" for name, one in sorted(found.items()))
        or "nothing is applied"
    )
