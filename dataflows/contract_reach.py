"""How far back a contract version reaches: not behind the cut, and the exception that says what it asked for there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

from accounting.calendar import rfc3339
from accounting.contract import ContractVersion, Rate
from accounting.coverage import ALWAYS, Cover
from connectors.batch import Record
from dataflows.cut import Cut
from dataflows.exception_desk import Coordinates, ExceptionDesk
from schemas.contracts import ContractEvent
from schemas.trace import trace_of

CLASS = "beyond_retention"

ByMeter = Mapping[str, Sequence[Cover]]


class Terms(NamedTuple):
    """What decides a line's amounts."""

    line_id: str
    product_id: str
    rate: Rate
    line_start: int


class ContractReach:
    """Says which part of a contract version comes too late."""

    def __init__(self, desk: ExceptionDesk, cut: Cut) -> None:
        self._desk, self._cut = desk, cut

    def bygone(self, event: ContractEvent, until: int, at: Coordinates, record: Record) -> bool:
        """Whether nothing of a contract would be kept, as its term was over at `until`: it may have been here before."""
        if until > self._cut.start("UTC"):
            return False
        self._desk.raise_one(
            CLASS, at,
            f"contract {event.contract_id} version {event.version}: its term ended at {rfc3339(until)}, and the books of a "
            f"contract are kept for {self._cut.days} days after that: post a manual correction",
            record.payload, since=event.event_time, customer_id=event.customer_id,
            contract_id=event.contract_id, trace=trace_of(event),
        )  # fmt: skip
        return True

    def or_gone(self, event: ContractEvent) -> str:
        """What else may be the matter with a contract whose first version is not here."""
        end = self._cut.start("UTC")
        if event.start >= end:
            return ""
        return f"; if its term ended before {rfc3339(end)}, it is kept no more: begin another contract"

    def back(self, fresh: list[ContractVersion], cut: int, position: Callable[[ContractVersion], Coordinates]) -> None:
        """New versions of a contract, of which one asks for something before the contract's cut."""
        first = min(fresh, key=lambda one: one.start if one.version == 1 else one.effective_at)
        since = first.start if first.version == 1 else first.effective_at
        if since >= cut:
            return
        self._desk.raise_one(
            CLASS, position(first),
            f"contract {first.contract_id} version {first.version} reaches back to {rfc3339(since)}, and of a contract "
            f"without an end {self._cut.days} days are kept: it holds from {rfc3339(cut)} on; post a manual correction for "
            "the time before", b"", since=first.known_at, customer_id=first.customer_id,
            contract_id=first.contract_id, trace=first.trace,
        )  # fmt: skip

    def contests(
        self, event: ContractEvent, known: ByMeter, given: ByMeter, cuts: Mapping[str, int],
        position: Callable[[ContractEvent], Coordinates],
    ) -> None:  # fmt: skip
        """A version by which other contracts take usage that is no longer kept; `cuts` of all the customer's contracts."""
        moved = contested(known, cuts) ^ contested(given, cuts)
        if not moved:
            return
        since, meter = min((start, meter) for meter, start, _ in moved)
        before = max(end for _, _, end in moved)
        self._desk.raise_one(
            CLASS, position(event),
            f"contract {event.contract_id} version {event.version} changes which contract takes usage of meter {meter} from "
            f"{rfc3339(since)} on, and usage of before {rfc3339(before)} is no longer kept: it stays where it is booked; "
            "post a manual correction", b"", since=event.event_time, customer_id=event.customer_id,
            contract_id=event.contract_id, trace=trace_of(event), subject="contested",
        )  # fmt: skip


def within_reach(versions: Sequence[ContractVersion], cuts: Sequence[int]) -> list[ContractVersion]:
    """A version changes nothing before the cut at which it was taken up; the first one has nothing before it."""
    return [
        replace(version, effective_at=cut) if version.version > 1 and version.effective_at < cut else version
        for version, cut in zip(versions, cuts, strict=True)
    ]


def before(by_meter: ByMeter, contract_id: str, cut: int) -> set[tuple[str, Terms, int, int]]:
    """What a contract's lines ask for before an instant: (meter, terms, start, end), by whichever versions."""
    found: dict[tuple[str, str], list[tuple[Terms, int, int]]] = {}
    for meter, covering in by_meter.items():
        for one in sorted(covering, key=lambda one: one.start):
            if one.contract_id != contract_id or one.start >= cut:
                continue
            terms, start = Terms(one.line_id, one.product_id, one.rate, one.line_start), one.start
            spans = found.setdefault((meter, one.line_id), [])
            if spans and spans[-1][0] == terms and spans[-1][2] == start:
                start = spans.pop()[1]
            spans.append((terms, start, min(one.end, cut)))
    return {(meter, *span) for (meter, _), spans in found.items() for span in spans}


def contested(by_meter: ByMeter, cuts: Mapping[str, int]) -> set[tuple[str, int, int]]:
    """(meter, start, end) of what two contracts take, as far as one of them keeps it no more."""
    found, last = set(), max(cuts.values(), default=ALWAYS)
    for meter, covering in by_meter.items():
        for one, other in combinations([one for one in covering if one.start < last], 2):
            start = max(one.start, other.start)
            end = min(one.end, other.end, max(cuts[one.contract_id], cuts[other.contract_id]))
            if one.contract_id != other.contract_id and start < end:
                found.add((meter, start, end))
    return found
