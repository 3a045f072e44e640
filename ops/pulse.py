"""A worker process's signs of life: told by a thread of its own, so that a flow that hangs is seen, and one that is stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from connectors.source import Progress
from connectors.vitals import Vitals
from ops.board import Board, Signs

BEAT_S = 0.5
MOST_US = 1_000_000
REPORT_BEATS = 2


class Pulse:
    """It beats from the start of the process on; what of, it is given as soon as there is something."""

    def __init__(self, board: Board, process: int) -> None:
        self._board, self._process = board, process
        self.vitals: Vitals | None = None
        self.progress: Progress | None = None
        self.on_beat: Callable[[], None] | None = None
        self.report: Callable[[], bytes] | None = None
        self._beats, self._done = 0, threading.Event()
        self._still_us = 0
        self._thread = threading.Thread(target=self._keep_beating, daemon=True, name="pulse")
        self._thread.start()

    def stop(self) -> None:
        """The last signs are told."""
        self._done.set()
        self._thread.join()
        self._beat()

    def _keep_beating(self) -> None:
        self._beat()
        while not self._done.wait(BEAT_S):
            self._beat()

    def _beat(self) -> None:
        self._beats += 1
        vitals, progress = self.vitals or Vitals(), self.progress or Progress()
        # From beat to beat: a flow that stood still because the whole process was stopped does not hang.
        self._still_us = min(vitals.still_us, self._still_us + MOST_US)
        self._board.tell(
            self._process,
            Signs(
                self._beats, self._still_us, vitals.opened, len(vitals.behind), vitals.partitions, progress.read,
                progress.total, progress.rows_read,
            ),
        )  # fmt: skip
        with suppress(Exception):  # whatever a line or a report stumbles over, the process lives
            if self.on_beat is not None:
                self.on_beat()
            if self._process and self.report is not None and self._beats % REPORT_BEATS == 0:
                self._board.report(self._process, self.report())  # the first one asks itself
