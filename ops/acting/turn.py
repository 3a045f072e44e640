"""Whose turn it is: one command at a time works on a directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Wait for the turn, and keep others out: what was checked must still hold when it is written.

    Only commands that ask for it are kept out; runs and other writers are not. OSError when there is no such directory.
    """
    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
