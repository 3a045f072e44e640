"""Recalculations: what a change did to the revenue of a contract, and why."""

from __future__ import annotations

from schemas.fields import Amount, AnyText, Instant, Number, Partition, PeriodName, Record, Text
from schemas.rate import ZERO


class EvidenceInput(Record):
    """One named input of a test, as text."""

    key: Text
    value: AnyText


class Evidence(Record):
    """One test that decided the treatment, with its inputs and its result."""

    test: Text
    inputs: tuple[EvidenceInput, ...] = ()
    result: AnyText


class PeriodAmount(Record):
    """Revenue of one line in one period, in the currency's major unit; negative allowed."""

    line_id: Text
    period: PeriodName
    amount: Amount


class Recalculation(Record):
    """One record of revenue.recalculations; `delta` = `after` - `before`, `catch_up` is posted at once.

    `cause` is one of amendment, re_rating, late_usage, period_event, policy, and may grow.
    """

    recalculation_id: Text
    shard: Partition
    sequence: Number
    contract_id: Text
    from_version: Number | None = None
    to_version: Number | None = None
    cause: Text
    treatment: AnyText | None = None
    evidence: tuple[Evidence, ...] = ()
    effective_at: Instant
    before: tuple[PeriodAmount, ...] = ()
    after: tuple[PeriodAmount, ...] = ()
    delta: tuple[PeriodAmount, ...] = ()
    catch_up: Amount = ZERO
    entry_ids: tuple[Text, ...] = ()
    correlation_id: AnyText | None = None
    customer_id: AnyText | None = None
    traceparent: AnyText | None = None
