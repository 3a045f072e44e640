"""The effects of any fixed line, in any zone and however time is cut: nothing is posted twice, left out or dated wrongly."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from accounting.calendar import DAY_US, HOUR_US, local_date, start_of_day
from accounting.contract import Line, LineKind
from accounting.coverage import ALWAYS, FOREVER
from accounting.policy import Policies
from accounting.recognition import LinePlan, Phase, Step, cut_offs, effects, next_effect
from accounting.schedule import Method, curve
from tests.accounting.examples import NEW_YORK, at
from tests.accounting.plans import recognising, starting

ZONES = st.sampled_from(["UTC", NEW_YORK, "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo", "Asia/Kathmandu"])
BEGIN = at("2011-11-15")
MINUTE = HOUR_US // 60
MOMENTS = st.integers(0, 260 * 24 * 60).map(lambda minute: BEGIN + minute * MINUTE)
COURSES = st.lists(st.tuples(st.sampled_from(["daily", "period_end"]), MOMENTS), max_size=3).map(recognising)
AMOUNTS = st.sampled_from([0, 1, -1, 7, 9999, -12345, 10**15 + 1])


Placed = tuple[LinePlan, str]  # a plan and its zone


@st.composite
def ratable_plans(draw) -> Placed:
    """Ratable lines as contracts make them: whole, opened, ended, or with the residual in the last full period."""
    zone, start, end = draw(ZONES), *sorted((draw(MOMENTS), draw(MOMENTS)))
    assume(start < end)
    method, amount = draw(st.sampled_from(Method)), draw(AMOUNTS)
    own = Line("l", "p", LineKind.RATABLE, start, end)
    phase = Phase(ALWAYS, 0, amount, (0, 1), own, 1, method)
    shape = draw(st.sampled_from(["whole", "residual", "opened", "ended", "opened and ended"]))
    if shape == "residual":
        return LinePlan("l", "p", (phase,), None, residual_last=True), zone
    if "opened" in shape:
        as_of, base = draw(MOMENTS), draw(st.integers(-50, 20000))
        share = curve(start, end, method, zone, (as_of,))
        transferred = share.numerators[0], share.denominator
        phase = phase._replace(since=as_of, base=base, amount=amount - base, transferred=transferred)
    plan = LinePlan("l", "p", (phase,), None)
    if "ended" in shape:
        cut = draw(MOMENTS)
        assume(cut > phase.since)
        kept = plan.earned([cut], zone)[0]
        plan = replace(plan, phases=(phase, Phase(cut, kept, 0, (0, 1), own, 2, method)))
    return plan, zone


@st.composite
def measured_plans(draw) -> Placed:
    """Lines by progress, opened or ended or neither."""
    own = Line("l", "p", LineKind.MILESTONE, BEGIN, FOREVER)
    instants = sorted(draw(st.sets(MOMENTS, max_size=4)))
    steps = [Step(instant, draw(st.integers(0, 12)), draw(st.integers(1, 11)), number)
             for number, instant in enumerate(instants, start=1)]  # fmt: skip
    phases = [Phase(ALWAYS, 0, draw(AMOUNTS), (0, 1), own, 1)]
    if draw(st.booleans()):
        part, whole = draw(st.sampled_from([(0, 1), (1, 3), (2, 2), (7, 5)]))
        phases = [phases[0]._replace(since=draw(MOMENTS), base=draw(st.integers(-9, 99)), transferred=(part, whole))]
    if draw(st.booleans()):
        since = draw(MOMENTS)
        assume(since > phases[-1].since)
        phases.append(Phase(since, draw(st.integers(-9, 99)), 0, (0, 1), own, 2))
    return LinePlan("l", "p", tuple(phases), tuple(steps)), draw(ZONES)


PLANS = st.one_of(ratable_plans(), measured_plans())


@given(PLANS, COURSES, st.lists(MOMENTS, max_size=6))
def test_the_effects_of_adjacent_spans_are_the_effects_of_the_whole(placed, known, cuts):
    plan, zone = placed
    bounds = [starting(plan), *sorted(cut for cut in cuts if cut > starting(plan)), FOREVER]
    parts = [one for since, until in pairwise(bounds) for one in effects(plan, zone, known, since, until)]
    whole = effects(plan, zone, known, starting(plan), FOREVER)
    assert whole == parts
    assert sorted(one.instant for one in whole) == [one.instant for one in whole]
    assert len(whole) == len({one.instant for one in whole})
    assert all(one.amount for one in whole)


@given(PLANS, COURSES)
def test_from_one_effect_to_the_next_none_is_left_out(placed, known):
    plan, zone = placed
    whole, walked, after = effects(plan, zone, known, starting(plan), FOREVER), [], starting(plan)
    for _ in range(600):
        coming = next_effect(plan, zone, known, after)
        if coming is None:
            break
        assert coming > after
        walked += effects(plan, zone, known, after, coming)
        after = coming
    else:
        raise AssertionError("there is no end to it")
    assert whole == walked


@given(PLANS, COURSES, MOMENTS)
def test_from_any_instant_on_the_next_effect_is_named(placed, known, after):
    plan, zone = placed
    assume(after >= starting(plan))
    coming = [one.instant for one in effects(plan, zone, known, after, FOREVER)]
    found = next_effect(plan, zone, known, after)
    if coming:
        assert found is not None
        assert after < found <= coming[0]


@given(ratable_plans(), COURSES)
def test_all_effects_of_a_ratable_line_come_to_its_amount(placed, known):
    plan, zone = placed
    first, last = plan.phases[0], plan.phases[-1]
    earned = sum(one.amount for one in effects(plan, zone, known, starting(plan), FOREVER))
    assert last.base + last.amount - first.base == earned


@given(ratable_plans(), COURSES)
def test_effects_are_the_differences_of_what_is_earned_by_each_day_that_counts(placed, known):
    """The same once more, day by day."""
    plan, zone = placed
    assume(not plan.residual_last and len(plan.phases) == 1)
    phase = plan.phases[0]
    begin = max(phase.since, phase.line.start)
    today, before, expected = local_date(begin, zone), phase.base, []
    while True:
        tomorrow = today + timedelta(days=1)
        turn = start_of_day(tomorrow, zone)
        if tomorrow.day == 1 or known.value("recognise", turn - 1) == "daily":
            amount = _slowly(phase, turn, zone)
            if amount != before:
                expected.append((turn, today, amount - before))
            before = amount
            if turn >= phase.line.end:
                break
        today = tomorrow
    found = [(one.instant, one.day, one.amount) for one in effects(plan, zone, known, starting(plan), FOREVER)]
    # Where a day has no midnight of its own (Samoa), two days end at once: the first one's date counts.
    assert expected == found


def _slowly(phase: Phase, instant: int, zone: str) -> int:
    found = curve(phase.line.start, phase.line.end or FOREVER, phase.method, zone, (instant,))
    share, then = Fraction(found.numerators[0], found.denominator), Fraction(*phase.transferred)
    if then == 1:
        return phase.base + phase.amount
    return round(phase.base + phase.amount * max((share - then) / (1 - then), Fraction(0)))


@given(PLANS, MOMENTS)
def test_recognition_by_day_and_by_period_agree_at_every_periods_end(placed, moment):
    plan, zone = placed
    assume(not plan.residual_last)
    ends = [mark.instant for mark in cut_offs(BEGIN, moment, zone, Policies(), FOREVER)]
    daily = recognising([("daily", BEGIN - 400 * DAY_US)])
    for end in ends:
        assume(end > starting(plan))
        by_day, by_period = (
            sum(one.amount for one in effects(plan, zone, known, starting(plan), end)) for known in (daily, Policies())
        )
        assert by_period == by_day


@given(PLANS, COURSES)
def test_an_effect_is_dated_the_day_that_ends_or_on_which_it_happens(placed, known):
    plan, zone = placed
    for one in effects(plan, zone, known, starting(plan), FOREVER):
        happens = one.instant if plan.steps is not None else one.instant - 1
        assert isinstance(one.day, date)
        assert one.day <= local_date(happens, zone)
        assert (one.day.year, one.day.month) == (local_date(happens, zone).year, local_date(happens, zone).month)
