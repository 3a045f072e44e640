"""A plan that goes on with its next version is the one that is laid anew, and leaves the one before as it was."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import event, given
from hypothesis import strategies as st

from accounting.calendar import DAY_US, Period, local_date
from accounting.contract import ContractVersion, LineKind, Opening, VersionKind
from accounting.contract_plan import Laid, lay
from accounting.coverage import ALWAYS, FOREVER
from accounting.policy import Policies
from tests.accounting.examples import at
from tests.accounting.plans import START, cancelled, contract, fixed, measured, plan, recognising, value
from tests.accounting.test_modification_properties import INSIDE, ZONES, histories


def laid(*versions: ContractVersion, zone: str = "UTC") -> Laid:
    return lay(versions, zone, lambda line, _at: value(line), lambda _at: (), Policies())


def scheduled(versions: list[ContractVersion]) -> list[ContractVersion]:
    """The same versions without the lines that have progress."""
    return [replace(one, lines=tuple(line for line in one.lines if line.kind is LineKind.RATABLE)) for one in versions]


@given(histories(removal=False) | histories(), ZONES, st.booleans(), st.booleans())
def test_a_plan_goes_on_as_it_would_be_laid_anew(versions, zone, only_schedules, ends):
    versions = scheduled(versions) if only_schedules else versions
    if ends:
        last = versions[-1]
        kind, number = VersionKind.CANCELLED, last.version + 1
        versions = [*versions, replace(last, kind=kind, version=number), replace(last, version=number + 1)]
    course, going = laid(versions[0], zone=zone), 0
    for number, version in enumerate(versions[1:], 2):
        anew, before = laid(*versions[:number], zone=zone), course.plan
        then = course.then(version)
        assert before == laid(*versions[: number - 1], zone=zone).plan
        if then is None:
            course = anew
            continue
        going += 1
        assert anew.plan == then.plan
        assert anew.versions == then.versions
        again = course.then(version)
        assert again is not None
        assert again.plan == then.plan
        course = then
    event(f"goes on: {going}")


def test_a_plan_goes_on_from_an_opening_balance():
    first = contract(fixed("a", 60_000), opening=Opening(at("2024-03-01"), 20_000, 60_000))
    second = contract(fixed("a", 90_000), number=2, effective="2024-05-01")
    then = laid(first).then(second)
    assert then is not None
    assert plan(first, second) == then.plan


def test_what_a_version_says_of_progress_is_told_anew():
    first, second = contract(fixed("a", 600)), contract(fixed("a", 600), measured("m", 100, 1, 2), number=2)
    assert laid(first).then(second) is None
    assert laid(first, second).then(replace(second, version=3)) is None


def test_a_version_that_nobody_can_decide_is_told_anew():
    first, third = contract(fixed("a", 600)), contract(fixed("a", 900), number=3, effective="2024-03-01")
    outside = contract(fixed("a", 700), number=2, effective="2025-01-01")
    assert laid(first).then(outside) is None
    assert laid(first, outside).then(third) is None


def test_a_contract_without_fixed_lines_has_nothing_to_go_on_from():
    assert laid(contract()).then(contract(fixed("a", 600), number=2)) is None
    assert not laid(contract()).plan.lines


@given(
    histories(removal=False) | histories(), ZONES, st.booleans(), st.sampled_from(["period_end", "daily", "residual"]),
    st.none() | INSIDE, st.lists(INSIDE, max_size=3),
)  # fmt: skip
def test_what_is_recognised_by_an_instant_is_the_sum_of_the_effects(versions, zone, only_schedules, how, opens, given_):
    versions = scheduled(versions) if only_schedules else versions
    if opens is not None:
        versions[0] = replace(versions[0], opening=Opening(opens, 1_000, 0))
    policies = recognising([("daily", versions[0].start + 40 * DAY_US)] if how == "daily" else [], how == "residual")
    found = plan(*versions, zone=zone, policies=policies)
    days = {one.instant for one in found.effects(ALWAYS, FOREVER)} | {one.effective_at for one in versions}
    months = {Period.of_date(local_date(day, zone)).start(zone) for day in days}
    near = {instant + by for instant in {*days, *months, *given_, at(START)} for by in (-1, 0, 1)}
    instants = sorted({ALWAYS, FOREVER} | near)
    posted = found.effects(ALWAYS, FOREVER)
    sums = [found.recognised + sum(one.amount for one in posted if one.instant <= until) for until in instants]
    assert sums == [found.recognised_by(until) for until in instants]


def test_nothing_is_recognised_by_an_instant_before_the_books_open():
    found = plan(contract(fixed("a", 60_000), opening=Opening(at("2024-03-01"), 20_000, 60_000)))
    assert [20_000, 20_000] == [found.recognised_by(at(day)) for day in ("2024-01-15", "2024-03-01")]


def test_what_was_recognised_by_its_day_is_not_moved_by_a_cancellation():
    first = contract(fixed("a", 60_000))
    ended = plan(first, cancelled(first, "2024-04-01"))
    assert plan(first).recognised_by(at("2024-04-01")) == ended.recognised_by(at(START) + 180 * DAY_US)
