"""The versions of one contract as a run's source holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ops.show.contract_words import change_words
from ops.show.exception_record import Position
from ops.show.nearest import nearest
from ops.show.records import needle
from ops.show.sink import UsageError
from ops.show.source import payloads, received
from schemas.contracts import ContractEvent
from schemas.fault import Fault
from schemas.topics import CONTRACTS
from schemas.trace import untraced

HOLDS, REPEATED, CONFLICT, WAITS = "holds", "repeated", "in conflict", "waits"


class _Named(msgspec.Struct):
    contract_id: str
    customer_id: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version as it was received, and what became of it."""

    position: Position
    event: ContractEvent
    status: str  # holds; repeated; in conflict with one received before; waits for the one before it


@dataclass(slots=True)
class ContractVersions:
    """What the source says of one contract of one customer."""

    contract_id: str
    customer_id: str | None
    received: list[Version] = field(default_factory=list)
    invalid: list[tuple[Position, str]] = field(default_factory=list)

    @property
    def holding(self) -> list[Version]:
        """Versions 1..n without a gap: those that decide the books."""
        return sorted((one for one in self.received if one.status == HOLDS), key=lambda one: one.event.version)

    def change(self, version: Version) -> list[str]:
        """What a version changes, in words."""
        number = version.event.version
        before = next((one.event for one in self.received
                       if one.event.version == number - 1 and one.status in (HOLDS, WAITS)), None)  # fmt: skip
        if version.status in (REPEATED, CONFLICT):
            first = next(one for one in self.received if one.event.version == number)
            against = "the same as" if version.status == REPEATED else "differs from"
            return [f"{against} version {number} at {first.position}, which holds"]
        if before is None and number > 1:
            return [f"waits: version {number - 1} is not there"]
        return change_words(before, version.event)


def versions_of(
    source: Path, contract_id: str, customer_id: str | None = None, as_of: int | None = None
) -> ContractVersions:
    """The versions of a contract, in the order received; with `as_of` those that were known by that instant.

    UsageError when several customers have a contract of that id and none is named.
    """
    found = ContractVersions(contract_id, customer_id)
    customers: set[str] = set()
    for one in received(source, CONTRACTS, needle(contract_id)):
        if not isinstance(one.outcome, ContractEvent):
            named = _named(one.payload)
            if named is not None and named.contract_id == contract_id and customer_id in (None, named.customer_id):
                reason = one.outcome.reason if isinstance(one.outcome, Fault) else "not a contract version"
                found.invalid.append((one.position, reason))
            continue
        event = one.outcome
        if event.contract_id != contract_id or customer_id not in (None, event.customer_id):
            continue
        if as_of is not None and event.event_time > as_of:
            continue
        customers.add(event.customer_id)
        found.received.append(Version(one.position, event, HOLDS))
    if len(customers) > 1:
        raise UsageError(
            f"contract {contract_id!r} is a contract of each of these customers: {', '.join(sorted(customers))}. "
            "Name one with --customer."
        )
    found.customer_id = next(iter(customers), customer_id)
    found.received = _judged(found.received)
    return found


def customers_of(source: Path, contract_id: str) -> dict[str, int]:
    """The customers that have a contract of this id, and since when it is known."""
    known: dict[str, int] = {}
    for one in received(source, CONTRACTS, needle(contract_id)):
        if isinstance(one.outcome, ContractEvent) and one.outcome.contract_id == contract_id:
            event = one.outcome
            known[event.customer_id] = min(event.event_time, known.get(event.customer_id, event.event_time))
    return known


def nearest_contracts(source: Path, contract_id: str) -> list[str]:
    """The contracts of a source whose ids are most like one."""
    return nearest(contract_id, {named.contract_id for line in payloads(source, CONTRACTS) if (named := _named(line))})


def _judged(versions: list[Version]) -> list[Version]:
    """Each with its status: of a number the first one received holds, and only if all before it are there."""
    first: dict[int, Version] = {}
    for one in versions:
        first.setdefault(one.event.version, one)
    last = 0
    while last + 1 in first:
        last += 1
    judged = []
    for one in versions:
        number, holder = one.event.version, first[one.event.version]
        if one is not holder:
            status = REPEATED if untraced(one.event) == untraced(holder.event) else CONFLICT
        else:
            status = HOLDS if number <= last else WAITS
        judged.append(Version(one.position, one.event, status))
    return judged


def _named(payload: bytes) -> _Named | None:
    try:
        return msgspec.json.decode(payload, type=_Named)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
