"""ERP postings: what the ERP did with a journal entry."""

from __future__ import annotations

from typing import Literal

from schemas.fields import Amount, AnyText, Instant, Record, Text


class ErpPosting(Record):
    """One record of erp.postings; `amount` is the sum of the entry's debits in the currency's major unit."""

    entry_id: Text
    status: Literal["posted", "rejected"]
    erp_id: AnyText | None = None
    posted_at: Instant
    amount: Amount | None = None
    reason: AnyText | None = None
