"""Class by class: whether sending a record again can help, and what does if not."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from ops.acting.advice import BY_ITSELF, NEEDS, NO_RECORD_HELPS, Refused, Sendable, judged, way
from ops.show.exception_record import ExceptionRecord, Position
from tests.support.billing import billing
from tests.support.world import usage

GOOD = json.dumps(usage("x", 2)).encode()


def excepted(cls: str, payload: bytes = GOOD, topic: str | None = "usage.events") -> ExceptionRecord:
    source = None if topic is None else Position(topic, 0, 7)
    return ExceptionRecord("e", cls, "open", source=source, payload=base64.b64encode(payload).decode())


def reason(found: Sendable | Refused) -> str:
    assert isinstance(found, Refused), found
    return found.reason


@pytest.mark.parametrize("cls", BY_ITSELF)
def test_what_is_kept_needs_nobody(cls: str) -> None:
    one = excepted(cls)
    for corrected in (None, GOOD):
        told = f"it is kept, and taken up by itself when {BY_ITSELF[cls]}; sent again it would count for nothing"
        assert told == reason(judged(one, corrected, {}))
    assert "by itself" == way(one, {})


@pytest.mark.parametrize("cls", NO_RECORD_HELPS)
def test_what_this_version_does_not_do_no_record_settles(cls: str) -> None:
    assert NO_RECORD_HELPS[cls] == reason(judged(excepted(cls), GOOD, {}))
    assert "elsewhere" == way(excepted(cls), {})


@pytest.mark.parametrize("cls", NEEDS)
def test_what_needs_a_correction_says_which(cls: str) -> None:
    assert f"{NEEDS[cls]}, and give it with --payload FILE" == reason(judged(excepted(cls), None, {}))
    assert "--payload" == way(excepted(cls), {})


@pytest.mark.parametrize("cls", ["undecodable", "invalid", "schema_unknown"])
def test_what_is_a_record_by_now_may_be_sent_as_it_was(cls: str) -> None:
    found = judged(excepted(cls), None, {})
    assert isinstance(found, Sendable)
    assert GOOD == found.line
    assert "as it was" == way(excepted(cls), {})
    assert "--payload" == way(excepted(cls, b"{"), {})


def test_a_class_of_a_later_version_needs_a_correction() -> None:
    told = "sent as it was it would fail again: correct it, and give it with --payload FILE"
    assert told == reason(judged(excepted("brand_new"), None, {}))
    assert isinstance(judged(excepted("brand_new"), json.dumps(usage("y", 2)).encode(), {}), Sendable)


@pytest.mark.parametrize("topic", [None, "revenue.journal", "somebody.elses"])
def test_what_no_input_record_caused_cannot_be_sent(topic: str | None) -> None:
    one = excepted("invalid", topic=topic)
    assert "no record of an input topic caused it: there is nothing to send" == reason(judged(one, None, {}))
    assert "elsewhere" == way(one, {})


def test_a_payload_that_is_missing_or_spoilt_is_an_empty_one() -> None:
    for payload in (None, "", "%%%"):
        one = msgspec.structs.replace(excepted("invalid"), payload=payload)
        assert "its payload is empty: give the record with --payload FILE" == reason(judged(one, None, {}))
        assert isinstance(judged(one, GOOD, {}), Sendable)


def test_reference_data_is_corrected_by_a_later_record() -> None:
    before = {
        "kind": "fx_rate",
        "id": "r",
        "base": "EUR",
        "quote": "USD",
        "rate": "1.1",
        "as_of": "2025-01-01T00:00:00Z",
    }
    timed = {**before, "event_time": "2025-01-02T00:00:00Z"}
    one = excepted("reference_conflict", json.dumps(timed).encode(), "reference.events")
    same = {**timed, "rate": "1.2"}
    told = "the corrected record has the event_time 2025-01-02T00:00:00Z: it must be later than 2025-01-02T00:00:00Z"
    assert told == reason(judged(one, json.dumps(same).encode(), {}))
    later = {**same, "event_time": "2025-01-03T00:00:00Z"}
    assert isinstance(judged(one, json.dumps(later).encode(), {}), Sendable)


def of_billing(cls: str, **facts: str) -> ExceptionRecord:
    return excepted(cls, sent("b1", **facts), "billing.events")


def sent(event_id: str, **facts: str) -> bytes:
    return json.dumps(billing("2025-02-01T00:00:00Z", event_id, **facts)).encode()


# What is corrected of an invoice of 10 USD, and what is not enough.
CORRECTED = {
    "identity_conflict": ({"amount": "11"}, None, ""),
    "currency_mismatch": (
        {"currency": "EUR"},
        {"amount": "11"},
        "is in USD still: send it in the currency of its contract",
    ),
    "invoice_conflict": ({"invoice": "j"}, {"amount": "11"}, "issues invoice i still: give it an id of its own"),
    "amount_exceeds": ({"amount": "9"}, {}, "asks for the same amount still: send one that fits"),
}


@pytest.mark.parametrize("cls", CORRECTED)
def test_a_billing_event_is_corrected_under_an_identity_of_its_own(cls: str) -> None:
    right, wrong, told = CORRECTED[cls]
    one = of_billing(cls)
    same = "the corrected record has the identity b1 of s, customer c still: give it an event_id of its own"
    assert same == reason(judged(one, sent("b1", **right), {}))
    assert isinstance(judged(one, sent("b2", **right), {}), Sendable)
    if wrong is not None:
        assert f"the corrected record {told}" == reason(judged(one, sent("b2", **wrong), {}))


def version(number: int, contract_id: str = "k", total: str = "12") -> bytes:
    at, end = "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
    record = {
        "event_id": f"{contract_id}{number}", "source": "crm", "event_time": at, "contract_id": contract_id,
        "version": number, "kind": "activated" if number == 1 else "amended", "effective_at": at, "customer_id": "c",
        "entity": "us", "currency": "USD", "start": at, "end": end,
        "lines": [{"line_id": "a", "kind": "ratable", "total": total}],
    }  # fmt: skip
    return json.dumps(record).encode()


@pytest.mark.parametrize(
    ("cls", "wrong", "right", "told"),
    [
        ("treatment_undecidable", version(2, total="13"), version(3),
         "is contract k version 2 still: send the change as the next version"),
        ("currency_mismatch", version(3), version(1, "k2"),
         "is contract k still: begin a contract under a contract_id of its own"),
    ],
)  # fmt: skip
def test_a_contract_version_is_corrected_by_another_one(cls: str, wrong: bytes, right: bytes, told: str) -> None:
    one = msgspec.structs.replace(excepted(cls, version(2), "contracts.events"), contract_id="k", customer_id="c")
    assert f"the corrected record {told}" == reason(judged(one, wrong, {}))
    assert isinstance(judged(one, right, {}), Sendable)


def test_a_version_that_nobody_could_decide_is_known_without_its_payload() -> None:
    one = excepted("treatment_undecidable", b"", "contracts.events")
    one = msgspec.structs.replace(
        one, contract_id="k", customer_id="c", reason="version 2 of contract k: it needs an approver"
    )
    assert f"{NEEDS['treatment_undecidable']}, and give it with --payload FILE" == reason(judged(one, None, {}))
    told = "the corrected record is contract k version 2 still: send the change as the next version"
    assert told == reason(judged(one, version(2), {}))
    # A contract that cannot be combined is begun again under another id.
    for right in (version(3), version(1, "j"), version(2, "j")):
        assert isinstance(judged(one, right, {}), Sendable)
