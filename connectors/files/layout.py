"""Where a topic's partitions are: DIR/<topic>.jsonl, or DIR/<topic>/<partition>.jsonl."""

from __future__ import annotations

from pathlib import Path

from connectors.errors import SourceUnusable

SCHEME = "files:"


def directory(uri: str) -> Path:
    """The directory of a files:DIR address; ValueError for anything else."""
    if not uri.startswith(SCHEME) or len(uri) == len(SCHEME):
        raise ValueError(f"{uri!r} is not an address of the form files:DIR")
    return Path(uri.removeprefix(SCHEME))


def partitions(root: Path, topic: str) -> dict[int, Path]:
    """The files of a topic by partition; a missing topic is an empty one."""
    single, many = root / f"{topic}.jsonl", root / topic
    if single.exists() and many.is_dir():
        raise SourceUnusable(f"topic {topic} has both {single} and {many}: keep one of them")
    if single.exists():
        return {0: single}
    if not many.is_dir():
        return {}
    found: dict[int, Path] = {}
    for file in sorted(many.iterdir()):
        if file.name.startswith("."):
            continue
        if file.suffix != ".jsonl" or not file.stem.isdecimal():
            raise SourceUnusable(
                f"{file} is not a partition of {topic}: files there are named <number>.jsonl"
            )
        if (number := int(file.stem)) in found:
            raise SourceUnusable(f"{file} and {found[number]} are both partition {number} of {topic}")
        found[number] = file
    return dict(sorted(found.items()))
