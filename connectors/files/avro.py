"""Reading an Avro container as numbered records, a few thousand at a time.

Usage goes through polars, several blocks at once; the small topics, and usage whose schema polars does not take, record
by record. What cannot be read ends the file: one undecodable record, at the position where the reading stopped.
"""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import polars as pl
from polars.exceptions import PanicException, PolarsError
from pydantic import ValidationError

from connectors.errors import SourceUnusable
from connectors.files.container import Block, Broken, Container, container_of
from connectors.piece import Fields, Judged, Lines, Piece
from schemas.avro_reading import unreadable
from schemas.encode import encode
from schemas.fault import Fault, invalid
from schemas.fields import Record
from schemas.topics import TOPICS, USAGE
from schemas.usage_avro import is_columnar, usage_fields, usage_line

GROUP_BYTES = 8 << 20  # of blocks that are decoded at once
MARK = "the end of the blocks that accrual decodes at once"  # an event_id that nobody gives
SHOWN_BYTES = 1_024  # of what cannot be read, in the exception
# Read as the numbers they are. The models take numbers for microseconds; other topics' milliseconds become datetimes.
RAW = ("timestamp-micros",)
RAW_USAGE = ("timestamp-micros", "timestamp-millis")


class AvroReader:
    """The records of a container from its beginning; `take` until it gives None."""

    def __init__(self, path: Path, topic: str) -> None:
        """SourceUnusable when the header is broken or its schema or codec is not one we read."""
        self._topic = topic
        self._container = Container(path)
        self.path, self.size = path, self._container.size
        try:
            self._parsed = self._checked()
        except SourceUnusable:
            self.close()
            raise
        self._millis = topic == USAGE and "timestamp-millis" in _logical(self._container.schema, "event_time")
        self._columnar = topic == USAGE and is_columnar(self._container.schema)
        self._taken = 0
        self._pieces: deque[Piece] = deque()
        self._ended = False
        self._mark: tuple[bytes, tuple[Any, ...]] | None = None

    @property
    def read_bytes(self) -> int:
        """How far it is read, in bytes."""
        return self._container.position

    def take(self, most: int) -> Piece | None:
        """Up to `most` records; None at the end."""
        while not self._pieces and not self._ended:
            self._fill(most)
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        if len(piece) > most:
            self._pieces.appendleft(piece.part(most))
            piece = piece.part(0, most)
        self._taken += len(piece)
        return piece

    def close(self) -> None:
        """Release the file."""
        self._container.close()

    def _checked(self) -> Any:
        schema = self._container.schema
        if problems := unreadable(self._topic, schema):
            raise SourceUnusable(
                f"{self.path} was not written with a schema of {self._topic}: {problems[0]}"
                + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
            )
        try:
            return fastavro.parse_schema(_plain_instants(schema, RAW_USAGE if self._topic == USAGE else RAW))
        except Exception as error:  # whatever somebody's schema makes the parser say
            raise SourceUnusable(f"{self.path} has a schema that cannot be read: {error}") from error

    def _fill(self, most: int) -> None:
        """Read some blocks and decode them."""
        blocks: list[Block] = []
        records = size = 0
        broken: tuple[int, Broken] | None = None
        while records < most and size < GROUP_BYTES:
            at = self._container.position
            try:
                block = self._container.next()
            except Broken as error:
                broken = at, error
                break
            if block is None:
                self._ended = True
                break
            if block.count:
                blocks.append(block)
            records, size = records + block.count, size + len(block.data)
        if blocks and self._columnar and (fields := self._fields(blocks)) is not None:
            self._pieces.append(fields)
        else:
            for block in blocks:
                try:
                    self._pieces.append(self._one(block))
                except Broken as error:
                    broken = block.at, error
                    break
        if broken is not None:
            self._give_up(*broken)

    def _one(self, block: Block) -> Piece:
        """A block by itself, so that those before a damaged one are read. Raises Broken."""
        if self._columnar and (fields := self._fields([block])) is not None:
            return fields
        return self._by_records(block)

    def _give_up(self, at: int, error: Broken) -> None:
        """What begins there is one record that cannot be read."""
        self._ended = True
        before = self._taken + sum(map(len, self._pieces))
        fault = Fault(
            "undecodable",
            f"{error}: the file's {before} records before it are read, from here on nothing is; send what is missing "
            "again, in another file",
        )
        self._pieces.append(Judged([(fault, self._container.bytes_at(at, SHOWN_BYTES))]))

    # -- usage, in columns

    def _fields(self, blocks: list[Block]) -> Fields | None:
        """The usage of whole blocks; None when polars cannot read them, or reads them otherwise than they were written."""
        schema = self._container.schema
        try:
            if self._container.codec == "snappy":
                packed = [(block.count, block.data) for block in blocks]
                return Fields(usage_fields(pl.read_avro(container_of(schema, "snappy", packed))))
            data = [self._container.unpacked(block) for block in blocks]
            if self._mark is None:
                self._mark = self._made_mark(data[0], blocks[0].at)
            # One known record at the end: a damaged length would shift all that follows, and polars would take it for
            # other values; then the last row is not the known one.
            mark, expected = self._mark
            count = sum(block.count for block in blocks) + 1
            frame = usage_fields(pl.read_avro(container_of(schema, "null", [(count, b"".join([*data, mark]))])))
        except (Broken, PolarsError, PanicException, OSError, ValueError, OverflowError):
            # OSError too: polars reads memory here, and says so where the bytes run out.
            return None
        return Fields(frame[:-1]) if frame.row(-1) == expected else None

    def _made_mark(self, data: bytes, at: int) -> tuple[bytes, tuple[Any, ...]]:
        """The file's first record under another identity, so that no record of the file is taken for it; and its row."""
        file, out = io.BytesIO(data), io.BytesIO()
        record = self._read_one(file, at)
        try:
            fastavro.schemaless_writer(out, self._parsed, {**record, "event_id": MARK})
            mark = out.getvalue()
        except Exception:  # a schema that cannot write what it reads (event_id as bytes): the record as it is
            mark = data[: file.tell()]
        return mark, usage_fields(pl.read_avro(container_of(self._container.schema, "null", [(1, mark)]))).row(0)

    # -- record by record

    def _by_records(self, block: Block) -> Piece:
        data = self._container.unpacked(block)
        file = io.BytesIO(data)
        records = [self._read_one(file, block.at) for _ in range(block.count)]
        if file.tell() != len(data):
            raise Broken(f"the block at byte {block.at} holds more than its {block.count} records")
        if self._topic == USAGE:
            return Lines([usage_line(record, self._millis) for record in records])
        return Judged([self._judged(record) for record in records])

    def _read_one(self, file: io.BytesIO, at: int) -> dict[str, Any]:
        try:
            return dict(fastavro.schemaless_reader(file, self._parsed, None))  # type: ignore[arg-type]
        except Exception as error:  # whatever damaged bytes make the decoder say
            raise Broken(f"the records of the block at byte {at} do not decode: {error!r}") from error

    def _judged(self, record: dict[str, Any]) -> tuple[Record | Fault, bytes]:
        model = TOPICS[self._topic].model
        try:
            found = model.model_validate(record)
        except ValidationError as error:
            return invalid(error), msgspec.json.encode(record, enc_hook=str)
        return found, encode(found)


def _logical(schema: dict[str, Any], name: str) -> str:
    """What a field's type is said to mean."""
    return str(next(field["type"] for field in schema["fields"] if field["name"] == name))


def _plain_instants(schema: Any, raw: tuple[str, ...]) -> Any:
    """The schema with instants as numbers: a time outside the calendar is an invalid record, no unreadable block."""
    if isinstance(schema, list):
        return [_plain_instants(one, raw) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("logicalType") in raw:
        return "long"
    return {
        name: _plain_instants(part, raw) if name in ("type", "items", "values", "fields") else part
        for name, part in schema.items()
    }
