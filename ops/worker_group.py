"""The worker processes of a run: started together, watched together, ended together."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.follow import Follow
from connectors.source import Progress
from ops.board import Board, How
from ops.ports import free_ports
from ops.worker_process import WorkerProcess, end

LOOK_S = 0.05
SILENT_S = 30  # a process that is only busy tells of itself every half second
GRACE_S = 2  # in which the others tell why they ended: that one loses another is rarely the cause
LEAVE_S = 8  # of the ten seconds in which a service ends when it is told to
SECOND_US = 1_000_000
CAUSES = ((How.REFUSED, "refused", ""), (How.AWAY, "away", "source"), (How.SINK_AWAY, "away", "sink"))
KNOWN = tuple(how for how, _, _ in CAUSES)


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """Why a group ended that was not told to."""

    cause: str  # refused, away, died or hung
    told: str
    code: int = 1
    away: str = ""  # source or sink, whose brokers do not answer


class WorkerGroup:
    """One worker per process. When one of them dies, all are ended: the next group takes up where the state is."""

    def __init__(
        self,
        spec: dict[str, Any],
        count: int,
        lock: int,
        listeners: list[socket.socket],
        hang_s: float,
        environment: Mapping[str, str],
        waiting: Sequence[WorkerProcess] = (),
    ) -> None:
        """Start them, or take those that are `waiting`. `spec` is what they work on, `lock` the file number of the state's
        lock, `listeners` what they answer on; one whose flow stands still for longer than `hang_s` hangs.
        """
        self._hang_us, self._silent_s = int(hang_s * SECOND_US), min(SILENT_S, hang_s)
        self._board = Board.of(count)
        addresses = [f"127.0.0.1:{port}" for port in free_ports(count)] if count > 1 else []
        self._workers = waiting or [WorkerProcess(environment) for _ in range(count)]
        shared = {**spec, "addresses": addresses, "processes": count, "launcher": os.getpid()}
        for number, worker in enumerate(self._workers):
            # A worker answers on the port that the launcher took for it: nobody can take it in between.
            port = [listeners[number].fileno()] if listeners else []
            worker.give({**shared, "process": number}, [self._board.number, lock, *port])
        self._beats, self._silence = [0] * count, [0.0] * count
        self._looked = time.monotonic()

    @property
    def progress(self) -> Progress:
        """Of all together."""
        signs = [self._board.signs(number) for number in range(len(self._workers))]
        return Progress(sum(one.total for one in signs), sum(one.read for one in signs), sum(one.rows for one in signs))

    def await_end(self, follow: Follow | None, show: Callable[[Progress], None] | None) -> GroupEnd | None:
        """Wait until all have done their work: None. Else why one of them has not; the others may still be there.

        One that was told to stop ends well also where it had not begun yet.
        """
        leave_by: float | None = None
        while any(worker.ended() is None for worker in self._workers):
            if follow is not None and follow.stopping:
                if leave_by is None:
                    leave_by = time.monotonic() + LEAVE_S
                    for worker in self._workers:
                        worker.terminate()
                elif time.monotonic() > leave_by:
                    return GroupEnd("hung", f"the workers did not end within {LEAVE_S} s")
            if self._failed():
                return self._verdict()
            if (found := self._hung()) is not None:
                return found
            if show is not None:
                show(self.progress)
            time.sleep(LOOK_S)
        return self._verdict() if self._failed() else None

    def end(self) -> None:
        """None of them is left."""
        end(self._workers)
        self._board.close()

    def _failed(self) -> list[int]:
        return [number for number, worker in enumerate(self._workers) if worker.ended() not in (None, 0)]

    def _verdict(self) -> GroupEnd:
        """Of several that ended the one whose reason is nearest to the cause."""
        until = time.monotonic() + GRACE_S
        while time.monotonic() < until and not self._known():
            time.sleep(LOOK_S)
        for how, cause, away in CAUSES:
            for ending in map(self._board.ending, range(len(self._workers))):
                if ending.how == how:
                    return GroupEnd(cause, ending.told, ending.code, away)
        failed = self._failed()
        number = min(failed, key=lambda one: (self._board.ending(one).how == How.DEFECT, one))
        return GroupEnd("died", f"worker process {number} of {len(self._workers)} {self._told(number)}")

    def _known(self) -> bool:
        """Whether nothing more is to be learned about why."""
        endings = map(self._board.ending, range(len(self._workers)))
        codes = [worker.ended() for worker in self._workers]
        return -signal.SIGKILL in codes or None not in codes or any(one.how in KNOWN for one in endings)

    def _told(self, number: int) -> str:
        code, ending = self._workers[number].ended(), self._board.ending(number)
        if code is not None and code < 0:
            return f"was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"ended with status {code}" + (f": {ending.told}" if ending.told else "")

    def _hung(self) -> GroupEnd | None:
        """A flow that stands still, or a process that tells nothing."""
        now = time.monotonic()
        # A launcher that was stopped itself, with all of its workers, has not seen them be silent.
        passed, self._looked = min(now - self._looked, 1.0), now
        for number, worker in enumerate(self._workers):
            signs, running = self._board.signs(number), worker.ended() is None
            same = running and signs.beats == self._beats[number]
            self._silence[number] = self._silence[number] + passed if same else 0.0
            self._beats[number] = signs.beats
            name = f"worker process {number} of {len(self._workers)} hangs"
            allowed = self._silent_s if signs.beats else SILENT_S  # one that has told nothing yet is being started
            if self._silence[number] > allowed:
                return GroupEnd("hung", f"{name}: it has told nothing for {self._silence[number]:.0f} s")
            if running and signs.still_us > self._hang_us:
                return GroupEnd("hung", f"{name}: no step for {signs.still_us // SECOND_US} s")
        return None
