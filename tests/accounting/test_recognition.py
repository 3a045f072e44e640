"""What a fixed line adds to revenue and when: each amount to the cent, by day, by period and at each opening and end."""

from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from accounting.calendar import HOUR_US
from accounting.contract import Line, LineKind
from accounting.coverage import ALWAYS, FOREVER
from accounting.policy import Policies
from accounting.recognition import CutOff, Effect, LinePlan, Phase, Step, cut_offs, effects, next_effect
from accounting.schedule import Method
from tests.accounting.examples import NEW_YORK, at, day, wall
from tests.accounting.plans import recognising, starting

NONE = Policies()
DAILY = "daily", "2000-01-01"


def policies(*changes: tuple[str, str]) -> Policies:
    """Policy `recognise` as it was decided: (value, instant)."""
    return recognising([(value, at(since)) for value, since in changes])


def line(start: str, end: str, kind: LineKind = LineKind.RATABLE, zone: str = "UTC") -> Line:
    return Line("l", "p", kind, at(start, zone), at(end, zone))


def ratable(
    start: str, end: str, amount: int, method: Method = Method.DAILY, zone: str = "UTC", residual_last: bool = False
) -> LinePlan:
    phase = Phase(ALWAYS, 0, amount, (0, 1), line(start, end, zone=zone), 1, method)
    return LinePlan("l", "p", (phase,), None, residual_last)


def opened(plan: LinePlan, as_of: str, base: int, part: int, whole: int) -> LinePlan:
    """The plan taken over in mid-life: `base` was earned by then, the rest is earned over what is left."""
    first = plan.phases[0]
    phase = first._replace(
        since=at(as_of), base=base, amount=first.amount - base, transferred=(part, whole), opened=True
    )
    return replace(plan, phases=(phase,))


def ended(plan: LinePlan, end: str, base: int, version: int = 2) -> LinePlan:
    """The plan cut off at an instant."""
    last = plan.phases[-1]._replace(since=at(end), base=base, amount=0, transferred=(0, 1), version=version)
    return replace(plan, phases=(*plan.phases, last))


def measured(amount: int, *steps: tuple[str, int, int], kind: LineKind = LineKind.MILESTONE) -> LinePlan:
    """A line by progress: (instant, incurred, expected), a version each."""
    phase = Phase(ALWAYS, 0, amount, (0, 1), line("2024-01-01", "2025-01-01", kind), 1)
    found = tuple(Step(at(when), *ratio, number) for number, (when, *ratio) in enumerate(steps, start=1))
    return LinePlan("l", "p", (phase,), found)


def posted(
    plan: LinePlan, zone: str = "UTC", known: Policies = NONE, since: int = ALWAYS, until: int = FOREVER
) -> list[tuple[str, int]]:
    """(accounting date, amount) of the effects."""
    return [(one.day.isoformat(), one.amount) for one in effects(plan, zone, known, since, until)]


# -- ratable lines


def test_s31_by_days_and_to_the_microsecond():
    days = ratable("2024-06-15 12:00", "2024-10-13 12:00", 12000)
    ends = ["2024-06-30", "2024-07-31", "2024-08-31", "2024-09-30", "2024-10-31"]
    assert list(zip(ends, [1600, 3100, 3100, 3000, 1200], strict=True)) == posted(days)
    exact = ratable("2024-06-15 12:00", "2024-10-13 12:00", 12000, Method.EXACT)
    assert list(zip(ends, [1550, 3100, 3100, 3000, 1250], strict=True)) == posted(exact)


def test_an_effect_says_when_it_is_due_and_what_decided_it():
    (first, *_) = effects(ratable("2024-01-15", "2024-03-15", 6000), "UTC", NONE, ALWAYS, FOREVER)
    rule = "daily schedule, cumulative amount rounded half-even"
    assert Effect(at("2024-02-01"), day("2024-01-31"), "l", 1700, 1, rule, product_id="p") == first


def test_nothing_is_due_before_the_periods_end():
    plan = ratable("2024-01-15", "2024-03-15", 6000)
    turn = at("2024-02-01")
    assert [] == posted(plan, until=turn - 1)
    assert [("2024-01-31", 1700)] == posted(plan, until=turn)
    assert [("2024-02-29", 2900), ("2024-03-31", 1400)] == posted(plan, since=turn)


def test_the_period_ends_by_the_zones_clock():
    plan = ratable("2024-01-01", "2024-03-01", 6000, zone=NEW_YORK)
    assert [] == posted(plan, NEW_YORK, until=at("2024-02-01 04:59"))
    assert [("2024-01-31", 3100)] == posted(plan, NEW_YORK, until=at("2024-02-01 05:00"))


def test_a_line_goes_on_over_the_years():
    plan = ratable("2022-11-16", "2024-02-16", 45700)
    months = [date(2022 + (10 + number) // 12, (10 + number) % 12 + 1, 1) for number in range(16)]
    days = [15, 31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 15]
    assert list(zip(months, (100 * number for number in days), strict=True)) == [
        (one.day.replace(day=1), one.amount) for one in effects(plan, "UTC", NONE, ALWAYS, FOREVER)
    ]


def test_a_credit_is_earned_back_in_the_same_way():
    plan = ratable("2024-01-15", "2024-03-15", -6000)
    assert [("2024-01-31", -1700), ("2024-02-29", -2900), ("2024-03-31", -1400)] == posted(plan)


def test_a_line_of_nothing_has_no_effect():
    plan = ratable("2024-01-15", "2024-03-15", 0)
    assert [] == posted(plan)
    assert [] == posted(replace(plan, residual_last=True))
    assert [] == posted(plan, known=policies(DAILY))


def test_a_period_in_which_rounding_leaves_nothing_has_no_effect():
    # One cent over four months: the half cent of February is rounded to the even one, so that March has it.
    plan = ratable("2024-01-01", "2024-05-01", 1, Method.MONTHLY)
    assert [("2024-03-31", 1)] == posted(plan)


def test_daily_recognition_dates_each_day():
    plan = ratable("2024-02-27", "2024-03-02", 400)
    days = ["2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01"]
    assert [(one, 100) for one in days] == posted(plan, known=policies(DAILY))


def test_daily_recognition_ends_with_the_line_and_not_with_the_period():
    plan = ratable("2024-02-27", "2024-02-28", 400)
    assert [("2024-02-27", 400)] == posted(plan, known=policies(DAILY))
    assert [("2024-02-29", 400)] == posted(plan)


def test_recognition_turns_daily_with_the_first_day_whose_last_microsecond_is():
    plan = ratable("2024-01-29", "2024-02-02", 400)
    expected = [("2024-01-30", 200), ("2024-01-31", 100), ("2024-02-01", 100)]
    assert expected == posted(plan, known=policies(("daily", "2024-01-30 12:00")))
    # Back to the period's end from the last microsecond of 31 January on: the period's end itself stays a cut-off.
    known = policies(("daily", "2024-01-30 12:00"), ("period_end", "2024-01-31 23:59:59.999999"))
    assert [("2024-01-30", 200), ("2024-01-31", 100), ("2024-02-29", 100)] == posted(plan, known=known)


def test_it_is_the_last_microsecond_of_a_day_that_decides_whether_recognition_is_daily():
    plan = ratable("2024-01-29", "2024-02-02", 400)
    expected = [("2024-01-30", 200), ("2024-01-31", 100), ("2024-02-01", 100)]
    assert expected == posted(plan, known=policies(("daily", "2024-01-30")))
    assert expected == posted(plan, known=policies(("daily", "2024-01-30 23:59:59.999999")))
    assert expected == posted(plan, known=policies(DAILY, ("period_end", "2024-01-29"), ("daily", "2024-01-30")))


def test_days_of_a_clock_change_are_days():
    plan = ratable("2024-03-09", "2024-03-12", 300, zone=NEW_YORK)
    found = effects(plan, NEW_YORK, policies(DAILY), ALWAYS, FOREVER)
    assert [("2024-03-09", 100), ("2024-03-10", 100), ("2024-03-11", 100)] == posted(plan, NEW_YORK, policies(DAILY))
    assert [23, 24] == [(after.instant - before.instant) // HOUR_US for before, after in pairwise(found)]


def test_the_day_that_samoa_left_out_is_earned_with_the_day_before():
    zone = "Pacific/Apia"
    plan = ratable("2011-12-29", "2012-01-01", 300, zone=zone)
    assert [("2011-12-29", 200), ("2011-12-31", 100)] == posted(plan, zone, policies(DAILY))


# -- policy residual = last_full_period


def test_s31_with_the_residual_in_the_last_full_period():
    plan = ratable("2024-06-15 12:00", "2024-10-13 12:00", 12000, Method.MONTHLY_PRORATED_ENDS, residual_last=True)
    ends = ["2024-06-30", "2024-07-31", "2024-08-31", "2024-09-30", "2024-10-31"]
    assert list(zip(ends, [1550, 3066, 3066, 3068, 1250], strict=True)) == posted(plan)


def test_without_a_full_period_the_last_one_takes_the_residual():
    plan = ratable("2024-06-15", "2024-08-01 00:00:01", 100, Method.EXACT, residual_last=True)
    assert 100 == sum(amount for _, amount in posted(plan))
    short = ratable("2024-06-15", "2024-07-20", 1000, residual_last=True)
    assert [("2024-06-30", 457), ("2024-07-31", 543)] == posted(short)


def test_a_period_that_the_line_begins_or_ends_with_is_a_full_one():
    first = ratable("2024-01-01", "2024-02-15", 101, Method.MONTHLY, residual_last=True)
    assert [("2024-01-31", 51), ("2024-02-29", 50)] == posted(first)
    last = ratable("2024-01-15", "2024-03-01", 101, Method.MONTHLY, residual_last=True)
    assert [("2024-01-31", 50), ("2024-02-29", 51)] == posted(last)
    inside = ratable("2024-01-15", "2024-03-15", 101, Method.EXACT, residual_last=True)
    assert [("2024-01-31", 28), ("2024-02-29", 50), ("2024-03-31", 23)] == posted(inside)


def test_truncated_periods_are_cut_as_any():
    plan = ratable("2024-06-15 12:00", "2024-10-13 12:00", 12000, Method.MONTHLY_PRORATED_ENDS, residual_last=True)
    turn = at("2024-09-01")
    assert posted(plan) == posted(plan, until=turn) + posted(plan, since=turn)
    assert [("2024-07-31", 3066)] == posted(plan, since=at("2024-07-01"), until=turn - 1)


def test_truncation_keeps_to_periods_where_recognition_is_daily():
    plan = ratable("2024-01-01", "2024-03-01", 101, Method.MONTHLY, residual_last=True)
    assert [("2024-01-31", 50), ("2024-02-29", 51)] == posted(plan, known=policies(DAILY)) == posted(plan)


def test_a_truncated_effect_says_what_decided_it():
    plan = ratable("2024-01-01", "2024-03-01", 101, Method.MONTHLY, residual_last=True)
    rule = "monthly schedule, truncated, the rest in the last full period"
    expected = [
        Effect(at("2024-02-01"), day("2024-01-31"), "l", 50, 1, rule, "recognition", "p"),
        Effect(at("2024-03-01"), day("2024-02-29"), "l", 51, 1, rule, "recognition", "p"),
    ]
    assert expected == effects(plan, "UTC", NONE, ALWAYS, FOREVER)


@pytest.mark.parametrize("end", ["9999-12-30", "9999-12-31", "9999-12-31 23:59:59.999999"])
@pytest.mark.parametrize("residual_last", [False, True])
def test_a_term_to_the_end_of_the_calendar_is_one_as_any(end, residual_last):
    plan = ratable("9999-10-01", end, 9100, Method.MONTHLY, residual_last=residual_last)
    expected = [("9999-10-31", 3033), ("9999-11-30", 3034), ("9999-12-31", 3033)]
    assert (expected[:1], expected) == (posted(plan, until=at("9999-11-01")), posted(plan))


def test_a_term_without_an_end_in_sight_is_looked_at_as_far_as_need_be():
    plan = ratable("2024-01-01", "9999-12-31", 10**9)
    days = (day("9999-12-31") - day("2024-01-01")).days
    assert [("2024-01-31", 10**9 * 31 // days)] == posted(plan, until=at("2024-02-01"))
    assert at("2024-03-01") == next_effect(plan, "UTC", NONE, at("2024-02-01"))


# -- what comes next


def test_the_next_effect_is_that_of_the_next_cut_off_up_to_the_one_that_holds_the_end():
    plan = ratable("2024-01-01", "2024-02-01", 3100)
    assert (
        at("2024-02-01") == next_effect(plan, "UTC", NONE, ALWAYS) == next_effect(plan, "UTC", NONE, at("2024-01-31"))
    )
    assert next_effect(plan, "UTC", NONE, at("2024-02-01")) is None
    short = ratable("2024-01-01", "2024-01-20", 1900)
    assert at("2024-02-01") == next_effect(short, "UTC", NONE, at("2024-01-25"))
    assert at("2024-01-02") == next_effect(short, "UTC", policies(DAILY), ALWAYS)
    assert at("2024-01-20") == next_effect(short, "UTC", policies(DAILY), at("2024-01-19"))
    assert next_effect(short, "UTC", policies(DAILY), at("2024-01-20")) is None


def test_truncated_amounts_wait_for_the_periods_end_where_recognition_is_daily():
    plan = ratable("2024-01-01", "2024-03-01", 101, Method.MONTHLY, residual_last=True)
    assert at("2024-02-01") == next_effect(plan, "UTC", policies(DAILY), ALWAYS)


def test_a_catch_up_is_an_effect_between_cut_offs():
    plan = ratable("2024-01-01", "2024-01-31", 3000)
    later = plan.phases[0]._replace(since=at("2024-01-11"), amount=6000, version=2)
    caught = replace(plan, phases=(*plan.phases, later))
    assert [("2024-01-11", 1000), ("2024-01-31", 5000)] == posted(caught)
    assert at("2024-01-11") == next_effect(caught, "UTC", NONE, at("2024-01-10"))
    assert at("2024-02-01") == next_effect(caught, "UTC", NONE, at("2024-01-11"))
    assert [("2024-01-11", 1000)] == posted(caught, until=at("2024-01-11"))
    assert [("2024-01-31", 5000)] == posted(caught, since=at("2024-01-11"))


# -- openings and ends


def test_from_an_opening_on_the_rest_is_earned_over_what_is_left():
    # 40 of 100 by 11 January instead of 50: 60 over the ten days that are left.
    plan = opened(ratable("2024-01-01", "2024-01-21", 10000), "2024-01-11", 4000, 1, 2)
    known = policies(DAILY)
    assert [(f"2024-01-{number}", 600) for number in range(11, 21)] == posted(plan, known=known)
    assert [("2024-01-31", 6000)] == posted(plan)


def test_what_an_opening_leaves_of_a_line_that_has_ended_is_earned_at_the_next_cut_off():
    plan = opened(ratable("2024-01-01", "2024-01-21", 10000), "2024-01-25 08:00", 4000, 1, 1)
    assert [("2024-01-31", 6000)] == posted(plan)
    assert [("2024-01-25", 6000)] == posted(plan, known=policies(DAILY))


def test_a_line_that_was_ended_earns_no_more():
    plan = ended(ratable("2024-01-01", "2024-01-31", 3000), "2024-01-11", 1000)
    assert [("2024-01-31", 1000)] == posted(plan)
    assert [(f"2024-01-{number:02d}", 100) for number in range(1, 11)] == posted(plan, known=policies(DAILY))


def test_what_is_posted_beyond_the_end_of_a_line_is_taken_back_by_nobody_here():
    """The effects are desired ones: those that a cancellation takes away are simply not among them."""
    plan = ratable("2024-01-01", "2024-04-01", 9100)
    cut = ended(plan, "2024-02-15", 4500)
    assert [("2024-01-31", 3100), ("2024-02-29", 1400)] == posted(cut)


def test_the_version_of_an_effect_is_the_one_whose_phase_it_ends():
    cut = ended(ratable("2024-01-01", "2024-04-01", 9100), "2024-02-15", 4500)
    assert [1, 2] == [one.version for one in effects(cut, "UTC", NONE, ALWAYS, FOREVER)]
    at_the_edge = ended(ratable("2024-01-01", "2024-04-01", 9100), "2024-02-01", 3100)
    assert [1] == [one.version for one in effects(at_the_edge, "UTC", NONE, ALWAYS, FOREVER)]


# -- points in time and progress


def test_progress_is_earned_when_it_is_made():
    plan = measured(10000, ("2024-01-10 15:00", 1, 4), ("2024-02-20", 2, 3))
    assert [("2024-01-10", 2500), ("2024-02-20", 4167)] == posted(plan)
    assert [("2024-02-20", 4167)] == posted(plan, since=at("2024-01-10 15:00"))
    assert [] == posted(plan, until=at("2024-01-10 15:00") - 1)
    assert [("2024-01-10", 2500)] == posted(plan, until=at("2024-01-10 15:00"))


def test_progress_is_dated_by_the_zones_calendar():
    plan = measured(10000, ("2024-02-01 04:00", 1, 4))
    assert [("2024-01-31", 2500)] == posted(plan, NEW_YORK)


def test_less_progress_than_before_takes_revenue_back():
    plan = measured(10000, ("2024-01-10", 1, 2), ("2024-02-20", 1, 4), ("2024-03-01", 1, 1))
    assert [("2024-01-10", 5000), ("2024-02-20", -2500), ("2024-03-01", 7500)] == posted(plan)


def test_progress_that_changes_nothing_has_no_effect():
    plan = measured(10000, ("2024-01-10", 1, 2), ("2024-02-20", 3, 6), ("2024-03-01", 0, 1))
    assert [("2024-01-10", 5000), ("2024-03-01", -5000)] == posted(plan)
    assert [] == posted(measured(10000, ("2024-01-10", 0, 1)))


def test_what_is_not_delivered_yet_has_no_effect():
    assert [] == posted(measured(10000, kind=LineKind.POINT_IN_TIME))
    assert next_effect(measured(10000), "UTC", NONE, ALWAYS) is None


def test_a_step_names_the_version_that_made_it():
    plan = measured(10000, ("2024-01-10", 1, 2), ("2024-02-20", 1, 1))
    found = effects(plan, "UTC", NONE, ALWAYS, FOREVER)
    assert [1, 2] == [one.version for one in found]
    assert {"milestone, cumulative amount by progress, rounded half-even"} == {one.rule for one in found}


def test_from_an_opening_on_progress_counts_over_what_was_left():
    # A quarter was done and 30 of 100 recognised: 70 over three quarters.
    plan = opened(
        measured(10000, ("2024-01-10", 1, 4), ("2024-02-20", 1, 2), ("2024-03-20", 1, 1)), "2024-02-01", 3000, 1, 4
    )
    assert [("2024-02-20", 2333), ("2024-03-20", 4667)] == posted(plan)


def test_from_an_opening_on_less_progress_than_then_takes_revenue_back():
    plan = opened(measured(10000, ("2024-01-10", 1, 2), ("2024-02-20", 1, 4)), "2024-02-01", 5000, 1, 2)
    assert [("2024-02-20", -2500)] == posted(plan)


def test_what_an_opening_leaves_of_what_was_delivered_whole_is_never_lost():
    plan = measured(10000, ("2024-01-10", 1, 1), kind=LineKind.POINT_IN_TIME)
    late = opened(plan, "2024-02-01", 6000, 1, 1)
    assert [("2024-02-01", 4000)] == posted(late, since=starting(late))
    assert starting(late) + 1 == next_effect(late, "UTC", NONE, starting(late))


def test_more_progress_than_whole_before_an_opening_makes_no_cent():
    plan = opened(measured(10000, ("2024-01-10", 11, 10)), "2024-02-01", 10000, 11, 10)
    assert [] == posted(plan, since=starting(plan))


def test_an_end_keeps_what_was_done_by_then():
    plan = ended(measured(10000, ("2024-01-10", 1, 4), ("2024-02-20", 1, 2)), "2024-02-01", 2500)
    assert [("2024-01-10", 2500)] == posted(plan)
    never = ended(measured(10000, ("2024-01-10", 1, 4)), "2024-02-01", 0)
    assert [("2024-01-10", 2500), ("2024-02-01", -2500)] == posted(never)


# -- cut-offs


def marks(first: str, last: str, known: Policies = NONE, until: int = FOREVER) -> list[str]:
    return [wall(one.instant)[:16] for one in cut_offs(at(first), at(last), "UTC", known, until)]


def test_cut_offs_run_from_the_first_period_to_the_one_that_holds_the_end():
    assert ["2024-02-01 00:00", "2024-03-01 00:00"] == marks("2024-01-15", "2024-02-15")
    assert ["2024-02-01 00:00"] == marks("2024-01-15", "2024-02-01")
    assert ["2024-02-01 00:00", "2024-03-01 00:00"] == marks("2024-01-15", "2024-02-01 00:00:00.000001")
    assert ["2024-02-01 00:00"] == marks("2024-01-15", "2024-01-15")
    assert [] == marks("2024-01-15", "2024-02-15", until=at("2024-01-31"))
    daily = policies(DAILY)
    assert ["2024-01-31 00:00"] == marks("2024-01-30", "2024-01-30 12:00", daily), (
        "days do not go on to the month's end"
    )
    assert ["2024-01-31 00:00", "2024-02-01 00:00"] == marks("2024-01-30", "2024-01-31 00:00:01", daily)


def test_cut_offs_of_a_term_without_an_end_stop_with_the_calendar():
    found = list(cut_offs(at("9999-11-15"), FOREVER, "UTC", NONE, FOREVER))
    assert [day("9999-11-30"), day("9999-12-31")] == [one.day for one in found]


def test_a_cut_off_belongs_to_the_day_it_ends():
    found = list(cut_offs(at("2024-01-30 10:00"), at("2024-02-01"), "UTC", policies(DAILY), FOREVER))
    assert [CutOff(at("2024-01-31"), day("2024-01-30")), CutOff(at("2024-02-01"), day("2024-01-31"))] == found
