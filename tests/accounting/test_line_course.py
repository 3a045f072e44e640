"""The course of a line: billing periods as its versions made them, and what falls due in them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from accounting.calendar import DAY_US
from accounting.contract import Aggregation, BillingPeriod, RateModel
from accounting.coverage import FOREVER, Cover
from accounting.line_course import LineCourse, billing_spans, carries, has_dues, next_due
from accounting.policy import Policies
from tests.accounting.examples import at, cover, decided, money, per_unit, tier, tiered

JAN, FEB, MAR, APR = (at(f"2025-0{month}-01") for month in (1, 2, 3, 4))


def spans(*covers: Cover, since: int = JAN, until: int = MAR):
    return [(span.start, span.end) for span in billing_spans(covers, "UTC", since, until)]


def cut(one: Cover, start: int, end: int, **rate: object) -> Cover:
    """A cover of another span, and of another price where terms are given."""
    return replace(one, start=start, end=end, rate=replace(one.rate, **rate))


def test_billing_periods_follow_each_other_from_the_one_that_is_asked_for():
    line = cover(per_unit(1), JAN)
    assert [(FEB, MAR), (MAR, APR)] == spans(line, since=at("2025-02-10"))


def test_a_change_of_price_parts_a_billing_period_and_does_not_end_it():
    line, turn = cover(per_unit(1), JAN), at("2025-01-11")
    found = billing_spans([cut(line, JAN, turn), cut(line, turn, FOREVER)], "UTC", JAN, FEB - 1)
    assert [(JAN, FEB)] == [(span.start, span.end) for span in found]
    assert [(JAN, turn), (turn, FEB)] == [(part.start, part.end) for part in found[0].parts]


def test_a_billing_period_is_taken_whole_though_its_next_price_is_still_to_come():
    line, turn = cover(per_unit(1), JAN), at("2025-01-21")
    assert [(JAN, FEB)] == spans(cut(line, JAN, turn), cut(line, turn, FOREVER), until=at("2025-01-05"))


def test_a_line_that_ends_ends_its_billing_period():
    end = at("2025-02-15")
    assert [(JAN, FEB), (FEB, end)] == spans(cut(cover(per_unit(1), JAN), JAN, end))


def test_a_minimum_is_shared_by_the_days_of_its_rates():
    line, turn = cover(per_unit(1, minimum=31_000), JAN), at("2025-01-11")
    changed = cut(line, turn, FOREVER, minimum=62_000)
    (span,) = billing_spans([cut(line, JAN, turn), changed], "UTC", JAN, FEB - 1)
    assert money(100 + 420) == span.minimum(FEB)
    assert Fraction(money(100)) + money(20) == span.minimum(at("2025-01-12"))


def test_there_is_no_maximum_where_one_of_the_rates_has_none():
    line, turn = cover(per_unit(1, maximum=31_000), JAN), at("2025-01-11")
    parted = [cut(line, JAN, turn), cut(line, turn, FOREVER, maximum=None)]
    assert [None] == [span.maximum() for span in billing_spans(parted, "UTC", JAN, FEB - 1)]
    assert [money(310)] == [span.maximum() for span in billing_spans([line], "UTC", JAN, FEB - 1)]


def test_a_minimum_of_one_month_falls_due_at_its_end_and_of_a_quarter_at_every_months_end():
    month = cover(per_unit(1, minimum=100), JAN)
    quarter = cover(per_unit(1, BillingPeriod.QUARTER, minimum=100), JAN)
    assert [FEB - 1, MAR - 1] == [
        due for span in billing_spans([month], "UTC", JAN, MAR) for due in span.due_instants(MAR)
    ]
    assert [FEB - 1, MAR - 1] == billing_spans([quarter], "UTC", JAN, MAR)[0].due_instants(MAR)


def test_the_next_due_is_after_the_instant_and_none_where_nothing_is_asked_for():
    flat = cover(tiered(tier(None, 1, flat=5)), JAN)
    assert FEB - 1 == next_due([flat], "UTC", JAN)
    assert MAR - 1 == next_due([flat], "UTC", FEB - 1)
    assert next_due([cover(per_unit(1), JAN)], "UTC", JAN) is None
    assert next_due([cut(flat, JAN, FEB)], "UTC", FEB) is None


# -- policies


def dues(one: Cover, policies: Policies, until: int = APR) -> list[int]:
    """What falls due without usage from January on."""
    return [due for span in billing_spans([one], "UTC", JAN, until, policies) for due in span.due_instants(until)]


def test_a_flat_fee_at_zero_units_is_due_by_the_policy_of_the_billing_periods_last_microsecond():
    flat = cover(tiered(tier(None, 1, flat=5)), JAN)
    found = [
        span.flat_at_zero for span in billing_spans([flat], "UTC", JAN, APR, decided(("zero_flat_fee", "no", MAR - 1)))
    ]
    assert [True, False, False] == found[:3]
    found = [
        span.flat_at_zero for span in billing_spans([flat], "UTC", JAN, APR, decided(("zero_flat_fee", "no", MAR)))
    ]
    assert [True, True, False] == found[:3]
    assert [FEB - 1, MAR - 1, APR - 1] == dues(flat, Policies())


def test_a_minimum_is_due_whatever_the_policy_of_flat_fees_is():
    least = cover(tiered(tier(None, 1, flat=5), minimum=100), JAN)
    assert [FEB - 1, MAR - 1, APR - 1] == dues(least, decided(("zero_flat_fee", "no", 0)))


def test_a_volume_price_list_over_months_is_looked_at_at_every_months_end():
    listed = tiered(tier(None, 1, flat=5), model=RateModel.VOLUME)
    quarter = cover(replace(listed, billing_period=BillingPeriod.QUARTER), JAN)
    assert [FEB - 1, MAR - 1, APR - 1] == dues(quarter, Policies())


def test_a_carried_value_is_due_without_usage_by_the_policy_of_the_lines_start():
    for kind in (Aggregation.LAST, Aggregation.WEIGHTED_SUM):
        level = cover(replace(per_unit(1), aggregation=kind), JAN)
        yes = decided(("carry", "yes", JAN))
        assert (True, True) == (carries(level, yes), has_dues(level, yes))
        assert [FEB - 1, MAR - 1] == dues(level, yes, MAR)
        assert FEB - 1 == next_due([level], "UTC", JAN, yes)
        late = decided(("carry", "yes", JAN + 1))
        assert (False, False) == (carries(level, late), has_dues(level, late))
        assert [] == dues(level, late)
        # A price that changes later begins no new line.
        changed = replace(level, start=FEB)
        assert [True, False] == [carries(changed, decided(("carry", "yes", since))) for since in (JAN, FEB)]


def test_only_a_last_value_and_a_level_are_carried():
    policies = decided(("carry", "yes", 0))
    found = {kind for kind in Aggregation if carries(cover(replace(per_unit(1), aggregation=kind), JAN), policies)}
    assert {Aggregation.LAST, Aggregation.WEIGHTED_SUM} == found


# -- terms without end


def test_an_open_ended_term_spans_months_and_its_minimum_is_due_at_every_months_end():
    term = cover(per_unit(1, BillingPeriod.TERM, minimum=100), JAN)
    (span,) = billing_spans([term], "UTC", JAN, MAR)
    assert (FOREVER, True) == (span.end, span.spans_months)
    assert [FEB - 1, MAR - 1] == span.due_instants(MAR)
    assert [FEB - 1, MAR - 1] == [next_due([term], "UTC", after) for after in (JAN, FEB - 1)]


def test_an_open_ended_term_without_a_minimum_has_nothing_due():
    flat = cover(replace(tiered(tier(None, 1, flat=5)), billing_period=BillingPeriod.TERM), JAN)
    assert next_due([flat], "UTC", JAN) is None


def test_a_billing_period_of_one_month_ends_in_it():
    (span,) = billing_spans([cover(per_unit(1), JAN, FEB)], "UTC", JAN, JAN)
    assert not span.spans_months
    (over,) = billing_spans([cover(per_unit(1), at("2025-01-15"), at("2025-02-15"))], "UTC", JAN, FEB)
    assert over.spans_months


def test_a_line_shorter_than_a_day_has_the_whole_minimum():
    end = at("2025-01-05 12:00")
    short = replace(cover(per_unit(1, minimum=100), at("2025-01-05 10:00"), end), line_end=end)
    (span,) = billing_spans([short], "UTC", at("2025-01-05"), FEB)
    assert money(1) == span.minimum(FEB)


def test_a_billing_period_that_a_version_ends_on_its_first_day_has_no_minimum():
    """The local date of a cancellation belongs to it, so that February has no day; its units keep their maximum."""
    line = cover(per_unit(1, minimum=100, maximum=500), JAN)
    for end, least in ((at("2025-02-01 09:00"), 0), (at("2025-02-02 09:00"), money(1))):
        _, february = billing_spans([cut(line, JAN, end)], "UTC", JAN, MAR)
        assert (least, money(5)) == (february.minimum(MAR), february.maximum())


def test_before_its_billing_period_a_minimum_is_nothing():
    (span,) = billing_spans([cover(per_unit(1, minimum=100), JAN, FEB)], "UTC", JAN, JAN)
    assert 0 == span.minimum(JAN)
    assert Fraction(money(1), 31) == span.minimum(JAN + 1)


def test_what_is_due_at_the_end_of_a_billing_period_goes_by_the_price_of_its_last_day():
    """A billing period from 07:00 to 07:00 has not the date of its end, and no matter with what takes over on it (rule 3).

    Simulation seed 2672: the flat fee of a price list that was agreed for the next billing period, in the one before.
    """
    begin, end, midnight = at("2025-01-22 07:00"), at("2025-02-22 07:00"), at("2025-02-22")
    line = cover(per_unit(1), begin)
    before, after = cut(line, begin, midnight), cut(line, midnight, FOREVER)
    (span,) = billing_spans([before, after], "UTC", begin, end - 1)
    assert [(begin, midnight), (midnight, end)] == [(part.start, part.end) for part in span.parts]
    assert before == span.due_cover(end - 1)
    assert after == span.due_cover(midnight)  # what is due in mid-period takes the price of its own day
    # Where the price changes a day earlier, that day is the period's last one.
    eve = at("2025-02-21")
    (span,) = billing_spans([cut(line, begin, eve), cut(line, eve, FOREVER)], "UTC", begin, end - 1)
    assert eve == span.due_cover(end - 1).start


def test_a_billing_period_within_a_day_goes_by_its_first_price():
    begin, end = at("2025-01-22 07:00"), at("2025-01-22 19:00")
    line = replace(cover(per_unit(1, period=BillingPeriod.TERM), begin), end=end, line_end=end)
    (span,) = billing_spans([line], "UTC", begin, end - 1)
    assert line == span.due_cover(end - 1)


DAYS = st.integers(0, 500).map(lambda days: JAN + days * DAY_US)
PERIODS = st.sampled_from(BillingPeriod)


@given(
    st.lists(st.tuples(DAYS, PERIODS, st.booleans()), min_size=1, max_size=4, unique_by=lambda one: one[0]),
    st.lists(st.tuples(DAYS, DAYS), max_size=12),
)
def test_a_course_gives_the_same_billing_periods_whatever_it_was_asked_before(turns, asked):
    starts = sorted(turns)
    ends = [start for start, _, _ in starts[1:]] + [FOREVER]
    covers = [
        # With a gap behind it where the line is away for a while.
        replace(cover(per_unit(1, period), start, line_start=JAN), end=min(end, start + 20 * DAY_US) if away else end)
        for (start, period, away), end in zip(starts, ends, strict=True)
    ]
    course, policies = LineCourse(covers, "UTC"), decided()
    for since, until in asked:
        assert billing_spans(covers, "UTC", since, until, policies) == course.spans(since, until, policies)


def test_a_course_asks_the_policies_that_it_is_given():
    flat = cover(tiered(tier(None, 1, flat=5)), JAN)
    course, no = LineCourse([flat], "UTC"), decided(("zero_flat_fee", "no", JAN))
    for policies, expected in ((decided(), True), (no, False), (decided(), True)):
        (span,) = course.spans(JAN, FEB - 1, policies)
        assert expected == span.flat_at_zero
