"""Contracts agreed together, in a whole shard: the same books in either order, and what is posted is restated."""

from __future__ import annotations

import json
import random
from collections import Counter
from decimal import Decimal

import pytest

from schemas.topics import EXCEPTIONS
from tests.support.timeline import ledger

# 200 by the SSPs 150 and 50: A is to earn 150 and B 50, by months 12.50 and 4.1667; alone it were 8.33 each.
A = "2025-01-01 contract k=A fixed=a:100~monthly$150 product=a"
B = "2025-01-01 contract k=B fixed=b:100~monthly$50 product=b with_=A"
YEAR = "2026-01-02 clock"
BOTH = {"A revenue": Decimal(-150), "A unbilled_receivable": 150, "B revenue": -50, "B unbilled_receivable": 50}
ALONE = {"A revenue": Decimal(-100), "A unbilled_receivable": 100, "B revenue": -100, "B unbilled_receivable": 100}
RAISED = "2025-07-01 contract k=A version=2 effective=2025-07-01 fixed=a:160~monthly$150 product=a"

ORDERS = {
    "A, then B": f"{A}\n\n{B}\n\n{YEAR}",
    "B, then A": f"{B}\n\n{A}\n\n{YEAR}",
    "both at once": f"{A}\n{B}\n{YEAR}",
    "named by the first": f"{A} with_=B\n\n{B.replace('with_=A', '')}\n\n{YEAR}",
    "each names the other": f"{A} with_=B\n\n{B}\n\n{YEAR}",
    "B after a month": f"{A}\n\n2025-02-01 clock\n\n{B}\n\n{YEAR}",
    "A after a month": f"{B}\n\n2025-02-01 clock\n\n{A}\n\n{YEAR}",
    "B after all": f"{A}\n\n{YEAR}\n\n{B}",
    "a later version says otherwise": f"{A}\n{B}\n{B.replace('A', 'C')} version=2\n{YEAR}",
}


@pytest.mark.parametrize("order", ORDERS)
def test_either_order_comes_to_the_same_balances(driven, order):
    shard = driven(ORDERS[order], following=True).play()
    assert BOTH == shard.balances(by="contract_id")
    assert [] == shard.open


@pytest.mark.parametrize("order", ["A, then B", "B after a month"])
def test_a_stop_between_records_changes_nothing(driven, order):
    whole, cut = (driven(ORDERS[order], following=True) for _ in range(2))
    whole.play()
    for number in range(len(cut.activations)):
        cut.play(number, number + 1).reopen()
    assert whole.lines == cut.lines


VERSIONS = [
    A, B, RAISED,
    "2025-02-10 contract k=A version=3 effective=2025-10-10 kind=cancelled fixed=a:160~monthly$150 product=a",
    "2025-08-01 contract k=B version=2 effective=2025-03-05 fixed=b:130~monthly$50,m:40#1/4$30 product=b",
    "2025-08-01 contract k=B version=3 effective=2025-11-05 fixed=b:170~exact$50,m:40#3/4$30 product=b",
    "2025-05-01 contract k=C fixed=c:90@2025-06-06$80 product=c with_=B start=2025-05-01 effective=2025-05-01",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_all_of_it_in_any_order_is_the_same_books_month_by_month(driven, seed):
    draw = random.Random(seed)
    parts = draw.sample(VERSIONS, len(VERSIONS))
    for month in sorted(draw.sample(range(2, 13), 3), reverse=True):
        parts.insert(draw.randint(0, 4), f"2025-{month:02d}-01 clock")
    straight, mixed = (driven(story, following=True).play() for story in (
        "\n\n".join([*VERSIONS, YEAR]), "\n\n".join([*parts, YEAR])
    ))  # fmt: skip
    assert {"A", "B", "C"} == {entry["contract_id"] for entry in straight.entries}
    assert by_day(straight) == by_day(mixed), f"seed {seed}: {parts}"


def by_day(shard):
    """What each account of a line moved on each day; debits are positive."""
    sums = Counter()
    for entry in shard.entries:
        for one in entry["lines"]:
            name = (entry["contract_id"], entry["line_id"], entry["accounting_date"], one["account"])
            sums[name] += Decimal(one["amount"]) * (1 if one["side"] == "debit" else -1)
    return {name: amount for name, amount in sums.items() if amount}


def said(shard, *names):
    """What the recalculations say of each contract, without what only names them."""
    return [tuple(str(record[name]) for name in names) for record in shard.recalculations]


def test_what_the_other_contract_has_posted_is_restated_and_said(driven):
    shard = driven(f"{A}\n\n2025-03-01 clock\n\n{B}", following=True).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 8.33 Cr revenue 8.33
        2025-02-28 a Dr unbilled_receivable 8.34 Cr revenue 8.34
        2025-01-31 b Dr unbilled_receivable 4.17 Cr revenue 4.17
        2025-02-28 b Dr unbilled_receivable 4.16 Cr revenue 4.16
        2025-01-31 a Dr unbilled_receivable 4.17 Cr revenue 4.17
        2025-02-28 a Dr unbilled_receivable 4.16 Cr revenue 4.16
    """)
    assert expected == shard.journal
    names = ("contract_id", "from_version", "to_version", "cause", "treatment")
    assert [
        ("A", "None", "1", "amendment", "new_contract"),
        ("B", "None", "1", "amendment", "new_contract"),
        ("A", "1", "1", "amendment", "None"),
    ] == said(shard, *names)
    record = shard.recalculations[-1]
    rows = {
        name: [(one["period"], one["amount"]) for one in record[name] if one["period"] < "2025-03"]
        for name in ("before", "after", "delta")
    }
    assert {
        "before": [("2025-01", "8.33"), ("2025-02", "8.34")],
        "after": [("2025-01", "12.50"), ("2025-02", "12.50")],
        "delta": [("2025-01", "4.17"), ("2025-02", "4.16")],
    } == rows
    assert 2 == len(record["entry_ids"])
    assert Decimal(50) == sum(Decimal(one["amount"]) for one in record["delta"])  # 100 alone, 150 of the 200 of both
    assert [{"contract": "B", "version": "1"}] == [
        {one["key"]: one["value"] for one in test["inputs"]} for test in record["evidence"]
    ]


def test_a_contract_that_has_posted_nothing_yet_says_what_becomes_of_its_schedule(driven):
    shard = driven(f"{A}\n\n{B}", following=True).play()
    assert [("A", "None"), ("B", "None"), ("A", "1")] == said(shard, "contract_id", "from_version")
    record = shard.recalculations[-1]
    assert ([], 12) == (record["entry_ids"], len(record["delta"]))


def test_an_amendment_of_one_is_an_amendment_of_both(driven):
    # July: 75 and 25 are earned; 160 are left for the rest of the year, by 150 and 50: 120 and 40.
    late = driven(f"{A}\n{B}\n\n2025-09-01 clock\n\n{RAISED}\n\n{YEAR}", following=True).play()
    early = driven(f"{A}\n{B}\n{RAISED}\n{YEAR}").play()
    both = {"A revenue": -195, "A unbilled_receivable": 195, "B revenue": -65, "B unbilled_receivable": 65}
    assert [both, both] == [shard.balances(by="contract_id") for shard in (early, late)]
    assert [("A", "prospective"), ("B", "None")] == said(late, "contract_id", "treatment")[2:]
    delta = late.recalculations[-1]["delta"]
    assert [f"2025-{month:02d}" for month in range(7, 13)] == [row["period"] for row in delta]
    assert Decimal(15) == sum(Decimal(row["amount"]) for row in delta)  # what is posted of it by now and what follows


def test_what_changes_at_once_for_several_reasons_is_said_whole(driven):
    late = RAISED.replace("2025-07-01", "2025-02-01")
    shard = driven(f"{A}\n\n2025-03-01 clock\n\n{B}\n{late}\n\n{YEAR}", following=True).play()
    sums = {
        name: sum(Decimal(row["amount"]) for one in shard.recalculations if one["contract_id"] == name
                  for row in one["delta"])
        for name in "AB"
    }  # fmt: skip
    assert {"A": 195, "B": 65} == sums
    assert sums == {name: -amount for name, amount in zip("AB", revenue(shard), strict=True)}


def revenue(shard):
    """Of A and B."""
    return [shard.balances(by="contract_id")[f"{name} revenue"] for name in "AB"]


def test_a_cancellation_ends_one_and_leaves_the_other(driven):
    gone = "2025-07-01 contract k=A version=2 kind=cancelled effective=2025-07-01 fixed=a:100~monthly$150 product=a"
    shard = driven(f"{A}\n{B}\n\n2025-09-01 clock\n\n{gone}\n\n{YEAR}", following=True).play()
    both = {"A revenue": -75, "A unbilled_receivable": 75, "B revenue": -50, "B unbilled_receivable": 50}
    assert both == shard.balances(by="contract_id")
    assert [("A", "cancellation")] == said(shard, "contract_id", "treatment")[2:]


def test_a_contract_that_goes_on_goes_on_as_if_it_had_not_been_cancelled(driven):
    gone = "2025-05-01 contract k=A version=2 kind=cancelled effective=2025-05-01 fixed=a:100~monthly$150 product=a"
    back = "2025-09-01 contract k=A version=3 effective=2025-09-01 fixed=a:100~monthly$150 product=a"
    shard = driven(f"{A}\n{B}\n{gone}\n\n2025-08-01 clock\n\n{back}\n\n{YEAR}", following=True).play()
    assert BOTH == shard.balances(by="contract_id")


def test_the_position_stays_that_of_each_contract(driven):
    bills = "2025-01-01 bill k=A net=a:100"
    shard = driven(f"{A}\n{B}\n{bills}\n{YEAR}").play()
    expected = {
        "A accounts_receivable": 100, "A revenue": -150, "A unbilled_receivable": 50,
        "B revenue": -50, "B unbilled_receivable": 50,
    }  # fmt: skip
    assert expected == shard.balances(by="contract_id")


BARRED = {
    "currency": (A, f"{B} currency=EUR", "this has currency EUR and that has USD"),
    "entity": (A, f"{B} entity=de", "this has entity de and that has us"),
    "opening": (f"{A} opening=2025-01-01/0/0", B, "A has an opening balance"),
}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("cause", BARRED)
def test_what_cannot_be_combined_is_said_once_and_accounted_for_alone(driven, cause, turned):
    first, second, reason = BARRED[cause]
    if turned:
        first, second = second, first
    shard = driven(f"{first}\n\n2025-02-01 clock\n\n{second}\n\n{YEAR}", following=True).play()
    assert ALONE == shard.balances(by="contract_id")
    (record,) = map(json.loads, shard.lines[EXCEPTIONS].values())
    assert ("treatment_undecidable", "B", "warning") == (record["class"], record["contract_id"], record["severity"])
    assert f"version 1 of contract B: combined_with names contract A, but {reason}" in record["reason"]
    assert record["reason"].endswith("it is accounted for alone")
    assert ["new_contract", "new_contract"] == [one["treatment"] for one in shard.recalculations]


def test_a_version_that_waits_is_said_beside_what_keeps_the_contract_alone(driven):
    waits = "2025-03-01 contract k=B version=2 effective=2024-03-01 fixed=b:130~monthly$50 product=b entity=de"
    mended = "2025-03-01 contract k=B version=3 effective=2025-03-01 fixed=b:130~monthly$50 product=b entity=de"
    shard = driven(f"{A}\n{B} entity=de\n\n{waits}\n\n{mended}", following=True).play(stop=2)
    assert ["treatment_undecidable contracts 1", "treatment_undecidable contracts 2"] == shard.open
    assert ["treatment_undecidable contracts 1"] == shard.play(start=2).open


def test_of_a_contract_that_is_not_there_nothing_is_said(driven):
    shard = driven(f"{B}\n{YEAR}").play()
    assert {"B revenue": -100, "B unbilled_receivable": 100} == shard.balances(by="contract_id")
    assert [] == shard.exceptions


def test_a_contract_of_another_customer_is_another_contract(driven):
    shard = driven(f"{A} customer=d\n{B}\n{YEAR}").play()
    assert ALONE == shard.balances(by="contract_id")


def test_a_contract_is_kept_as_long_as_one_that_it_is_combined_with(driven):
    short = "2025-01-01 contract k=A fixed=a:100~monthly$150 product=a end=2025-03-01"
    late = "2026-01-01 reference kind=product id=z"
    story = f"{short}\n{B} end=2027-01-01\n\n2026-12-01 clock\n\n2026-12-02 clock\n\n{late}\n\n2027-02-01 clock"
    shard = driven(story, following=True).play()
    both = {"A revenue": -150, "A unbilled_receivable": 150, "B revenue": -50, "B unbilled_receivable": 50}
    assert both == shard.balances(by="contract_id")
