"""Instants are microseconds UTC, and only RFC 3339 text gives one."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.instants import EARLIEST, LATEST, instant_of, instant_text, parse_instant

READ = {
    "1970-01-01T00:00:00Z": 0,
    "1970-01-01t00:00:00z": 0,
    "1970-01-01 00:00:00.5Z": 500_000,
    "1970-01-01T00:00:00.000001Z": 1,
    "1970-01-01T00:00:00.000001000Z": 1,
    "1970-01-01T01:00:00+01:00": 0,
    "1969-12-31T19:00:00-05:00": 0,
    "1970-01-01T00:00:00-00:00": 0,
    "2024-02-29T12:00:00Z": 1_709_208_000_000_000,
    "0001-01-01T00:00:00Z": EARLIEST,
    "9999-12-31T23:59:59.999999Z": LATEST,
}
REFUSED = [
    "", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01T00:00Z", "1970-1-01T00:00:00Z", "19700101T000000Z",
    "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z",
    "2016-12-31T23:59:60Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.0000001Z",
    "2024-01-01T00:00:00.0000000000Z", "2024-01-01T00:00:00+1:00", "2024-01-01T00:00:00+24:00",
    "2024-01-01T00:00:00+00:60", "2024-01-01T00:00:00+0000", "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "２024-01-01T00:00:00Z",
    "2024-01-01T00:00:00Z\n", "10000-01-01T00:00:00Z",
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_rfc_3339_text_gives_microseconds_utc(text, expected):
    assert expected == parse_instant(text)


@pytest.mark.parametrize("text", REFUSED)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="must"):
        parse_instant(text)


@given(st.integers(EARLIEST, LATEST))
def test_the_written_text_is_read_as_the_same_instant(micros):
    assert micros == parse_instant(instant_text(micros))


@given(st.datetimes(timezones=st.just(UTC)))
def test_python_agrees(moment):
    assert instant_of(moment) == parse_instant(moment.isoformat())


def test_a_zero_fraction_is_not_written_and_another_has_six_digits():
    assert "1970-01-01T00:00:00Z" == instant_text(0)
    assert "1969-12-31T23:59:59.999999Z" == instant_text(-1)
    assert "0001-01-01T00:00:00Z" == instant_text(EARLIEST)


def test_a_naive_datetime_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        instant_of(datetime(2024, 1, 1) + timedelta(0))  # noqa: DTZ001
