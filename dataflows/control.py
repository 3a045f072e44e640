"""Control records: the business clock, period close and reopen."""

from __future__ import annotations

from collections.abc import Callable

from accounting.calendar import Period
from connectors.batch import Record
from dataflows.business_clock import BusinessClock
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.settings import FlowSettings
from schemas.control import ControlEvent
from schemas.topics import CONTROL


class Control:
    """Applies control records in one shard; every shard gets all of them."""

    def __init__(
        self,
        clock: BusinessClock,
        desk: ExceptionDesk,
        settle: Callable[[], None],
        settings: FlowSettings,
        at_home: bool,
    ) -> None:
        """`settle` posts what is due; `at_home`: this shard speaks for the record, so that it is said once."""
        self._clock, self._desk, self._settle = clock, desk, settle
        self._settings, self._at_home = settings, at_home

    def apply(self, record: Record) -> None:
        """Advance the business date to the record's time, never back, then do what it says."""
        event: ControlEvent = record.model
        self._clock.advance(event.reaches)
        self._settle()
        match event.kind:
            case "period_close" | "period_reopen":
                try:
                    period = Period.parse(event.period or "")
                except ValueError as error:
                    self._complain(event, record, "invalid", f"period {event.period!r}: {error}")
                else:
                    (self._close if event.kind == "period_close" else self._reopen)(event, period, record)
            case "policy":
                self._complain(event, record, "unsupported", f"policy {event.key} is not known to this version")
            case "clock":
                pass

    def _close(self, event: ControlEvent, period: Period, record: Record) -> None:
        """Close the entity's windows, post all that is due up to the period's end, freeze (accounting.md, rule 7)."""
        entity = event.entity or ""
        if period in self._clock.closed(entity):
            self._complain(event, record, "invalid", f"period {period} of {entity} is closed already: nothing to do")
            return
        self._clock.close_windows(entity, period.end(self._settings.zone))
        self._settle()
        self._clock.freeze(entity, period, event.actor or "")

    def _reopen(self, event: ControlEvent, period: Period, record: Record) -> None:
        entity = event.entity or ""
        if period not in self._clock.closed(entity):
            self._complain(event, record, "invalid", f"period {period} of {entity} is not closed: nothing to reopen")
            return
        self._clock.reopen(entity, period)

    def _complain(self, event: ControlEvent, record: Record, cls: str, reason: str) -> None:
        if self._at_home:
            at = Coordinates(CONTROL, 0, record.offset)
            self._desk.raise_one(cls, at, reason, record.payload, since=event.event_time)
