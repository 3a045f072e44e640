"""A server of somebody else's in a process of its own, on loopback: brokers and registries for tests, benchmarks and play."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
from typing import Any

FIRST, LAST = 20_000, 32_000
SPREAD = 37  # processes that are started one after the other do not meet at once
_asked = itertools.count()


class ServerProcess:
    """It can be stopped, killed, paused and started again."""

    _process: subprocess.Popen[Any] | None = None

    def stop(self) -> None:
        """End it as an operator does, by SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, by SIGKILL: what it has not written is lost."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """It answers no more, and is still there, until it is resumed."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """It goes on where it was paused."""
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)  # one that is paused hears nothing else
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on, other ones in each process and at each call.

    They lie below those that a system gives to clients by itself: a client that tries again and again to reach a server
    that is down would be given its port in the end, and the server could not come back.
    """
    found: list[int] = []
    while len(found) < count:
        port = FIRST + (os.getpid() * SPREAD + next(_asked)) % (LAST - FIRST)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
    return found
