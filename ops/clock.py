"""The clock records that a service writes itself: the business date goes on where no event takes it on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from connectors.errors import ConnectorError
from ops.log import say
from schemas.instants import instant_text

SECOND_US = 1_000_000
SOURCE = "accrual-clock"
RETRY_S = 5


class ControlEnd(Protocol):
    """Where control records are written."""

    def write(self, record: Mapping[str, Any]) -> int: ...


class ClockRecords:
    """One for each full interval of the clock, behind it by the lateness that usage is allowed.

    The instants are the same whoever writes them and whenever it was started: a service that begins again and again does
    not fill the topic, which is kept for ever.
    """

    def __init__(self, end: ControlEnd, every_s: int, lateness_s: int, now_us: int) -> None:
        """Nothing is written for the interval in which it begins."""
        self._end, self._every, self._lateness = end, every_s * SECOND_US, lateness_s * SECOND_US
        self._last = self._reached(now_us)

    def tick(self, now_us: int) -> int | None:
        """Write the record that is due, if one is; gives the instant it takes the business date to, microseconds UTC.

        SourceUnusable when it cannot be written: then it is due still.
        """
        instant = self._reached(now_us)
        if instant <= self._last:
            return None
        text = instant_text(instant)
        self._end.write({
            "event_id": f"clock-{text}", "source": SOURCE, "event_time": text, "kind": "clock", "as_of": text,
        })  # fmt: skip
        self._last = instant
        return instant

    def next_s(self, now_us: int) -> float:
        """Seconds until one is due."""
        return (self._every - (now_us - self._lateness) % self._every) / SECOND_US

    def _reached(self, now_us: int) -> int:
        late = now_us - self._lateness
        return late - late % self._every


@contextmanager
def writing(records: ClockRecords | None, now: Callable[[], int] = lambda: time.time_ns() // 1_000) -> Iterator[None]:
    """While the block runs, records are written as they come due; none where there is nothing to write them."""
    if records is None:
        yield
        return
    stopped = threading.Event()

    def keep_writing() -> None:
        wait = records.next_s(now())
        while not stopped.wait(wait):
            try:
                records.tick(now())
                wait = records.next_s(now())
            except ConnectorError as error:
                say(f"accrual: the clock record is written later: {error}", "clock_late")
                wait = RETRY_S

    writer = threading.Thread(target=keep_writing, daemon=True, name="clock")
    writer.start()
    try:
        yield
    finally:
        stopped.set()  # one that waits for an answer of the broker is left: the end of a service does not wait for it
