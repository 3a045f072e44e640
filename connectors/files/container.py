"""Avro container files: the header and the blocks, found and unpacked here, so that few blocks are in memory at a time."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fastavro

from connectors.avro_form import HEADER, MAGIC, SYNC_BYTES
from connectors.errors import SourceUnusable
from schemas.native import unsnapped

SNAPPY_CRC_BYTES = 4
# A block holds some 16 kB to a few MB; more than this is no block but a wrong length or a bomb.
BLOCK_BYTES_MAX = 256 << 20
VARINT_BYTES_MAX = 10
CODECS = ("null", "deflate", "snappy")


class Broken(Exception):
    """A block is damaged or cut off; nothing behind it can be found with certainty."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block as it is in the file."""

    at: int  # where it begins
    count: int
    data: bytes


class Container:
    """A container file from its header on, read block by block."""

    def __init__(self, path: Path) -> None:
        """SourceUnusable when it has no whole header, or a codec that is not read."""
        self.path = path
        self._file = open(path, "rb")  # noqa: SIM115
        self.size = path.stat().st_size
        try:
            self.schema, self.codec, self._sync = self._header()
        except SourceUnusable:
            self.close()
            raise
        if self.codec not in CODECS:
            self.close()
            raise SourceUnusable(
                f"{path} is compressed with the codec {self.codec!r}: allowed are {', '.join(CODECS)}; write it again "
                "with one of them"
            )

    @property
    def position(self) -> int:
        """How far it is read, in bytes."""
        return self._file.tell()

    def next(self) -> Block | None:
        """The next block, None at the end. Raises Broken."""
        at = self.position
        head = self._file.read(2 * VARINT_BYTES_MAX)
        if not head:
            return None
        count, used = _varint(head, 0)
        size, used = _varint(head, used)
        begins = at + used
        if count < 0 or not 0 <= size <= BLOCK_BYTES_MAX:
            raise Broken(f"the block at byte {at} says that it has {count} records in {size} bytes")
        if begins + size + SYNC_BYTES > self.size:
            raise Broken(f"the block at byte {at} is cut off")
        self._file.seek(begins)
        data, sync = self._file.read(size), self._file.read(SYNC_BYTES)
        if sync != self._sync:
            raise Broken(f"the block at byte {at} does not end with the file's sync marker")
        return Block(at, count, data)

    def bytes_at(self, at: int, most: int) -> bytes:
        """What the file has there, to show it."""
        with open(self.path, "rb") as file:
            file.seek(at)
            return file.read(most)

    def unpacked(self, block: Block) -> bytes:
        """A block's records one behind the other. Raises Broken."""
        match self.codec:
            case "deflate":
                data = _inflated(block)
            case "snappy":
                data = _unsnapped(block)
            case _:
                data = block.data
        # A record of ours takes several bytes: a wrong count must not make anyone reserve memory for it.
        if block.count > len(data):
            raise Broken(f"the block at byte {block.at} has {len(data)} bytes, too few for {block.count} records")
        return data

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _header(self) -> tuple[Any, str, bytes]:
        try:
            if self._file.read(len(MAGIC)) != MAGIC:
                raise ValueError("it does not begin with the mark of an Avro container")
            self._file.seek(0)
            header: Any = fastavro.schemaless_reader(self._file, HEADER, None)
            if len(header["sync"]) != SYNC_BYTES:
                raise ValueError("it is cut off")
            schema = json.loads(header["meta"]["avro.schema"])
            return schema, header["meta"].get("avro.codec", b"null").decode(), header["sync"]
        except (ValueError, KeyError, EOFError, IndexError, OverflowError, MemoryError, TypeError) as error:
            raise SourceUnusable(
                f"the header of {self.path} cannot be read ({error or 'it is cut off'}): replace it with a whole copy"
            ) from error


def _inflated(block: Block) -> bytes:
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = unpack.decompress(block.data, BLOCK_BYTES_MAX)
    except zlib.error as error:
        raise Broken(f"the block at byte {block.at} does not decompress: {error}") from error
    if not unpack.eof:
        raise Broken(f"the block at byte {block.at} does not decompress: it is cut off, or larger than any block")
    return data


def _unsnapped(block: Block) -> bytes:
    try:
        data = unsnapped(block.data[:-SNAPPY_CRC_BYTES], BLOCK_BYTES_MAX)
    except ValueError as error:
        raise Broken(f"the block at byte {block.at} does not decompress: {error}") from error
    if zlib.crc32(data) != int.from_bytes(block.data[-SNAPPY_CRC_BYTES:], "big"):
        raise Broken(f"the block at byte {block.at} does not have the checksum it states")
    return data


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag number, and where it ends. Raises Broken."""
    value = 0
    for shift in range(VARINT_BYTES_MAX):
        if at + shift >= len(data):
            raise Broken("the file is cut off inside the head of a block")
        byte = data[at + shift]
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at + shift + 1
    raise Broken("a block's head is no number")
