"""What the books say for usage does not depend on how it was cut into cells, windows and runs."""

from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.aggregation import Reading
from accounting.billing_period import billing_period_of
from accounting.calendar import HOUR_US
from accounting.contract import Aggregation, BillingPeriod, Rate, RateModel
from accounting.coverage import Cover
from accounting.line_course import LineCourse, billing_spans
from accounting.money import exact_from_minor, round_half_even
from accounting.policy import Policies
from accounting.position import DEFERRED_REVENUE, UNBILLED_RECEIVABLE, difference, recognition
from accounting.rating import Stretch, price
from accounting.usage import CoveredCell, WindowBooking, bookings, resumes
from accounting.window import Windows, WindowSize, window_of
from tests.accounting.examples import LORD_HOWE, NEW_YORK, Cell, at, cover, decided, per_unit, tier, tiered, units
from tests.accounting.test_rating import K01, L01, O01, O06, O07, O08

QUARTER_US, MINUTE_US = HOUR_US // 4, HOUR_US // 60
Event = tuple[int, int]  # instant, 1e-18


def cells(covers: list[Cover], events: list[Event], width: int = QUARTER_US) -> list[CoveredCell]:
    """Events summed by spans of `width`, each with the cover that takes it."""
    gathered: dict[int, list[Event]] = defaultdict(list)
    for event in sorted(events):
        gathered[event[0] // width * width].append(event)
    found = []
    for start, some in sorted(gathered.items()):
        (one,) = [one for one in covers if one.start <= start < one.end]
        amounts = [quantity for _, quantity in some]
        moment = sum(quantity * (instant - start) for instant, quantity in some)
        last = Reading(some[-1][0], ("usage.events", 0, 0), amounts[-1])
        found.append(CoveredCell(Cell(start, sum(amounts), len(some), max(amounts), last, moment), one))
    return found


def booked(
    covers: list[Cover],
    events: list[Event],
    until: int,
    size: WindowSize = WindowSize.DAY,
    zone: str = "UTC",
    width: int = QUARTER_US,
) -> list[WindowBooking]:
    since = window_of(covers[0].start, size, zone).start
    return bookings(LineCourse(covers, zone), cells(covers, events, width), Windows(zone, size), since, until, None)


def amounts(found: list[WindowBooking]) -> list[int]:
    return [booking.amount for booking in found]


JAN, FEB, MAR = at("2024-01-01"), at("2024-02-01"), at("2024-03-01")


def on(text: str, quantity: str | int) -> Event:
    return at(text), units(quantity)


def test_o02_a_second_window_takes_the_difference():
    events = [on("2024-01-05", 12), on("2024-01-06", 10)]
    assert [16_000, 2_200] == amounts(booked([cover(O01, JAN)], events, FEB - 1))


def test_volume_tiers_can_make_a_window_negative():
    events = [on("2024-01-05", 15), on("2024-01-06", 1)]
    found = booked([cover(O07, JAN)], events, FEB - 1)
    assert [15_000, -7_000] == amounts(found)
    assert {"revenue": 7_000, UNBILLED_RECEIVABLE: -7_000} == recognition(15_000, found[1].amount)


def test_packages_are_bought_when_they_are_opened():
    events = [on("2024-01-05", 17), on("2024-01-06", 5)]
    assert [3_000, 1_500] == amounts(booked([cover(O08, JAN)], events, FEB - 1))


def test_a_flat_fee_at_zero_units_is_booked_in_the_last_window_of_the_billing_period():
    found = booked([cover(L01, JAN)], [], MAR)
    assert [(200, FEB), (200, MAR)] == [(booking.amount, booking.window.end) for booking in found]
    assert [] == booked([cover(L01, JAN)], [], FEB - 1)
    assert [1_200, 0] == amounts(booked([cover(L01, JAN)], [on("2024-01-05", 1)], FEB))


def test_o04_a_minimum_is_trued_up_at_the_billing_periods_end():
    rate = per_unit(1, minimum=100_000)
    found = booked([cover(rate, JAN)], [on("2024-01-05", 100)], FEB)
    assert [10_000, 90_000] == amounts(found)
    assert FEB == found[-1].window.end


def test_a_maximum_holds_back_what_lies_above_it_and_a_correction_gives_none_of_it_back():
    rate = per_unit(1, maximum=10_000)
    events = [on("2024-01-05", 80), on("2024-01-06", 80), on("2024-01-07", -20), on("2024-01-08", -50)]
    assert [8_000, 2_000, 0, -1_000] == amounts(booked([cover(rate, JAN)], events, FEB - 1))


def test_a_new_billing_period_counts_from_zero_and_the_line_goes_on():
    events = [on("2024-01-31", 12), on("2024-02-01", 12)]
    found = booked([cover(O01, JAN)], events, MAR - 1)
    assert [16_000, 16_000] == amounts(found)
    assert [16_000, 32_000] == [booking.after.revenue for booking in found]


def test_a_window_over_the_turn_of_a_billing_period_takes_both_parts():
    covers = [cover(O01, at("2024-01-15 12:00"))]
    events = [on("2024-02-15 11:59", 12), on("2024-02-15 12:00", 12)]
    found = booked(covers, events, at("2024-02-16"), width=MINUTE_US)
    assert [32_000] == amounts(found)
    assert [(2, units(24))] == [(booking.events, booking.quantity) for booking in found]


@pytest.mark.parametrize(
    ("currency", "price_text", "expected"),
    [
        # Half a minor unit a day: never 31 times the same rounding.
        ("USD", "0.005", [0, 1, 1, 0, 0, 1, 1, 0, 0]),
        ("JPY", "0.5", [0, 1, 1, 0, 0, 1, 1, 0, 0]),
        ("KWD", "0.0005", [0, 1, 1, 0, 0, 1, 1, 0, 0]),
        ("USD", "-0.005", [0, -1, -1, 0, 0, -1, -1, 0, 0]),
        ("USD", "0.0000004", [0] * 9),
    ],
)
def test_the_cumulative_amount_is_rounded_half_to_even(currency, price_text, expected):
    events = [on(f"2024-01-{number:02d}", 1) for number in range(1, 10)]
    assert expected == amounts(booked([cover(per_unit(price_text), JAN, currency=currency)], events, FEB - 1))


def test_tiny_prices_add_up_to_what_they_cost_together():
    # 25,000 units at 0.0000004 are one cent, however thin they are spread.
    events = [(JAN + number * QUARTER_US, units("10")) for number in range(2_500)]
    found = booked([cover(per_unit("0.0000004"), JAN)], events, FEB - 1, WindowSize.HOUR)
    assert {0, 1} == set(amounts(found))
    assert 1 == sum(amounts(found))


def test_a_price_change_in_mid_period_prices_each_unit_at_its_time():
    change = at("2024-01-16")
    covers = [cover(per_unit(1), JAN, change), cover(per_unit(3), change, line_start=JAN, version=2)]
    events = [on("2024-01-15 23:59", 10), on("2024-01-16", 5)]
    found = booked(covers, events, FEB - 1)
    assert [1_000, 1_500] == amounts(found)
    assert [1, 2] == [booking.cover.version for booking in found]


def test_half_hours_of_lord_howe_are_booked_once():
    start = at("2024-04-06 12:00")
    events = [(start + number * QUARTER_US, units(1)) for number in range(24)]
    found = booked([cover(per_unit(1), start)], events, start + 6 * HOUR_US, WindowSize.HOUR, LORD_HOWE)
    assert 24 == sum(booking.events for booking in found)
    assert [4, 4, 4, 2, 4, 4, 2] == [booking.events for booking in found]
    assert all(one.window.end <= other.window.start for one, other in pairwise(found))


RATES = st.one_of(
    st.sampled_from([K01, L01, O01, O06, O07, O08]),
    st.builds(
        per_unit,
        st.sampled_from(["0.0000004", "0.005", "-1", "0.000000000001", "1234.56789"]),
        included=st.sampled_from([0, units(3)]),
        maximum=st.sampled_from([None, 700]),
    ),
    st.builds(
        lambda one, two, flat: tiered(tier(7, one, flat), tier("9.000000000000000001", two), tier(None, one)),
        *[st.sampled_from(["0.0000004", "0.005", "3", "-2"])] * 3,
    ),
)
START, UNTIL = "2024-01-31 12:00", "2024-07-01"
MINUTES = (at(UNTIL) - at(START)) // MINUTE_US
EVENTS = st.lists(
    st.tuples(st.integers(0, MINUTES - 600), st.integers(-(10**20), 10**20) | st.integers(-9, 9)), max_size=25
)
ZONED = st.sampled_from(["UTC", NEW_YORK, "Australia/Sydney", "Asia/Kathmandu"])


def by_period(events: list[Event], start: int, until: int, zone: str, rate: Rate, currency: str) -> int:
    """What all billing periods cost, each rounded once."""
    total, moment = 0, start
    while moment < until:
        begin, end = billing_period_of(moment, start, None, rate.billing_period, zone)
        assert end is not None
        used = sum(quantity for instant, quantity in events if begin <= instant < end)
        cost = price([Stretch(rate, 0, used)], ended=end <= until)
        if rate.maximum is not None:
            cost = min(cost, exact_from_minor(rate.maximum, currency))
        total, moment = total + round_half_even(cost, currency), end
    return total


@given(RATES, EVENTS, ZONED, st.sampled_from(["USD", "JPY", "KWD"]))
def test_any_cells_and_windows_give_the_same_total(rate, offsets, zone, currency):
    start, until = at(START, zone), at(UNTIL, zone)
    events = [(start + minute * MINUTE_US, quantity) for minute, quantity in offsets]
    expected = by_period(events, start, until, zone, rate, currency)
    for size in WindowSize:
        for width in (QUARTER_US, MINUTE_US):
            found = booked([cover(rate, start, currency=currency)], events, until, size, zone, width)
            assert expected == sum(amounts(found))
            assert expected == (found[-1].after.revenue if found else 0)
            assert len(events) == sum(booking.events for booking in found)
            assert sorted({booking.window.start for booking in found}) == [one.window.start for one in found]


@given(RATES, EVENTS, ZONED, st.integers(0, 150))
def test_booking_on_from_a_meter_gives_what_booking_at_once_does(rate, offsets, zone, days):
    covers = [cover(rate, at("2024-01-31", zone))]
    start, until = covers[0].start, at(UNTIL, zone)
    events = [(start + minute * MINUTE_US, quantity) for minute, quantity in offsets]
    whole = booked(covers, events, until, zone=zone)
    split = window_of(start + days * 24 * HOUR_US, WindowSize.DAY, zone).start
    first = booked(covers, [event for event in events if event[0] < split], split, zone=zone)
    later = cells(covers, [event for event in events if event[0] >= split])
    meter = first[-1].after if first else None
    assert whole == first + bookings(LineCourse(covers, zone), later, Windows(zone), split, until, meter)


@given(RATES, EVENTS)
def test_the_movements_of_a_line_balance_and_never_leave_both_accounts(rate, offsets):
    start = at(START)
    events = [(start + minute * MINUTE_US, quantity) for minute, quantity in offsets]
    balances: dict[str, int] = {}
    for booking in booked([cover(rate, start)], events, at(UNTIL)):
        moved = recognition(booking.after.revenue - booking.amount, booking.amount)
        assert sum(moved.values()) == 0
        balances = difference(balances, {account: -amount for account, amount in moved.items()})
        assert not {UNBILLED_RECEIVABLE, DEFERRED_REVENUE} <= balances.keys()
        assert -booking.after.revenue == balances.get("revenue", 0)


# -- policies


def by_policy(one: Cover, events: list[Event], until: int, policies: Policies) -> list[tuple[str, int]]:
    """(last day of the window, amount) of a line from its start on, where it is not zero."""
    since = window_of(one.start, WindowSize.DAY, "UTC").start
    found = bookings(LineCourse([one], "UTC"), cells([one], events), Windows("UTC"), since, until, None, policies)
    return [(booking.window.last_day.isoformat(), booking.amount) for booking in found if booking.amount]


def test_a_flat_fee_at_zero_units_is_not_booked_where_the_policy_says_no():
    no = decided(("zero_flat_fee", "no", MAR - 1))
    assert [("2024-01-31", 200)] == by_policy(cover(L01, JAN), [], at("2024-04-01"), no)
    # With usage the fee of the tier is due in any case.
    assert [("2024-01-05", 1_200)] == by_policy(
        cover(L01, JAN), [on("2024-01-05", 1)], FEB, decided(("zero_flat_fee", "no", 0))
    )


def test_the_flat_fee_of_a_volume_price_list_at_zero_units_follows_the_policy():
    assert [("2024-01-31", 10_000)] == by_policy(cover(O07, JAN), [], FEB, Policies())
    assert [] == by_policy(cover(O07, JAN), [], FEB, decided(("zero_flat_fee", "no", 0)))


def test_units_whose_tier_is_not_known_yet_have_the_estimated_price_until_the_quarter_ends():
    listed = tiered(tier(10, 5), tier(None, 2), model=RateModel.VOLUME)
    quarter = cover(replace(listed, billing_period=BillingPeriod.QUARTER), JAN)
    estimated = replace(quarter, estimate=(3_000, units(10)))  # 3 for each unit
    events = [on("2024-01-05", 4), on("2024-02-05", 4), on("2024-03-05", 4)]
    assert [("2024-01-05", 2_000), ("2024-02-05", 2_000), ("2024-03-05", -1_600)] == by_policy(
        quarter, events, at("2024-04-01"), Policies()
    )
    expected = [("2024-01-05", 1_200), ("2024-02-05", 1_200), ("2024-03-05", 1_200), ("2024-03-31", -1_200)]
    assert expected == by_policy(estimated, events, at("2024-04-01"), Policies())
    # In one accounting month the tier that is reached counts at once.
    month = replace(cover(listed, JAN), estimate=(3_000, units(10)))
    assert [("2024-01-05", 2_000)] == by_policy(month, events[:1], FEB, Policies())


YES = ("carry", "yes", 0)


def level(kind: Aggregation, price_text: str = "1", **terms: object) -> Cover:
    return cover(replace(per_unit(price_text), aggregation=kind, **terms), JAN)


def test_a_last_value_that_is_carried_is_booked_at_the_end_of_a_month_without_usage():
    one = level(Aggregation.LAST)
    events = [on("2024-01-05", 7), on("2024-01-20", 4), on("2024-03-10", 6)]
    expected = [
        ("2024-01-05", 700), ("2024-01-20", -300), ("2024-02-29", 400), ("2024-03-10", 600),
    ]  # fmt: skip
    assert expected == by_policy(one, events, at("2024-04-01"), decided(YES))
    assert [("2024-01-05", 700), ("2024-01-20", -300), ("2024-03-10", 600)] == by_policy(
        one, events, at("2024-04-01"), Policies()
    )


def test_a_level_that_is_carried_counts_from_the_first_instant_of_the_month():
    one = level(Aggregation.WEIGHTED_SUM)
    events = [on("2024-01-01", 10), on("2024-03-16 12:00", 10)]
    expected = [
        ("2024-01-01", 1_000), ("2024-02-29", 1_000), ("2024-03-16", 1_500),
    ]  # fmt: skip
    assert expected == by_policy(one, events, at("2024-04-01"), decided(YES))


def test_a_carried_value_is_priced_by_the_tiers_of_each_month_anew():
    one = cover(replace(O06, aggregation=Aggregation.LAST), JAN)
    events = [on("2024-01-05", 12)]
    expected = [("2024-01-05", 17_000), ("2024-02-29", 17_000)]
    assert expected == by_policy(one, events, MAR, decided(YES))


def test_before_the_first_usage_there_is_nothing_to_carry():
    one = level(Aggregation.LAST)
    assert [("2024-02-05", 300)] == by_policy(one, [on("2024-02-05", 3)], MAR, decided(YES))


def test_a_carried_value_takes_the_price_of_its_month():
    turn = FEB
    covers = [
        replace(level(Aggregation.LAST), end=turn),
        replace(level(Aggregation.LAST, "3"), start=turn, version=2),
    ]
    taken = cells(covers, [on("2024-01-05", 7)])
    found = bookings(LineCourse(covers, "UTC"), taken, Windows("UTC"), JAN, MAR, None, decided(YES))
    assert [700, 0, 2_100] == amounts(found)


@pytest.mark.parametrize("kind", [Aggregation.LAST, Aggregation.WEIGHTED_SUM])
def test_a_carried_line_cannot_be_taken_up_in_mid_period(kind):
    (span,) = billing_spans([level(kind)], "UTC", JAN, JAN, decided(YES))
    assert not resumes(span)
    (plain,) = billing_spans([level(kind)], "UTC", JAN, JAN)
    assert resumes(plain)


CUTS = st.lists(
    st.tuples(st.integers(0, MINUTES).map(lambda minute: at(START) + minute * 15 * MINUTE_US), st.sampled_from(WindowSize)),
    max_size=3, unique_by=lambda one: one[0],
)  # fmt: skip


@given(RATES, EVENTS, ZONED, CUTS)
def test_windows_that_change_their_size_give_the_same_total(rate, offsets, zone, changes):
    start, until = at(START, zone), at(UNTIL, zone)
    events = [(start + minute * MINUTE_US, quantity) for minute, quantity in offsets]
    expected = by_period(events, start, until, zone, rate, "USD")
    windows = Windows(zone, WindowSize.MONTH, tuple(sorted(changes)))
    covers = [cover(rate, start)]
    found = bookings(LineCourse(covers, zone), cells(covers, events), windows, windows.start(start), until, None)
    assert expected == sum(amounts(found))
    assert all(one.window.end <= other.window.start for one, other in pairwise(found))
    assert [windows.of(one.window.start) for one in found] == [one.window for one in found]
