"""A journal entry as it stands in a sink: what the looking commands and the demo read back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

TOPIC = "revenue.journal"
REVENUE = "revenue"


class Posting(msgspec.Struct, frozen=True, gc=False):
    """One side of an entry."""

    account: str
    side: Literal["debit", "credit"]
    amount: Decimal
    functional_amount: Decimal | None = None
    product_id: str | None = None
    dimensions: Any = None


class Window(msgspec.Struct, frozen=True, gc=False):
    """The stretch of usage an entry stands for."""

    meter: str
    start: str
    end: str
    revision: int


class SourceRange(msgspec.Struct, frozen=True, gc=False):
    """The offsets [start, stop) of one partition between which the events of an entry lie.

    The keys are `from` and `to`, or `from_offset` and `to_offset` as in the schema.
    """

    topic: str
    partition: int
    short_from: int | None = msgspec.field(default=None, name="from")
    short_to: int | None = msgspec.field(default=None, name="to")
    from_offset: int | None = None
    to_offset: int | None = None

    @property
    def start(self) -> int | None:
        """The first offset."""
        return self.from_offset if self.short_from is None else self.short_from

    @property
    def stop(self) -> int | None:
        """One past the last offset."""
        return self.to_offset if self.short_to is None else self.short_to


class Lineage(msgspec.Struct, frozen=True, gc=False):
    """Why an entry exists."""

    contract_version: int | None = None
    sources: list[SourceRange] = []
    events: int | None = None
    event_count: int | None = None  # the Avro schema's name of `events`
    rule: str | None = None
    policy_version: int | None = None
    event_digest: str | None = None

    @property
    def size(self) -> int | None:
        """How many events the entry counts."""
        return self.event_count if self.events is None else self.events


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One balanced entry of the journal."""

    entry_id: str
    shard: int
    sequence: int
    entity: str
    currency: str
    period: str
    accounting_date: str
    kind: str
    lines: list[Posting]
    origin_period: str | None = None
    customer_id: str | None = None
    contract_id: str | None = None
    line_id: str | None = None
    correlation_id: str | None = None
    window: Window | None = None
    lineage: Lineage | None = None
    functional_currency: str | None = None
    traceparent: str | None = None

    def total(self, side: str) -> Decimal:
        """What the entry posts on one side."""
        return sum((line.amount for line in self.lines if line.side == side), Decimal(0))

    @property
    def balances(self) -> bool:
        """Whether debits equal credits."""
        return self.total("debit") == self.total("credit")

    @property
    def revenue(self) -> Decimal:
        """What the entry adds to revenue; negative when it takes some back."""
        return sum(
            (line.amount if line.side == "credit" else -line.amount for line in self.lines if line.account == REVENUE),
            Decimal(0),
        )
