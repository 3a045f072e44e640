"""The cut: up to which instant usage is let go. It moves with the business date alone, by whole months.

Control records have one place among all other records (connectors/timeline.py) and watermarks do not, so what is
kept, and what an amendment still reaches, is the same for any batching, any number of workers and any replay.
"""

from __future__ import annotations

from accounting.calendar import DAY_US, Period, local_date
from accounting.coverage import ALWAYS
from dataflows.business_clock import BusinessClock
from dataflows.settings import FlowSettings


class Cut:
    """Where a shard's past ends."""

    def __init__(self, clock: BusinessClock, settings: FlowSettings) -> None:
        self._clock, self._settings = clock, settings
        self._date = ALWAYS
        self._month: Period | None = None
        self._parked = self._until = ALWAYS
        self._name = ""

    @property
    def month(self) -> Period | None:
        """The month before which contracts without an end keep nothing; None: all is kept yet."""
        self._look()
        return self._month

    @property
    def until(self) -> int:
        """No cut lies after this instant, in any zone."""
        self._look()
        return self._until

    @property
    def parked(self) -> int:
        """Parked usage of before this instant is let go."""
        self._look()
        return self._parked

    @property
    def name(self) -> str:
        """What there is to let go by now; empty: nothing."""
        self._look()
        return self._name

    @property
    def days(self) -> int:
        """How long usage is kept: days before the business date."""
        return self._settings.retention_us // DAY_US

    def start(self, zone: str) -> int:
        """The cut in a zone: a boundary of windows of any size. ALWAYS: all is kept yet."""
        return ALWAYS if self.month is None else self.month.start(zone)

    def _look(self) -> None:
        date = self._clock.business_date
        if date != self._date:
            self._date = date
            self._month, parked = _month(date, self._settings.retention_us), _month(date, self._settings.parked_us)
            self._until = ALWAYS if self._month is None else self._month.start("UTC") + DAY_US
            self._parked = ALWAYS if parked is None else parked.start("UTC")
            self._name = f"{self._month or ''} {parked or ''}".strip()


def _month(date: int, kept_us: int) -> Period | None:
    """The month in which the time that is kept begins, or the one before: its start is past in every zone."""
    before = date - kept_us - DAY_US
    return Period.of_date(local_date(before, "UTC")) if before > 0 else None
