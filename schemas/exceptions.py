"""Exception records: what could not be processed, who owns it and until when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.fields import AnyText, Instant, Number, Partition, Payload, Record, SourcePosition, Text


class ExceptionRecord(Record):
    """One record of revenue.exceptions; `payload` is the message as it was read.

    `class_` (on the wire `class`) is one of the classes of events.md and may grow; so may `severity`.
    `source` None: no single message caused it.
    """

    exception_id: Text
    shard: Partition
    sequence: Number
    class_: Annotated[Text, Field(alias="class")]
    severity: Text
    owner: Text
    due_at: Instant | None = None
    status: Literal["open", "resolved"]
    source: SourcePosition | None = None
    customer_id: AnyText | None = None
    contract_id: AnyText | None = None
    reason: AnyText
    payload: Payload | None = None
    correlation_id: AnyText | None = None
    raised_at: Instant | None = None
    resolution: AnyText | None = None
    traceparent: AnyText | None = None
