"""One line of progress on standard error: how far, how fast, how much longer."""

from __future__ import annotations

import sys
import time
from types import TracebackType

BETWEEN_LINES_S = 2.0


class ProgressLine:
    """Rewrites itself on a terminal; elsewhere it prints a line now and then, and one at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._next = self._began if self._terminal else self._began + BETWEEN_LINES_S
        self._last = ""

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last:
            print(f"\r{self._last}" if self._terminal else self._last, file=sys.stderr)

    def say(self, text: str) -> None:
        """What is waited for."""
        self._put(text)

    def show(self, done: int, total: int, rows: int) -> None:
        """Bytes read of all, and rows so far."""
        now = time.monotonic()
        seconds = max(now - self._began, 1e-3)
        share = done / total if total else 1.0
        left = seconds * (1 - share) / share if 0 < share < 1 else 0.0
        self._put(f"reading {share:4.0%}  {rows:,} rows  {rows / seconds:,.0f} rows/s  {left:.0f} s left")

    def _put(self, text: str) -> None:
        now = time.monotonic()
        self._last = text.ljust(len(self._last)) if self._terminal else text  # nothing of a longer line is left over
        if now >= self._next:
            print(
                f"\r{self._last}" if self._terminal else self._last,
                end="" if self._terminal else "\n",
                file=sys.stderr,
                flush=True,
            )
            self._next = now + (0.1 if self._terminal else BETWEEN_LINES_S)
