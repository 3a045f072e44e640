"""Reading a file of JSON lines, plain or compressed, as numbered lines, a few thousand at a time."""

from __future__ import annotations

import os
from pathlib import Path

from connectors.errors import SourceUnusable
from connectors.files.stream import BLOCK_BYTES, CompressedStream, Damaged, open_stream

LINE_BYTES_MAX = 64 << 20

__all__ = ["BLOCK_BYTES", "LINE_BYTES_MAX", "LineReader"]


class LineReader:
    """Lines of a file from its beginning; `take` until it gives none.

    The last line may lack its newline; it is a line all the same, but not while `growing`: then it is still being written,
    and the end is only the end for now.
    """

    def __init__(self, path: Path, growing: bool = False) -> None:
        self.path, self.growing = path, growing
        self._stream = open_stream(path)
        self.size = path.stat().st_size
        self._lines: list[bytes] = []
        self._rest = b""
        self._passed: bytes | None = None
        self._ended = False
        self._taken = 0
        self._damage: Damaged | None = None

    @property
    def read_bytes(self) -> int:
        """How far it is read, in bytes of the file."""
        return self._stream.position

    @property
    def taken_bytes(self) -> int:
        """Bytes of the file up to what is not taken yet, a line that is still being written too; compressed ones as a block."""
        held = sum(map(len, self._lines)) + len(self._lines) + (len(self._rest) if self._passed is None else 0)
        return self._stream.position - (min(held, 1) if isinstance(self._stream, CompressedStream) else held)

    @property
    def holds(self) -> bool:
        """Whether there is, or may be, something that is read and not taken."""
        return bool(self._lines) or not (self.growing or self._ended)

    def take(self, most: int) -> list[bytes]:
        """Up to `most` lines; an empty list when there are none, or none yet. SourceUnusable where the file is damaged."""
        while len(self._lines) < most and (block := self._block()):
            self._split(block)
        if not self._lines:
            if self._damage is not None:
                raise SourceUnusable(
                    f"{self.path} is damaged after its line {self._taken}: {self._damage}; the lines before are read, put "
                    "a whole copy in its place and run again"
                )
            return []
        taken, self._lines = self._lines[:most], self._lines[most:]
        self._taken += len(taken)
        return taken

    def skip(self, most: int) -> int:
        """Pass over up to `most` lines; gives how many, 0 where `take` gives none.

        Whole blocks are counted and not split: a start behind many lines would spend its time on them.
        """
        if self._lines:
            return len(self.take(most))
        left = most
        while left and (block := self._block()):
            count = block.count(b"\n")
            if count > left:
                self._split(block)
                break
            left, self._taken = left - count, self._taken + count
            self._rest = block[block.rfind(b"\n") + 1 :] if count else self._rest + block
            self._check_line()
        return most - left or len(self.take(most))

    def pass_rest(self) -> bool:
        """Take the line that has no newline yet as read: a run that did not follow has applied it. False if there is none."""
        if not self._rest or self._passed is not None:
            return False
        self._passed = self._rest
        return True

    def check_same(self) -> None:
        """Raises SourceUnusable when a growing file has shrunk, or another one has its name: its positions mean nothing."""
        remedy = "what is followed may only grow: restore it, or start with an empty --state and --sink"
        try:
            named = os.stat(self.path)
        except FileNotFoundError as error:
            raise SourceUnusable(f"{self.path} is gone while it was followed; {remedy}") from error
        if not os.path.samestat(named, self._stream.status()):
            raise SourceUnusable(f"{self.path} is another file than the one that was followed; {remedy}")
        if named.st_size < self.read_bytes:
            raise SourceUnusable(
                f"{self.path} has {named.st_size} bytes, but {self.read_bytes} were read already; {remedy}"
            )

    def close(self) -> None:
        """Release the file."""
        self._stream.close()

    def _block(self) -> bytes:
        """The next bytes, none at the end; there what is left without a newline is a line."""
        if self._ended:
            return b""
        try:
            block = self._stream.read()
        except Damaged as error:
            # What came before it is handed out first; half a line is not.
            self._damage, self._ended = error, True
            return b""
        if not block and not self.growing:
            self._ended = True
            if self._rest:
                self._add([self._rest])
                self._rest = b""
        return block

    def _split(self, block: bytes) -> None:
        """Its lines are held."""
        # Only the new bytes are searched: a line that comes in many small parts is not looked through again each time.
        if b"\n" in block:
            pieces = (self._rest + block).split(b"\n")
            self._rest = pieces.pop()
            self._add(pieces)
        else:
            self._rest += block
        self._check_line()

    def _check_line(self) -> None:
        # A file that is one endless line must not take all memory: it is no JSON lines file.
        if len(self._rest) > LINE_BYTES_MAX:
            raise SourceUnusable(f"{self.path} has a line of more than {LINE_BYTES_MAX} bytes: is it JSON lines?")

    def _add(self, lines: list[bytes]) -> None:
        if self._passed is not None:
            if lines[0] != self._passed:
                raise SourceUnusable(
                    f"{self.path} has more on the line that was its last one, without a newline, when it was applied: "
                    "restore it, or start with an empty --state and --sink"
                )
            lines, self._passed = lines[1:], None
        self._lines.extend(lines)
