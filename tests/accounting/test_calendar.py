"""Local days begin where they begin, whatever clocks do at midnight."""

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.calendar import (
    FIRST,
    HOUR_US,
    LAST,
    Period,
    add_months,
    local_date,
    rfc3339,
    start_of_day,
    start_of_month,
    to_datetime,
    to_instant,
)
from tests.accounting.examples import NEW_YORK, ZONES, at, day, wall

# zone, local day, its first instant on the wall clock (with offset), its length in hours
DAYS = [
    ("UTC", "2024-02-29", "2024-02-29T00:00:00+00:00", 24),
    (NEW_YORK, "2024-03-09", "2024-03-09T00:00:00-05:00", 24),
    (NEW_YORK, "2024-03-10", "2024-03-10T00:00:00-05:00", 23),
    (NEW_YORK, "2024-11-03", "2024-11-03T00:00:00-04:00", 25),
    ("Australia/Sydney", "2024-04-07", "2024-04-07T00:00:00+11:00", 25),
    ("Australia/Sydney", "2024-10-06", "2024-10-06T00:00:00+10:00", 23),
    # The midnight does not exist: the day starts at one.
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00", 23),
    ("Africa/Cairo", "2023-04-28", "2023-04-28T01:00:00+03:00", 23),
    ("Africa/Cairo", "2024-04-26", "2024-04-26T01:00:00+03:00", 23),
    ("Asia/Beirut", "2024-03-31", "2024-03-31T01:00:00+03:00", 23),
    ("America/Havana", "2024-03-10", "2024-03-10T01:00:00-04:00", 23),
    # The midnight comes twice inside the day: the first one counts.
    ("America/Havana", "2024-11-03", "2024-11-03T00:00:00-04:00", 25),
    # Clocks go from midnight back to 23:00: the hour belongs to the day before.
    ("Africa/Cairo", "2023-10-26", "2023-10-26T00:00:00+03:00", 25),
    ("Africa/Cairo", "2023-10-27", "2023-10-27T00:00:00+02:00", 24),
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T00:00:00-02:00", 25),
    # Clocks go from 00:01 back to 23:01: the minute belongs to the day that is resumed.
    ("America/St_Johns", "2010-11-06", "2010-11-06T00:00:00-02:30", 25),
    ("America/St_Johns", "2010-11-07", "2010-11-07T00:00:00-03:30", 24),
    # Offsets beside whole hours, and a change by half an hour.
    ("Asia/Kathmandu", "2024-05-01", "2024-05-01T00:00:00+05:45", 24),
    ("Australia/Lord_Howe", "2024-04-07", "2024-04-07T00:00:00+11:00", 24.5),
    ("Australia/Lord_Howe", "2024-10-06", "2024-10-06T00:00:00+10:30", 23.5),
    # A day that the island of Samoa left out.
    ("Pacific/Apia", "2011-12-29", "2011-12-29T00:00:00-10:00", 24),
    ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00", 0),
    ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00", 24),
]


@pytest.mark.parametrize(("zone", "name", "first", "hours"), DAYS)
def test_a_local_day_has_its_first_instant_and_its_length(zone, name, first, hours):
    start, after = start_of_day(day(name), zone), start_of_day(day(name) + timedelta(days=1), zone)
    assert first == to_datetime(start, ZoneInfo(zone)).isoformat()
    assert hours * HOUR_US == after - start


INSTANTS = st.integers(at("2000-01-01"), at("2100-01-01") - 1)


def near_changes(zone: str) -> list[int]:
    """Instants around every change of a zone's clock, 2000 to 2025, as far as it may fall from 21:00 to 05:00."""
    found, known = [], None
    for number in range(26 * 366 * 2):
        instant = at("2000-01-01") + number * 12 * HOUR_US
        offset = to_datetime(instant, ZoneInfo(zone)).utcoffset()
        if offset != known and known is not None:
            found += [instant - step * HOUR_US // 4 for step in range(49)]
        known = offset
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_every_instant_around_a_clock_change_lies_in_its_local_day(zone):
    wrong = [
        wall(instant, zone)
        for quarter in near_changes(zone)
        for instant in (quarter, quarter + 30_000_000, quarter - 1)
        for found in [local_date(instant, zone)]
        if not start_of_day(found, zone) <= instant < start_of_day(found + timedelta(days=1), zone)
    ]
    assert [] == wrong


@given(INSTANTS, st.sampled_from(ZONES))
def test_every_instant_lies_in_exactly_one_local_day(instant, zone):
    found = local_date(instant, zone)
    assert start_of_day(found, zone) <= instant < start_of_day(found + timedelta(days=1), zone)


@given(INSTANTS, INSTANTS, st.sampled_from(ZONES))
def test_later_instants_have_no_earlier_day(one, other, zone):
    assert local_date(min(one, other), zone) <= local_date(max(one, other), zone)


@given(st.integers(FIRST, LAST))
def test_instants_survive_the_way_through_a_datetime(instant):
    assert instant == to_instant(to_datetime(instant))


TEXTS = {
    0: "1970-01-01T00:00:00Z",
    -1: "1969-12-31T23:59:59.999999Z",
    1_704_067_200_000_001: "2024-01-01T00:00:00.000001Z",
    1_704_067_200_500_000: "2024-01-01T00:00:00.500000Z",
    FIRST: "0001-01-01T00:00:00Z",
    LAST: "9999-12-31T23:59:59.999999Z",
    LAST + 1: "9999-12-31T23:59:59.999999Z",
    FIRST - 1: "0001-01-01T00:00:00Z",
}


@pytest.mark.parametrize(("instant", "expected"), TEXTS.items())
def test_an_instant_is_written_with_four_digits_of_the_year_and_a_fraction_if_it_has_one(instant, expected):
    assert expected == rfc3339(instant)


@pytest.mark.parametrize("zone", [NEW_YORK, "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_terms_at_the_ends_of_the_calendar_have_a_local_day_in_every_zone(zone):
    assert date(1, 1, 1) == local_date(FIRST, zone)
    assert date(9999, 12, 31) - local_date(LAST, zone) <= timedelta(days=1)
    assert UTC.utcoffset(None) == to_datetime(LAST).utcoffset()


MONTHS = [
    ("2024-01-31", 1, "2024-02-29"),
    ("2023-01-31", 1, "2023-02-28"),
    ("2024-01-31", 2, "2024-03-31"),
    ("2024-01-31", 3, "2024-04-30"),
    ("2024-10-31", 13, "2025-11-30"),
    ("2024-02-29", 12, "2025-02-28"),
    ("2024-02-29", 48, "2028-02-29"),
    ("2024-12-31", 0, "2024-12-31"),
    ("2024-12-15", 1, "2025-01-15"),
    ("2024-11-30", 1, "2024-12-30"),
    ("2024-03-31", -1, "2024-02-29"),
]


@pytest.mark.parametrize(("start", "months", "expected"), MONTHS)
def test_a_day_that_a_month_lacks_becomes_its_last_one(start, months, expected):
    assert day(expected) == add_months(day(start), months)


def test_a_month_begins_with_its_first_local_day():
    assert at("2024-11-01", NEW_YORK) == start_of_month(2024, 11, NEW_YORK)
    assert 30 * 24 * HOUR_US + HOUR_US == Period(2024, 11).end(NEW_YORK) - Period(2024, 11).start(NEW_YORK)
    assert 31 * 24 * HOUR_US - HOUR_US == Period(2024, 3).end(NEW_YORK) - Period(2024, 3).start(NEW_YORK)


@given(st.integers(1, 9998), st.integers(1, 12))
def test_a_period_reads_back_as_written(year, month):
    period = Period(year, month)
    assert period == Period.parse(str(period))
    assert period.first_day == date(year, month, 1)
    assert period < period.next
    assert Period.of_date(period.next.first_day - timedelta(days=1)) == period


@pytest.mark.parametrize(
    "text",
    ["", "2024", "2024-1", "2024-13", "2024-00", "24-01", "2024-01-01", "2024/01", "２０２４-01", "2024-٠١",
     "0000-01", "9999-12", "-024-01", " 2024-01", "2024-01\n"],
)  # fmt: skip
def test_what_is_no_month_of_the_years_1_to_9998_is_no_period(text):
    with pytest.raises(ValueError, match="YYYY-MM"):
        Period.parse(text)


def test_a_period_has_a_last_day():
    assert ["2024-02-29", "2024-12-31"] == [str(Period.parse(name).last_day) for name in ("2024-02", "2024-12")]
