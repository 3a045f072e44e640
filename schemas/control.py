"""Control events: the business clock, period close and reopen, policies, and corrections."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import model_validator

from schemas.corrections import CorrectedPosting
from schemas.fields import AnyText, Count, Instant, Partition, PeriodName, Record, Text, broken
from schemas.trace import CorrelationId, Traceparent

NEEDS: dict[str, tuple[str, ...]] = {
    "clock": ("as_of",),
    "period_close": ("entity", "period"),
    "period_reopen": ("entity", "period", "actor", "approver"),
    "policy": ("key", "value"),
    "correction": ("event_id", "rules"),
}


class PartitionEnd(Record):
    """The end offset of an input partition when a control record was written (exclusive)."""

    topic: Text
    partition: Partition
    offset: Count


class ControlEvent(Record):
    """One record of control.events; advances the business date to `event_time` (clock: `as_of`).

    `event_time` defaults to `as_of` for a clock, `effective_from` to `event_time` for a policy. On Kafka a
    clock or a close carries `ends`: it applies once all of them are reached. A correction carries what a replay found to be
    missing (`postings`), and by which program's rules (`rules`, dataflows/rules.py); the business date stays where it is.
    """

    event_id: AnyText | None = None
    source: AnyText | None = None
    event_time: Instant
    kind: Literal["clock", "period_close", "period_reopen", "policy", "correction"]
    as_of: Instant | None = None
    entity: Text | None = None
    period: PeriodName | None = None
    actor: Text | None = None
    approver: Text | None = None
    key: Text | None = None
    value: AnyText | None = None
    effective_from: Instant | None = None
    ends: tuple[PartitionEnd, ...] = ()
    rules: AnyText | None = None
    postings: tuple[CorrectedPosting, ...] = ()
    correlation_id: CorrelationId = None
    traceparent: Traceparent = None

    @model_validator(mode="before")
    @classmethod
    def _default_times(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if data.get("kind") == "clock" and data.get("event_time") is None and data.get("as_of") is not None:
            return {**data, "event_time": data["as_of"]}
        if data.get("kind") == "policy" and data.get("effective_from") is None:
            return {**data, "effective_from": data.get("event_time")}
        return data

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        for name in NEEDS[self.kind]:
            if getattr(self, name) is None:
                raise broken(f"kind {self.kind} needs {name}")
        if self.kind == "period_reopen" and self.actor == self.approver:
            raise broken("approver must be another person than actor")
        return self

    @property
    def reaches(self) -> int:
        """The instant the business date advances to, in microseconds UTC."""
        return self.as_of if self.kind == "clock" and self.as_of is not None else self.event_time
