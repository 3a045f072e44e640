"""Ties the journal of the provider's bill to BilledCost: a difference has a reason, or is unexplained."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from ops.demo import price_list
from ops.demo.amount import decimal
from ops.demo.charge import SAMPLE, Charge, read_charges
from ops.demo.delivered import json_lines, partition_path
from ops.demo.difference import Difference, Differences
from ops.demo.focus import CONTRACTS_TOPIC, PARTITION, USAGE_TOPIC
from ops.show import entry as journal_entry
from ops.show import exception_record
from ops.show.entry import Entry
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.records import read_records

MINOR_UNITS = 100  # the sample is in US dollars
# AWS bills to the tenth decimal a quantity of eleven: half a unit of each is rounding, more is not.
_BILLED_HALF_UNIT = Fraction(1, 2 * 10**10)
_PRICED_HALF_UNIT = Fraction(1, 2 * 10**11)

Identity = tuple[str, str]  # source, event_id
LineKey = tuple[str, str]  # contract, line
LineMonth = tuple[str, str, str]  # contract, line, YYYY-MM: what is rounded to cents as one


@dataclass(frozen=True, slots=True)
class TieOut:
    """BilledCost = booked + the explained differences + what is unexplained, exactly."""

    billed: Fraction
    rows: int
    booked: Fraction
    entries: int
    explained: tuple[Difference, ...]
    unexplained: Difference
    details: tuple[str, ...]  # a sentence for each unexplained case
    excepted: Mapping[str, int]  # rows by class of exception

    @property
    def ties(self) -> bool:
        """Whether nothing is unexplained; two errors that cancel each other out do not tie."""
        return self.unexplained.count == 0 and self.residue == 0

    @property
    def residue(self) -> Fraction:
        """What the table fails to add up to; 0 by construction."""
        explained = sum((difference.amount for difference in self.explained), Fraction(0))
        return self.billed - self.booked - explained - self.unexplained.amount


def tie_out(sink_dir: Path, source_dir: Path, sample: Path = SAMPLE) -> TieOut:
    """Tie the journal in `sink_dir`, booked from the input in `source_dir`, to the sample both come from."""
    journal = [stored.value for stored in read_records(sink_dir, journal_entry.TOPIC, Entry)]
    stored = read_records(sink_dir, exception_record.TOPIC, ExceptionRecord)
    return tie(
        read_charges(sample),
        json_lines(partition_path(source_dir, USAGE_TOPIC, PARTITION)),
        json_lines(partition_path(source_dir, CONTRACTS_TOPIC, PARTITION)),
        [entry for entry in journal if entry.entity != price_list.ENTITY],
        [record.value for record in exception_record.current(stored)],
    )


def tie(
    charges: Sequence[Charge],
    events: Sequence[dict[str, Any]],
    contracts: Iterable[dict[str, Any]],
    entries: Sequence[Entry],
    exceptions: Iterable[ExceptionRecord],
) -> TieOut:
    """The tie-out itself; usage × price comes from the charges, nothing the processor computed is trusted."""
    differences = Differences()
    by_identity = {(charge.provider, charge.charge_id): charge for charge in charges}
    lines = _lines(contracts)
    classes = _exception_classes(exceptions, events)
    exact: dict[LineMonth, Fraction] = {}
    excepted: dict[str, int] = {}
    read: set[Identity] = set()
    for event in events:
        identity = _identity(event)
        if identity in read:
            continue
        read.add(identity)
        charge = by_identity[identity]
        if identity in classes:
            name = classes[identity]
            excepted[name] = excepted.get(name, 0) + 1
            differences.add(_exception_reason(charge, name), charge.billed)
            continue
        line = lines.get((charge.customer, event["meter"]))
        cost = charge.exact_cost
        if line is None or cost is None:
            differences.leave_open(charge.billed, f"row {charge.charge_id} has no contract line and no exception")
            continue
        key = (*line, charge.started[:7])
        exact[key] = exact.get(key, Fraction(0)) + cost
        _explain_billing(charge, cost, differences)
    for identity, charge in by_identity.items():
        if identity not in read:
            differences.leave_open(charge.billed, f"row {charge.charge_id} is not among the usage events")
    booked = _booked(entries)
    _explain_rounding(exact, booked, differences)
    return TieOut(
        billed=sum((charge.billed for charge in charges), Fraction(0)),
        rows=len(charges),
        booked=sum(booked.values(), Fraction(0)),
        entries=len(entries),
        explained=tuple(differences.explained),
        unexplained=differences.unexplained,
        details=tuple(differences.details),
        excepted=excepted,
    )


def _lines(contracts: Iterable[dict[str, Any]]) -> dict[tuple[str, str], LineKey]:
    """The usage line that covers each customer's meter."""
    return {
        (contract["customer_id"], line["rate"]["meter"]): (contract["contract_id"], line["line_id"])
        for contract in contracts
        for line in contract["lines"]
    }


def _booked(entries: Iterable[Entry]) -> dict[LineMonth, Fraction]:
    """Revenue by contract line and the month in which it was earned."""
    booked: dict[LineMonth, Fraction] = {}
    for entry in entries:
        month = entry.window.start[:7] if entry.window is not None else entry.origin_period or entry.period
        key = (entry.contract_id or "", entry.line_id or "", month)
        booked[key] = booked.get(key, Fraction(0)) + Fraction(entry.revenue)
    return booked


def _explain_billing(charge: Charge, cost: Fraction, differences: Differences) -> None:
    """Why the provider billed something else than usage × list price for one counted row."""
    gap = charge.billed - cost
    price = Fraction(charge.list_unit_price or 0)
    if price == 0 and gap == 0:
        differences.add(Differences.FREE_TIER, gap)
    elif gap == 0:
        return
    elif _is_rounding(gap, price):
        differences.add(Differences.PROVIDER_ROUNDING, gap)
    elif _is_discounted(charge, cost, price):
        differences.add(Differences.DISCOUNT, gap)
    else:
        amounts = f"billed {decimal(charge.billed):f}, usage × list price is {decimal(cost):f}"
        differences.leave_open(gap, f"row {charge.charge_id}: {amounts}")


def _is_rounding(gap: Fraction, price: Fraction) -> bool:
    return abs(gap) <= _BILLED_HALF_UNIT + abs(price) * _PRICED_HALF_UNIT


def _is_discounted(charge: Charge, cost: Fraction, price: Fraction) -> bool:
    """The provider states the same list cost, and billed a part of it (or none)."""
    if charge.list_cost is None or not _is_rounding(charge.list_cost - cost, price):
        return False
    return min(Fraction(0), charge.list_cost) <= charge.billed <= max(Fraction(0), charge.list_cost)


def _explain_rounding(
    exact: Mapping[LineMonth, Fraction], booked: Mapping[LineMonth, Fraction], differences: Differences
) -> None:
    """Only the rounding of a line's month to whole cents, half-even, explains what its booking leaves."""
    for key in sorted(exact.keys() | booked.keys()):
        cost, revenue = exact.get(key, Fraction(0)), booked.get(key, Fraction(0))
        due = Fraction(round(cost * MINOR_UNITS), MINOR_UNITS)
        if cost != due:
            differences.add(Differences.ROUNDING, cost - due)
        if due != revenue:
            contract, line, month = key
            amounts = f"usage × price is {decimal(cost):f}, booked {decimal(revenue, 2):f}"
            differences.leave_open(due - revenue, f"{contract} line {line}, {month}: {amounts}")


def _exception_reason(charge: Charge, name: str) -> str:
    """What an excepted row is, in words, with the class under which it waits."""
    if charge.is_usage:
        what = "usage not booked" if charge.quantity is not None else Differences.MISSING_QUANTITY
    else:
        what = charge.category.lower() + ("" if charge.quantity is not None else " without a quantity")
    return f"{what} (exception: {name})"


def _exception_classes(exceptions: Iterable[ExceptionRecord], events: Sequence[dict[str, Any]]) -> dict[Identity, str]:
    """The open exception of each excepted usage event, found by what its payload says, else by its offset."""
    known = {_identity(event) for event in events}
    classes: dict[Identity, str] = {}
    for record in exceptions:
        source = record.source
        if record.status != OPEN or source is None or (source.topic, source.partition) != (USAGE_TOPIC, PARTITION):
            continue
        identity = _payload_identity(record.payload)
        offset = source.offset
        if identity not in known and offset is not None and 0 <= offset < len(events):
            identity = _identity(events[offset])
        if identity is not None and identity in known:
            classes[identity] = record.kind
    return classes


def _payload_identity(payload: str | None) -> Identity | None:
    try:
        message = json.loads(base64.b64decode(payload or "", validate=True))
        return message["source"], message["event_id"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        return None


def _identity(event: Mapping[str, Any]) -> Identity:
    return event["source"], event["event_id"]
