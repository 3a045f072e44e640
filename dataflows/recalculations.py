"""Recalculation events: what a contract version, late usage or a policy did to revenue by line and period, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache, lru_cache
from itertools import repeat
from typing import Any

import msgspec

from accounting.calendar import DAY_US, Period, month_number, rfc3339
from accounting.contract import ContractVersion, LineKind, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.coverage import FOREVER
from accounting.journal import entry_id
from accounting.modification import Decision, Treatment
from accounting.money import major_text
from dataflows.contract_ledgers import line_prefix
from dataflows.contract_table import ContractTable
from dataflows.outbox import Outbox
from dataflows.plan_book import PlanBook, Planned
from schemas.topics import RECALCULATIONS
from state import codec, keys
from state.records import Booked
from state.store import ShardStore

AMENDMENT = "amendment"
LATE_USAGE = "late_usage"
POLICY = "policy"
RE_RATING = "re_rating"

Amounts = dict[str, dict[int, int]]  # line -> month number -> minor units


class _Row(msgspec.Struct, gc=False):
    """The amount of one line and month; by the hundred in a record of a schedule."""

    line_id: str
    period: str
    amount: str


@dataclass(slots=True)
class _Change:
    """A contract whose books are about to be settled for a reason."""

    cause: str
    known: int | None  # versions before, where there are new ones
    moved: Counter[tuple[str, int]] = field(default_factory=Counter)  # posted revenue that changed, by line and period
    usage: set[str] = field(default_factory=set)  # the usage lines among them
    since: int = FOREVER  # of the first window or effect that changed
    entry_ids: list[str] = field(default_factory=list)


class Recalculations:
    """Notes what changes in one shard, and says it once the books are settled."""

    def __init__(self, store: ShardStore, outbox: Outbox, contracts: ContractTable, plans: PlanBook) -> None:
        self._store, self._outbox, self._contracts, self._plans = store, outbox, contracts, plans
        self._changes: dict[tuple[str, str], _Change] = {}
        self._cause = LATE_USAGE

    def amended(self, customer_id: str, contract_id: str, known: int) -> None:
        """A contract that had `known` versions has more of them."""
        name = (customer_id, contract_id)
        change = self._changes.get(name)
        if change is None or change.known is None:
            self._changes[name] = _Change(AMENDMENT, known)

    def drawn_in(self, customer_id: str, contract_id: str) -> None:
        """A contract that it is combined with has changed."""
        self._changes.setdefault((customer_id, contract_id), _Change(AMENDMENT, None))

    def because(self, cause: str) -> None:
        """Why books that are looked at again change, until `say`, where no contract version is the reason."""
        self._cause = cause

    def posted(
        self, customer_id: str, contract_id: str, line_id: str, at: tuple[int, date], amount: int, entry_ids: list[str],
        revised: bool, metered: bool = False,
    ) -> None:  # fmt: skip
        """Revenue of a line moved by `amount` at (instant, day); `revised`: something else was posted there before."""
        name = (customer_id, contract_id)
        change = self._changes.get(name)
        if change is None:
            if not (revised and amount):
                return  # time has come to it, that is all
            change = self._changes[name] = _Change(self._cause, None)
        instant, day = at
        change.entry_ids += entry_ids
        if amount:
            change.moved[line_id, month_number(day)] += amount
            change.since = min(change.since, instant)
            if metered:
                change.usage.add(line_id)

    def say(self) -> None:
        """One record for each new version, and for each contract that was changed by anything else."""
        changes, self._changes, self._cause = self._changes, {}, LATE_USAGE
        known: dict[str, dict[str, int]] = {}  # customer -> contract -> versions before
        for (customer_id, contract_id), change in changes.items():
            if change.known is not None:
                known.setdefault(customer_id, {})[contract_id] = change.known
        for (customer_id, contract_id), change in changes.items():
            if contract_id not in self._contracts.of(customer_id).versions:
                continue
            contract = self._plans.of(customer_id, contract_id)
            if change.known is not None:
                self._say_versions(contract, change, known[customer_id])
            elif any(change.moved.values()):
                self._say_change(contract, change)

    def _say_versions(self, contract: Planned, change: _Change, known: Mapping[str, int]) -> None:
        """From version to version; what was posted belongs to the last, what others that it is combined with changed to
        the first. `known`: the customer's contracts that have more versions now, and how many they had."""
        contract_id = contract.first.contract_id
        fresh = contract.versions[known[contract_id] :]
        before = self._plans.plan(contract.customer_id, contract_id, known).by_month()
        for version in fresh:
            last = version is fresh[-1]
            plan = contract.plan
            if not last:
                plan = self._plans.plan(contract.customer_id, contract_id, {contract_id: version.version})
            after = plan.by_month()
            usage = self._usage(contract, change) if last else (Amounts(), Amounts())
            record = version_record(contract.versions, version, plan, before, after, usage)
            self._outbox.add(RECALCULATIONS, {**record, "entry_ids": change.entry_ids if last else []})
            before = after

    def _say_change(self, contract: Planned, change: _Change) -> None:
        version, planned = contract.versions[-1], contract.plan.by_month()
        before, after = self._usage(contract, change)
        for (line_id, month), moved in change.moved.items():
            if moved and line_id not in change.usage:
                now = planned.get(line_id, {}).get(month, 0)
                after.setdefault(line_id, {})[month] = now
                before.setdefault(line_id, {})[month] = now - moved
        amounts = _compared(before, after, version.currency)
        self._outbox.add(
            RECALCULATIONS,
            {
                "recalculation_id": entry_id(
                    "recalculation", contract.customer_id, version.contract_id, change.cause, *change.entry_ids
                ),
                **_head(version, change.cause, version.version),
                "treatment": None,
                "evidence": [],
                "effective_at": rfc3339(change.since),
                **amounts,
                "catch_up": major_text(0, version.currency),
                "entry_ids": change.entry_ids,
            },
        )

    def _usage(self, contract: Planned, change: _Change) -> tuple[Amounts, Amounts]:
        """Before and after: what usage lines have posted in the periods in which they changed."""
        before, after = Amounts(), Amounts()
        for (line_id, month), moved in change.moved.items():
            if moved and line_id in change.usage:
                now = self._posted_in(contract, line_id, month)
                after.setdefault(line_id, {})[month] = now
                before.setdefault(line_id, {})[month] = now - moved
        return before, after

    def _posted_in(self, contract: Planned, line_id: str, period: int) -> int:
        month, total = Period.numbered(period), 0
        # The window in which a month begins may have begun in the one before.
        first, end = keys.number(month.start(contract.zone) - 32 * DAY_US), keys.number(month.end(contract.zone))
        for lines in self._contracts.of(contract.customer_id).lines.values():
            cover = lines.get((contract.first.contract_id, line_id))
            for _, value in self._store.scan(line_prefix(contract.customer_id, cover), first, end) if cover else ():
                booked = codec.decode(Booked, value)
                if booked.day is not None and Period.of_date(booked.day) == month:
                    total += codec.to_int(booked.amount)
        return total


_text = lru_cache(4096)(major_text)  # months of one length have one amount


@cache
def _name(month: int) -> str:
    return str(Period.numbered(month))


def _head(version: ContractVersion, cause: str, before: int | None) -> dict[str, Any]:
    return {
        "customer_id": version.customer_id,
        "contract_id": version.contract_id,
        "from_version": before,
        "to_version": version.version,
        "cause": cause,
        "correlation_id": version.correlation_id,
    }


def version_record(
    versions: Sequence[ContractVersion], version: ContractVersion, plan: ContractPlan, before: Amounts, after: Amounts,
    usage: tuple[Amounts, Amounts] = ({}, {}),
) -> dict[str, Any]:  # fmt: skip
    """What a version did: `before` and `after` are the schedules by line and month, `usage` what of usage moved."""
    decision = next((one for one in plan.decisions if one.version == version.version), None)
    waits = decision is not None and decision.undecidable is not None
    metered = _metered(versions[version.version - 2], version) if version.version > 1 else []
    return {
        "recalculation_id": entry_id("recalculation", version.customer_id, version.contract_id, version.version),
        **_head(version, AMENDMENT, version.version - 1 or None),
        "treatment": "undecided" if waits else _treatment(version, decision, bool(metered)),
        "evidence": [*_evidence(decision), *metered],
        "effective_at": rfc3339(version.effective_at),
        **_compared({**before, **usage[0]}, {**after, **usage[1]}, version.currency),
        "catch_up": major_text(plan.caught_up(version.version), version.currency),
    }


def _treatment(version: ContractVersion, decision: Decision | None, metered: bool) -> str:
    """A change of usage prices alone is prospective: what remains of a series is distinct (606-10-25-13 a)."""
    if version.version == 1:
        return "new_contract"
    if version.kind is VersionKind.CANCELLED:
        return Treatment.CANCELLATION
    if decision is None or decision.treatment is Treatment.UPDATE:
        return Treatment.PROSPECTIVE if metered else Treatment.UPDATE
    return decision.treatment


def _metered(before: ContractVersion, version: ContractVersion) -> list[dict[str, Any]]:
    """The test of what became of the usage lines, where anything did."""
    old, new = ({line.line_id: line for line in one.lines if line.kind is LineKind.USAGE} for one in (before, version))
    named = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and new[name] != old[name]],
    }
    if not any(named.values()):
        return []
    inputs = [{"key": key, "value": ", ".join(names) or "none"} for key, names in named.items()]
    result = "changed: each unit takes the price in force at its time"
    return [{"test": "usage terms", "inputs": inputs, "result": result}]


def _evidence(decision: Decision | None) -> list[dict[str, Any]]:
    return [
        {
            "test": one.name,
            "inputs": [{"key": key, "value": value} for key, value in one.inputs],
            "result": one.result,
        }
        for one in (decision.evidence if decision else ())
    ]


def _compared(before: Amounts, after: Amounts, currency: str) -> dict[str, Any]:
    """Before, after and delta by line and period; a period that a line has in neither is left out."""
    old, new, delta = list[_Row](), list[_Row](), list[_Row]()
    for line in sorted(before.keys() | after.keys()):
        was, now = before.get(line, {}), after.get(line, {})
        rows = _rows(line, was, currency)
        old += rows
        if was == now:
            new += rows
            continue
        new += _rows(line, now, currency)
        months = {month for month, _ in was.items() ^ now.items()}  # where they differ
        moved = {month: now.get(month, 0) - was.get(month, 0) for month in months}
        delta += _rows(line, {month: amount for month, amount in moved.items() if amount}, currency)
    return {"before": old, "after": new, "delta": delta}


def _rows(line: str, amounts: Mapping[int, int], currency: str) -> list[_Row]:
    months = sorted(amounts)
    texts = map(_text, map(amounts.__getitem__, months), repeat(currency))
    return list(map(_Row, repeat(line), map(_name, months), texts))
