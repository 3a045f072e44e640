"""Versions of contracts of the year 2025 and what they earn by month, in few words, for the tests of modifications."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from accounting.contract import ContractVersion, LineKind, Modification, Variable, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.coverage import ALWAYS, FOREVER
from accounting.recognition import CATCH_UP
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, ledger, milestone, planned, ratable, signed

AGREED = {"reason": "agreed", "approved_by": "ann"}


def sub(name, total, start="2025-01-01", end="2025-07-01", method="monthly", **terms):
    """A subscription, by months."""
    return ratable(name, start, end, total, method=method, **terms)


def sold(name, total, when=None, ssp=None, product="P"):
    """Goods, delivered or not yet."""
    line = ratable(name, "2025-01-01", "2026-01-01", total, ssp=None if ssp is None else cents(ssp))
    return replace(line, product_id=product, kind=LineKind.POINT_IN_TIME, satisfied_at=at(when) if when else None)


def units(name, total, done, of, **terms):
    """Units or costs, by progress; what remains is distinct."""
    return replace(milestone(name, "2025-01-01", "2026-01-01", total, done, of), distinct=True, **terms)


def version(number, effective, *lines, variable=(), kind=None, opening=None, **stated):
    """One version of contract K, whose term runs from January to December unless its lines say otherwise."""
    modification = Modification(**stated) if stated else None
    made = signed(number, effective, *lines, kind=kind, opening=opening, modification=modification)
    start, end = min(made.start, at("2025-01-01")), max(made.end or 0, at("2026-01-01"))
    return replace(made, start=start, end=end, variable=tuple(variable))


def cancelled(before: ContractVersion, effective: str, **stated: object) -> ContractVersion:
    """The contract ends."""
    modification = Modification(**stated) if stated else None  # type: ignore[arg-type]
    return replace(
        before, version=before.version + 1, kind=VersionKind.CANCELLED, effective_at=at(effective),
        modification=modification, opening=None,
    )  # fmt: skip


def estimate(amount, *line_ids, name="v"):
    """A variable amount, of some lines alone or of all."""
    return Variable(name, cents(amount), line_ids)


def months(found: ContractPlan) -> dict[str, dict[str, Decimal]]:
    """line -> month -> what it earns, where that is not nothing."""
    sums: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for one in found.effects(ALWAYS, FOREVER):
        sums[one.line_id][one.day.strftime("%b" if one.day.year == 2025 else "%b%y")] += Decimal(one.amount) / 100
    kept = {line: {month: amount for month, amount in own.items() if amount} for line, own in sums.items()}
    return {line: own for line, own in kept.items() if own}


def jumps(found: ContractPlan) -> list[tuple[str, str, int]]:
    """(day, line, major units) of every catch-up."""
    caught = [one for one in found.effects(ALWAYS, FOREVER) if one.kind == CATCH_UP]
    return [(one.day.isoformat(), one.line_id, Decimal(one.amount) / 100) for one in caught]


def gives(text, *versions, decided=None, zone="UTC"):
    """Compare what a contract earns with `text`; its versions 2..n are treated as `decided` says."""
    found = planned(versions, zone)
    assert found.undecidable is None
    assert ledger(text) == months(found)
    if decided is not None:
        assert decided.split() == [one.treatment for one in found.decisions]
    return found


HALF_YEAR = version(1, "2025-01-01", sub("a", 600))
C = sub("c", 300, "2025-04-01", "2025-07-01")
