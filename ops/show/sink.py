"""The directories a looking command reads, found from their URIs, with a plain word on what is missing."""

from __future__ import annotations

from pathlib import Path

from ops.show.records import topic_files
from schemas.topics import OUTPUTS

SCHEME = "files:"


class UsageError(Exception):
    """What was asked cannot be looked up; the message says what, with which value, and what to do."""


def sink_directory(sink: str) -> Path:
    """The existing directory that `files:DIR` names."""
    return _directory("--sink", sink, f"or fill it with: accrual run --source URI --sink {sink}")


def source_directory(source: str) -> Path:
    """The existing directory of the topics that a run has read."""
    return _directory("--source", source, "it is the --source of the run")


def _directory(flag: str, uri: str, remedy: str) -> Path:
    if not uri.startswith(SCHEME) or uri == SCHEME:
        raise UsageError(f"{flag} {uri!r} is not files:DIR: the looking commands read files, name a directory.")
    directory = Path(uri.removeprefix(SCHEME))
    if not directory.is_dir():
        raise UsageError(f"{flag} {uri!r}: the directory {str(directory)!r} does not exist. Check the path, {remedy}")
    return directory


def require_output(directory: Path, topic: str) -> None:
    """Refuse a directory into which nothing has been run; a run without records of `topic` is fine."""
    if any(topic_files(directory, name) for name in OUTPUTS):
        return
    raise UsageError(
        f"no {topic} in {str(directory)!r} yet: nothing has been run into this directory. "
        f"Run first: accrual run --source URI --sink {SCHEME}{directory}"
    )
