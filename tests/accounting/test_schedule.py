"""What a ratable line has earned before an instant: documented cases, odd terms, and a slow second computation."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import gcd
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.calendar import (
    DAY_US,
    FIRST,
    LAST,
    Period,
    add_months,
    local_date,
    start_of_day,
    to_datetime,
    to_instant,
)
from accounting.require import InvariantBroken
from accounting.schedule import Curve, Method, curve, last_full_period, round_share
from tests.accounting.examples import NEW_YORK, ZONES, at

DAILY, MONTHLY, ENDS, FRACTION, EXACT = Method
SAO_PAULO = "America/Sao_Paulo"


def month_ends(start: int, end: int, zone: str) -> tuple[int, ...]:
    """The end of every accounting period that the term touches."""
    period, found = Period.of_date(local_date(start, zone)), []
    while not found or found[-1] < end:
        found.append(period.end(zone))
        period = period.next
    return tuple(found)


def shares(start: int, end: int, method: Method, instants: tuple[int, ...], zone: str = "UTC") -> list[Fraction]:
    found = curve(start, end, method, zone, instants)
    return [Fraction(number, found.denominator) for number in found.numerators]


def by_month(total: int, start: int, end: int, method: Method, zone: str) -> list[int]:
    """Each period's amount: the cumulative one is rounded at each period's end."""
    found = curve(start, end, method, zone, month_ends(start, end, zone))
    cumulative = [round_share(total, number, found.denominator) for number in found.numerators]
    return [after - before for before, after in pairwise([0, *cumulative])]


def test_the_methods_are_named_as_contracts_name_them():
    assert ["daily", "monthly", "monthly_prorated_ends", "month_fraction", "exact"] == list(Method)


# method, zone, total in cents, start, end, amounts of the calendar months touched
MONTHS = [
    # S31
    (EXACT, "UTC", 12000, "2024-06-15 12:00", "2024-10-13 12:00", [1550, 3100, 3100, 3000, 1250]),
    (DAILY, "UTC", 12000, "2024-06-15 12:00", "2024-10-13 12:00", [1600, 3100, 3100, 3000, 1200]),
    (MONTHLY, "UTC", 12000, "2024-06-15 12:00", "2024-10-13 12:00", [3000, 3000, 3000, 3000, 0]),
    (ENDS, "UTC", 12000, "2024-06-15 12:00", "2024-10-13 12:00", [1550, 3067, 3066, 3067, 1250]),
    (EXACT, NEW_YORK, 12000, "2024-06-15 12:00", "2024-10-13 12:00", [1550, 3100, 3100, 3000, 1250]),
    (DAILY, NEW_YORK, 12000, "2024-06-15 12:00", "2024-10-13 12:00", [1600, 3100, 3100, 3000, 1200]),
    # S01, S11, Z01 and C01 before their amendments, E01
    (DAILY, "UTC", 3100, "2019-01-15", "2019-02-15", [1700, 1400]),
    (DAILY, "UTC", 9000, "2019-01-01", "2019-04-01", [3100, 2800, 3100]),
    (MONTHLY, "UTC", 120000, "2024-01-01", "2025-01-01", [10000] * 12),
    (MONTHLY, "UTC", 60000, "2024-01-01", "2024-07-01", [10000] * 6),
    (MONTHLY, "UTC", 300000, "2024-05-01", "2024-08-01", [100000] * 3),
    # A leap year has a day more.
    (DAILY, "UTC", 9100, "2024-01-01", "2024-04-01", [3100, 2900, 3100]),
    (DAILY, "UTC", 9000, "2023-01-01", "2023-04-01", [3100, 2800, 3100]),
    # Months of 30, 31 and 29 days weigh the same; half a month weighs half, whatever its days.
    (FRACTION, "UTC", 30000, "2024-01-01", "2024-04-01", [10000] * 3),
    (FRACTION, "UTC", 20000, "2024-04-16", "2024-06-16", [5000, 10000, 5000]),
    (FRACTION, "UTC", 20000, "2024-02-15 12:00", "2024-04-16", [5000, 10000, 5000]),
    (FRACTION, "UTC", 15000, "2024-04-16", "2024-06-01", [5000, 10000]),
    (FRACTION, "UTC", 15000, "2024-04-01", "2024-05-16 12:00", [10000, 5000]),
    (FRACTION, "UTC", 9000, "2024-02-15 12:00", "2024-03-16 12:00", [4500, 4500]),
    (FRACTION, "UTC", 9900, "2024-01-10", "2024-01-20", [9900]),
    # Without a whole month between them the ends weigh what they last.
    (ENDS, "UTC", 2000, "2024-01-22", "2024-02-11", [1000, 1000]),
    (ENDS, "UTC", 3000, "2024-01-22", "2024-02-21", [1000, 2000]),
    (ENDS, "UTC", 9900, "2024-01-10", "2024-01-20", [9900]),
    (ENDS, "UTC", 9100, "2024-01-01", "2024-04-01", [3033, 3034, 3033]),
    (ENDS, "UTC", 6000, "2024-02-01", "2024-04-01", [3000, 3000]),
    (ENDS, "UTC", 4500, "2024-03-01", "2024-04-15", [3100, 1400]),
    (ENDS, "UTC", 4600, "2024-03-16", "2024-05-01", [1600, 3000]),
    # A broken month counts as one; where n is used up, the calendar months behind get nothing.
    (MONTHLY, "UTC", 9000, "2024-01-15", "2024-02-15", [9000, 0]),
    (MONTHLY, "UTC", 9000, "2024-01-15", "2024-02-15 00:00:00.000001", [4500, 4500]),
    (MONTHLY, "UTC", 9000, "2024-01-15 10:20:30.000002", "2024-02-15 10:20:30.000002", [9000, 0]),
    (MONTHLY, "UTC", 9000, "2024-01-15 10:20:30.000002", "2024-02-15 10:20:30.000003", [4500, 4500]),
    (MONTHLY, "UTC", 9000, "2024-01-15 10:20:30", "2024-02-15 10:20:29", [9000, 0]),
    (MONTHLY, "UTC", 9000, "2024-01-15 10:20:29", "2024-02-15 10:20:30", [4500, 4500]),
    (MONTHLY, "UTC", 9000, "2024-01-15 10:20:29", "2024-02-15 10:21:00", [4500, 4500]),
    (MONTHLY, "UTC", 9000, "2024-01-15", "2024-04-10", [3000, 3000, 3000, 0]),
    (MONTHLY, "UTC", 9000, "2024-01-15", "2024-01-20", [9000]),
    # The 31st has its turn on the last day of a shorter month.
    (MONTHLY, "UTC", 9000, "2024-01-31", "2024-02-29", [9000, 0]),
    (MONTHLY, "UTC", 9000, "2023-01-31", "2023-02-28", [9000, 0]),
    (MONTHLY, "UTC", 9000, "2024-01-31", "2024-03-01", [4500, 4500]),
    (MONTHLY, "UTC", 9000, "2024-01-31", "2024-03-31", [4500, 4500, 0]),
    (MONTHLY, "UTC", 9000, "2024-01-31 12:00", "2024-02-29 12:01", [4500, 4500]),
    (MONTHLY, "UTC", 9000, "2023-12-31", "2024-01-31", [9000, 0]),
    # February has no day of its own: it is earned at the end.
    (MONTHLY, "UTC", 9000, "2024-01-01", "2024-02-01 12:00", [4500, 4500]),
    # An hour more or less is nothing to days and months, and something to durations.
    (DAILY, NEW_YORK, 6100, "2024-03-01", "2024-05-01", [3100, 3000]),
    (MONTHLY, NEW_YORK, 6000, "2024-03-01", "2024-05-01", [3000, 3000]),
    (FRACTION, NEW_YORK, 6000, "2024-03-01", "2024-05-01", [3000, 3000]),
    (EXACT, NEW_YORK, 146300, "2024-03-01", "2024-05-01", [74300, 72000]),
    # A time that clocks leave out stands for the end of the gap; a time that comes twice is one time.
    (MONTHLY, SAO_PAULO, 9000, "2018-10-04", "2018-11-04", [9000, 0]),
    (MONTHLY, SAO_PAULO, 9000, "2018-11-04", "2019-01-04", [4500, 4500, 0]),
    (MONTHLY, NEW_YORK, 9000, "2024-02-10 02:30", "2024-03-10 02:30", [9000, 0]),
    (MONTHLY, NEW_YORK, 9000, "2024-10-03 01:30", "2024-11-03 01:30", [9000, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("method", "zone", "total", "start", "end", "expected"), MONTHS)
def test_each_month_gets_its_amount(method, zone, total, start, end, expected):
    assert expected == by_month(total, at(start, zone), at(end, zone), method, zone)


def test_s02_a_year_is_earned_by_its_days():
    expected = [days * 100 for days in (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)]
    assert expected == by_month(36500, at("2019-01-01"), at("2020-01-01"), DAILY, "UTC")


def test_the_second_of_two_equal_times_ends_the_same_month():
    start, end = at("2024-10-03 01:30", NEW_YORK), at("2024-11-03 01:30", NEW_YORK, fold=1)
    assert [9000, 0] == by_month(9000, start, end, MONTHLY, NEW_YORK)


def test_whole_calendar_months_are_equal_though_clocks_change():
    start, end = at("2024-02-16", NEW_YORK), at("2024-05-11", NEW_YORK)
    head, march, april, tail = [
        after - before
        for before, after in pairwise([0, *shares(start, end, ENDS, month_ends(start, end, NEW_YORK), NEW_YORK)])
    ]
    assert Fraction(14 * 24, 85 * 24 - 1) == head
    assert march == april
    assert Fraction(10 * 24, 85 * 24 - 1) == tail


# method, instants inside S31's term and the shares before them
INSIDE = [
    (DAILY, "2024-06-15 18:00", Fraction(0)),
    (DAILY, "2024-06-16", Fraction(1, 120)),
    (DAILY, "2024-06-16 23:59", Fraction(1, 120)),
    (DAILY, "2024-10-12 23:59", Fraction(119, 120)),
    (DAILY, "2024-10-13", Fraction(1)),
    (EXACT, "2024-06-16", Fraction(1, 240)),
    (EXACT, "2024-10-13", Fraction(239, 240)),
    (MONTHLY, "2024-06-15 18:00", Fraction(0)),
    (MONTHLY, "2024-06-23 18:00", Fraction(8, 16 * 4)),
    (MONTHLY, "2024-07-01", Fraction(1, 4)),
    (MONTHLY, "2024-07-16 12:00", Fraction(1, 4) + Fraction(15, 31 * 4)),
    (MONTHLY, "2024-09-30", Fraction(3, 4) + Fraction(29, 30 * 4)),
    (MONTHLY, "2024-10-01", Fraction(1)),
    (MONTHLY, "2024-10-05", Fraction(1)),
    (ENDS, "2024-06-16", Fraction(1, 240)),
    (ENDS, "2024-07-16 12:00", Fraction(31, 240) + Fraction(184, 240) / 3 / 2),
    (ENDS, "2024-09-16", Fraction(31, 240) + Fraction(184, 240) * 5 / 6),
    (ENDS, "2024-10-13", Fraction(239, 240)),
    (FRACTION, "2024-06-16", Fraction(1, 60) / (Fraction(31, 60) + 3 + Fraction(25, 62))),
    (FRACTION, "2024-07-16 12:00", (Fraction(31, 60) + Fraction(1, 2)) / (Fraction(31, 60) + 3 + Fraction(25, 62))),
    (FRACTION, "2024-10-13", 1 - Fraction(1, 62) / (Fraction(31, 60) + 3 + Fraction(25, 62))),
]


@pytest.mark.parametrize(("method", "instant", "expected"), INSIDE)
def test_an_instant_inside_a_month_has_its_share(method, instant, expected):
    assert [expected] == shares(at("2024-06-15 12:00"), at("2024-10-13 12:00"), method, (at(instant),))


# line, an instant in its last month, the share before it
ENDING = [
    (("2024-01-01", "2024-03-11"), "2024-03-06", Fraction(2, 3) + Fraction(5, 10 * 3)),
    (("2024-01-01", "2024-03-11 12:00"), "2024-03-11", Fraction(1)),
    (("2024-01-05", "2024-01-25"), "2024-01-10", Fraction(5, 20)),
    (("2024-01-05", "2024-02-25"), "2024-02-13", Fraction(1, 2) + Fraction(12, 24 * 2)),
]


@pytest.mark.parametrize(("term", "instant", "expected"), ENDING)
def test_a_broken_last_month_of_equal_months_runs_over_its_own_days(term, instant, expected):
    assert [expected] == shares(at(term[0]), at(term[1]), MONTHLY, (at(instant),))


@pytest.mark.parametrize("method", [DAILY, MONTHLY])
def test_what_lies_within_one_local_day_is_earned_at_its_end(method):
    start, end = at("2024-03-05 09:00", NEW_YORK), at("2024-03-05 23:30", NEW_YORK)
    instants = (start - 1, start, start + 1, end - 1, end, end + 1)
    assert [0, 0, 0, 0, 1, 1] == shares(start, end, method, instants, NEW_YORK)


def test_a_month_without_a_day_of_its_own_is_earned_at_the_end():
    start, end = at("2024-01-01"), at("2024-02-01 12:00")
    assert [Fraction(1, 2), Fraction(1, 2), 1] == shares(start, end, MONTHLY, (at("2024-02-01"), end - 1, end))


def test_the_day_that_samoa_left_out_counts_as_a_date():
    start, end = at("2011-12-29", "Pacific/Apia"), at("2011-12-31", "Pacific/Apia")
    assert DAY_US == end - start
    assert [0, 1] == shares(start, end, DAILY, (end - 1, end), "Pacific/Apia")
    longer = at("2012-01-02", "Pacific/Apia")
    assert [Fraction(2, 4)] == shares(start, longer, DAILY, (end,), "Pacific/Apia")


@pytest.mark.parametrize("method", Method)
def test_a_curve_without_instants_has_no_shares(method):
    assert () == curve(at("2024-01-15"), at("2024-04-15"), method, "UTC", ()).numerators


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("length", [0, -1])
def test_an_empty_term_is_refused(method, length):
    with pytest.raises(InvariantBroken, match="needs a term"):
        curve(5, 5 + length, method, "UTC", (5,))


EDGES = [
    (FIRST, LAST),
    (FIRST, FIRST + 1),
    (LAST - 1, LAST),
    (FIRST, FIRST + 40 * DAY_US),
    (FIRST + DAY_US, FIRST + 75 * DAY_US + 1),
    (LAST - 40 * DAY_US, LAST),
    (LAST + 1 - 75 * DAY_US, LAST - DAY_US),
]


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize(("start", "end"), EDGES)
@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_terms_at_the_ends_of_the_calendar_have_shares(method, start, end, zone):
    inside = range(start, end, (end - start) // 97 or 1)
    instants = (-(2**63), FIRST, start, *inside, end - 1, end, LAST, 2**63 - 1)
    found = shares(start, end, method, instants, zone)
    assert 0 == found[0] == found[2]
    assert 1 == found[-1] == found[-3]
    assert sorted(found) == found


# -- the same once more, slowly


def slow_share(start: int, end: int, method: Method, zone: str, instant: int) -> Fraction:
    """The share before an instant, by lists of days and months and by fractions."""
    if instant <= start:
        return Fraction(0)
    if instant >= end:
        return Fraction(1)
    first, last, day = local_date(start, zone), local_date(end, zone), local_date(instant, zone)
    days = [first + timedelta(days=number) for number in range((last - first).days)]
    months = [Period.of_date(first)]
    while months[-1].end(zone) < end:
        months.append(months[-1].next)
    if method is DAILY:
        return Fraction(sum(one < day for one in days), len(days)) if days else Fraction(0)
    if method is MONTHLY:
        count, share = slow_months(start, end, zone), Fraction(0)
        for month in months[:count]:
            inside = [one for one in days if Period.of_date(one) == month]
            share += Fraction(sum(one < day for one in inside), len(inside) * count) if inside else 0
        return share
    spans = [(max(start, month.start(zone)), min(end, month.end(zone))) for month in months]
    lengths = [month.end(zone) - month.start(zone) for month in months]
    passed = [Fraction(max(0, min(instant, upper) - lower), upper - lower) for lower, upper in spans]
    weights = [Fraction(upper - lower, length) for (lower, upper), length in zip(spans, lengths, strict=True)]
    if method is ENDS and 1 in weights:
        broken = [Fraction(upper - lower, end - start) for lower, upper in spans]
        rest = Fraction(1) - sum(part for part, weight in zip(broken, weights, strict=True) if weight < 1)
        weights = [
            rest / weights.count(Fraction(1)) if weight == 1 else part
            for part, weight in zip(broken, weights, strict=True)
        ]
    elif method is not FRACTION:
        return Fraction(instant - start, end - start)
    return sum((weight * part for weight, part in zip(weights, passed, strict=True)), Fraction(0)) / sum(weights)


def slow_months(start: int, end: int, zone: str) -> int:
    first, last = to_datetime(start, ZoneInfo(zone)), to_datetime(end, ZoneInfo(zone))
    number = 1
    while True:
        turn = first.replace(fold=0)
        turn = turn.combine(add_months(first.date(), number), turn.timetz())
        if turn.replace(tzinfo=None) >= last.replace(tzinfo=None) or to_instant(turn) >= end:
            return number
        number += 1


DATES = st.dates(date(2000, 1, 1), date(2031, 12, 31))


def moments(zone: str) -> st.SearchStrategy[int]:
    """Any instants, local midnights and starts of months."""
    return st.one_of(
        st.integers(at("2000-01-01"), at("2031-12-31")),
        DATES.map(lambda day: start_of_day(day, zone)),
        DATES.map(lambda day: start_of_day(day.replace(day=1), zone)),
    )


@st.composite
def terms(draw: st.DrawFn) -> tuple[int, int, str, tuple[int, ...]]:
    """A term, its zone, and instants in, at and beside it."""
    zone = draw(st.sampled_from(ZONES))
    start = draw(moments(zone))
    length = draw(st.sampled_from([1, DAY_US, 40 * DAY_US, 400 * DAY_US, 1500 * DAY_US]))
    near = st.one_of(
        st.integers(start - length, start + 2 * length),
        st.integers(0, 2 * length).map(lambda more: start_of_day(local_date(start + more, zone), zone)),
        st.integers(0, 2 * length).map(lambda more: start_of_day(local_date(start + more, zone).replace(day=1), zone)),
    )
    end = max(draw(near), start + 1)
    instants = draw(st.lists(near, max_size=6))
    return start, end, zone, tuple(instants)


@given(terms(), st.sampled_from(Method))
def test_shares_are_those_of_the_slow_computation(term, method):
    start, end, zone, instants = term
    expected = [slow_share(start, end, method, zone, instant) for instant in instants]
    assert expected == shares(start, end, method, instants, zone)


@given(terms(), st.sampled_from(Method))
def test_shares_never_fall_and_stay_between_nothing_and_all(term, method):
    start, end, zone, instants = term
    ordered = tuple(sorted({*instants, start, end, *month_ends(start, end, zone)}))
    found = curve(start, end, method, zone, ordered)
    assert found.denominator > 0
    assert 1 == gcd(found.denominator, *found.numerators)
    assert sorted(found.numerators) == list(found.numerators)
    assert 0 == found.numerators[ordered.index(start)]
    assert found.denominator == found.numerators[ordered.index(end)]
    assert 0 <= found.numerators[0]
    assert found.denominator == max(found.numerators)


@given(terms(), st.sampled_from(Method), st.data())
def test_a_share_does_not_depend_on_the_other_instants(term, method, data):
    start, end, zone, instants = term
    together = shares(start, end, method, instants, zone)
    apart = [share for instant in instants for share in shares(start, end, method, (instant,), zone)]
    assert apart == together
    order = data.draw(st.permutations(range(len(instants))))
    shuffled = shares(start, end, method, tuple(instants[place] for place in order), zone)
    assert [together[place] for place in order] == shuffled


# -- rounding


ROUNDED = [
    (100, 1, 2, 50), (1, 1, 2, 0), (3, 1, 2, 2), (5, 1, 2, 2), (-1, 1, 2, 0), (-3, 1, 2, -2), (-5, 1, 2, -2),
    (100, 1, 3, 33), (200, 1, 3, 67), (-100, 1, 3, -33), (-200, 1, 3, -67), (7, 0, 5, 0), (7, 5, 5, 7), (0, 1, 3, 0),
    (10**30 + 1, 1, 2, 5 * 10**29),
]  # fmt: skip


@pytest.mark.parametrize(("amount", "numerator", "denominator", "expected"), ROUNDED)
def test_a_tie_goes_to_the_even_one(amount, numerator, denominator, expected):
    assert expected == round_share(amount, numerator, denominator)


@given(st.integers(-(10**20), 10**20), st.integers(0, 10**15), st.integers(1, 10**15))
def test_rounding_is_that_of_fractions(amount, numerator, denominator):
    assert round(Fraction(amount * numerator, denominator)) == round_share(amount, numerator, denominator)


# -- policy residual = last_full_period


def periods(steps: list[int]) -> Curve:
    """A curve from the steps of its periods."""
    return Curve(sum(steps), tuple(sum(steps[: number + 1]) for number in range(len(steps))))


TRUNCATIONS = [
    # total, steps, the full ones, amounts
    (12000, [93, 184, 184, 184, 75], [1, 2, 3], [1550, 3066, 3066, 3068, 1250]),
    (-12000, [93, 184, 184, 184, 75], [1, 2, 3], [-1550, -3066, -3066, -3068, -1250]),
    (100, [1, 1, 1], [0, 1, 2], [33, 33, 34]),
    (100, [1, 1, 1], [0, 1], [33, 34, 33]),
    (100, [1, 1, 1], [0], [34, 33, 33]),
    (100, [1, 2], [], [33, 67]),
    (100, [1, 2, 0], [], [33, 67, 0]),
    (100, [0, 1, 2, 0, 0], [], [0, 33, 67, 0, 0]),
    (101, [1, 1, 0], [0], [51, 50, 0]),
    (2, [1, 1, 1], [0, 1, 2], [0, 0, 2]),
    (0, [1, 1, 1], [1], [0, 0, 0]),
    (7, [3], [], [7]),
]


@pytest.mark.parametrize(("total", "steps", "full", "expected"), TRUNCATIONS)
def test_each_period_is_truncated_and_the_rest_goes_to_the_last_full_one(total, steps, full, expected):
    covered = [number in full for number in range(len(steps))]
    assert tuple(expected) == last_full_period(total, periods(steps), covered)


def test_s31_with_the_rest_in_the_last_full_month():
    start, end = at("2024-06-15 12:00"), at("2024-10-13 12:00")
    earned = curve(start, end, ENDS, "UTC", month_ends(start, end, "UTC"))
    assert (1550, 3066, 3066, 3068, 1250) == last_full_period(12000, earned, (False, True, True, True, False))


@given(
    st.integers(-(10**12), 10**12), st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1, max_size=9)
)
def test_truncated_periods_sum_to_the_total_and_have_its_sign(total, drawn):
    steps = [step for step, _ in drawn]
    if not sum(steps):
        steps[0] = 1
    found = last_full_period(total, periods(steps), [covered for _, covered in drawn])
    assert total == sum(found)
    assert all(amount * total >= 0 for amount in found)
    exact = [Fraction(total * step, sum(steps)) for step in steps]
    assert sum(abs(amount - share) >= 1 for amount, share in zip(found, exact, strict=True)) <= 1


@pytest.mark.parametrize(
    ("earned", "full"),
    [(Curve(2, (1,)), [True]), (Curve(2, ()), []), (Curve(2, (1, 2)), [True]), (Curve(2, (1, 2)), [True] * 3)],
)
def test_periods_that_do_not_cover_the_line_are_refused(earned, full):
    with pytest.raises(InvariantBroken, match="cover the line"):
        last_full_period(100, earned, full)
