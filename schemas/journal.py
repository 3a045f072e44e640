"""Journal entries: balanced, immutable, with the window and the lineage they come from."""

from __future__ import annotations

from typing import Literal

from schemas.fields import (
    Amount,
    AnyText,
    Count,
    Currency,
    Day,
    Dimension,
    Instant,
    Number,
    Partition,
    PeriodName,
    Record,
    Text,
)


class JournalLine(Record):
    """One side of an entry: amounts are >= 0 in the major unit, `side` carries the sign."""

    account: Text
    side: Literal["debit", "credit"]
    amount: Amount
    functional_amount: Amount | None = None
    product_id: AnyText | None = None
    dimensions: tuple[Dimension, ...] = ()


class EntryWindow(Record):
    """The usage window [start, end) of an entry; `revision` is gapless per line and window, from 1."""

    meter: Text
    start: Instant
    end: Instant
    revision: Number


class OffsetRange(Record):
    """Messages [from_offset, to_offset) of one source partition."""

    topic: Text
    partition: Partition
    from_offset: Count
    to_offset: Count


class Lineage(Record):
    """Where an entry comes from; `event_digest` is a hex digest of the ids of its `event_count` events."""

    contract_version: Number | None = None
    policy_version: Count | None = None
    sources: tuple[OffsetRange, ...] = ()
    event_count: Count = 0
    event_digest: AnyText | None = None
    rule: AnyText | None = None


class JournalEntry(Record):
    """One record of revenue.journal; `sequence` is gapless per shard, from 1.

    `origin_period` is set when the effect belongs to a closed period. `kind` is one of usage, recognition,
    billing, payment, catch_up, correction, credit, fx, and may grow.
    """

    entry_id: Text
    shard: Partition
    sequence: Number
    entity: Text
    currency: Currency
    period: PeriodName
    accounting_date: Day
    origin_period: PeriodName | None = None
    kind: Text
    customer_id: Text
    contract_id: AnyText | None = None
    line_id: AnyText | None = None
    correlation_id: AnyText | None = None
    lines: tuple[JournalLine, ...]
    window: EntryWindow | None = None
    lineage: Lineage | None = None
    functional_currency: Currency | None = None
    traceparent: AnyText | None = None
