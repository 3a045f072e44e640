"""The plan of a contract: what each fixed line is to earn, from its versions, openings and cancellations."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from accounting.allocation import Bundle, SspRange
from accounting.calendar import HOUR_US
from accounting.contract import ContractVersion, Line, Opening, VersionKind
from accounting.contract_plan import ContractPlan
from accounting.coverage import ALWAYS, FOREVER
from accounting.modification import Treatment, fixed_lines
from accounting.plan_course import Valuation
from accounting.policy import Policies, PolicyRecord
from accounting.schedule import Method
from tests.accounting.examples import NEW_YORK, at, usage_line, wall
from tests.accounting.plans import (
    END,
    MILESTONE,
    POINT,
    RATABLE,
    START,
    by_line,
    cancelled,
    contract,
    earned,
    fixed,
    measured,
    plan,
    recognised_by,
    recognising,
    treatments,
)


def test_a_contract_of_usage_alone_has_no_plan():
    found = plan(contract(usage_line("u", at(START))))
    assert (ContractPlan((), "UTC", found.policies), [], None) == (found, earned(found), found.next_effect(ALWAYS))


def test_usage_lines_take_no_part_in_the_pool():
    lines = fixed("a", 6000), usage_line("u", at(START)), fixed("b", 0, ssp=6000)
    assert ["a", "b"] == [line.line_id for line in fixed_lines(contract(*lines))]
    assert {"a": 3000, "b": 3000} == by_line(plan(contract(*lines)))


# -- allocation


def test_i33_the_price_goes_to_lines_by_their_ssp():
    at_once = {"kind": POINT, "satisfied_at": at("2024-02-10")}
    lines = (
        fixed("a", 10000, ssp=5000, **at_once),
        fixed("b", 0, ssp=2500, **at_once),
        fixed("c", 0, ssp=7500, **at_once),
    )
    expected = [("2024-02-10", "a", 3333), ("2024-02-10", "b", 1667), ("2024-02-10", "c", 5000)]
    assert expected == earned(plan(contract(*lines)))


def test_i34b_the_residual_is_what_the_others_leave_and_a_person_decides_outside_its_range():
    def by(line: Line) -> Valuation:
        residual = SspRange(1500, 4500) if line.line_id == "d" else None
        return Valuation(line.ssp if line.ssp is not None else line.total or 0, Method.DAILY, residual)

    known = (fixed("a", 4000, ssp=4000), fixed("b", 5500, ssp=5500), fixed("c", 500, ssp=4500))
    bundle = (Bundle(("B", "C"), 6000),)
    found = plan(contract(*known, fixed("d", 3000)), bundles=bundle, by=by)
    assert {"a": 4000, "b": 3300, "c": 2700, "d": 3000} == by_line(found)
    outside = plan(contract(*known, fixed("d", 8000)), bundles=bundle, by=by)
    told = "product D: the residual of 80.00 USD lies outside its SSP range, 15.00 USD to 45.00 USD"
    assert outside.undecidable is not None
    assert (1, True) == (outside.undecidable[0], told in outside.undecidable[1])
    assert ([], None, ()) == (earned(outside), outside.next_effect(ALWAYS), outside.lines)


def test_later_versions_do_not_allocate_again():
    first = contract(fixed("a", 6000, ssp=6000), fixed("b", 6000, ssp=6000))
    ssp_changed = contract(
        fixed("a", 6000, ssp=1), fixed("b", 6000, ssp=6000), number=2, effective="2024-03-01"
    )  # fmt: skip
    found = plan(first, ssp_changed)
    assert by_line(plan(first)) == by_line(found)
    assert [Treatment.UPDATE] == treatments(found)


# -- what is earned when


def test_each_line_runs_over_its_own_term_by_its_own_method():
    lines = fixed("a", 3000, start="2024-02-01", end="2024-04-30"), fixed("b", 400, end="2024-03-01", method="monthly")
    expected = [
        ("2024-01-31", "b", 200), ("2024-02-29", "a", 978), ("2024-02-29", "b", 200), ("2024-03-31", "a", 1044),
        ("2024-04-30", "a", 978),
    ]  # fmt: skip
    assert expected == earned(plan(contract(*lines)))


def test_effects_of_one_instant_stand_in_the_order_of_the_lines():
    first = contract(fixed("b", 600), fixed("a", 600), fixed("c", 600))
    assert ["b", "a", "c"] == [line for _, line, _ in earned(plan(first))][:3]
    # The latest version's order counts, and what it has no more comes last, by name.
    later = contract(fixed("c", 600), number=2, kind=VersionKind.CANCELLED, effective="2024-03-01")
    assert ["c", "a", "b"] == [line.line_id for line in plan(first, later).lines]


def test_the_order_of_time_goes_before_the_order_of_lines():
    lines = fixed("a", 600), fixed("b", 600, POINT, satisfied_at=at("2024-01-10"))
    assert ["b", "a"] == [line for _, line, _ in earned(plan(contract(*lines)))][:2]


def test_what_is_delivered_is_earned_then_and_what_is_not_is_not():
    lines = fixed("a", 600, POINT, satisfied_at=at("2024-02-01 03:00")), fixed("b", 600, POINT)
    found = plan(contract(*lines), zone=NEW_YORK)
    assert [("2024-01-31", "a", 600)] == earned(found)
    assert at("2024-02-01 03:00") == found.next_effect(ALWAYS)
    assert found.next_effect(at("2024-02-01 03:00")) is None


def test_the_latest_word_on_a_delivery_holds():
    first = contract(fixed("a", 600, POINT, satisfied_at=at("2024-02-01")))
    moved = contract(fixed("a", 600, POINT, satisfied_at=at("2024-03-05")), number=2, effective="2024-02-15")
    assert [("2024-03-05", "a", 600)] == earned(plan(first, moved))
    undone = contract(fixed("a", 600, POINT), number=3, effective="2024-02-20")
    assert [] == earned(plan(first, moved, undone))


def test_progress_counts_from_the_effective_date_of_the_version_that_states_it():
    first = contract(measured("a", 1000, 1, 4), effective="2023-12-01")
    second = contract(measured("a", 1000, 1, 2), number=2, effective="2024-02-10")
    third = contract(measured("a", 1000, 2, 2), number=3, effective="2024-04-01")
    expected = [("2024-01-01", "a", 250), ("2024-02-10", "a", 250), ("2024-04-01", "a", 500)]
    assert expected == earned(plan(first, second, third))
    late = contract(measured("a", 1000, 1, 4), effective="2024-01-20")
    assert [("2024-01-20", "a", 250)] == earned(plan(late))


def test_progress_that_is_effective_before_its_predecessor_replaces_it_from_there_on():
    first = contract(measured("a", 1000, 0, 4))
    second = contract(measured("a", 1000, 1, 2), number=2, effective="2024-04-10")
    third = contract(measured("a", 1000, 1, 4), number=3, effective="2024-03-01")
    assert [("2024-03-01", "a", 250)] == earned(plan(first, second, third))


def test_a_milestone_without_progress_has_earned_nothing():
    assert [] == earned(plan(contract(fixed("a", 1000, MILESTONE))))


def test_the_policy_of_the_contracts_start_says_where_the_cents_go():
    policies = Policies()
    policies.add(PolicyRecord("residual", "last_full_period", at("2024-01-02"), 0))
    line = fixed("a", 101, end="2024-04-01", method="monthly")
    expected = [("2024-01-31", 34), ("2024-02-29", 33), ("2024-03-31", 34)]
    assert expected == [(day, amount) for day, _, amount in earned(plan(contract(line), policies=policies))]
    policies.add(PolicyRecord("residual", "last_full_period", at(START), 1))
    expected = [("2024-01-31", 33), ("2024-02-29", 33), ("2024-03-31", 35)]
    found = plan(contract(line), policies=policies)
    assert expected == [(day, amount) for day, _, amount in earned(found)]
    # Cancelled or opened, a line's schedule is another one: cumulative again.
    first = contract(line)
    assert ("2024-01-31", "a", 34) == earned(plan(first, cancelled(first, "2024-03-20"), policies=policies))[0]


# -- cancellations


def test_a_cancellation_keeps_what_was_earned_by_its_day_and_nothing_comes_after():
    first = contract(fixed("a", 18200), fixed("b", 600, POINT, satisfied_at=at("2024-05-01")))
    found = plan(first, cancelled(first, "2024-03-11 17:00"))
    expected = [("2024-01-31", "a", 3100), ("2024-02-29", "a", 2900), ("2024-03-31", "a", 1000)]
    assert expected == earned(found)


def test_the_day_of_a_cancellation_is_the_zones():
    first = contract(fixed("a", 18200, start=START, end=END))
    found = plan(first, cancelled(first, "2024-03-12 02:00"), zone=NEW_YORK)
    # In New York it is the 11th still, and the term began on 31 December: 71 days of 182.
    assert 7100 == sum(amount for _, _, amount in earned(found))


@pytest.mark.parametrize("effective", ["2024-01-01", "2024-01-01 10:00", "2023-06-01"])
def test_cancelled_at_its_start_it_never_was(effective):
    lines = fixed("a", 600), measured("b", 600, 1, 2), fixed("c", 600, POINT, satisfied_at=at("2024-01-01"))
    found = by_line(plan(contract(*lines), cancelled(contract(*lines), effective)))
    assert [] == [name for name, amount in found.items() if amount]


def test_cancelled_at_its_own_start_a_later_line_never_was():
    lines = fixed("a", 18200), measured("b", 600, 1, 2, start="2024-03-01"), fixed("c", 800, start="2024-03-01")
    first = contract(*lines)
    found = by_line(plan(first, cancelled(first, "2024-03-01")))
    assert {"a": 6000} == {name: amount for name, amount in found.items() if amount}


def test_a_cancellation_that_is_moved_forward_takes_more_and_one_moved_back_less():
    first = contract(fixed("a", 18200))
    earlier = cancelled(first, "2024-02-01")
    later = replace(cancelled(first, "2024-03-01"), version=3)
    assert 3100 == sum(one.amount for one in plan(first, earlier).effects(ALWAYS, FOREVER))
    assert 3100 == sum(one.amount for one in plan(first, replace(later, version=2), replace(earlier, version=3))
                       .effects(ALWAYS, FOREVER))  # fmt: skip


def test_progress_on_the_day_of_the_cancellation_belongs_to_the_days_that_are_cut_off():
    first = contract(measured("a", 1000, 0, 4))
    second = contract(measured("a", 1000, 1, 4), number=2, effective="2024-03-10 23:00")
    third = contract(measured("a", 1000, 3, 4), number=3, effective="2024-03-11 09:00")
    found = plan(first, second, third, replace(cancelled(first, "2024-03-11 17:00"), version=4))
    assert [("2024-03-10", "a", 250)] == earned(found)


def test_a_cancellation_that_is_taken_back_leaves_nothing():
    first = contract(fixed("a", 18200))
    again = contract(fixed("a", 18200), number=3, effective="2024-03-01")
    assert earned(plan(first)) == earned(plan(first, cancelled(first, "2024-03-01"), again))


# -- modifications


@pytest.mark.parametrize(
    ("change", "treatment"),
    [
        ({}, Treatment.UPDATE),
        ({"ssp": 1}, Treatment.UPDATE),
        ({"progress": (1, 2)}, Treatment.UPDATE),
        ({"satisfied_at": 5}, Treatment.UPDATE),
        ({"distinct": False}, Treatment.UPDATE),
        ({"total": 1}, Treatment.PROSPECTIVE),
        ({"total": 1, "distinct": False}, Treatment.CUMULATIVE_CATCH_UP),
        ({"end": at("2024-06-01")}, Treatment.PROSPECTIVE),
        ({"start": at("2024-02-01")}, Treatment.PROSPECTIVE),
        ({"quantity": 7}, Treatment.PROSPECTIVE),
        ({"method": "exact"}, Treatment.PROSPECTIVE),
        ({"product_id": "other"}, Treatment.PROSPECTIVE),
        ({"line_id": "b"}, Treatment.PROSPECTIVE),
    ],
)
def test_a_version_that_changes_terms_is_told_from_an_update(change, treatment):
    line = fixed("a", 18200, distinct=True)
    second = contract(replace(line, **change), number=2, effective="2024-03-01")
    assert [treatment] == treatments(plan(contract(line), second))


def test_lines_added_to_a_contract_of_usage_at_their_ssp_are_a_separate_contract():
    usage = usage_line("u", at(START))
    second = contract(usage, fixed("a", 600, distinct=True), number=2, effective="2024-03-01")
    found = plan(contract(usage), second)
    assert ([Treatment.SEPARATE_CONTRACT], {"a": 600}) == (treatments(found), by_line(found))


# -- openings


def opened(*lines: Line, as_of: str, recognised: int, billed: int = 0) -> ContractPlan:
    return plan(contract(*lines, opening=Opening(at(as_of), recognised, billed)))


def test_the_books_start_from_the_opening_and_earn_the_rest_over_what_is_left():
    found = opened(fixed("a", 18200), as_of="2024-03-01", recognised=5900, billed=18200)
    assert (5900, 18200, at("2024-03-01")) == (found.recognised, found.billed, found.opened_at)
    expected = [
        ("2024-03-31", "a", 3125),
        ("2024-04-30", "a", 3025),
        ("2024-05-31", "a", 3125),
        ("2024-06-30", "a", 3025),
    ]
    assert expected == earned(found)
    assert 5900 == recognised_by(found, at("2024-03-31"))
    assert 5900 + 3125 == recognised_by(found, at("2024-04-01"))
    assert 18200 == recognised_by(found, FOREVER)
    assert 5900 == recognised_by(found, ALWAYS)


def test_what_was_recognised_goes_to_lines_by_what_they_had_earned():
    lines = fixed("a", 18200), fixed("b", 4000, POINT, satisfied_at=at("2024-02-01")), fixed("c", 300, POINT)
    found = opened(*lines, as_of="2024-03-01", recognised=9000)
    bases = {line.line_id: line.phases[0].base for line in found.lines}
    assert {"a": 5400, "b": 3600, "c": 0} == bases
    assert {"a": 12800, "b": 400} == by_line(found)


def test_where_nothing_was_earned_yet_an_opening_is_spread_by_what_is_to_earn():
    found = opened(fixed("a", 18200), fixed("b", 9100), as_of="2023-12-01", recognised=300)
    assert [200, 100] == [line.phases[0].base for line in found.lines]
    assert {"a": 18000, "b": 9000} == by_line(found)


def test_nothing_up_to_the_opening_is_posted_again():
    lines = fixed("a", 18200), measured("b", 1000, 1, 2), fixed("c", 500, POINT, satisfied_at=at("2024-03-01"))
    found = opened(*lines, as_of="2024-03-01", recognised=7000)
    assert all(one.instant > at("2024-03-01") for one in found.effects(ALWAYS, FOREVER))
    assert at("2024-03-01") < (found.next_effect(ALWAYS) or 0)


def test_a_cancellation_after_an_opening_keeps_what_was_earned_by_then():
    first = contract(fixed("a", 18200), opening=Opening(at("2024-03-01"), 6000, 0))
    found = plan(first, cancelled(first, "2024-03-11"))
    assert [("2024-03-31", "a", 1000)] == earned(found)


def test_a_cancellation_before_the_opening_leaves_the_opening_as_it_is():
    first = contract(fixed("a", 18200), opening=Opening(at("2024-03-01"), 6000, 0))
    found = plan(first, cancelled(first, "2024-02-11"))
    assert ([], 6000) == (earned(found), recognised_by(found, FOREVER))


# -- any contract

MOMENTS = st.integers(0, 400 * 24 * 4).map(lambda quarter: at("2023-11-15") + quarter * HOUR_US // 4)
TOTALS = st.sampled_from([0, 1, 99, 10000, 123457, -5000])


@st.composite
def lines(draw, number: int) -> Line:
    kind = draw(st.sampled_from([RATABLE, RATABLE, POINT, MILESTONE]))
    start, end = sorted((draw(MOMENTS), draw(MOMENTS)))
    assume(start < end)
    return Line(
        f"l{number}", f"p{number}", kind, start, end, total=draw(TOTALS), ssp=draw(st.sampled_from([None, 0, 5, 7777])),
        method=draw(st.sampled_from(Method)), satisfied_at=draw(st.none() | MOMENTS),
        progress=draw(st.none() | st.tuples(st.integers(0, 9), st.integers(1, 9))),
    )  # fmt: skip


@st.composite
def histories(draw) -> list[ContractVersion]:
    """A contract of one to three fixed lines, updated and cancelled now and then, opened or not."""
    own = [draw(lines(number)) for number in range(draw(st.integers(1, 3)))]
    assume(all((line.ssp if line.ssp is not None else line.total or 0) >= 0 for line in own))
    opening = draw(st.none() | st.builds(Opening, MOMENTS, st.integers(0, 9999), st.integers(0, 9999)))
    versions = [replace(contract(*own, opening=opening), start=min(line.start for line in own))]
    for number in range(2, draw(st.integers(1, 4)) + 1):
        updated = tuple(
            replace(line, satisfied_at=draw(st.none() | MOMENTS),
                    progress=draw(st.none() | st.tuples(st.integers(0, 9), st.integers(1, 9))))
            for line in versions[-1].lines
        )  # fmt: skip
        kind = VersionKind.CANCELLED if draw(st.integers(0, 3)) == 0 else VersionKind.AMENDED
        instant = draw(MOMENTS)
        versions.append(
            replace(versions[0], version=number, kind=kind, effective_at=instant, lines=updated, opening=None)
        )
    return versions


@st.composite
def policy_courses(draw) -> Policies:
    changes = draw(st.lists(st.tuples(st.sampled_from(["daily", "period_end"]), MOMENTS), max_size=2))
    return recognising(changes, draw(st.booleans()))


PLACES = st.sampled_from(["UTC", NEW_YORK, "Australia/Lord_Howe", "Asia/Kathmandu"])


@given(histories(), PLACES, policy_courses(), st.lists(MOMENTS, max_size=5))
def test_the_effects_of_a_contract_are_the_same_however_time_is_cut(versions, zone, policies, cuts):
    found = plan(*versions, zone=zone, policies=policies)
    whole = found.effects(ALWAYS, FOREVER)
    bounds = [ALWAYS, *sorted(set(cuts)), FOREVER]
    parts = [one for since, until in pairwise(bounds) for one in found.effects(since, until)]
    assert whole == parts
    names = [(one.instant, one.line_id) for one in whole]
    assert len(names) == len(set(names)), "an effect is posted under its instant and line"
    assert all(1 <= one.version <= len(versions) for one in whole)


@given(histories(), PLACES, policy_courses())
def test_walking_from_effect_to_effect_leaves_none_out(versions, zone, policies):
    found = plan(*versions, zone=zone, policies=policies)
    walked, after = [], ALWAYS
    for _ in range(1500):
        coming = found.next_effect(after)
        if coming is None:
            break
        walked += found.effects(after, coming)
        after = coming
    assert found.next_effect(after) is None
    assert found.effects(ALWAYS, FOREVER) == walked
    assert recognised_by(found, FOREVER) == found.recognised + sum(one.amount for one in walked)


@given(histories(), PLACES, policy_courses())
def test_a_contract_that_is_delivered_in_full_earns_its_price(versions, zone, policies):
    first = versions[0]
    done = [
        replace(version, kind=VersionKind.AMENDED if version.version > 1 else first.kind, lines=tuple(
            replace(line, satisfied_at=line.satisfied_at or line.start, progress=(9, 9)) for line in version.lines
        ))
        for version in versions
    ]  # fmt: skip
    found = plan(*done, zone=zone, policies=policies)
    expected = sum(line.total or 0 for line in first.lines)
    assert expected == found.recognised + sum(one.amount for one in found.effects(ALWAYS, FOREVER))


@given(histories(), PLACES, policy_courses())
def test_nothing_is_earned_after_the_day_of_a_cancellation(versions, zone, policies):
    last = replace(versions[-1], version=len(versions) + 1, kind=VersionKind.CANCELLED)
    found = plan(*versions, last, zone=zone, policies=policies)
    ends = [
        one.instant for one in found.effects(ALWAYS, FOREVER) if one.instant > last.effective_at + 32 * 24 * HOUR_US
    ]
    # What an opening leaves is an exception to it: the books start there.
    assert [] == [end for end in ends if end > found.opened_at + 1], wall(last.effective_at)
