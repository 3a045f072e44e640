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
import polars as pl

from connectors.avro_form import AvroForm, FormUnusable
from connectors.errors import SourceUnusable
from connectors.files.container import Block, Broken, Container
from connectors.piece import Fields, Judged, Lines, Piece
from schemas.fault import Fault
from schemas.topics import USAGE
from schemas.usage_avro import usage_fields

GROUP_BYTES = 8 << 20  # of blocks that are decoded at once
MARK = "the end of the blocks that accrual decodes at once"  # an event_id that nobody gives
SHOWN_BYTES = 1_024  # of what cannot be read, in the exception


class AvroReader:
    """The records of a container from its beginning; `take` until it gives None."""

    def __init__(self, path: Path, topic: str) -> None:
        """SourceUnusable when the header is broken or its schema or codec is not one we read."""
        self._topic = topic
        self._container = Container(path)
        self.path, self.size = path, self._container.size
        try:
            self._form = AvroForm(topic, self._container.schema)
        except FormUnusable as error:
            self.close()
            raise SourceUnusable(f"{path} {error}") from error
        self._taken = 0
        self._pieces: deque[Piece] = deque()
        self._ended = False
        self._mark: tuple[bytes, tuple[Any, ...]] | None = None

    @property
    def read_bytes(self) -> int:
        """How far it is read, in bytes."""
        return self._container.position

    @property
    def taken_bytes(self) -> int:
        """Bytes up to what is not taken yet; a block counts once all of it is taken."""
        return self._container.position - (1 if self._pieces else 0)

    @property
    def holds(self) -> bool:
        """Whether there is, or may be, something that is read and not taken."""
        return bool(self._pieces) or not self._ended

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
        if blocks and self._form.columnar and (fields := self._fields(blocks)) is not None:
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
        if self._form.columnar and (fields := self._fields([block])) is not None:
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
        if self._container.codec == "snappy":
            frame = self._fields_of([(block.count, block.data) for block in blocks], "snappy")
            return None if frame is None else Fields(frame)
        try:
            data = [self._container.unpacked(block) for block in blocks]
            if self._mark is None:
                self._mark = self._made_mark(data[0], blocks[0].at)
        except Broken:
            return None
        # One known record at the end: a damaged length would shift all that follows, and polars would take it for
        # other values; then the last row is not the known one.
        mark, expected = self._mark
        count = sum(block.count for block in blocks) + 1
        frame = self._fields_of([(count, b"".join([*data, mark]))])
        return None if frame is None or frame.row(-1) != expected else Fields(frame[:-1])

    def _fields_of(self, blocks: list[tuple[int, bytes]], codec: str = "null") -> pl.DataFrame | None:
        rows = self._form.rows(blocks, codec)
        return None if rows is None else usage_fields(rows)

    def _made_mark(self, data: bytes, at: int) -> tuple[bytes, tuple[Any, ...]]:
        """The file's first record under another identity, so that no record of the file is taken for it; and its row."""
        file, out = io.BytesIO(data), io.BytesIO()
        record = self._read_one(file, at)
        try:
            fastavro.schemaless_writer(out, self._form.parsed, {**record, "event_id": MARK})
            mark = out.getvalue()
        except Exception:  # a schema that cannot write what it reads (event_id as bytes): the record as it is
            mark = data[: file.tell()]
        frame = self._fields_of([(1, mark)])
        if frame is None:
            raise Broken(f"the first record of the block at byte {at} does not decode in columns")
        return mark, frame.row(0)

    # -- record by record

    def _by_records(self, block: Block) -> Piece:
        data = self._container.unpacked(block)
        file = io.BytesIO(data)
        records = [self._read_one(file, block.at) for _ in range(block.count)]
        if file.tell() != len(data):
            raise Broken(f"the block at byte {block.at} holds more than its {block.count} records")
        if self._topic == USAGE:
            return Lines([self._form.line(record) for record in records])
        return Judged([self._form.judged(record) for record in records])

    def _read_one(self, file: io.BytesIO, at: int) -> dict[str, Any]:
        try:
            return self._form.read_one(file)
        except Exception as error:  # whatever damaged bytes make the decoder say
            raise Broken(f"the records of the block at byte {at} do not decode: {error!r}") from error
