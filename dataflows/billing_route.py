"""Which contracts a customer's billing event may belong to: by its own word, else by what it names, else by its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from accounting.contract import ContractVersion, VersionKind
from accounting.coverage import FOREVER, in_force
from dataflows.contract_table import CustomerContracts
from dataflows.exception_desk import Coordinates
from schemas.billing import BillingEvent
from state.records import StoredBilling

_Name = TypeVar("_Name")
_Document = tuple[str, str]  # invoice or note, its id


@dataclass(slots=True)
class Billed:
    """One billing event, as it is stored."""

    key: bytes
    stored: StoredBilling
    event: BillingEvent

    @property
    def at(self) -> Coordinates:
        """Where its record stands."""
        return Coordinates(self.stored.topic, self.stored.partition, self.stored.offset)

    @property
    def first(self) -> tuple[int, str, str]:
        """Of events that issue one document, the least holds, whatever order they came in."""
        return self.event.event_time, self.event.source, self.event.event_id

    @property
    def issues(self) -> _Document | None:
        """The document that the event brings into being."""
        if self.event.kind == "invoice_finalized":
            return "invoice", self.event.invoice_id or ""
        return ("note", self.event.credit_note_id or "") if self.event.kind == "credit_note" else None

    @property
    def names(self) -> list[_Document]:
        """The documents whose contract is the event's, the first that says one; of a note, its invoice goes before it."""
        event, found = self.event, list[_Document]()
        if event.invoice_id is not None:
            found.append(("invoice", event.invoice_id))
        if event.credit_note_id is not None and event.kind != "invoice_finalized":
            found.append(("note", event.credit_note_id))
        return found


class Terms:
    """When each contract of a customer runs."""

    def __init__(self, contracts: CustomerContracts) -> None:
        self.currencies = {name: versions[0].currency for name, versions in contracts.versions.items()}
        self._spans = {name: list(_spans(versions)) for name, versions in contracts.versions.items()}

    def at(self, instant: int) -> set[str]:
        """The contracts whose terms have an instant; where none has, all there are."""
        running = {name for name, spans in self._spans.items() if any(start <= instant < end for start, end in spans)}
        return running or set(self._spans)


@dataclass(slots=True)
class CustomerBilling:
    """The billing events of one customer, and what they are to each other."""

    events: dict[bytes, Billed] = field(default_factory=dict)
    booked: dict[str, dict[bytes, Billed]] = field(default_factory=dict)  # contract -> the facts of its books
    _issuers: dict[_Document, dict[bytes, Billed]] = field(default_factory=dict)
    _naming: dict[_Document, dict[bytes, Billed]] = field(default_factory=dict)

    def add(self, one: Billed) -> None:
        """Take up an event."""
        self.events[one.key] = one
        self.file(one)
        if one.issues is not None:
            self._issuers.setdefault(one.issues, {})[one.key] = one
        for name in one.names:
            self._naming.setdefault(name, {})[one.key] = one

    def remove(self, one: Billed) -> None:
        """Forget an event."""
        self.unfile(one)
        del self.events[one.key]
        if one.issues is not None:
            _discard(self._issuers, one.issues, one.key)
        for name in one.names:
            _discard(self._naming, name, one.key)

    def file(self, one: Billed) -> None:
        """Put an event among the facts of its contract, if it is to be booked."""
        if one.stored.contract_id and not one.stored.raised:
            self.booked.setdefault(one.stored.contract_id, {})[one.key] = one

    def unfile(self, one: Billed) -> None:
        """Take it out there."""
        _discard(self.booked, one.stored.contract_id, one.key)

    def concerned(self, one: Billed) -> list[Billed]:
        """An event and those that say something of what it issues, by where they stand: they may have waited for it."""
        found: dict[bytes, Billed] = {}
        todo = [one]
        while todo:
            other = todo.pop()
            if other.key not in found:
                found[other.key] = other
                todo += self._naming.get(other.issues, {}).values() if other.issues is not None else ()
        return in_place(found.values())

    def candidates(self, one: Billed, terms: Terms) -> set[str]:
        """The contracts that an event may belong to, known or not: exactly one is the good case."""
        if one.event.contract_id:
            return {one.event.contract_id}
        issued = [list(self._issuers.get(name, {}).values()) for name in one.names]
        for issuers in issued:
            said = {other.event.contract_id for other in issuers if other.event.contract_id}
            if said:
                return said
        for issuers in issued:
            # An invoice leads to no other event, and a note to its invoice: this comes to an end.
            if issuers and (first := min(issuers, key=lambda other: other.first)) is not one:
                return self.candidates(first, terms)
        return terms.at(one.event.event_time)


def _discard(index: dict[_Name, dict[bytes, Billed]], name: _Name, key: bytes) -> None:
    found = index.get(name, {})
    found.pop(key, None)
    if not found:
        index.pop(name, None)


def in_place(found: Iterable[Billed]) -> list[Billed]:
    """Events by where they stand: what is said of them has one order, whatever order they came in."""
    return sorted(found, key=lambda one: (one.stored.topic, one.stored.partition, one.stored.offset))


def _spans(versions: Sequence[ContractVersion]) -> Iterator[tuple[int, int]]:
    """[start, end) of the parts of a contract's term; a cancellation ends it."""
    for span in in_force(versions):
        version = span.version
        end = FOREVER if version.end is None else version.end
        if version.kind is VersionKind.CANCELLED:
            end = min(end, version.effective_at)
        yield max(span.start, version.start), min(span.end, end)
