"""ERP postings: what the ERP did with a journal entry."""

from __future__ import annotations

from typing import Literal

from schemas.fields import Amount, AnyText, Instant, Record, Text


class ErpPosting(Record):
    """One record of erp.postings; `amount` is the sum of the entry's debits in the currency's major unit.

    `customer_id` is that of the entry. An answer that names it goes to the one shard that can know the entry, any other
    answer to every shard.
    """

    entry_id: Text
    status: Literal["posted", "rejected"]
    erp_id: AnyText | None = None
    posted_at: Instant
    amount: Amount | None = None
    reason: AnyText | None = None
    customer_id: Text | None = None

    @property
    def event_time(self) -> int:
        """Its place among the control records."""
        return self.posted_at
