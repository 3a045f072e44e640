"""Corrections that a replay has found: booked by the rules where the books lack them, posted as they are where only the
journal does.

First the contracts are looked at again as a whole: what the state itself knows to be missing or wrong is posted as usual,
and the state knows of it. What is left of the correction is missing in the journal alone (an entry that was lost, edited
or added behind the program's back): it is posted as an entry of kind `correction`, and the state, which is right, stays as
it is. So nothing is corrected twice, whatever is looked at later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from accounting.calendar import Period
from accounting.coverage import ALWAYS
from accounting.currency import digits
from accounting.journal import dated, entry_id, sides
from accounting.money import minor_from_major
from accounting.require import require
from connectors.batch import Record
from dataflows.bookkeeping import Bookkeeper
from dataflows.business_clock import BusinessClock
from dataflows.contract_books import ContractBooks
from dataflows.entry import entry_lines, period_names
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.outbox import Outbox
from dataflows.recalculations import RE_RATING, Recalculations
from dataflows.rules import rules_digest
from schemas.control import ControlEvent
from schemas.corrections import CorrectedPosting
from schemas.decimals import scaled
from schemas.identity import customer_shard_of
from schemas.topics import CONTROL, JOURNAL
from schemas.trace import trace_of
from state import keys
from state.store import ShardStore

REFUSED = "correction_refused"


class _Line(NamedTuple):
    """What one entry is about."""

    entity: str
    currency: str
    functional_currency: str
    period: str  # in which the effect belongs
    customer_id: str
    contract_id: str
    line_id: str


@dataclass(slots=True)
class _Sums:
    """Signed minor units by account, in both currencies."""

    amounts: defaultdict[str, int]
    functional: defaultdict[str, int]

    @classmethod
    def none(cls) -> _Sums:
        return cls(defaultdict(int), defaultdict(int))

    def add(self, account: str, amount: int, functional: int) -> None:
        self.amounts[account] += amount
        self.functional[account] += functional


class Corrections:
    """Takes corrections up in one shard."""

    def __init__(
        self, store: ShardStore, outbox: Outbox, desk: ExceptionDesk, clock: BusinessClock, books: Bookkeeper,
        fixed: ContractBooks, recalculations: Recalculations, settle: Callable[[], None], shard: int, shards: int,
        at_home: bool,
    ) -> None:  # fmt: skip
        self._store, self._outbox, self._desk, self._clock = store, outbox, desk, clock
        self._books, self._fixed, self._recalculations, self._settle = books, fixed, recalculations, settle
        self._shard, self._shards, self._at_home = shard, shards, at_home

    def apply(self, event: ControlEvent, record: Record) -> None:
        """Post what a correction says of this shard's customers, once."""
        taken = keys.CORRECTED + keys.name(event.source or "", event.event_id or "")
        if self._store.get(taken) is not None:
            return  # sent again: it is posted
        if reason := _refusal(event):
            if self._at_home:
                at = Coordinates(CONTROL, 0, record.offset)
                self._desk.raise_one(
                    REFUSED, at, reason, record.payload, since=event.event_time, trace=trace_of(event)
                )  # fmt: skip
            return
        self._store.put(taken, b"")
        own = [one for one in event.postings if customer_shard_of(one.customer_id, self._shards) == self._shard]
        left = _summed(own)
        with self._outbox.watched(lambda topic, said: _subtract(left, said) if topic == JOURNAL else None):
            self._look_again(event, own)
        for line, postings in groupby(sorted(own, key=_line), key=_line):
            product = next((one.product_id for one in postings if one.product_id), None)
            self._post(line, left[line], product or "", event, record)

    def pass_over(self, event: ControlEvent, record: Record) -> None:
        """Leave a correction out."""

    def _look_again(self, event: ControlEvent, own: list[CorrectedPosting]) -> None:
        self._recalculations.because(RE_RATING, trace_of(event))
        for customer_id in sorted({one.customer_id for one in own}):
            self._books.look_again(customer_id, ALWAYS)
        for customer_id, contract_id in sorted({(one.customer_id, one.contract_id or "") for one in own}):
            self._fixed.billing_changed(customer_id, contract_id)
        self._settle()

    def _post(self, line: _Line, sums: _Sums, product_id: str, event: ControlEvent, record: Record) -> None:
        moved = [
            one
            for name in sorted(sums.amounts)
            for one in sides(name, sums.amounts[name], sums.functional[name], product_id)
        ]
        if not moved:
            return
        require(sum(one.amount for one in moved) == 0, "a correction balances", line=line, sums=dict(sums.amounts))
        require(
            sum(one.functional for one in moved) == 0, "a correction balances in the functional currency", line=line
        )
        dating = dated(Period.parse(line.period).last_day, self._clock.closed(line.entity))
        period, origin = period_names(dating)
        self._outbox.add(JOURNAL, {
            "entry_id": entry_id("correction", event.source, event.event_id, *line, period, origin),
            "entity": line.entity, "currency": line.currency, "functional_currency": line.functional_currency,
            "period": period, "accounting_date": dating.accounting_date.isoformat(), "origin_period": origin,
            "kind": "correction", "customer_id": line.customer_id, "contract_id": line.contract_id or None,
            "line_id": line.line_id or None, **trace_of(event)._asdict(),
            "lines": entry_lines(moved, line.currency, line.functional_currency),
            "window": None,
            "lineage": {
                "contract_version": None, "policy_version": None, "event_count": 0, "event_digest": None,
                "sources": [
                    {"topic": CONTROL, "partition": 0, "from_offset": record.offset, "to_offset": record.offset + 1}
                ],
                "rule": f"correction {event.event_id}: what a replay of the input books and the journal lacks",
            },
        })  # fmt: skip


def _refusal(event: ControlEvent) -> str | None:
    """Why a correction is not taken."""
    if event.rules != rules_digest():
        return (
            f"correction {event.event_id} was found by a program with other accounting rules ({event.rules}) than the "
            f"service's ({rules_digest()}): run the service and the replay with the same program, then replay again"
        )
    summed = _summed(event.postings).items()
    if unbalanced := [one for one, sums in summed if sum(sums.amounts.values()) or sum(sums.functional.values())]:
        return f"correction {event.event_id} does not balance for line {unbalanced[0].line_id} of {unbalanced[0].contract_id}"
    return None


def _line(one: CorrectedPosting) -> _Line:
    return _Line(
        one.entity, one.currency, one.functional_currency or one.currency, one.period, one.customer_id,
        one.contract_id or "", one.line_id or "",
    )  # fmt: skip


def _summed(postings: list[CorrectedPosting] | tuple[CorrectedPosting, ...]) -> defaultdict[_Line, _Sums]:
    found: defaultdict[_Line, _Sums] = defaultdict(_Sums.none)
    for one in postings:
        line = _line(one)
        amount = scaled(one.amount, digits(line.currency))
        found[line].add(one.account, amount, scaled(one.functional_amount, digits(line.functional_currency)))
    return found


def _subtract(left: defaultdict[_Line, _Sums], entry: Mapping[str, Any]) -> None:
    """An entry that the rules have posted is no part of what is left."""
    line = _Line(
        entry["entity"], entry["currency"], entry["functional_currency"], entry["origin_period"] or entry["period"],
        entry["customer_id"], entry["contract_id"] or "", entry["line_id"] or "",
    )  # fmt: skip
    if line not in left:
        left[line] = _Sums.none()
    for one in entry["lines"]:
        sign = -1 if one["side"] == "debit" else 1
        left[line].add(
            one["account"], sign * minor_from_major(one["amount"], line.currency),
            sign * minor_from_major(one["functional_amount"], line.functional_currency),
        )  # fmt: skip
