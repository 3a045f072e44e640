"""Windows follow the entity's clock, never overlap and never leave an instant out."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.calendar import HOUR_US, local_date, start_of_day
from accounting.window import Window, Windows, WindowSize, window_of
from tests.accounting.examples import LORD_HOWE, NEW_YORK, ZONES, at, day, wall
from tests.accounting.test_calendar import INSTANTS, near_changes

HOUR, DAY, MONTH = WindowSize.HOUR, WindowSize.DAY, WindowSize.MONTH
QUARTER_US = HOUR_US // 4


def windows(start: int, end: int, size: WindowSize, zone: str) -> list[Window]:
    """All windows from one instant to another."""
    found = []
    while start < end:
        found.append(window_of(start, size, zone))
        start = found[-1].end
    return found


# F06: two units a day, at the first and the last microsecond of it, make 2, 2, 2.
F06 = [
    (NEW_YORK, "2024-03-09", [24, 23, 24]),
    (NEW_YORK, "2024-11-02", [24, 25, 24]),
    ("Australia/Sydney", "2024-04-06", [24, 25, 24]),
]


@pytest.mark.parametrize(("zone", "first", "hours"), F06)
def test_f06_three_days_around_a_clock_change_take_what_happened_on_them(zone, first, hours):
    days = [day(first) + timedelta(days=number) for number in range(4)]
    starts = [start_of_day(one, zone) for one in days]
    usage = [instant for start, after in pairwise(starts) for instant in (start, after - 1)]
    counted = [window_of(instant, DAY, zone).last_day for instant in usage]
    assert [2, 2, 2] == [counted.count(one) for one in days[:3]]
    assert hours == [(after - start) // HOUR_US for start, after in pairwise(starts)]


def test_the_hour_that_comes_twice_is_two_windows_of_one_hour():
    first = window_of(at("2024-11-03 01:30", NEW_YORK), HOUR, NEW_YORK)
    second = window_of(at("2024-11-03 01:30", NEW_YORK, fold=1), HOUR, NEW_YORK)
    assert first.end == second.start
    assert [HOUR_US, HOUR_US] == [first.end - first.start, second.end - second.start]
    assert [25, 23] == [
        len(windows(start_of_day(day(one), NEW_YORK), start_of_day(day(one) + timedelta(days=1), NEW_YORK),
                    HOUR, NEW_YORK))
        for one in ("2024-11-03", "2024-03-10")
    ]  # fmt: skip


def test_an_hour_begins_at_the_zones_whole_hour():
    kathmandu = window_of(at("2024-05-01 10:20", "Asia/Kathmandu"), HOUR, "Asia/Kathmandu")
    assert at("2024-05-01 10:00", "Asia/Kathmandu") == kathmandu.start
    assert at("2024-05-01 04:15") == kathmandu.start
    assert HOUR_US == kathmandu.end - kathmandu.start


@pytest.mark.parametrize(
    ("zone", "instant", "start", "end"),
    [
        # Back by half an hour at 02:00: the half hour that comes twice is a window of its own.
        (LORD_HOWE, at("2024-04-06 14:59"), at("2024-04-06 14:00"), at("2024-04-06 15:00")),
        (LORD_HOWE, at("2024-04-06 15:00"), at("2024-04-06 15:00"), at("2024-04-06 15:30")),
        (LORD_HOWE, at("2024-04-06 15:30"), at("2024-04-06 15:30"), at("2024-04-06 16:30")),
        # Ahead by half an hour at 02:00: the rest of that hour is one.
        (LORD_HOWE, at("2024-10-05 15:29"), at("2024-10-05 14:30"), at("2024-10-05 15:30")),
        (LORD_HOWE, at("2024-10-05 15:30"), at("2024-10-05 15:30"), at("2024-10-05 16:00")),
        ("Asia/Pyongyang", at("2018-05-04 14:59"), at("2018-05-04 14:30"), at("2018-05-04 15:00")),
        ("Asia/Pyongyang", at("2018-05-04 15:00"), at("2018-05-04 15:00"), at("2018-05-04 16:00")),
    ],
)
def test_a_change_by_part_of_an_hour_cuts_the_windows_around_it(zone, instant, start, end):
    found = window_of(instant, HOUR, zone)
    assert (start, end) == (found.start, found.end)


@pytest.mark.parametrize("zone", ZONES)
def test_windows_around_every_clock_change_neither_overlap_nor_leave_a_gap(zone):
    wrong = []
    for quarter in near_changes(zone):
        for size in (HOUR, DAY, MONTH):
            found = window_of(quarter, size, zone)
            same = window_of(found.start, size, zone) == found == window_of(found.end - 1, size, zone)
            if not (same and found.end == window_of(found.end, size, zone).start):
                wrong.append((quarter, size))
    assert [] == wrong


@given(INSTANTS, st.sampled_from(ZONES), st.sampled_from(WindowSize))
def test_an_instant_lies_in_its_window_and_the_window_in_its_day_or_month(instant, zone, size):
    found = window_of(instant, size, zone)
    assert found.start <= instant < found.end
    assert found == window_of(found.start, size, zone) == window_of(found.end - 1, size, zone)
    assert local_date(found.end - 1, zone) == found.last_day
    assert (found.start % QUARTER_US, found.end % QUARTER_US) == (0, 0), "windows are sets of whole cells"


@given(INSTANTS, st.sampled_from(ZONES))
def test_a_month_is_made_of_days_and_a_day_of_hours(instant, zone):
    month, one = window_of(instant, MONTH, zone), window_of(instant, DAY, zone)
    days = windows(month.start, month.end, DAY, zone)
    assert one in days
    assert month.end == days[-1].end
    assert month.last_day == days[-1].last_day
    assert one.end == windows(one.start, one.end, HOUR, zone)[-1].end


# -- windows whose size a policy changes


def cut(*changes: tuple[str, WindowSize], zone: str = "UTC", size: WindowSize = DAY) -> Windows:
    """Windows that are of another size from instants on."""
    return Windows(zone, size, tuple((at(since), one) for since, one in changes))


def spans(found: Windows, first: str, last: str) -> list[tuple[str, str, str]]:
    """Start, end and last day of the windows from one instant to another."""
    instant, named = at(first), []
    while instant < at(last):
        one = found.of(instant)
        named.append((wall(one.start)[:16], wall(one.end)[:16], one.last_day.isoformat()))
        instant = one.end
    return named


def test_without_a_change_windows_are_whole():
    assert window_of(at("2024-05-03 10:20"), DAY, NEW_YORK) == Windows(NEW_YORK).of(at("2024-05-03 10:20"))


def test_a_window_in_which_the_size_changes_ends_there():
    found = cut(("2024-05-15 12:00", DAY), size=MONTH)
    expected = [
        ("2024-05-01 00:00", "2024-05-15 12:00", "2024-05-15"),
        ("2024-05-15 12:00", "2024-05-16 00:00", "2024-05-15"),
        ("2024-05-16 00:00", "2024-05-17 00:00", "2024-05-16"),
    ]
    assert expected == spans(found, "2024-05-01", "2024-05-16 10:00")
    assert [at("2024-05-01"), at("2024-05-15 12:00")] == [
        found.start(at(moment)) for moment in ("2024-05-15 11:59", "2024-05-15 12:00")
    ]


def test_a_window_may_be_cut_at_both_ends():
    found = cut(("2024-05-15 12:20", MONTH), ("2024-05-15 12:40", HOUR))
    expected = [
        ("2024-05-15 00:00", "2024-05-15 12:20", "2024-05-15"),
        ("2024-05-15 12:20", "2024-05-15 12:40", "2024-05-15"),
        ("2024-05-15 12:40", "2024-05-15 13:00", "2024-05-15"),
        ("2024-05-15 13:00", "2024-05-15 14:00", "2024-05-15"),
    ]
    assert expected == spans(found, "2024-05-15", "2024-05-15 13:30")


def test_a_change_at_the_edge_of_a_window_cuts_nothing():
    found = cut(("2024-06-01", HOUR), size=MONTH)
    expected = [
        ("2024-05-01 00:00", "2024-06-01 00:00", "2024-05-31"),
        ("2024-06-01 00:00", "2024-06-01 01:00", "2024-06-01"),
    ]
    assert expected == spans(found, "2024-05-01", "2024-06-01 00:30")


def test_the_last_day_of_a_cut_window_is_the_zones():
    found = cut(("2024-05-15 03:00", HOUR), zone=NEW_YORK, size=MONTH)
    assert ("2024-05-15 03:00", "2024-05-14") == (
        wall(found.of(at("2024-05-10")).end)[:16],
        str(found.of(at("2024-05-10")).last_day),
    )


CHANGES = st.lists(st.tuples(INSTANTS, st.sampled_from(WindowSize)), max_size=4, unique_by=lambda one: one[0]).map(
    lambda found: tuple(sorted(found))
)


@given(st.sampled_from(ZONES), st.sampled_from(WindowSize), CHANGES, INSTANTS)
def test_windows_tile_time_whatever_their_sizes_were(zone, size, changes, instant):
    found = Windows(zone, size, changes)
    moments = [instant, *(since + shift for since, _ in changes for shift in (-1, 0, 1, HOUR_US))]
    for moment in moments:
        one = found.of(moment)
        assert one.start <= moment < one.end
        assert one == found.of(one.start) == found.of(one.end - 1)
        assert found.of(one.end).start == one.end
        assert found.of(one.start - 1).end == one.start
        assert local_date(one.end - 1, zone) == one.last_day
        valid = [since for since, _ in changes if one.start < since < one.end]
        assert [] == valid, "no change lies inside a window"
        now = next((value for since, value in reversed(changes) if since <= moment), size)
        whole = window_of(moment, now, zone)
        assert whole.start <= one.start < one.end <= whole.end
