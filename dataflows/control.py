"""Control records: the business clock, period close and reopen."""

from __future__ import annotations

from collections.abc import Callable

from accounting.calendar import DAY_US, Period
from accounting.trace import Trace
from connectors.batch import Record
from dataflows.business_clock import BusinessClock
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.master_data import MasterData
from dataflows.policy_book import PolicyBook
from schemas.control import ControlEvent
from schemas.topics import CONTROL
from schemas.trace import trace_of

LONGEST_WINDOW_US = 32 * DAY_US  # a month, and a day for its clock change


class Control:
    """Applies control records in one shard; every shard gets all of them."""

    def __init__(
        self,
        clock: BusinessClock,
        desk: ExceptionDesk,
        master: MasterData,
        policies: PolicyBook,
        settle: Callable[[], None],
        restate: Callable[[int, Trace], None],
        correct: Callable[[ControlEvent, Record], None],
        at_home: bool,
    ) -> None:
        """`settle` posts what is due, `restate` looks again at all books from an instant on, `correct` posts a correction.

        `at_home`: this shard speaks for the record, so that it is said once.
        """
        self._clock, self._desk, self._settle, self._restate = clock, desk, settle, restate
        self._correct = correct
        self._master, self._policies, self._at_home = master, policies, at_home

    def apply(self, record: Record) -> None:
        """Advance the business date to the record's time, never back, then do what it says."""
        event: ControlEvent = record.model
        if event.kind != "correction":  # which was written when somebody replayed, wherever the business stood then
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
                self._decide(event, record)
            case "correction":
                self._correct(event, record)
            case "clock":
                pass

    def _close(self, event: ControlEvent, period: Period, record: Record) -> None:
        """Close the entity's windows, post all that is due up to the period's end, freeze (accounting.md, rule 7)."""
        entity = event.entity or ""
        if period in self._clock.closed(entity):
            self._complain(event, record, "invalid", f"period {period} of {entity} is closed already: nothing to do")
            return
        zone = self._master.zone(entity, period.start("UTC"))
        self._clock.close_windows(entity, period.end(zone))
        self._settle()
        self._clock.freeze(entity, period, event.actor or "", record.offset)

    def _reopen(self, event: ControlEvent, period: Period, record: Record) -> None:
        entity = event.entity or ""
        if period not in self._clock.closed(entity):
            self._complain(event, record, "invalid", f"period {period} of {entity} is not closed: nothing to reopen")
            return
        self._clock.reopen(entity, period, record.offset)

    def _decide(self, event: ControlEvent, record: Record) -> None:
        """A policy; it may reach back, then the books are looked at again from its date on."""
        since = event.event_time if event.effective_from is None else event.effective_from
        if reason := self._policies.decide(event.key or "", event.value or "", since, record.offset):
            self._complain(event, record, "invalid", reason)
            return
        # A window of the old size in which it takes effect may have begun a month before.
        self._restate(since - LONGEST_WINDOW_US if event.key == "usage_window" else since, trace_of(event))
        self._settle()

    def _complain(self, event: ControlEvent, record: Record, cls: str, reason: str) -> None:
        if self._at_home:
            at = Coordinates(CONTROL, 0, record.offset)
            self._desk.raise_one(cls, at, reason, record.payload, since=event.event_time, trace=trace_of(event))
