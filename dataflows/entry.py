"""A journal entry as the record that leaves the processor."""

from __future__ import annotations

from typing import Any

from accounting.calendar import rfc3339
from accounting.journal import Dating, Posting, entry_id, postings
from accounting.money import major_text
from accounting.usage import WindowBooking
from dataflows.usage_cells import merged
from state.records import Cell


def usage_entry(
    customer_id: str,
    booking: WindowBooking,
    movements: dict[str, int],
    revision: int,
    dating: Dating,
    cells: list[Cell],
) -> dict[str, Any]:
    """The entry that posts `movements` (signed minor units) of one line, window and revision.

    Its id is derived from what it is about, so that it is the same under replay. The lineage names every event of the
    window as it stands at this revision: ranges around their positions, how many, and the exclusive or of their
    128-bit identities.
    """
    cover, window = booking.cover, booking.window
    digest = 0
    for cell in cells:
        digest ^= int.from_bytes(cell.digest, "big")
    return {
        "entry_id": entry_id(
            "usage", customer_id, cover.contract_id, cover.line_id, cover.rate.meter,
            window.start, window.end, revision,
            str(dating.period), None if dating.origin_period is None else str(dating.origin_period),
        ),
        "entity": cover.entity,
        "currency": cover.currency,
        "period": str(dating.period),
        "accounting_date": dating.accounting_date.isoformat(),
        "origin_period": None if dating.origin_period is None else str(dating.origin_period),
        "kind": "usage",
        "customer_id": customer_id,
        "contract_id": cover.contract_id,
        "line_id": cover.line_id,
        "correlation_id": cover.correlation_id,
        "lines": [_posting(one, cover.currency) for one in postings(movements, cover.product_id)],
        "window": {
            "meter": cover.rate.meter,
            "start": rfc3339(window.start),
            "end": rfc3339(window.end),
            "revision": revision,
        },
        "lineage": {
            "contract_version": cover.version,
            "policy_version": None,
            "sources": [
                {"topic": s.topic, "partition": s.partition, "from_offset": s.start, "to_offset": s.end}
                for s in merged([source for cell in cells for source in cell.sources])
            ],
            "event_count": booking.events,
            "event_digest": f"{digest:032x}",
            "rule": f"{cover.rate.model} {cover.rate.aggregation}, cumulative in the {cover.rate.billing_period}",
        },
    }  # fmt: skip


def _posting(posting: Posting, currency: str) -> dict[str, Any]:
    text = major_text(abs(posting.amount), currency)
    return {
        "account": posting.account,
        "side": "debit" if posting.amount > 0 else "credit",
        "amount": text,
        "functional_amount": text,
        "product_id": posting.product_id,
        "dimensions": [],
    }
