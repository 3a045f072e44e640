"""The source: which topics are there, in which files, and whether each of them can be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from connectors.errors import SourceUnusable
from connectors.files.avro import AvroReader
from connectors.files.layout import AVRO, PLAIN, partitions, suffix_of
from connectors.files.lines import LineReader
from ops.doctor.check import Check, counted, fail, ok, size_text, warn
from ops.places.files import FileInput
from ops.settings import Settings
from schemas.decode import decode
from schemas.fault import Fault
from schemas.topics import CONTROL, INPUTS

FIRST_LINE_BYTES = 1 << 20


def source(root: Path, settings: Settings) -> Iterator[Check]:
    """Every topic's layout, and a look into the beginning and the end of each file."""
    if not root.is_dir():
        yield fail("source", f"{root} does not exist", "name the directory that holds the topics")
        return
    there = []
    for topic in INPUTS:
        try:
            found = partitions(root, topic)
        except SourceUnusable as error:
            yield fail("source", str(error), "a run refuses it as it stands")
            continue
        if found:
            there.append(topic)
            yield from _topic(topic, found, settings)
    if not there:
        yield warn("source", f"{root} holds no topic", f"topics are {', '.join(INPUTS)}")
    try:
        unread = FileInput(root).unread()
    except SourceUnusable:
        return  # it is said already
    for one in unread:
        yield warn("source", one, "rename it, or leave it if that is meant")


def _topic(topic: str, found: dict[int, tuple[Path, ...]], settings: Settings) -> Iterator[Check]:
    files = [path for several in found.values() for path in several]
    if topic == CONTROL and set(found) - {0}:
        where = ", ".join(str(number) for number in found if number)
        yield fail("source", f"{topic} has the partitions {where} besides 0", "put all its records into partition 0")
    worse = [check for path in files for check in _file(topic, path, settings)]
    yield from worse
    sizes = sum(path.stat().st_size for path in files if path.exists())
    says = f"{topic}: {counted(len(found), 'partition')}, {counted(len(files), 'file')}, {size_text(sizes)}"
    facts = {"topic": topic, "files": {str(path): path.stat().st_size for path in files if path.exists()}}
    if not any(check.level == "fail" for check in worse):
        yield ok("source", says, **facts)


def _file(topic: str, path: Path, settings: Settings) -> Iterator[Check]:
    try:
        # A named pipe would keep whoever opens it waiting.
        if not stat.S_ISREG(path.stat().st_mode):
            yield fail("source", f"{path} is no regular file", "put the file itself there")
        elif suffix_of(path) == PLAIN:
            yield from _plain(topic, path, settings)
        elif suffix_of(path) == AVRO:
            AvroReader(path, topic).close()
        else:
            reader = LineReader(path)
            try:
                reader.take(1)
            finally:
                reader.close()
    except SourceUnusable as error:
        yield fail("source", str(error), "a run refuses it as it stands")
    except OSError as error:
        yield fail("source", f"{path} cannot be read: {error.strerror}", "let it be read by the user of the run")


def _plain(topic: str, path: Path, settings: Settings) -> Iterator[Check]:
    with open(path, "rb") as file:
        first = file.readline(FIRST_LINE_BYTES)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        last = file.read(1)
    if size and last != b"\n":
        cure = "let the writer finish it, or add the newline: until then a close or a retry refuses to add to the file"
        yield warn("source", f"the last line of {path} has no newline", cure)
    if first.endswith(b"\n"):
        outcome = decode(topic, first, settings.cloudevent_meters)
        if isinstance(outcome, Fault):
            yield warn(
                "source", f"the first line of {path} is {outcome.cls}: {outcome.reason}", f"is it a file of {topic}?"
            )
