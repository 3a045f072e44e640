"""The bytes of a file of JSON lines, plain or compressed."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

from connectors.files.layout import GZIP, ZSTD, suffix_of

BLOCK_BYTES = 1 << 20
COMPRESSED_BYTES = 1 << 15  # deflate grows up to a thousandfold: what is read at once stays small
GZIP_WINDOW = 31  # zlib: a gzip header, the largest window


class Damaged(Exception):
    """A compressed file breaks off or does not decompress; what was read before is right."""


class Stream:
    """A file's bytes in order; `position` counts those of the file itself."""

    def __init__(self, path: Path) -> None:
        # Unbuffered: a followed file is read up to what is there now, nothing is held back.
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115
        self.position = 0

    def read(self) -> bytes:
        """The next bytes; none at the end, where a plain file may have more later. Raises Damaged."""
        return self._raw(BLOCK_BYTES)

    def status(self) -> os.stat_result:
        """What the system says of the opened file, whatever has its name by now."""
        return os.fstat(self._file.fileno())

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _raw(self, size: int) -> bytes:
        block = self._file.read(size)
        self.position += len(block)
        return block


class CompressedStream(Stream):
    """The decompressed bytes of one or more gzip members or zstd frames."""

    def __init__(self, path: Path, fresh: Callable[[], Any]) -> None:
        super().__init__(path)
        self._fresh, self._unused = fresh, b""
        self._state: Any = None

    def read(self) -> bytes:
        while True:
            raw = self._unused or self._raw(COMPRESSED_BYTES)
            self._unused = b""
            if not raw:
                # A file cut off inside a member ends without a word: its lines would be missing unnoticed.
                if self._state is not None:
                    raise Damaged("it is cut off")
                return b""
            if self._state is None:
                raw = raw.lstrip(b"\x00") if self._fresh is _gunzip else raw  # gzip allows zeros at the end
                if not raw:
                    continue
                self._state = self._fresh()
            try:
                block = self._state.decompress(raw)
            except (zlib.error, zstandard.ZstdError) as error:
                raise Damaged(str(error)) from error
            if self._state.eof:
                self._unused, self._state = self._state.unused_data, None
            if block:
                return bytes(block)


def _gunzip() -> Any:
    return zlib.decompressobj(GZIP_WINDOW)


def _unzstd() -> Any:
    return zstandard.ZstdDecompressor().decompressobj()


def open_stream(path: Path) -> Stream:
    """The stream that goes with the file's name."""
    match suffix_of(path):
        case suffix if suffix == GZIP:
            return CompressedStream(path, _gunzip)
        case suffix if suffix == ZSTD:
            return CompressedStream(path, _unzstd)
    return Stream(path)
