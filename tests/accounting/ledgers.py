"""Contracts, billing facts and what they book by month, in few words, for the tests of a contract's ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cache

from accounting.billing_fact import BilledLine, BillingFact, BillingKind
from accounting.calendar import DAY_US, local_date
from accounting.contract import ContractVersion, Line, LineKind, Modification, Opening, VersionKind
from accounting.contract_ledger import Settled, UsageRevenue, settle_contract
from accounting.contract_plan import ContractPlan, contract_plan
from accounting.exchange import Exchange
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.position_course import Movements
from accounting.schedule import Method
from tests.accounting.examples import at, decided, usage_line

CREDIT_NORMAL = {
    "revenue", "deferred_revenue", "customer_balance", "external_balance", "tax_payable", "recoverables"
}  # fmt: skip


def cents(text: str | int) -> int:
    """An amount of a currency with two digits."""
    return int(Decimal(text) * 100)


def ratable(name: str, start: str, end: str, total: str | int, **terms: object) -> Line:
    """A line earned over its term."""
    return Line(name, "P", LineKind.RATABLE, at(start), at(end), total=cents(total), distinct=True, **terms)  # type: ignore[arg-type]


def milestone(name: str, start: str, end: str, total: str | int, done: int, of: int = 100) -> Line:
    """A line earned by progress."""
    progress = (done * 10**18, of * 10**18)
    return Line(
        name, "P", LineKind.MILESTONE, at(start), at(end), total=cents(total), distinct=False, progress=progress
    )  # fmt: skip


def metered(name: str, start: str, end: str | None = None) -> Line:
    """A usage line."""
    return usage_line(name, at(start), at(end) if end else None)


def signed(
    number: int,
    effective: str,
    *lines: Line,
    kind: VersionKind | None = None,
    currency: str = "USD",
    opening: Opening | None = None,
    modification: Modification | None = None,
    end: str | None = None,
) -> ContractVersion:
    """One version of contract K."""
    if kind is None:
        kind = VersionKind.ACTIVATED if number == 1 else VersionKind.AMENDED
    ends = [line.end for line in lines]
    last = at(end) if end else None if None in ends else max((one for one in ends if one is not None), default=None)
    return ContractVersion(
        "K", number, kind, at(effective), at(effective), "C", "E", currency,
        min((line.start for line in lines), default=at(effective)), last, lines,
        opening=opening, modification=modification,
    )  # fmt: skip


def policies(**values: str) -> Policies:
    """Policies that hold from the beginning of 1970."""
    return decided(*((key, value, 0) for key, value in values.items()))


def valued(line: Line, _at: int) -> Valuation:
    """A line at its own SSP, else its total."""
    return Valuation(line.ssp if line.ssp is not None else line.total or 0, Method(line.method or Method.DAILY))


def planned(
    versions: Sequence[ContractVersion], zone: str = "UTC", decided: Policies | None = None
) -> ContractPlan:  # fmt: skip
    """The plan of a contract."""
    return contract_plan(list(versions), zone, valued, lambda _at: [], decided or Policies())


def told(
    kind: str, when: str, amount: str | int | None = None, *lines: BilledLine, zone: str = "UTC", **terms: object
) -> BillingFact:
    """A billing fact about invoice I, or about the one that `invoice` names."""
    instant = at(when, zone)
    invoice, note = terms.pop("invoice", "I"), terms.pop("note", None)
    name = terms.pop("name", f"{kind} {when} {invoice} {note}")
    rate = terms.pop("rate", None)
    money = {key: cents(value) for key, value in terms.items()}  # type: ignore[arg-type]
    return BillingFact(
        name, "billing", BillingKind(kind), instant, local_date(instant, zone), invoice, note,  # type: ignore[arg-type]
        None if amount is None else cents(amount), lines=lines,
        rate=None if rate is None else Fraction(rate), **money,  # type: ignore[arg-type]
    )  # fmt: skip


def billed(line_id: str, net: str | int, start: str | None = None, end: str | None = None) -> BilledLine:
    """A line of an invoice or a credit."""
    return BilledLine(line_id, cents(net), at(start) if start else None, at(end) if end else None)


def used(line_id: str, day: str, amount: str | int) -> UsageRevenue:
    """What a usage line earned on a day."""
    start = at(day)
    return UsageRevenue(line_id, start + DAY_US, date.fromisoformat(day), cents(amount))


def settled(
    versions: Sequence[ContractVersion],
    facts: Sequence[BillingFact] = (),
    usage: Sequence[UsageRevenue] = (),
    functional: str | None = None,
    rates: Callable[[date], Fraction | None] | None = None,
    zone: str = "UTC",
    **decided: str,
) -> Settled:
    """A contract's ledger, from its versions on."""
    plan = planned(versions, zone, policies(**decided))
    exchange = Exchange(versions[0].currency, functional, rates and cache(rates))
    return settle_contract(versions, plan, facts, usage, exchange)


def movements(found: Settled) -> list[tuple[date, Movements]]:
    """Everything that is booked, with its day."""
    return [
        *((effect.day, moved) for effect, moved in found.recognitions),
        *((one.day, moved) for one, moved in found.usage),
        *((one.day, one.movements) for one in found.billing),
    ]


def totals(found: Settled, index: int = 0) -> dict[str, int]:
    """Signed sums by account: of the contract's currency (0) or the functional one (1)."""
    sums: defaultdict[str, int] = defaultdict(int)
    for _, moved in movements(found):
        for account, amounts in moved.items():
            sums[account] += amounts[index]
    return {account: amount for account, amount in sums.items() if amount}


def by_month(found: Settled, index: int = 0) -> dict[str, dict[str, Decimal]]:
    """account -> month -> what it moved, each account on its own side; 2020-01 is Jan."""
    sums: defaultdict[str, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for day, moved in movements(found):
        for account, amounts in moved.items():
            sign = -1 if account in CREDIT_NORMAL else 1
            sums[account][day.strftime("%b")] += Decimal(sign * amounts[index]) / 100
    kept = {
        account: {month: amount for month, amount in months.items() if amount} for account, months in sums.items()
    }  # fmt: skip
    return {account: months for account, months in kept.items() if months}


def ledger(text: str) -> dict[str, dict[str, Decimal]]:
    """A ledger as text: one account a line, then months with what it moved in them."""
    found: dict[str, dict[str, Decimal]] = {}
    for row in filter(None, map(str.strip, text.splitlines())):
        account, *words = row.split()
        found[account] = {month: Decimal(amount) for month, amount in zip(words[::2], words[1::2], strict=True)}
    return found


# Three months for 90, of which 31 are January's, invoiced ahead and paid: what most tests of billing begin with.
LINE = ratable("L", "2023-01-01", "2023-04-01", 90)
QUARTER = signed(1, "2023-01-01", LINE)
INVOICE = told("invoice_finalized", "2023-01-01", 90)
PAID = told("invoice_paid", "2023-01-01", 90)
SERVICE = ("L", 90, "2023-01-01", "2023-04-01")  # of `billed`


def cancelled(when: str, number: int = 2) -> ContractVersion:
    """The quarter ends."""
    return signed(number, when, LINE, kind=VersionKind.CANCELLED)


def booked(text: str, *given: object, index: int = 0, **terms: object) -> Settled:
    """Compare a contract's ledger by month with `text`, in its currency (0) or the functional one (1)."""
    found = settled(*given, **terms)  # type: ignore[arg-type]
    assert [] == found.problems
    moved = by_month(found, index)
    assert ledger(text) == moved, moved
    return found
