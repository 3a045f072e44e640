"""The oracle's schedules: all that fixed lines will ever earn, by line and month."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from tests.oracle import instant, number
from tests.oracle.compute import Log, last_moment
from tests.oracle.desired import ContractBook

Schedules = dict[tuple[str, str, str, str], Decimal]


def schedules(source: Path, as_of: str | None) -> Schedules:
    """By (customer, contract, line, month), major units, those that are not zero."""
    log = Log(source)
    closed_until: dict[str, int] = {}
    for segment, cut in enumerate(log.controls.cuts):
        if cut.kind == "period_close":
            log.close(closed_until, cut, segment)
    desired = log.desired(len(log.controls.cuts), last_moment(log, closed_until, as_of), lambda segment: frozenset())
    found: Schedules = {}
    for (customer, contract), history in sorted(desired.histories.contracts.items()):
        revenue = ContractBook(desired, history).revenue
        for one in revenue.effects(instant.FAR_FUTURE):
            key = (customer, contract, one.line_id, one.day.isoformat()[:7])
            amount = Decimal(number.major_text(one.amount, history.first.currency))
            found[key] = found.get(key, Decimal(0)) + amount
    return {key: amount for key, amount in found.items() if amount}
