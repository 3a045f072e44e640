"""A worker process of a run; started by the launcher, which holds the lock and starts it again when it dies."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from typing import Any

from ops.collector import collect_seldom

DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl
FILES = 3  # that it is given: the board, the lock, and what it listens on where it answers


def main() -> int:
    """Do the work that the launcher gives."""
    if sys.platform == "linux":  # with the launcher this process ends too, also where it hangs or is stopped
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)
    # A launcher that is interrupted ends those that wait: they say nothing of it themselves.
    interrupted = signal.signal(signal.SIGINT, signal.SIG_IGN)
    collect_seldom()
    from ops.board import Board, Ending, How
    from ops.pulse import Pulse
    from ops.worker_flow import ending, work

    # The lock it only has: the directory stays locked while one of the workers lives.
    spec, (number, _lock, *listeners) = _given()
    signal.signal(signal.SIGINT, interrupted)
    _end_with(spec["launcher"])
    board, process = Board(number, spec["processes"]), spec["process"]
    pulse = Pulse(board, process)
    try:
        work(spec, board, pulse, socket.socket(fileno=listeners[0]) if listeners else None)
        found = Ending(How.DONE)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of Bytewax is no Exception
        found = ending(error)
    pulse.stop()
    board.end(process, found)
    return found.code


def _given() -> tuple[dict[str, Any], list[int]]:
    """The work, and the numbers of the files; the end of this process where the launcher has ended before it gave any."""
    launcher = socket.socket(fileno=sys.stdin.fileno())
    _, files, _, _ = socket.recv_fds(launcher, 1, FILES)
    with launcher.makefile("rb") as given:
        line = given.readline()
    launcher.detach()  # it stays open: its end is that of the launcher
    if not line.endswith(b"\n"):
        os._exit(1)
    return json.loads(line), files


def _end_with(launcher: int) -> None:
    """Where there is no signal of a parent's death, and where the launcher had died before that was asked for."""
    if os.getppid() != launcher:
        os._exit(1)
    threading.Thread(target=_end_with_the_channel, daemon=True).start()


def _end_with_the_channel() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more is ever written there: it returns when the launcher is gone
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
