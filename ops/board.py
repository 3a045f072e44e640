"""What worker processes tell their launcher, in a file without a name that all of them share."""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from dataclasses import dataclass
from enum import IntEnum

SLOT_BYTES = 16_384  # of one process: numbers, then the words of its end
REPORT_BYTES = 1 << 18  # of one process, behind all slots: what it reports of itself
_HEAD = struct.Struct("<2q")  # of a report: how often it was begun and ended, and its bytes
_TRIES = 100
_NUMBERS = struct.Struct("<8q")
_ENDING = struct.Struct("<3q")  # how, exit code, bytes of the words that follow


class How(IntEnum):
    """How a process ended, by its own account."""

    SILENT = 0  # it has not ended, or could not say it
    DONE = 1
    AWAY = 2  # brokers do not answer
    REFUSED = 3  # for a reason that a restart does not mend
    DEFECT = 4
    SINK_AWAY = 5  # AWAY: the source's brokers; these are the sink's


@dataclass(frozen=True, slots=True)
class Signs:
    """What a process tells while it works."""

    beats: int = 0  # it grows about twice a second
    still_us: int = 0  # how long ago its flow last came by
    opened: bool = False
    behind: int = 0  # partitions of which something is not booked that was there at the start
    partitions: int = 0
    read: int = 0  # Progress
    total: int = 0
    rows: int = 0

    @property
    def ready(self) -> bool:
        """Whether it has caught up."""
        return self.opened and not self.behind


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a process ended."""

    how: How
    code: int = 0
    told: str = ""


class Board:
    """A slot for each process: written by it alone, read by all."""

    def __init__(self, number: int, processes: int) -> None:
        """`number` is that of an open file, made by `of`."""
        self.number, self.processes = number, processes
        self._memory = mmap.mmap(number, processes * (SLOT_BYTES + REPORT_BYTES))

    @classmethod
    def of(cls, processes: int) -> Board:
        """A new one. OSError where there is no room for it."""
        with tempfile.TemporaryFile() as file:
            file.truncate(processes * (SLOT_BYTES + REPORT_BYTES))  # what nobody writes takes no room
            number = os.dup(file.fileno())
        return cls(number, processes)

    def tell(self, process: int, signs: Signs) -> None:
        """A process lives."""
        _NUMBERS.pack_into(
            self._memory, process * SLOT_BYTES, signs.beats, signs.still_us, signs.opened, signs.behind, signs.partitions,
            signs.read, signs.total, signs.rows,
        )  # fmt: skip

    def signs(self, process: int) -> Signs:
        """What it told last."""
        beats, still, opened, *rest = _NUMBERS.unpack_from(self._memory, process * SLOT_BYTES)
        return Signs(beats, still, bool(opened), *rest)

    def end(self, process: int, ending: Ending) -> None:
        """A process is about to end; of very long words the last ones are kept, where the cause is."""
        at = process * SLOT_BYTES + _NUMBERS.size
        words = ending.told.encode()[-(SLOT_BYTES - _NUMBERS.size - _ENDING.size) :]
        begins = at + _ENDING.size
        self._memory[begins : begins + len(words)] = words
        _ENDING.pack_into(self._memory, at, ending.how, ending.code, len(words))

    def ending(self, process: int) -> Ending:
        """What it told of its end."""
        at = process * SLOT_BYTES + _NUMBERS.size
        how, code, length = _ENDING.unpack_from(self._memory, at)
        begins = at + _ENDING.size
        return Ending(How(how), code, self._memory[begins : begins + length].decode(errors="replace"))

    def report(self, process: int, content: bytes) -> None:
        """What a process says of itself at length; one that is too long is none."""
        at = self._report_at(process)
        turn, _ = _HEAD.unpack_from(self._memory, at)
        if len(content) > REPORT_BYTES - _HEAD.size:
            content = b""
        _HEAD.pack_into(self._memory, at, turn + 1, 0)  # odd: it is being written
        self._memory[at + _HEAD.size : at + _HEAD.size + len(content)] = content
        _HEAD.pack_into(self._memory, at, turn + 2, len(content))

    def reported(self, process: int) -> bytes:
        """What it reported last, whole; nothing where it has not, or is writing again and again."""
        at = self._report_at(process)
        for _ in range(_TRIES):
            turn, length = _HEAD.unpack_from(self._memory, at)
            content = self._memory[at + _HEAD.size : at + _HEAD.size + length]
            if turn % 2 == 0 and (turn, length) == _HEAD.unpack_from(self._memory, at):
                return content
        return b""

    def _report_at(self, process: int) -> int:
        return self.processes * SLOT_BYTES + process * REPORT_BYTES

    def close(self) -> None:
        """Of this process."""
        self._memory.close()
        os.close(self.number)
