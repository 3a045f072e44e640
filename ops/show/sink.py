"""The directory a looking command reads, found from a sink's URI, with a plain word on what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ops.show.records import topic_files

SCHEME = "files:"


class UsageError(Exception):
    """What was asked cannot be looked up; the message says what, with which value, and what to do."""


def sink_directory(sink: str) -> Path:
    """The existing directory that `files:DIR` names."""
    if not sink.startswith(SCHEME) or sink == SCHEME:
        raise UsageError(f"--sink {sink!r} is not files:DIR: the looking commands read files, name a directory.")
    directory = Path(sink.removeprefix(SCHEME))
    if not directory.is_dir():
        raise UsageError(
            f"--sink {sink!r}: the directory {str(directory)!r} does not exist. Check the path, or fill it "
            f"with: accrual run --source URI --sink {sink}"
        )
    return directory


def require_output(directory: Path, topic: str, topics: Sequence[str]) -> None:
    """Refuse a directory into which nothing has been run; a run without records of `topic` is fine."""
    if any(topic_files(directory, name) for name in topics):
        return
    raise UsageError(
        f"no {topic} in {str(directory)!r} yet: nothing has been run into this directory. "
        f"Run first: accrual run --source URI --sink {SCHEME}{directory}"
    )
