"""Room to write: bytes, inodes, and whether writing is allowed at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ops.doctor.check import Check, fail, ok, size_text, warn

BYTES_NEEDED, BYTES_WANTED = 100 * 10**6, 10**9
FILES_NEEDED, FILES_WANTED = 1_000, 10_000


def room(part: str, place: Path) -> Iterator[Check]:
    """Where a directory is, or will be made, there is room and leave to write."""
    # A place that is not there yet will be made in the nearest directory that is.
    path = next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
    if not path.is_dir():
        yield fail(f"{part} disk", f"{path} is no directory", f"move it away, or name another --{part}")
        return
    system = os.statvfs(path)
    if system.f_flag & os.ST_RDONLY or not os.access(path, os.W_OK | os.X_OK):
        yield fail(f"{part} disk", f"{path} cannot be written", f"let it be written, or name another --{part}")
        return
    free, files = system.f_bavail * system.f_frsize, system.f_favail
    # Some file systems have no fixed number of inodes, and say 0 of 0.
    counted = system.f_files > 0
    says = f"{size_text(free)} and {f'{files:,} inodes' if counted else 'any number of inodes'} free for {place}"
    facts = {"bytes_free": free, "inodes_free": files if counted else None}
    if free < BYTES_NEEDED or (counted and files < FILES_NEEDED):
        yield fail(f"{part} disk", says, "make room: a run that finds none stops, nothing is lost", **facts)
    elif free < BYTES_WANTED or (counted and files < FILES_WANTED):
        yield warn(f"{part} disk", says, "make room soon", **facts)
    else:
        yield ok(f"{part} disk", says, **facts)
