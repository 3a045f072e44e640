"""Usage events: how much of a meter a customer consumed, and when."""

from __future__ import annotations

from schemas.fields import AnyText, Dimension, Instant, Quantity, Record, Text


class UsageEvent(Record):
    """One record of usage.events; its identity is (source, event_id) within the customer.

    `quantity` is decimal(38,18) and may be negative (the producer's correction). `contract_id` None means the
    customer's contract whose usage line covers the meter at `event_time` (microseconds UTC).
    """

    event_id: Text
    source: Text
    customer_id: Text
    contract_id: AnyText | None = None
    meter: Text
    quantity: Quantity
    event_time: Instant
    dimensions: tuple[Dimension, ...] = ()
