"""Contracts that were agreed together: one allocation, one course of versions, and each contract's own share of it."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from accounting.allocation import SspRange
from accounting.combination import barrier, combine, linked, plan_together
from accounting.contract import LineKind, Opening, VersionKind
from accounting.contract_plan import ContractPlan, contract_plan
from accounting.coverage import ALWAYS, FOREVER
from accounting.policy import Policies
from tests.accounting.amended import AGREED, cancelled, estimate, jumps, months, sold, sub, units, version
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, ledger, planned, signed, valued


def of(name, *versions):
    """A contract of that name."""
    return name, [replace(one, contract_id=name) for one in versions]


def shares(*contracts, value=valued):
    """The share of each contract, by its name."""
    make = partial(contract_plan, zone_name="UTC", value=value, bundles=lambda _at: [], policies=Policies())
    combined, whole = plan_together(dict(contracts), make)
    return {name: combined.part(whole, name) for name, _ in contracts}


def total(plan):
    """Major units that a plan recognises in the end."""
    return Decimal(sum(one.amount for one in plan.effects(ALWAYS, FOREVER))) / 100


def year(name, amount, ssp=None, start="2025-01-01", end="2026-01-01"):
    """A line by months, with its SSP."""
    return sub(name, amount, start, end, ssp=None if ssp is None else cents(ssp))


def by_month(plans):
    """What each contract's lines earn by month; the line is named after its contract."""
    return {f"{name}.{line}": own for name, plan in plans.items() for line, own in months(plan).items()}


A = of("A", version(1, "2025-01-01", year("l", 100, 150)))
B = of("B", version(1, "2025-01-01", year("l", 100, 50)))


# -- which


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([], ["a"]),
        ([("a", "b")], ["a", "b"]),
        ([("b", "a")], ["a", "b"]),
        ([("c", "d"), ("b", "c"), ("b", "a")], ["a", "b", "c", "d"]),
        ([("c", "d")], ["a"]),
        ([("a", "b"), ("b", "a")], ["a", "b"]),
    ],
)
def test_contracts_are_linked_from_either_side_and_through_others(pairs, expected):
    assert expected == linked(pairs, "a")


@pytest.mark.parametrize(
    ("changes", "zones", "said"),
    [
        ({}, ("UTC", "UTC"), None),
        ({"currency": "EUR"}, ("UTC", "UTC"), "this has currency EUR and that has USD: end it and begin it again"),
        ({"entity": "other"}, ("UTC", "UTC"), "this has entity other and that has E: end it and begin it again"),
        ({}, ("Asia/Tokyo", "UTC"), "this has time zone Asia/Tokyo and that has UTC"),
        ({"opening": Opening(0, 0, 0)}, ("UTC", "UTC"), "but B has an opening balance: take both over as one contract"),
    ],
)
def test_what_keeps_contracts_apart_is_said_with_the_remedy(changes, zones, said):
    one, other = replace(B[1][0], **changes), A[1][0]
    reason = barrier(one, other, zones)
    assert said is None if reason is None else said in reason
    if reason is not None:
        assert reason.startswith("combined_with names contract A, but")


def test_an_opening_of_either_keeps_them_apart():
    assert "but A has an opening" in (
        barrier(B[1][0], replace(A[1][0], opening=Opening(0, 0, 0)), ("UTC", "UTC")) or ""
    )


# -- the allocation


@pytest.mark.parametrize("contracts", [(A, B), (B, A)])
def test_the_consideration_of_both_goes_over_the_lines_of_both_by_ssp(contracts):
    found = shares(*contracts)
    assert {"A": 150, "B": 50} == {name: total(found[name]) for name in "AB"}
    assert {"l"} == {line.line_id for plan in found.values() for line in plan.lines}
    assert {"l"} == {phase.line.line_id for plan in found.values() for line in plan.lines for phase in line.phases}


def test_what_belongs_to_one_line_alone_stays_with_it_and_what_is_general_is_shared():
    one = of("A", version(1, "2025-01-01", year("l", 100, 150), variable=(estimate(12, "l"),)))
    other = of("B", version(1, "2025-01-01", year("l", 100, 50), variable=(estimate(40),)))
    assert {"A": 150 + 12 + 30, "B": 50 + 10} == {name: total(plan) for name, plan in shares(one, other).items()}


def test_amounts_of_one_id_in_two_contracts_are_two_amounts():
    one = of("A", version(1, "2025-01-01", year("l", 100, 150), variable=(estimate(40),)))
    other = of("B", version(1, "2025-01-01", year("l", 100, 50), variable=(estimate(40),)))
    more = replace(other[1][0], version=2, effective_at=at("2025-07-01"), variable=(estimate(80),))
    assert {"A": 150 + 90, "B": 50 + 30} == {
        name: total(plan) for name, plan in shares(one, of("B", other[1][0], more)).items()
    }


def test_lines_of_contracts_whose_ids_have_slashes_are_told_apart():
    contracts = [
        of(name, version(1, "2025-01-01", year(line, 100)))
        for name, line in [("a", "b/c"), ("a/b", "c"), ("a~1b", "c"), ("a~1b/c", "d"), ("a/b/c", "d")]
    ]
    lines = combine(dict(contracts)).versions[0].lines
    assert len(contracts) == len({line.line_id for line in lines})
    assert ["b/c", "c", "c", "d", "d"] == [plan.lines[0].line_id for plan in shares(*contracts).values()]


def test_the_term_is_that_of_both():
    one = of("A", signed(1, "2025-03-01", year("l", 100, start="2025-03-01")))
    other = of("B", signed(1, "2025-01-01", year("l", 100, end="2025-07-01")))
    found = combine(dict([one, other])).versions[0]
    assert (at("2025-01-01"), at("2026-01-01"), at("2025-01-01")) == (found.start, found.end, found.effective_at)


# -- amendments


# July: A has earned 75 and B 25. A's price goes to 160: 260 - 100 = 160 are left, by the SSPs of what is left (150 and
# 50, a half each): 120 for A, 40 for B.
RAISED = replace(A[1][0], version=2, effective_at=at("2025-07-01"), lines=(year("l", 160, 150),))


@pytest.mark.parametrize("contracts", ["AB", "BA"])
def test_an_amendment_of_one_allocates_what_is_left_of_both_anew(contracts):
    known = {"A": of("A", A[1][0], RAISED), "B": B}
    found = shares(*(known[name] for name in contracts))
    halves = {
        name: [total_of(plan, "2025-01-01", "2025-07-01"), total_of(plan, "2025-07-01", "2026-01-01")]
        for name, plan in found.items()
    }
    assert {"A": [75, 120], "B": [25, 40]} == halves
    assert ["prospective"] == [one.treatment for one in found["A"].decisions]
    assert () == found["B"].decisions
    assert [1, 2] == [phase.version for phase in found["A"].lines[0].phases]
    assert [1, 1] == [phase.version for phase in found["B"].lines[0].phases]


def total_of(plan, since, until):
    """Major units of a span."""
    return Decimal(sum(one.amount for one in plan.effects(at(since), at(until)))) / 100


def test_a_decision_names_the_contracts_own_lines():
    decision = shares(of("A", A[1][0], RAISED), B)["A"].decisions[0]
    assert (2, ("l",)) == (decision.version, decision.changed)
    assert "2" in [value for test in decision.evidence for key, value in test.inputs if key == "version"]


def amended(name, amount, ssp, number, effective, known=None, **stated):
    """A later version of A or B, with another price."""
    made = version(number, effective, year("l", amount, ssp), **stated)
    return replace(made, contract_id=name, known_at=at(known or effective))


def test_a_scheduled_change_keeps_its_date_when_the_other_contract_changes_before_it():
    # Both known in January: A rises to 160 in July; B was amended in March, and that came later.
    early = amended("B", 130, 50, 2, "2025-03-01", known="2025-09-01")
    late = amended("A", 160, 150, 2, "2025-07-01", known="2025-01-02")
    found = shares(of("A", A[1][0], late), of("B", B[1][0], early))
    # March: A has earned 25, B 8.33; 230 - 33.33 = 196.67 are left, 147.50 for A and 49.17 for B, until July 4/10 of it:
    # 59 and 19.67. July: 290 - 33.33 - 78.67 = 178.00 are left (260 + 30 in all), 133.50 and 44.50.
    assert 59 == total_of(found["A"], "2025-03-01", "2025-07-01")
    assert 290 == total(found["A"]) + total(found["B"])
    assert Decimal("133.50") == total_of(found["A"], "2025-07-01", "2026-01-01")


def test_a_version_that_reaches_back_takes_the_place_of_the_later_one():
    # A's change of July was replaced by one of February; B's of March comes on top of that.
    a = of("A", A[1][0], amended("A", 500, 150, 2, "2025-07-01"), amended("A", 160, 150, 3, "2025-02-01"))
    b = of("B", B[1][0], amended("B", 130, 50, 2, "2025-03-01"))
    straight = of("A", A[1][0], amended("A", 160, 150, 2, "2025-02-01"))
    assert by_month(shares(straight, b)) == by_month(shares(a, b))


def test_what_nobody_can_decide_of_one_contract_does_not_come_in_with_the_other():
    alone = amended("B", 900, 50, 2, "2025-04-01", treatment="prospective")  # without reason and approver
    later = amended("A", 160, 150, 2, "2025-07-01")
    found = shares(of("A", A[1][0], later), of("B", B[1][0], alone))
    assert by_month(shares(of("A", A[1][0], later), B)) == by_month(found)
    assert (2, None) == ((found["B"].undecidable or (0,))[0], found["A"].undecidable)
    assert ({2}, set()) == (found["B"].skipped, found["A"].skipped)
    mended = amended("B", 130, 50, 3, "2025-08-01", treatment="prospective", **AGREED)
    found = shares(of("A", A[1][0], later), of("B", B[1][0], alone, mended))
    assert [None, None] == [found[name].undecidable for name in "AB"]
    assert 290 == total(found["A"]) + total(found["B"])


def in_range(line, _at):
    """The price of A's line is highly variable: what the others leave, if that is 60 to 100."""
    residual = SspRange(cents(60), cents(100)) if line.line_id == "A/l" else None
    return valued(line, _at)._replace(residual=residual)


def test_a_group_that_nobody_can_allocate_waits_as_a_whole_until_a_version_of_one_contract_mends_it():
    # 200 - 50 = 150 for A is out of range; 140 - 50 = 90 is in it.
    found = shares(A, B, value=in_range)
    assert [(1, {1}, ()), (1, {1}, ())] == [
        ((found[name].undecidable or (0,))[0], found[name].skipped, found[name].lines) for name in "AB"
    ]
    again = amended("A", 110, 150, 2, "2025-02-01")
    mended = amended("A", 40, 150, 3, "2025-04-01")
    found = shares(of("A", A[1][0], again, mended), B, value=in_range)
    assert {"A": 90, "B": 50} == {name: total(plan) for name, plan in found.items()}
    assert [(None, {1, 2}), (None, set())] == [(found[name].undecidable, found[name].skipped) for name in "AB"]


def test_what_a_contract_said_while_the_group_waited_counts_when_another_one_mends_it():
    b = of("B", B[1][0], amended("B", 120, 50, 2, "2025-02-01"))
    found = shares(of("A", A[1][0], amended("A", 20, 150, 2, "2025-04-01")), b, value=in_range)
    assert {"A": 90, "B": 50} == {name: total(plan) for name, plan in found.items()}
    assert [(None, {1}), (None, {1})] == [(found[name].undecidable, found[name].skipped) for name in "AB"]


def test_progress_counts_from_the_contracts_own_date():
    one = of("A", version(1, "2025-01-01", year("l", 100, 100)))
    measured = units("m", 100, 25, 100, ssp=cents(100), start=at("2025-03-01"))
    other = of("B", signed(1, "2025-03-01", measured))
    raised = amended("A", 112, 100, 2, "2025-02-01")
    found = shares(of("A", *one[1], raised), other)
    assert [("2025-03-01", "m")] == [(one.day.isoformat(), one.line_id) for one in found["B"].effects(ALWAYS, FOREVER)]
    assert [1] == [one.version for one in found["B"].effects(ALWAYS, FOREVER)]
    assert () == found["B"].decisions


def test_the_other_contracts_lines_without_a_distinct_rest_catch_up_too():
    measured = replace(units("m", 100, 50, 100, ssp=cents(100)), distinct=False)
    one, other = of("A", version(1, "2025-01-01", year("l", 100, 100))), of("B", version(1, "2025-01-01", measured))
    found = shares(of("A", *one[1], amended("A", 200, 100, 2, "2025-07-01")), other)
    # 300 by SSP is 150 for B, of which a half is done: 75 instead of 50.
    assert [("2025-07-01", "m", 25)] == jumps(found["B"])
    assert [1] == [one.version for one in found["B"].effects(ALWAYS, FOREVER) if one.kind == "catch_up"]


# -- cancellation


def test_a_cancelled_contracts_lines_end_and_the_others_go_on():
    found = shares(of("A", A[1][0], cancelled(A[1][0], "2025-04-10T15")), B)
    # A has earned three months and nine of thirty days of April, of 150.
    assert (Decimal("41.25"), 50) == (total(found["A"]), total(found["B"]))
    assert [[], []] == [jumps(found[name]) for name in "AB"]
    assert ["cancellation"] == [one.treatment for one in found["A"].decisions]
    assert found["A"].lines[0].phases[-1].ended


def test_a_contract_that_is_cancelled_at_its_start_earns_nothing():
    found = shares(of("A", A[1][0], cancelled(A[1][0], "2025-01-01")), B)
    assert (0, 50) == (total(found["A"]), total(found["B"]))


def test_a_contract_that_begins_cancelled_is_allocated_and_ends():
    gone = replace(A[1][0], kind=VersionKind.CANCELLED, effective_at=at("2025-07-01"))
    found = shares(of("A", gone), B)
    assert {"A": 75, "B": 50} == {name: total(plan) for name, plan in found.items()}


def test_a_credit_at_the_cancellation_counts_at_once():
    found = shares(of("A", A[1][0], cancelled(A[1][0], "2025-07-01", past_credit=cents(5))), B)
    assert (70, [("2025-07-01", "l", -5)]) == (total(found["A"]), jumps(found["A"]))


def test_what_is_left_after_a_cancellation_is_allocated_to_the_lines_that_go_on():
    # October: B has earned 37.50; its price goes to 110, all of it its own.
    found = shares(
        of("A", A[1][0], cancelled(A[1][0], "2025-07-01")), of("B", B[1][0], amended("B", 110, 50, 2, "2025-10-01"))
    )
    assert (75, 110) == (total(found["A"]), total(found["B"]))


def test_a_version_from_before_the_cancellation_still_counts_the_lines():
    a = of("A", A[1][0], cancelled(A[1][0], "2025-10-01"))
    found = shares(a, of("B", B[1][0], amended("B", 160, 50, 2, "2025-07-01")))
    # July: 160 are left, 120 for A and 40 for B; A ends after three of six months.
    assert (75 + 60, 25 + 40) == (total(found["A"]), total(found["B"]))


def test_a_cancellation_that_is_taken_back_leaves_nothing():
    back = replace(A[1][0], version=3, kind=RAISED.kind, effective_at=at("2025-07-01"))
    found = shares(of("A", A[1][0], cancelled(A[1][0], "2025-07-01"), back), B)
    assert by_month(shares(A, B)) == by_month(found)


# -- what always holds


def test_contracts_of_usage_alone_change_nothing():
    metered = replace(year("u", 0), kind=LineKind.USAGE, total=None)
    found = shares(A, of("B", version(1, "2025-01-01", metered)))
    assert (100, ()) == (total(found["A"]), found["B"].lines)


def random_versions(draw, name):
    """A contract of one to three versions, with lines of all kinds that are all distinct."""
    found = []
    for number in range(1, draw.randint(1, 3) + 1):
        effective = f"2025-{1 if number == 1 else draw.randint(2, 11):02d}-{draw.randint(1, 28):02d}"
        lines = []
        for line in draw.sample("pqr", draw.randint(1, 3)):
            amount, ssp = draw.randint(0, 300), draw.randint(1, 300)
            kind = {"p": 0, "q": 1, "r": 2}[line]
            if kind == 0:
                lines.append(year(line, amount, ssp))
            elif kind == 1:
                lines.append(sold(line, amount, draw.choice([None, "2025-05-05", "2025-09-09"]), ssp))
            else:
                lines.append(units(line, amount, draw.randint(0, 100), 100, ssp=cents(ssp)))
        found.append(version(number, effective if number > 1 else "2025-01-01", *lines))
    return of(name, *found)


def planned_amount(plan: ContractPlan) -> int:
    """Minor units that the lines are to earn once everything is delivered."""
    return sum(line.phases[-1].base + line.phases[-1].amount for line in plan.lines)


@pytest.mark.parametrize("seed", range(60))
def test_together_they_earn_what_the_group_earns_whatever_the_order(seed):
    draw = random.Random(seed)
    contracts = [random_versions(draw, name) for name in "ABC"]
    make = partial(contract_plan, zone_name="UTC", value=valued, bundles=lambda _at: [], policies=Policies())
    _, whole = plan_together(dict(contracts), make)
    found = shares(*contracts)
    draw.shuffle(contracts)
    assert by_month(found) == by_month(dict(sorted(shares(*contracts).items()))), f"seed {seed}"
    assert planned_amount(whole) == sum(map(planned_amount, found.values())), f"seed {seed}"
    first = {name: of(name, versions[0]) for name, versions in contracts}
    together = sum(planned_amount(plan) for plan in shares(*first.values()).values())
    assert sum(planned_amount(planned(versions)) for _, versions in first.values()) == together, f"seed {seed}"


@pytest.mark.parametrize("seed", range(30))
def test_a_contract_and_one_without_a_price_are_the_contract_alone(seed):
    draw = random.Random(seed)
    name, versions = random_versions(draw, "A")
    free = of("B", version(1, "2025-01-01", replace(year("z", 0, 0), total=0)))
    found = shares((name, versions), free)["A"]
    alone = planned(versions)
    assert months(alone) == months(found), f"seed {seed}"
    assert [one.treatment for one in alone.decisions] == [one.treatment for one in found.decisions], f"seed {seed}"
    assert alone.undecidable == found.undecidable, f"seed {seed}"


def test_the_ledger_of_both_is_hand_computed():
    expected = ledger("""
        A.l Jan 12.50 Feb 12.50 Mar 12.50 Apr 12.50 May 12.50 Jun 12.50 Jul 20 Aug 20 Sep 20 Oct 20 Nov 20 Dec 20
        B.l Jan 4.17 Feb 4.16 Mar 4.17 Apr 4.17 May 4.16 Jun 4.17 Jul 6.67 Aug 6.66 Sep 6.67 Oct 6.67 Nov 6.66 Dec 6.67
    """)
    assert expected == by_month(shares(of("A", A[1][0], RAISED), B))
