"""One full example record per topic, as its JSON object, and ways to change one."""

from __future__ import annotations

import copy
import json
from typing import Any

from schemas import topics

JAN, FEB, NEXT_JAN = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2025-01-01T00:00:00Z"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REGION = {"key": "region", "value": "eu-west-1"}

USAGE: dict[str, Any] = {
    "event_id": "u1",
    "source": "gateway",
    "customer_id": "c1",
    "contract_id": "k1",
    "meter": "api.calls",
    "quantity": "-12.000000000000000001",
    "event_time": "2024-01-15T10:11:12.000013Z",
    "dimensions": [REGION, {"key": "tag", "value": ""}],
}
RATE: dict[str, Any] = {
    "meter": "api.calls",
    "aggregation": "unique",
    "billing_period": "quarter",
    "model": "graduated",
    "unit_price": None,
    "tiers": [
        {"up_to": "10", "unit_price": "0.000000000001", "flat_fee": "2"},
        {"up_to": None, "unit_price": "5", "flat_fee": None},
    ],
    "package_size": "100",
    "package_price": "3.5",
    "included": "5",
    "minimum": "10.00",
    "maximum": "1000.00",
    "unique_key": "user",
}
CONTRACT: dict[str, Any] = {
    "event_id": "k1v2",
    "source": "crm",
    "event_time": FEB,
    "contract_id": "k1",
    "version": 2,
    "kind": "amended",
    "effective_at": JAN,
    "customer_id": "c1",
    "entity": "e1",
    "currency": "USD",
    "start": JAN,
    "end": NEXT_JAN,
    "lines": [
        {"line_id": "l1", "product_id": "p1", "kind": "usage", "rate": RATE},
        {
            "line_id": "l2",
            "product_id": "p2",
            "kind": "milestone",
            "start": FEB,
            "end": NEXT_JAN,
            "quantity": "2.5",
            "total": "1200.50",
            "ssp": "1300",
            "distinct": True,
            "method": "monthly",
            "satisfied_at": FEB,
            "progress": {"incurred": "1", "expected": "3"},
        },
        {"line_id": "l3", "kind": "ratable", "total": "0"},
    ],
    "variable": [{"id": "v1", "estimate": "200.00", "line_ids": ["l2"], "resolved_at": FEB}],
    "modification": {
        "treatment": "prospective",
        "reason": "r",
        "approved_by": "a",
        "past_credit": "1.50",
        "requested_by": "b",
    },
    "opening": {"as_of": JAN, "recognised": "100.00", "billed": "150.00"},
    "correlation_id": "corr-1",
    "combined_with": "k0",
    "traceparent": TRACEPARENT,
}
BILLING: dict[str, Any] = {
    "event_id": "b1",
    "source": "billing",
    "event_time": FEB,
    "kind": "credit_note",
    "invoice_id": "i1",
    "credit_note_id": "n1",
    "customer_id": "c1",
    "contract_id": "k1",
    "currency": "USD",
    "amount": "45.00",
    "tax": "4.50",
    "lines": [{"line_id": "l2", "amount": "-40.50", "start": JAN, "end": FEB}],
    "allocations": {"refund": "15.00", "customer_balance": "10.00", "external": "20.00"},
    "fx_rate": "1.083400000000000001",
    "correlation_id": "corr-1",
    "traceparent": TRACEPARENT,
}
REFERENCE: dict[str, Any] = {
    "event_id": "r1",
    "source": "erp",
    "event_time": JAN,
    "kind": "product",
    "id": "p1",
    "effective_from": JAN,
    "currency": "USD",
    "revenue_account": "revenue.api",
    "dimensions": [REGION],
    "default_method": "month_fraction",
    "ssp": "100.00",
    "ssp_low": "90.00",
    "ssp_high": "110.00",
    "highly_variable": True,
    "net": True,
    "owner": "team-a",
    "products": ["p1", "p2"],
    "price": "60.00",
    "entity": "e1",
    "number": "4000",
    "functional_currency": "EUR",
    "time_zone": "Europe/Berlin",
    "fiscal_calendar": "months",
    "base": "EUR",
    "quote": "USD",
    "rate": "1.1",
    "as_of": JAN,
    "class": "invalid",
    "sla": "1d12h",
    "correlation_id": "corr-1",
    "traceparent": TRACEPARENT,
}
CONTROL: dict[str, Any] = {
    "event_id": "t1",
    "source": "finance",
    "event_time": FEB,
    "kind": "period_reopen",
    "as_of": FEB,
    "entity": "e1",
    "period": "2024-01",
    "actor": "ann",
    "approver": "bob",
    "key": "recognise",
    "value": "daily",
    "effective_from": JAN,
    "ends": [{"topic": "usage.events", "partition": 0, "offset": 17}],
    "correlation_id": "corr-1",
    "traceparent": TRACEPARENT,
}
POSTING: dict[str, Any] = {
    "entry_id": "j1",
    "status": "rejected",
    "erp_id": "4711",
    "posted_at": FEB,
    "amount": "150.00",
    "reason": "period closed",
    "customer_id": "c1",
}
JOURNAL: dict[str, Any] = {
    "entry_id": "j1",
    "functional_currency": "USD",
    "shard": 3,
    "sequence": 1,
    "entity": "e1",
    "currency": "USD",
    "period": "2024-02",
    "accounting_date": "2024-02-01",
    "origin_period": "2024-01",
    "kind": "usage",
    "customer_id": "c1",
    "contract_id": "k1",
    "line_id": "l1",
    "correlation_id": "corr-1",
    "lines": [
        {
            "account": account,
            "side": side,
            "amount": "150.00",
            "functional_amount": "138.45",
            "product_id": "p1",
            "dimensions": [REGION],
        }
        for account, side in (("unbilled_receivable", "debit"), ("revenue", "credit"))
    ],
    "window": {"meter": "api.calls", "start": JAN, "end": "2024-01-02T00:00:00Z", "revision": 1},
    "lineage": {
        "contract_version": 2,
        "policy_version": 0,
        "sources": [{"topic": "usage.events", "partition": 0, "from_offset": 0, "to_offset": 9}],
        "event_count": 9,
        "event_digest": "00ff",
        "rule": "usage",
    },
    "traceparent": TRACEPARENT,
}
MOVED = [{"line_id": "l1", "period": "2024-01", "amount": "-70.00"}]
RECALCULATION: dict[str, Any] = {
    "recalculation_id": "x1",
    "shard": 3,
    "sequence": 1,
    "contract_id": "k1",
    "from_version": 1,
    "to_version": 2,
    "cause": "amendment",
    "treatment": "prospective",
    "evidence": [{"test": "distinct", "inputs": [{"key": "line", "value": "l1"}], "result": "true"}],
    "effective_at": FEB,
    "before": MOVED,
    "after": MOVED,
    "delta": MOVED,
    "catch_up": "-70.00",
    "entry_ids": ["j1"],
    "correlation_id": "corr-1",
    "customer_id": "c1",
    "traceparent": TRACEPARENT,
}
EXCEPTION: dict[str, Any] = {
    "exception_id": "f1",
    "shard": 3,
    "sequence": 1,
    "class": "invalid",
    "severity": "error",
    "owner": "revenue-operations",
    "due_at": FEB,
    "status": "open",
    "source": {"topic": "usage.events", "partition": 0, "offset": 17},
    "customer_id": "c1",
    "contract_id": "k1",
    "reason": "quantity = 1: must be a decimal string",
    "payload": "AP8=",
    "correlation_id": "corr-1",
    "raised_at": JAN,
    "resolution": "fixed",
    "traceparent": TRACEPARENT,
}
APPLIED: dict[str, Any] = {
    "shard": 3,
    "sequence": 7,
    "offset": 12,
    "ends": [{"topic": "usage.events", "partition": 0, "offset": 42}],
}

EXAMPLES: dict[str, dict[str, Any]] = {
    topics.USAGE: USAGE,
    topics.CONTRACTS: CONTRACT,
    topics.BILLING: BILLING,
    topics.REFERENCE: REFERENCE,
    topics.CONTROL: CONTROL,
    topics.POSTINGS: POSTING,
    topics.JOURNAL: JOURNAL,
    topics.RECALCULATIONS: RECALCULATION,
    topics.EXCEPTIONS: EXCEPTION,
    topics.APPLIED: APPLIED,
}


def changed(record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A deep copy of a record with some keys set."""
    return {**copy.deepcopy(record), **changes}


def line_of(record: object) -> bytes:
    """A record as its JSON line."""
    return json.dumps(record).encode()
