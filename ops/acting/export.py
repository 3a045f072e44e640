"""A sink's topics as Avro object container files: one for each shard, with the topic's schema, whole or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

from ops.acting.turn import alone
from ops.show.records import UnreadableRecordError, topic_files
from ops.show.sink import UsageError
from schemas.decode import decode
from schemas.encode import avro_record
from schemas.fault import Fault
from schemas.topics import OUTPUTS, TOPICS

CODECS = ("null", "deflate")  # what is written without a further library, and read by accrual itself
MARK = "accrual.export"  # in the file's header: which topic and shard it was made of
SYNC_BYTES = 16


@dataclass(slots=True)
class Exported:
    """One file that was written."""

    topic: str
    path: Path
    records: int = 0
    size: int = 0


def export(sink: Path, to: Path, topics: tuple[str, ...], codec: str) -> Iterator[Exported]:
    """Write each shard's file of each topic, one after the other, and say so; a torn last line is left out.

    Everything is checked before the first file is written. Raises UsageError for a wrong choice or a file in the way that
    this command did not make, UnreadableRecordError for a line that is no record, OSError when it cannot be written.
    """
    if codec not in CODECS:
        raise UsageError(f"--codec {codec!r} is not known: allowed are {', '.join(CODECS)}")
    if unknown := [name for name in topics if name not in OUTPUTS]:
        raise UsageError(f"--topic {unknown[0]!r} is not written by a run: topics of a sink are {', '.join(OUTPUTS)}")
    # The sink is .jsonl by contract, and a run that finds other files beside its own would have to ask whose they are.
    if to.resolve().is_relative_to(sink.resolve()):
        raise UsageError(f"--to {to} is in the sink {sink}: name a directory outside of it")
    plan = [(topic, path, _target(sink, to, path)) for topic in topics for path in topic_files(sink, topic)]
    if not plan:
        return
    to.mkdir(parents=True, exist_ok=True)
    with alone(to):
        for topic, path, target in plan:
            _check_ours(target, _mark(topic, path))
        for topic, path, target in plan:
            yield _write(topic, path, target, codec)


def _target(sink: Path, to: Path, path: Path) -> Path:
    return to / path.relative_to(sink).with_suffix(".avro")


def _mark(topic: str, path: Path) -> str:
    return f"{topic}/{path.stem}" if path.parent.name == topic else topic


def _check_ours(target: Path, mark: str) -> None:
    """A file in the way may be replaced only if it is an earlier export of the same shard."""
    if not target.exists():
        return
    try:
        with open(target, "rb") as file:
            found = fastavro.reader(file).metadata.get(MARK)
    except (ValueError, EOFError, OSError, KeyError, IndexError, TypeError):
        found = None
    if found != mark:
        what = f"is the export of {found}" if found else "was not made by this command"
        raise UsageError(f"{target} {what}: move it away, or name another --to")


def _write(topic: str, path: Path, target: Path, codec: str) -> Exported:
    mark, exported = _mark(topic, path), Exported(topic, target)
    aside = target.with_name(f".{target.name}.new")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "wb") as file:
            # The marker between blocks follows from the content's name: the same sink gives the same bytes.
            sync = hashlib.blake2b(mark.encode(), digest_size=SYNC_BYTES).digest()
            schema = fastavro.parse_schema(TOPICS[topic].avsc())
            records = _records(topic, path, exported)
            fastavro.writer(file, schema, records, codec=codec, sync_marker=sync, metadata={MARK: mark})
            file.flush()
            os.fsync(file.fileno())
            exported.size = file.tell()
        os.replace(aside, target)
        _sync_names(target.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(target)) from error
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return exported


def _records(topic: str, path: Path, exported: Exported) -> Iterator[dict[str, Any]]:
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # torn, or being written at this moment: never a record yet
            record = decode(topic, line)
            if isinstance(record, Fault):
                raise UnreadableRecordError(
                    f"{path}, line {number} is {record.cls}: {record.reason}. Only a run writes this file: restore it from a "
                    "copy, or run again into a new directory."
                )
            exported.records += 1
            yield avro_record(record)


def _sync_names(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
