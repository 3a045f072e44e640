"""A server of somebody else's in a process of its own, on loopback: brokers and registries for tests, benchmarks and play."""

from __future__ import annotations

import signal
import subprocess
from typing import Any


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
