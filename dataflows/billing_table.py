"""The billing facts of a shard's customers: every event stored once, and the contract in whose books it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from accounting.billing_fact import BillingFact
from accounting.trace import UNTRACED, Trace
from connectors.batch import Record
from dataflows.billing_route import Billed, CustomerBilling, Terms, in_place
from dataflows.contract_table import ContractTable
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.recent import Recent
from schemas.billing import BillingEvent
from schemas.decode import decode
from schemas.topics import BILLING
from schemas.trace import trace_of, untraced
from state import codec, keys
from state.records import StoredBilling
from state.store import ShardStore

CACHED_CUSTOMERS = 20_000
MISMATCH = "currency_mismatch"


@dataclass(frozen=True, slots=True)
class Filed:
    """A fact of a contract, and the event that says so."""

    fact: BillingFact
    at: Coordinates
    payload: bytes
    known_at: int  # event time
    trace: Trace = UNTRACED


@dataclass(frozen=True, slots=True)
class _Verdict:
    """Where an event belongs: a contract, or the class of an exception, or both: its books do not take it."""

    contract_id: str
    cls: str = ""
    reason: str = ""


class BillingTable:
    """Billing events by customer, read from the store when they are needed."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk, contracts: ContractTable) -> None:
        self._store, self._desk, self._contracts = store, desk, contracts
        self._recent = Recent(CACHED_CUSTOMERS, self._load)
        self._any = store.any_from(keys.BILLING, b"")

    def has_facts(self, customer_id: str, contract_id: str) -> bool:
        """Whether a contract's books have billing facts."""
        return self._any and contract_id in self._recent.of(customer_id).booked

    def facts(self, customer_id: str, contract_id: str) -> list[Filed]:
        """The facts of a contract, in no particular order; amounts in its currency, dates in its zone."""
        if not self.has_facts(customer_id, contract_id):
            return []
        zone = self._contracts.of(customer_id).zones[contract_id]
        return [
            Filed(one.event.to_fact(zone), one.at, one.stored.payload, one.event.event_time, trace_of(one.event))
            for one in self._recent.of(customer_id).booked[contract_id].values()
        ]

    def apply(self, topic: str, partition: int, record: Record) -> dict[str, int]:
        """Store an event. Gives the contracts whose facts change, and the instant from which on.

        None where it waits, repeats or contradicts another. What it issues may make an earlier event count.
        """
        event: BillingEvent = record.model
        at = Coordinates(topic, partition, record.offset)
        key = _prefix(event.customer_id) + keys.name(event.source, event.event_id)
        stored = self._store.get(key) if self._any else None
        if stored is not None:
            self._repeated(event, at, record, codec.decode(StoredBilling, stored))
            return {}
        customer = self._recent.of(event.customer_id)
        one = Billed(key, StoredBilling(record.payload, topic, partition, record.offset), event)
        self._any = True
        customer.add(one)
        return self._place(event.customer_id, customer, customer.concerned(one))

    def contract_changed(self, customer_id: str) -> dict[str, int]:
        """A contract came or changed: each event may belong elsewhere. Gives the same as `apply`."""
        if not self._any:
            return {}
        customer = self._recent.of(customer_id)
        return self._place(customer_id, customer, in_place(customer.events.values()))

    def drop(self, customer_id: str, contract_id: str) -> Iterator[int]:
        """Let the facts of a contract go, before the contract does. Gives how many events it looked at.

        What may belong to another contract as well goes with the first of them, and stays an open exception.
        """
        if not self._any:
            return
        customer, terms = self._recent.of(customer_id), Terms(self._contracts.of(customer_id))
        looked_at = len(customer.events)
        # First all of them, then away: what an event belongs to may follow from another one.
        theirs = [
            one
            for one in customer.events.values()
            if one.stored.contract_id == contract_id
            or (not one.stored.contract_id and contract_id in customer.candidates(one, terms))
        ]
        for one in theirs:
            customer.remove(one)
            self._store.delete(one.key)
            if one.stored.raised:
                self._desk.forget(one.stored.raised, one.at)
        yield looked_at

    # -- one customer

    def _load(self, customer_id: str) -> CustomerBilling:
        customer = CustomerBilling()
        for key, value in self._store.scan(_prefix(customer_id)):
            stored = codec.decode(StoredBilling, value)
            event = decode(BILLING, stored.payload)
            if isinstance(event, BillingEvent):
                customer.add(Billed(key, stored, event))
        return customer

    def _place(self, customer_id: str, customer: CustomerBilling, events: Sequence[Billed]) -> dict[str, int]:
        """See where events belong now, and say what has changed."""
        terms = Terms(self._contracts.of(customer_id))
        changed: set[str] = set()
        for one in events:
            verdict = _verdict(one.event, customer.candidates(one, terms), terms)
            was = one.stored.contract_id, one.stored.raised
            if was == (verdict.contract_id, verdict.cls):
                continue
            changed |= {contract for contract, raised in (was, (verdict.contract_id, verdict.cls)) if not raised}
            customer.unfile(one)
            one.stored.contract_id, one.stored.raised = verdict.contract_id, verdict.cls
            customer.file(one)
            self._store.put(one.key, codec.encode(one.stored))
            self._say(one, was[1], verdict)
        since = min((one.event.event_time for one in events), default=0)
        return dict.fromkeys(sorted(changed - {""}), since)

    def _say(self, one: Billed, raised: str, verdict: _Verdict) -> None:
        """Resolve what was wrong with an event, raise what is."""
        event = one.event
        if raised:
            now = f"now {verdict.cls}" if verdict.cls else f"it belongs to contract {verdict.contract_id}"
            self._desk.resolve(raised, one.at, f"what it waited for arrived: {now}")
        if verdict.cls:
            # Nothing takes an event away from the contract that it names, nor changes the currency of either.
            final = verdict.cls == MISMATCH and bool(event.contract_id)
            self._desk.raise_one(
                verdict.cls, one.at, f"{event.kind} {event.event_id} of {event.source}: {verdict.reason}",
                one.stored.payload, since=event.event_time, customer_id=event.customer_id,
                contract_id=verdict.contract_id or event.contract_id, trace=trace_of(event), resolvable=not final,
            )  # fmt: skip

    def _repeated(self, event: BillingEvent, at: Coordinates, record: Record, stored: StoredBilling) -> None:
        first = decode(BILLING, stored.payload)
        if isinstance(first, BillingEvent) and untraced(first) == untraced(event):
            return  # the same event again
        self._desk.raise_one(
            "identity_conflict", at,
            f"event {event.event_id} of {event.source} was taken from {stored.topic}/{stored.partition} offset "
            f"{stored.offset} with other content, which holds: send a correction under an identity of its own",
            record.payload, since=event.event_time, customer_id=event.customer_id, contract_id=event.contract_id,
            trace=trace_of(event),
        )  # fmt: skip


def _verdict(event: BillingEvent, candidates: set[str], terms: Terms) -> _Verdict:
    """What is wrong with an event whose contract may be any of the candidates; its currency is the contract's."""
    if len(candidates) > 1:
        names = ", ".join(sorted(candidates))
        reason = f"it names no contract, and may belong to {names}: send or amend what it names or when they run"
        return _Verdict("", "contract_ambiguous", f"{reason}; it is kept and booked then")
    contract_id = next(iter(candidates), "")
    if contract_id not in terms.currencies:
        named = f"contract {contract_id}" if contract_id else "a contract"
        reason = f"customer {event.customer_id} has not {named}: send the contract; it is kept and booked then"
        return _Verdict("", "contract_unknown", reason)
    if (currency := terms.currencies[contract_id]) != event.currency:
        reason = f"it is in {event.currency}, and contract {contract_id} in {currency}"
        return _Verdict(contract_id, MISMATCH, f"{reason}: send it in {currency} under an identity of its own")
    return _Verdict(contract_id)


def _prefix(customer_id: str) -> bytes:
    return keys.BILLING + keys.name(customer_id)
