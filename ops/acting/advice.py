"""Whether sending an excepted record again can help, class by class, and if not, what does."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.usage_rows import EARLIEST_US, LATEST_US
from ops.show.exception_record import ExceptionRecord
from schemas.billing import BillingEvent
from schemas.contracts import ContractEvent
from schemas.control import ControlEvent
from schemas.decode import decode
from schemas.fault import Fault
from schemas.fields import Record
from schemas.instants import instant_text
from schemas.topics import CONTROL, INPUTS
from schemas.usage import UsageEvent

# What is kept in the state and taken up without anybody's help.
BY_ITSELF = {
    "contract_unknown": "a contract of the customer comes that is in force at its time",
    "meter_unmapped": "the contract is amended with a usage line for its meter",
    "contract_ambiguous": "one contract alone takes it: by an amendment, or as a billing event names an invoice that comes",
    "product_unmapped": "reference.events has the product",
    "fx_rate_missing": "reference.events has the rate",
    "version_gap": "the version before it comes",
    "rate_not_covering": "the contract is amended with an open-ended tier",
    "invoice_unknown": "billing.events has the event that issues the invoice or credit note it names",
    "entry_unknown": "the journal says the entry that the ERP has answered; if it never does, the ERP has a document too many",
    "posting_rejected": "the ERP posts the entry: mend there what its reason says",
    "posting_differs": "the ERP posts the entry's own amount: correct the document there",
    "line_unknown": "the contract is amended with the line it names (meanwhile it is booked over the lines there are)",
}
NO_RECORD_HELPS = {
    "unsupported": "this version does not recognise what it asks for: recognise it elsewhere",
}
# What may be sent as it was, once the program or its settings take it.
AS_IT_WAS = ("undecodable", "invalid", "schema_unknown")
NEEDS = {
    "identity_conflict": "its identity is counted with other content: correct it under another event_id",
    "period_closed_rejected": "its identity is refused already: correct it under another event_id, dated in an open period",
    "too_late": "it stays too late: correct it with a later event_time",
    "too_early": "it stays too early: correct its event_time",
    "version_conflict": "its version is known with other content: correct it as the next version",
    "reference_conflict": "another record of its date differs: correct it with a later event_time",
    "invoice_conflict": "its invoice or credit note was issued with other content, which holds: void that one, and correct this "
    "one under an event_id and an invoice_id (of a credit note: a credit_note_id) of its own",
    "amount_exceeds": "it is booked by itself if what it takes from comes; else correct its amount, under another event_id",
    "currency_mismatch": "a contract keeps its currency: correct a billing event to it, under another event_id; what is sold in "
    "another currency is another contract, under a contract_id of its own",
    "treatment_undecidable": "nobody could decide how it is accounted for: do as its reason says, by master data or by the "
    "contract's next version: correct it as that",
}


@dataclass(frozen=True, slots=True)
class Sendable:
    """A record that may be sent: its line, and what it says."""

    line: bytes
    record: Record


@dataclass(frozen=True, slots=True)
class Refused:
    """Why it is not sent, and what helps instead."""

    reason: str


def judged(one: ExceptionRecord, corrected: bytes | None, meters: Mapping[str, str]) -> Sendable | Refused:
    """What to do about an exception, with the record that corrects it or without.

    `meters` maps types of CloudEvents to meters, as in a run.
    """
    if one.status != "open":
        return Refused(f"it is {one.status} already: nothing is left to send")
    if one.kind in BY_ITSELF:
        return Refused(
            f"it is kept, and taken up by itself when {BY_ITSELF[one.kind]}; sent again it would count for nothing"
        )
    if one.kind in NO_RECORD_HELPS:
        return Refused(NO_RECORD_HELPS[one.kind])
    if one.source is None or one.source.topic not in INPUTS:
        return Refused("no record of an input topic caused it: there is nothing to send")
    topic, original = one.source.topic, payload_of(one)
    before = decode(topic, original, meters)
    if corrected is not None:
        return _corrected(one, corrected, decode(topic, corrected, meters), before)
    if not original and one.kind not in NEEDS:
        return Refused("its payload is empty: give the record with --payload FILE")
    if one.kind in AS_IT_WAS and topic != CONTROL:
        if isinstance(before, Record):
            return Sendable(original, before)
        return Refused(f"it would be {before.cls} again ({before.reason}): give a corrected record with --payload FILE")
    need = NEEDS.get(one.kind, "sent as it was it would fail again: correct it")
    return Refused(f"{need}, and give it with --payload FILE")


def way(one: ExceptionRecord, meters: Mapping[str, str]) -> str:
    """How an open exception may be settled, in a word or two for a table."""
    if one.kind in BY_ITSELF:
        return "by itself"
    if one.kind in NO_RECORD_HELPS or one.source is None or one.source.topic not in INPUTS:
        return "elsewhere"
    return "as it was" if isinstance(judged(one, None, meters), Sendable) else "--payload"


def payload_of(one: ExceptionRecord) -> bytes:
    """The record that caused the exception, as far as it is known."""
    try:
        return base64.b64decode(one.payload or "", validate=True)
    except binascii.Error:
        return b""


def _corrected(one: ExceptionRecord, line: bytes, record: Record | Fault, before: Record | Fault) -> Sendable | Refused:
    if isinstance(record, Fault):
        return Refused(f"the corrected record is {record.cls}: {record.reason}")
    if record == before:
        return Refused("the corrected record says the same as the one that was refused")
    if isinstance(record, ControlEvent) and record.kind in ("period_close", "period_reopen"):
        return Refused(
            "closes and reopenings are written by accrual close and accrual reopen, which check what is closed"
        )
    told = _unchanged(one.kind, record, before) or _same_version(one, record)
    return Refused(f"the corrected record {told}") if told else Sendable(line, record)


def _unchanged(kind: str, record: Record, before: Record | Fault) -> str | None:
    """What a correction of this class had to change and has not."""
    match kind:
        case (
            "identity_conflict" | "period_closed_rejected" | "currency_mismatch" | "invoice_conflict" | "amount_exceeds"
        ) if (name := _identity(record)) is not None:
            if name == _identity(before):
                return f"has the identity {name} still: give it an event_id of its own"
            return _same_billing(kind, record, before)
        case "currency_mismatch" if _contract(record) == _contract(before):
            return f"is {_contract(record)} still: begin a contract under a contract_id of its own"
        case "too_late" | "reference_conflict" if (at := _time(record)) is not None:
            if (then := _time(before)) is not None and at <= then:
                return f"has the event_time {instant_text(at)}: it must be later than {instant_text(then)}"
        case "too_early" if (at := _time(record)) is not None and not EARLIEST_US <= at < LATEST_US:
            return f"has the event_time {instant_text(at)}: it must lie in the years 2000 to 2099"
        case "version_conflict" | "treatment_undecidable" if _version(record) == _version(before):
            return f"is {_version(record)} still: send the change as the next version"
    return None


def _same_version(one: ExceptionRecord, record: Record) -> str | None:
    """That a version which nobody could decide is sent once more: an exception about it carries no payload."""
    if one.kind != "treatment_undecidable" or not isinstance(record, ContractEvent):
        return None
    # The reason begins with the version that it is about.
    if (one.reason or "").startswith(f"version {record.version} of {_contract(record)}: "):
        return f"is {_version(record)} still: send the change as the next version"
    return None


def _same_billing(kind: str, record: Record, before: Record | Fault) -> str | None:
    """What a corrected billing event still has in common with the one that was refused, and may not."""
    if not (isinstance(record, BillingEvent) and isinstance(before, BillingEvent)):
        return None
    match kind:
        case "currency_mismatch" if _belongs(record) == _belongs(before):
            return f"is in {record.currency} still: send it in the currency of its contract"
        case "invoice_conflict" if (name := _document(record)) == _document(before):
            return f"issues {name} still: give it an id of its own"
        case "amount_exceeds" if _content(record) == _content(before):
            return "asks for the same amount still: send one that fits"
    return None


def _belongs(event: BillingEvent) -> tuple[str | None, ...]:
    """What decides in which contract's books an event belongs, and whether its currency fits."""
    return event.currency, event.contract_id, event.invoice_id, event.credit_note_id


def _document(event: BillingEvent) -> str:
    """What a billing event issues."""
    note = event.kind == "credit_note"
    return f"credit note {event.credit_note_id}" if note else f"invoice {event.invoice_id}"


def _identity(record: Record | Fault) -> str | None:
    if not isinstance(record, UsageEvent | BillingEvent):
        return None
    return f"{record.event_id} of {record.source}, customer {record.customer_id}"


def _content(event: BillingEvent) -> BillingEvent:
    """What a billing event says, whatever its identity and time."""
    return event.model_copy(update={"event_id": "", "source": "", "event_time": 0})


def _contract(record: Record | Fault) -> str | None:
    return f"contract {record.contract_id}" if isinstance(record, ContractEvent) else None


def _version(record: Record | Fault) -> str | None:
    return f"contract {record.contract_id} version {record.version}" if isinstance(record, ContractEvent) else None


def _time(record: Record | Fault) -> int | None:
    time = getattr(record, "event_time", None)
    return time if isinstance(time, int) else None
