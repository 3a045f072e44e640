"""Reading a file as numbered lines, a few thousand at a time."""

from __future__ import annotations

from pathlib import Path

from connectors.errors import SourceUnusable

BLOCK_BYTES = 1 << 20
LINE_BYTES_MAX = 64 << 20


class LineReader:
    """Lines of a file from a line number on. The last line may lack its newline; it is a line all the same."""

    def __init__(self, path: Path, start: int) -> None:
        """Begin at line `start` (0-based); SourceUnusable when the file has fewer lines than that."""
        self.path = path
        self._file = open(path, "rb")  # noqa: SIM115
        self._lines: list[bytes] = []
        self._rest = b""
        self._ended = False
        self.size = path.stat().st_size
        self.read_bytes = 0
        self._skip(start)

    def take(self, most: int) -> list[bytes]:
        """Up to `most` lines; an empty list means the end."""
        while len(self._lines) < most and not self._ended:
            self._fill()
        taken, self._lines = self._lines[:most], self._lines[most:]
        return taken

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _fill(self) -> None:
        block = self._file.read(BLOCK_BYTES)
        self.read_bytes += len(block)
        if not block:
            self._ended = True
            if self._rest:
                self._lines.append(self._rest)
                self._rest = b""
            return
        pieces = (self._rest + block).split(b"\n")
        self._rest = pieces.pop()
        self._lines.extend(pieces)
        # A file that is one endless line must not take all memory: it is no JSON lines file.
        if len(self._rest) > LINE_BYTES_MAX:
            raise SourceUnusable(
                f"{self.path} has a line of more than {LINE_BYTES_MAX} bytes: is it JSON lines?"
            )

    def _skip(self, count: int) -> None:
        left = count
        while left:
            skipped = len(self.take(min(left, 100_000)))
            if not skipped:
                raise SourceUnusable(
                    f"{self.path} has {count - left} lines, but {count} were applied already: "
                    "it was cut or replaced; restore it, or start with an empty --state and --sink"
                )
            left -= skipped
