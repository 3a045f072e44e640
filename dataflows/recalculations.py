"""Recalculation events: what a contract version, late usage or a policy did to revenue by line and period, and why."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import repeat
from typing import Any

import msgspec

from accounting.calendar import DAY_US, Period, local_date, month_number, rfc3339, start_of_day
from accounting.contract import ContractVersion, LineKind, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.coverage import FOREVER
from accounting.journal import entry_id
from accounting.modification import Decision, Treatment
from accounting.money import MajorTexts, major_text
from accounting.recognition import CATCH_UP
from accounting.trace import UNTRACED, Trace
from dataflows.contract_ledgers import ContractLedgers, line_prefix
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
class _Moved:
    """What the revenue of one line and month moved by, in the books."""

    amount: int = 0
    since: int = FOREVER  # of the first window or effect that changed
    entry_ids: list[str] = field(default_factory=list)
    revised: bool = False  # something else was posted there before
    metered: bool = False


@dataclass(slots=True)
class _Change:
    """A contract whose books are settled."""

    known: int | None = None  # versions before, where there are new ones
    drawn_in: bool = False  # one that it is combined with has new versions
    moved: dict[tuple[str, int], _Moved] = field(default_factory=dict)  # by line and month number

    @property
    def entry_ids(self) -> list[str]:
        """All that was posted."""
        return [name for one in self.moved.values() for name in one.entry_ids]

    def usage(self) -> dict[tuple[str, int], int]:
        """How usage lines moved."""
        return {name: one.amount for name, one in self.moved.items() if one.metered and one.amount}


class Recalculations:
    """Notes what changes in one shard, and says it once the books are settled."""

    def __init__(
        self, store: ShardStore, outbox: Outbox, contracts: ContractTable, plans: PlanBook, ledgers: ContractLedgers
    ) -> None:
        self._store, self._outbox, self._contracts = store, outbox, contracts
        self._plans, self._ledgers = plans, ledgers
        self._changes: dict[tuple[str, str], _Change] = {}
        self._cause, self._trace = LATE_USAGE, UNTRACED
        self._billed: dict[tuple[str, str], Trace] = {}  # contracts by whose billing revenue may move

    def amended(self, customer_id: str, contract_id: str, known: int) -> None:
        """A contract that had `known` versions has more of them."""
        change = self._changes.setdefault((customer_id, contract_id), _Change())
        if change.known is None:
            change.known = known

    def drawn_in(self, customer_id: str, contract_id: str) -> None:
        """A contract that it is combined with has changed."""
        self._changes.setdefault((customer_id, contract_id), _Change()).drawn_in = True

    def because(self, cause: str, trace: Trace) -> None:
        """Why books that are looked at again change, until `say`, where no contract version is the reason; and what the
        record that says so was sent under."""
        self._cause, self._trace = cause, trace.over(self._trace)

    def billed(self, customer_id: str, contract_id: str, trace: Trace) -> None:
        """A contract has a new billing event, which was sent under this."""
        if trace != UNTRACED:
            name = (customer_id, contract_id)
            self._billed[name] = trace.over(self._billed.get(name, UNTRACED))

    def posted(
        self, customer_id: str, contract_id: str, line_id: str, at: tuple[int, date], amount: int, entry_ids: list[str],
        revised: bool, metered: bool = False,
    ) -> None:  # fmt: skip
        """Revenue of a line moved by `amount` at (instant, day); `revised`: it is no mere matter of time."""
        instant, day = at
        name, place = (customer_id, contract_id), (line_id, month_number(day))
        change = self._changes.get(name)
        if change is None:
            change = self._changes[name] = _Change()
        moved = change.moved.get(place)
        if moved is None:
            moved = change.moved[place] = _Moved(metered=metered)
        moved.entry_ids += entry_ids
        if amount:
            moved.amount += amount
            moved.since = min(moved.since, instant)
            moved.revised = moved.revised or revised

    def say(self) -> None:
        """One record for each new version, and for each contract that was changed by anything else."""
        changes, cause, self._changes, self._cause = self._changes, self._cause, {}, LATE_USAGE
        trace, self._trace, billed, self._billed = self._trace, UNTRACED, self._billed, {}
        known: dict[str, dict[str, int]] = {}  # customer -> contract -> versions before
        for (customer_id, contract_id), change in changes.items():
            if change.known is not None:
                known.setdefault(customer_id, {})[contract_id] = change.known
        for (customer_id, contract_id), change in changes.items():
            if contract_id not in self._contracts.of(customer_id).versions:
                continue
            if change.known is not None:
                self._say_versions(self._plans.of(customer_id, contract_id), change, known[customer_id])
            elif change.drawn_in:
                self._say_drawn_in(self._plans.of(customer_id, contract_id), change, known[customer_id])
            elif moved := {name: one for name, one in change.moved.items() if one.revised and one.amount}:
                under = billed.get((customer_id, contract_id), UNTRACED).over(trace)
                self._say_change(self._plans.of(customer_id, contract_id), cause, moved, under)

    def _say_versions(self, contract: Planned, change: _Change, known: Mapping[str, int]) -> None:
        """From version to version; what was posted belongs to the last, what others that it is combined with changed to
        the first. `known`: the customer's contracts that have more versions now, and how many they had."""
        contract_id = contract.first.contract_id
        fresh = contract.versions[known[contract_id] :]
        before, _ = self._schedule(contract, known)
        for version in fresh:
            last = version is fresh[-1]
            planned = contract if last else self._planned(contract, {contract_id: version.version})
            after, caught_up = self._schedule_of(planned)
            usage = self._usage(contract, change.usage()) if last else (Amounts(), Amounts())
            record = version_record(
                contract.versions, version, planned.plan, before, after, caught_up(version.version), usage
            )
            record["entry_ids"] = change.entry_ids if last else []
            self._outbox.add(RECALCULATIONS, record, version.currency)
            before = after

    def _say_drawn_in(self, contract: Planned, change: _Change, known: Mapping[str, int]) -> None:
        """What new versions of others did to a contract that is accounted for together with them."""
        version = contract.versions[-1]
        (before, _), (after, _) = self._schedule(contract, known), self._schedule_of(contract)
        if before == after:
            return
        others = [self._plans.of(contract.customer_id, name) for name in known]
        causes = [new for one in others for new in one.versions[known[one.first.contract_id] :]]
        since = min(new.effective_at for new in causes)
        day = start_of_day(local_date(since, contract.zone), contract.zone)
        caught_up = sum(one.amount for one in contract.plan.effects(day - 1, day) if one.kind == CATCH_UP)
        amounts = _compared(before, after, version.currency)
        names = [f"{new.contract_id} {new.version}" for new in causes]
        self._outbox.add(
            RECALCULATIONS,
            {
                "recalculation_id": entry_id("recalculation", contract.customer_id, version.contract_id, *names),
                **_head(version, AMENDMENT, version.version, causes[-1].trace.over(version.trace)),
                "treatment": None,
                "evidence": [_combined_with(new) for new in causes],
                "effective_at": rfc3339(since),
                **amounts,
                "catch_up": major_text(caught_up, version.currency),
                "entry_ids": change.entry_ids,
            },
            version.currency,
        )  # fmt: skip

    def _say_change(self, contract: Planned, cause: str, moved: Mapping[tuple[str, int], _Moved], trace: Trace) -> None:
        version = contract.versions[-1]
        before, after = self._usage(contract, {name: one.amount for name, one in moved.items() if one.metered})
        scheduled = {name: one.amount for name, one in moved.items() if not one.metered}
        planned = self._schedule_of(contract)[0] if scheduled else Amounts()  # late usage needs none
        for (line_id, month), amount in scheduled.items():
            now = planned.get(line_id, {}).get(month, 0)
            after.setdefault(line_id, {})[month] = now
            before.setdefault(line_id, {})[month] = now - amount
        entry_ids = [name for one in moved.values() for name in one.entry_ids]
        self._outbox.add(
            RECALCULATIONS,
            {
                "recalculation_id": entry_id(
                    "recalculation", contract.customer_id, version.contract_id, cause, *entry_ids
                ),
                **_head(version, cause, version.version, trace.over(version.trace)),
                "treatment": None,
                "evidence": [],
                "effective_at": rfc3339(min(one.since for one in moved.values())),
                **_compared(before, after, version.currency),
                "catch_up": major_text(0, version.currency),
                "entry_ids": entry_ids,
            },
            version.currency,
        )

    # -- before and after

    def _planned(self, contract: Planned, known: Mapping[str, int]) -> Planned:
        """A contract as it was with fewer versions."""
        contract_id = contract.first.contract_id
        plan = self._plans.plan(contract.customer_id, contract_id, known)
        return replace(contract, versions=contract.versions[: known.get(contract_id)], plan=plan)

    def _schedule(self, contract: Planned, known: Mapping[str, int]) -> tuple[Amounts, Callable[[int], int]]:
        return self._schedule_of(self._planned(contract, known))

    def _schedule_of(self, contract: Planned) -> tuple[Amounts, Callable[[int], int]]:
        """All that fixed lines will ever recognise, net of credits, and what a version of it posts at once."""
        plan = contract.plan
        if not contract.versions or not self._ledgers.is_billed(contract.customer_id, contract.first.contract_id):
            return plan.by_month(), plan.caught_up
        months, effects = Amounts(), self._ledgers.recognised(contract)
        for one in effects:
            of_line = months.setdefault(one.line_id, {})
            month = month_number(one.day)
            of_line[month] = of_line.get(month, 0) + one.amount
        return months, lambda version: sum(
            one.amount for one in effects if one.kind == CATCH_UP and one.version == version
        )

    def _usage(self, contract: Planned, moved: Mapping[tuple[str, int], int]) -> tuple[Amounts, Amounts]:
        """Before and after: what usage lines have posted in the periods in which they moved."""
        before, after = Amounts(), Amounts()
        for (line_id, month), amount in moved.items():
            now = self._posted_in(contract, line_id, month)
            after.setdefault(line_id, {})[month] = now
            before.setdefault(line_id, {})[month] = now - amount
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


class _Names(dict[int, str]):
    """Periods by month number."""

    def __missing__(self, month: int) -> str:
        name = self[month] = str(Period.numbered(month))
        return name


_names = _Names()


def _head(version: ContractVersion, cause: str, before: int | None, trace: Trace) -> dict[str, Any]:
    return {
        "customer_id": version.customer_id,
        "contract_id": version.contract_id,
        "from_version": before,
        "to_version": version.version,
        "cause": cause,
        **trace._asdict(),
    }


def version_record(
    versions: Sequence[ContractVersion], version: ContractVersion, plan: ContractPlan, before: Amounts, after: Amounts,
    caught_up: int, usage: tuple[Amounts, Amounts] = ({}, {}),
) -> dict[str, Any]:  # fmt: skip
    """What a version did: `before` and `after` are the schedules by line and month, `caught_up` what it posts at once
    (minor units), `usage` what of usage moved.
    """
    decision = _decision(plan, version.version)
    waits = decision is not None and decision.undecidable is not None
    metered = _metered(versions[version.version - 2], version) if version.version > 1 else []
    return {
        "recalculation_id": entry_id("recalculation", version.customer_id, version.contract_id, version.version),
        **_head(version, AMENDMENT, version.version - 1 or None, version.trace),
        "treatment": "undecided" if waits else _treatment(version, decision, bool(metered)),
        "evidence": [*_evidence(decision), *metered],
        "effective_at": rfc3339(version.effective_at),
        **_compared({**before, **usage[0]}, {**after, **usage[1]}, version.currency),
        "catch_up": major_text(caught_up, version.currency),
    }


def _decision(plan: ContractPlan, version: int) -> Decision | None:
    return next((one for one in plan.decisions if one.version == version), None)


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
    if old == new:
        return []
    named = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [name for name in new if name in old and new[name] != old[name]],
    }
    inputs = _inputs({key: ", ".join(names) or "none" for key, names in named.items()})
    result = "changed: each unit takes the price in force at its time"
    return [{"test": "usage terms", "inputs": inputs, "result": result}]


def _combined_with(version: ContractVersion) -> dict[str, Any]:
    """Why a contract changes with a version of another one (606-10-25-9)."""
    inputs = _inputs({"contract": version.contract_id, "version": version.version})
    return {"test": "combined with", "inputs": inputs, "result": "a version of one is one of both"}


def _inputs(named: Mapping[str, object]) -> list[dict[str, str]]:
    return [{"key": key, "value": str(value)} for key, value in named.items()]


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
    texts = MajorTexts(currency)
    for line in sorted(before.keys() | after.keys()):
        was, now = before.get(line, {}), after.get(line, {})
        months = sorted(was)
        rows = _rows(line, months, was, texts)
        old += rows
        moved = {month: amount - was.get(month, 0) for month, amount in now.items() if amount != was.get(month)}
        moved |= {month: -amount for month, amount in was.items() if month not in now}
        # Up to the first month that differs they have the same rows.
        alike = bisect_left(months, min(moved)) if moved else len(months)
        new += rows[:alike]
        new += _rows(line, sorted(now)[alike:], now, texts)
        delta += _rows(line, sorted(month for month, amount in moved.items() if amount), moved, texts)
    return {"before": old, "after": new, "delta": delta}


def _rows(line: str, months: Sequence[int], amounts: Mapping[int, int], texts: MajorTexts) -> list[_Row]:
    minor = map(amounts.__getitem__, months)
    return list(map(_Row, repeat(line), map(_names.__getitem__, months), map(texts.__getitem__, minor)))
