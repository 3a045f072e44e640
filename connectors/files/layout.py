"""Where a topic's partitions are.

DIR/<topic>.jsonl, or DIR/<topic>/<partition>.jsonl, or DIR/<topic>/<partition>/<any name>.jsonl: several files, read in
the order of their names as one partition. Instead of .jsonl a file may be .jsonl.gz, .jsonl.zst or .avro.
"""

from __future__ import annotations

from pathlib import Path

from connectors.errors import SourceUnusable

SCHEME = "files:"
PLAIN, GZIP, ZSTD, AVRO = ".jsonl", ".jsonl.gz", ".jsonl.zst", ".avro"
SUFFIXES = (PLAIN, GZIP, ZSTD, AVRO)


def directory(uri: str) -> Path:
    """The directory of a files:DIR address; ValueError for anything else."""
    if not uri.startswith(SCHEME) or len(uri) == len(SCHEME):
        raise ValueError(f"{uri!r} is not an address of the form files:DIR")
    return Path(uri.removeprefix(SCHEME))


def suffix_of(path: Path) -> str | None:
    """Which of the known endings a file's name has."""
    return next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)


def partitions(root: Path, topic: str) -> dict[int, tuple[Path, ...]]:
    """The files of a topic by partition, each in reading order; a missing topic is an empty one."""
    many = root / topic
    whole = [path for suffix in SUFFIXES if (path := root / f"{topic}{suffix}").exists()]
    if len(whole) + many.is_dir() > 1:
        places = " and ".join(str(path) for path in [*whole, many][: len(whole) + many.is_dir()])
        raise SourceUnusable(f"topic {topic} has both {places}: keep one of them")
    if whole:
        return {0: (whole[0],)}
    if not many.is_dir():
        return {}
    found: dict[int, tuple[Path, ...]] = {}
    places_of: dict[int, Path] = {}
    for path in sorted(many.iterdir()):
        if path.name.startswith("."):
            continue
        number = _number(path, topic)
        if number in found:
            raise SourceUnusable(f"{path} and {places_of[number]} are both partition {number} of {topic}")
        places_of[number] = path
        found[number] = _segments(path) if path.is_dir() else (path,)
    return dict(sorted(found.items()))


def files_of(root: Path, topics: tuple[str, ...]) -> dict[str, tuple[Path, ...]]:
    """The files of every partition of the topics, by "topic/partition"."""
    return {f"{topic}/{number}": files for topic in topics for number, files in partitions(root, topic).items()}


def _number(path: Path, topic: str) -> int:
    suffix = "" if path.is_dir() else suffix_of(path)
    stem = path.name.removesuffix(suffix or "")
    if suffix is None or not (stem.isascii() and stem.isdecimal()):
        raise SourceUnusable(
            f"{path} is not a partition of {topic}: there are <number>{', <number>'.join(SUFFIXES)} and directories <number>"
        )
    return int(stem)


def _segments(folder: Path) -> tuple[Path, ...]:
    """The files of one partition in the order of their names."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir(), key=lambda one: one.name):
        if path.name.startswith("."):
            continue
        suffix = suffix_of(path)
        if suffix is None or path.is_dir():
            raise SourceUnusable(f"{path} is no file of a partition: there are {', '.join(SUFFIXES)}")
        # A file and its compressed copy side by side would be read twice.
        if (other := found.setdefault(path.name.removesuffix(suffix), path)) is not path:
            raise SourceUnusable(f"{other} and {path} are the same part of a partition: keep one of them")
    return tuple(found.values())
