"""Recalculation events: what a contract version did to the revenue of its lines and periods, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from accounting.calendar import Period, local_date, rfc3339
from accounting.contract import ContractVersion
from accounting.contract_plan import ContractPlan
from accounting.coverage import ALWAYS, FOREVER
from accounting.journal import entry_id
from accounting.modification import Decision
from accounting.money import major_text
from accounting.recognition import CATCH_UP
from dataflows.outbox import Outbox
from schemas.topics import RECALCULATIONS

Amounts = dict[tuple[str, str], int]  # line, period -> minor units


@dataclass(slots=True)
class _Change:
    """A contract whose versions changed, until its books are settled."""

    known: int  # versions before
    usage_before: Amounts
    entry_ids: list[str] = field(default_factory=list)


class Recalculations:
    """Notes what changes, and says it once the books are settled."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._changes: dict[tuple[str, str], _Change] = {}

    def begin(self, customer_id: str, contract_id: str, known: int, usage_before: Amounts) -> None:
        """A contract had `known` versions so far, and its usage lines these amounts; it is about to be settled."""
        self._changes.setdefault((customer_id, contract_id), _Change(known, usage_before))

    def posted(self, customer_id: str, contract_id: str, entry: str) -> None:
        """An entry was posted; it belongs to the recalculation of its contract, where there is one."""
        change = self._changes.get((customer_id, contract_id))
        if change is not None:
            change.entry_ids.append(entry)

    def pending(self) -> list[tuple[str, str]]:
        """(customer, contract) of what is to be said."""
        return list(self._changes)

    def say(
        self, customer_id: str, versions: list[ContractVersion], plans: list[ContractPlan], usage_after: Amounts
    ) -> None:
        """One record for each version that is new; `plans` are those of the versions before, and with each new one."""
        contract_id = versions[0].contract_id
        change = self._changes.pop((customer_id, contract_id))
        fresh = versions[change.known :]
        befores = [scheduled(plan) for plan in plans]
        for number, version in enumerate(fresh):
            before, after = dict(befores[number]), dict(befores[number + 1])
            last = number == len(fresh) - 1
            before.update(change.usage_before)
            after.update(usage_after if last else change.usage_before)
            self._outbox.add(
                RECALCULATIONS,
                _record(version, plans[number + 1], before, after, change.entry_ids if last else []),
            )  # fmt: skip


def scheduled(plan: ContractPlan) -> Amounts:
    """What a plan recognises over its whole life, by line and period of its own."""
    found: Counter[tuple[str, str]] = Counter()
    for effect in plan.effects(ALWAYS, FOREVER - 1):
        found[effect.line_id, str(Period.of_date(effect.day))] += effect.amount
    return dict(found)


def _record(
    version: ContractVersion, plan: ContractPlan, before: Amounts, after: Amounts, entry_ids: list[str]
) -> dict[str, Any]:
    decision = next((one for one in plan.decisions if one.version == version.version), None)
    waits = plan.undecidable is not None and plan.undecidable[0] <= version.version
    delta = {name: after.get(name, 0) - before.get(name, 0) for name in before.keys() | after.keys()}
    catch_up = sum(
        effect.amount for effect in plan.effects(ALWAYS, FOREVER - 1)
        if effect.kind == CATCH_UP and effect.version == version.version
    )  # fmt: skip
    return {
        "recalculation_id": entry_id("recalculation", version.customer_id, version.contract_id, version.version),
        "contract_id": version.contract_id,
        "customer_id": version.customer_id,
        "from_version": version.version - 1 or None,
        "to_version": version.version,
        "cause": "amendment",
        "treatment": "undecided" if waits else decision.treatment if decision else "new_contract",
        "evidence": _evidence(decision),
        "effective_at": rfc3339(version.effective_at),
        "before": _amounts(before, version.currency),
        "after": _amounts(after, version.currency),
        "delta": _amounts({name: amount for name, amount in delta.items() if amount}, version.currency),
        "catch_up": major_text(catch_up, version.currency),
        "entry_ids": entry_ids,
        "correlation_id": version.correlation_id,
    }


def _evidence(decision: Decision | None) -> list[dict[str, Any]]:
    return [
        {
            "test": one.name,
            "inputs": [{"key": key, "value": value} for key, value in one.inputs],
            "result": one.result,
        }
        for one in (decision.evidence if decision else ())
    ]


def _amounts(found: Amounts, currency: str) -> list[dict[str, str]]:
    return [
        {"line_id": line, "period": period, "amount": major_text(amount, currency)}
        for (line, period), amount in sorted(found.items())
    ]


def by_period(windows: Iterable[tuple[int, int]], line_id: str, zone_name: str) -> Amounts:
    """Booked windows (end, cumulative revenue of the line) in time order, as amounts by period."""
    found: Counter[tuple[str, str]] = Counter()
    before = 0
    for end, revenue in windows:
        found[line_id, str(Period.of_date(local_date(end - 1, zone_name)))] += revenue - before
        before = revenue
    return {name: amount for name, amount in found.items() if amount}
