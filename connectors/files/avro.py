"""Reading an Avro container as numbered records, a few thousand at a time.

Usage is read in columns, several blocks at once; the small topics, and usage whose schema has no columns, record by
record. What cannot be read ends the file: one undecodable record, at the position where the reading stopped.
"""

from __future__ import annotations

import io
from collections import deque
from pathlib import Path
from typing import Any

from connectors.avro_form import AvroForm, FormUnusable
from connectors.errors import SourceUnusable
from connectors.files.container import Block, Broken, Container
from connectors.piece import Bodies, Judged, Lines, Piece
from schemas.fault import Fault
from schemas.topics import USAGE

GROUP_BYTES = 8 << 20  # of blocks that are decoded at once
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
        bodies: list[bytes] = []
        for block in blocks:
            try:
                data = self._container.unpacked(block)
                found = self._form.split(data, block.count)
                if found is not None:
                    bodies += found
                    continue
                bodies = self._end_bodies(bodies)
                self._pieces.append(self._by_records(block, data))
            except Broken as error:
                broken = block.at, error
                break
        self._end_bodies(bodies)
        if broken is not None:
            self._give_up(*broken)

    def _end_bodies(self, bodies: list[bytes]) -> list[bytes]:
        """What several blocks held becomes one piece: small blocks make small batches. Gives the room for what follows."""
        if bodies:
            self._pieces.append(Bodies(self._form, bodies))
        return []

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

    # -- record by record

    def _by_records(self, block: Block, data: bytes) -> Piece:
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
