"""Runs a command and writes what it took. A script of its own that imports next to nothing: exec(2) counts the most resident
memory of whoever starts a process as that process's, so a benchmark that once held a gigabyte would find it in each child.
"""

import json
import os
import signal
import sys
import time


def main(told: str, *command: str) -> int:
    """Run the command; seconds and megabytes go to the file `told`, its exit code is this one's."""
    began = time.monotonic()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    child = os.posix_spawn(command[0], command, os.environ, setsigmask=[])
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))  # who ends the one ends both
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    _, status, used = os.wait4(child, 0)
    figures = {
        "cpu": used.ru_utime + used.ru_stime, "wall": time.monotonic() - began, "resident": used.ru_maxrss // 1024
    }  # fmt: skip
    with open(told, "w") as file:
        json.dump(figures, file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
