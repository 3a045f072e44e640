"""Topics: whole files of records, every line with its position and its decoded object."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from . import instant


class Number(str):
    """A JSON number kept as the text it was written with, so that no binary fraction ever appears."""


@dataclass(frozen=True)
class Row:
    """One record of a topic; value is None when the line is undecodable."""

    topic: str
    partition: Any
    offset: int
    value: Any

    @property
    def position(self):
        """(topic, partition, offset)."""
        return (self.topic, self.partition, self.offset)


class Invalid(Exception):
    """A record that fails the schema (events.md, Fine print)."""


def must(value):
    """A value that has to be there; raises Invalid."""
    if value is None:
        raise Invalid
    return value


def partition_order(partition):
    """A sort key for partitions: numbers by value, then names."""
    return (0, partition, "") if isinstance(partition, int) else (1, 0, partition)


def applied_order(record):
    """A sort key for parsed records: the order in which they apply."""
    _, partition, offset = record.position
    return (record.segment, partition_order(partition), offset)


def read(directory, topic):
    """Rows of a topic by partition (events.md, The command line: files:DIR); a missing topic is empty."""
    directory = Path(directory)
    files = {}
    single = directory / f"{topic}.jsonl"
    if single.is_file():
        files[0] = single
    folder = directory / topic
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if path.suffix in (".jsonl", ".avro"):
                files[int(path.stem) if path.stem.isdecimal() else path.stem] = path
    ordered = sorted(files, key=partition_order)
    return {partition: _rows(topic, partition, files[partition]) for partition in ordered}


def stated(partitions, parse, segment_of):
    """(what the rows state, exceptions), each row parsed with its time, if any, in its segment (events.md, Fine print)."""
    found, exceptions = [], set()
    for rows in partitions.values():
        reached = instant.FAR_PAST
        for row in rows:
            try:
                if row.value is None:
                    raise Invalid
                said = row.value.get("event_time")
                time = None if said is None else must(instant.parse(said))
                latest = reached if time is None else max(reached, time)
                found.append(parse(row, time, segment_of(latest)))
            except Invalid:
                exceptions.add(("undecodable" if row.value is None else "invalid", *row.position))
            else:
                reached = latest
    return found, exceptions


def _rows(topic, partition, path):
    if path.suffix == ".avro":
        values = _avro_values(path)
    else:
        values = [decode(line) for line in lines(path.read_bytes())]
    return [Row(topic, partition, offset, value) for offset, value in enumerate(values)]


def lines(data):
    """The lines of a file; the newline at its end starts no further line."""
    if not data:
        return []
    return data.removesuffix(b"\n").split(b"\n")


def decode(line):
    """The JSON object on a line, or None (events.md, Fine print: a line that is no JSON object is undecodable)."""
    try:
        value = json.loads(line.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name):
    raise ValueError(name)


def _avro_values(path):
    import fastavro

    with path.open("rb") as file:
        return [_plain(record) for record in fastavro.reader(file)]


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return instant.text((value - epoch) // instant.MICROSECOND)
    if isinstance(value, int) and not isinstance(value, bool):
        return Number(value)
    return value
