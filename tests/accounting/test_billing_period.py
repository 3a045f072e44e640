"""Billing periods keep the line's local day and time, and are cut where the line ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.billing_period import billing_period_of
from accounting.contract import BillingPeriod
from tests.accounting.examples import NEW_YORK, ZONES, at

MONTH, QUARTER, YEAR, TERM = BillingPeriod
# zone, anchor, billing period, boundaries in wall-clock time
COURSES = [
    ("UTC", "2024-01-01", MONTH, ["2024-01-01", "2024-02-01", "2024-03-01"]),
    ("UTC", "2024-01-31", MONTH, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]),
    ("UTC", "2023-08-31", QUARTER, ["2023-08-31", "2023-11-30", "2024-02-29", "2024-05-31"]),
    ("UTC", "2024-02-29", YEAR, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
    ("UTC", "2024-01-15 12:00", MONTH, ["2024-01-15 12:00", "2024-02-15 12:00", "2024-03-15 12:00"]),
    (NEW_YORK, "2024-02-15 12:00", MONTH, ["2024-02-15 12:00", "2024-03-15 12:00", "2024-04-15 12:00"]),
    (NEW_YORK, "2024-01-31 23:59:59.999999", MONTH, ["2024-01-31 23:59:59.999999", "2024-02-29 23:59:59.999999"]),
    # The time does not exist on that day: what the clock shows instead (03:30 for 02:30, 01:00 for midnight).
    (NEW_YORK, "2024-02-10 02:30", MONTH, ["2024-02-10 02:30", "2024-03-10 03:30", "2024-04-10 02:30"]),
    ("America/Sao_Paulo", "2018-10-04", MONTH, ["2018-10-04", "2018-11-04 01:00", "2018-12-04"]),
    # The time comes twice: the first one.
    (NEW_YORK, "2024-10-03 01:30", MONTH, ["2024-10-03 01:30", "2024-11-03 01:30", "2024-12-03 01:30"]),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "anchor", "period", "boundaries"), COURSES)
def test_boundaries_keep_the_anchors_local_day_and_time(zone, anchor, period, boundaries):
    instants = [at(text, zone) for text in boundaries]
    for start, end in pairwise(instants):
        for instant in (start, (start + end) // 2, end - 1):
            assert (start, end) == billing_period_of(instant, at(anchor, zone), None, period, zone)


def test_the_first_period_starts_with_the_line_even_in_the_hour_that_comes_twice():
    anchor = at("2024-11-03 01:30", NEW_YORK, fold=1)
    expected = (anchor, at("2024-12-03 01:30", NEW_YORK))
    assert expected == billing_period_of(anchor, anchor, None, MONTH, NEW_YORK)


def test_a_period_that_began_before_clocks_went_back_over_midnight_holds_the_evening_that_comes_again():
    """On 1 November 2009 the clocks of St. John's went from 00:01 back to 23:01 of 31 October."""
    zone = "America/St_Johns"
    first, second = (at("2009-10-31 23:30", zone, fold=fold) for fold in (0, 1))
    october, november, december = (at(f"2009-{month}-01 00:00:30", zone) for month in (10, 11, 12))
    assert (october, november) == billing_period_of(first, october, None, MONTH, zone)
    assert (november, december) == billing_period_of(second, october, None, MONTH, zone)


def test_the_lines_end_cuts_the_last_period():
    anchor, end = at("2024-01-31"), at("2024-03-10 08:00")
    assert (at("2024-02-29"), end) == billing_period_of(at("2024-03-01"), anchor, end, MONTH, "UTC")
    assert (anchor, at("2024-02-29")) == billing_period_of(at("2024-02-01"), anchor, end, MONTH, "UTC")


def test_a_term_is_one_period():
    anchor, end = at("2024-01-31"), at("2027-03-10")
    assert (anchor, end) == billing_period_of(at("2026-06-01"), anchor, end, TERM, NEW_YORK)
    assert (anchor, None) == billing_period_of(at("2026-06-01"), anchor, None, TERM, NEW_YORK)


@given(
    st.integers(at("2000-01-01"), at("2040-01-01")),
    st.integers(0, at("1990-01-01")),
    st.sampled_from([MONTH, QUARTER, YEAR]),
    st.sampled_from(ZONES),
)
def test_periods_follow_one_another_and_hold_their_instants(anchor, after, period, zone):
    instant = anchor + after
    start, end = billing_period_of(instant, anchor, None, period, zone)
    assert end is not None
    assert anchor <= start <= instant < end
    assert (start, end) == billing_period_of(start, anchor, None, period, zone)
    assert (start, end) == billing_period_of(end - 1, anchor, None, period, zone)
    assert end == billing_period_of(end, anchor, None, period, zone)[0]
