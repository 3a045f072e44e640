"""Billing events as records of billing.events."""

from __future__ import annotations

from typing import Any

NAMES = {
    "finalized": "invoice_finalized",
    "paid": "invoice_paid",
    "voided": "invoice_voided",
    "uncollectible": "invoice_uncollectible",
}


def billing(
    at: str, event_id: str, *, kind: str = "finalized", k: str | None = None, invoice: str | None = "i",
    note: str | None = None, amount: str | None = "10", customer: str = "c", currency: str = "USD", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """One event: `kind` as it is, or without its `invoice_`; `k` its contract_id; `more` fields as they are."""
    return {
        "event_id": event_id, "source": "s", "event_time": at, "kind": NAMES.get(kind, kind), "invoice_id": invoice,
        "credit_note_id": note, "customer_id": customer, "contract_id": k, "currency": currency, "amount": amount,
        **more,
    }  # fmt: skip
