"""An exception as it stands in a sink, and which record of each exception is the current one."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ops.show.records import Stored

TOPIC = "revenue.exceptions"
OPEN = "open"


class Position(msgspec.Struct, frozen=True):
    """Where the message lies that caused an exception."""

    topic: str
    partition: int | None = None
    offset: int | None = None

    def __str__(self) -> str:
        place = self.topic if self.partition is None else f"{self.topic}/{self.partition}"
        return place if self.offset is None else f"{place} @ {self.offset}"


class ExceptionRecord(msgspec.Struct, frozen=True):
    """One state of one exception."""

    exception_id: str
    kind: str = msgspec.field(name="class")
    status: str
    owner: str | None = None
    severity: str | None = None
    due_at: str | None = None
    source: Position | None = None
    customer_id: str | None = None
    contract_id: str | None = None
    reason: str | None = None
    payload: str | None = None
    correlation_id: str | None = None
    shard: int | None = None
    sequence: int | None = None
    traceparent: str | None = None


def current(records: Iterable[Stored[ExceptionRecord]]) -> list[Stored[ExceptionRecord]]:
    """The last record of each exception, in the order in which the exceptions first appeared."""
    latest: dict[str, Stored[ExceptionRecord]] = {}
    for record in records:
        latest[record.value.exception_id] = record
    return list(latest.values())
