"""A worker process as its launcher has it: started before there is work for it, since what it imports takes a second."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

TAKEN_S = 30  # a worker that was stopped takes nothing: it is found to be silent later


class WorkerProcess:
    """It imports, waits for its work, does it and ends."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it."""
        self._channel, its = socket.socketpair()
        self._channel.settimeout(TAKEN_S)
        with its:
            # A worker ends when its standard input does, so that none outlives a killed launcher. What it says goes to
            # standard error, also where Bytewax would print it: standard output is the launcher's result.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ops.worker"], stdin=its.fileno(), stdout=2, env=dict(environment)
            )

    def give(self, work: Mapping[str, Any], files: Iterable[int]) -> None:
        """Its work, and the numbers of open files that it has as well from now on."""
        with suppress(ConnectionError, TimeoutError):  # it has died or was stopped, which is seen as later on
            socket.send_fds(self._channel, [b"\n"], list(files))
            self._channel.sendall(json.dumps(work).encode() + b"\n")

    def ended(self) -> int | None:
        """Its exit status, negative where a signal has ended it; None while it lives."""
        return self._process.poll()

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()

    def close(self) -> None:
        """Wait until it has ended."""
        self._process.wait()
        self._channel.close()


def processes(workers: int, follow: bool) -> int:
    """How many worker processes a run has; 0: it works in the launcher."""
    return workers if follow or workers > 1 else 0


@contextmanager
def waiting(count: int) -> Iterator[Sequence[WorkerProcess]]:
    """So many workers, which wait for their work; after the block none of them is left."""
    workers: list[WorkerProcess] = []
    try:
        for _ in range(count):
            workers.append(WorkerProcess(os.environ))
        yield workers
    finally:
        end(workers)


def end(workers: Sequence[WorkerProcess]) -> None:
    """None of them is left."""
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.close()
