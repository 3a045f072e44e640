"""What is wrong with the billing facts of contracts: one exception per event and class, until it is right."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from accounting.billing_fact import (
    AMOUNT_EXCEEDS,
    FX_RATE_MISSING,
    INVOICE_CONFLICT,
    INVOICE_UNKNOWN,
    LINE_UNKNOWN,
    Problem,
)
from dataflows.billing_table import Filed
from dataflows.exception_desk import Coordinates, ExceptionDesk
from schemas.topics import BILLING
from state import keys
from state.store import ShardStore

CLASSES = frozenset({INVOICE_UNKNOWN, INVOICE_CONFLICT, AMOUNT_EXCEEDS, LINE_UNKNOWN, FX_RATE_MISSING})

_Name = tuple[str, str]  # customer, contract
_Open = tuple[str, Coordinates]  # class, where the event stands


class BillingProblems:
    """The open ones of one shard, by contract."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk) -> None:
        self._desk = desk
        self._open: dict[_Name, set[_Open]] = {}
        self._whose: dict[_Open, _Name] = {}
        for _, value in store.scan(keys.OPEN):
            record = msgspec.json.decode(value)
            if record["source"]["topic"] == BILLING and record["class"] in CLASSES:
                at = Coordinates(**record["source"])
                name = (record["customer_id"], record["contract_id"])
                self._open.setdefault(name, set()).add((record["class"], at))
                self._whose[record["class"], at] = name

    def settle(self, customer_id: str, contract_id: str, filed: Iterable[Filed], problems: Iterable[Problem]) -> None:
        """Raise what is new, resolve what is right now; `problems` are all that the contract has."""
        name = (customer_id, contract_id)
        before = self._open.pop(name, set[_Open]())
        facts = {(one.fact.source, one.fact.event_id): one for one in filed}
        still: set[_Open] = set()
        for problem in problems:
            if problem.fact is None:
                continue  # of a line: dataflows/holds.py
            one = facts[problem.fact.source, problem.fact.event_id]
            known = (problem.cls, one.at) in before | still
            still.add((problem.cls, one.at))
            if not known:
                self._leaves(problem.cls, one.at, contract_id)
                self._whose[problem.cls, one.at] = name
                self._desk.raise_one(
                    problem.cls, one.at, problem.reason, one.payload, since=one.known_at, customer_id=customer_id,
                    contract_id=contract_id, trace=one.trace, resolvable=True,
                    severity="warning" if problem.booked else "error",
                )  # fmt: skip
        for cls, at in sorted(before - still, key=lambda item: (item[1].partition, item[1].offset, item[0])):
            self._desk.resolve(cls, at, "what it needed has come")
            del self._whose[cls, at]
        if still:
            self._open[name] = still

    def _leaves(self, cls: str, at: Coordinates, contract_id: str) -> None:
        """The event has come to this contract. The one that had it may be settled later, and must not resolve it here."""
        other = self._whose.get((cls, at))
        if other is not None:
            self._open[other].discard((cls, at))
            self._desk.resolve(cls, at, f"the event belongs to contract {contract_id} now")

    def forget(self, customer_id: str, contract_id: str) -> None:
        """The contract has been let go: what is open about its billing stays open."""
        for cls, at in self._open.pop((customer_id, contract_id), ()):
            del self._whose[cls, at]
            self._desk.forget(cls, at)
