"""Which version prices which usage: contracts as timelines, one letter a line, a digit a version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.calendar import DAY_US
from accounting.contract import Aggregation, BillingPeriod, LineKind, Rate, RateModel, VersionKind
from accounting.coverage import FOREVER, Cover, covers, in_force
from accounting.require import InvariantBroken
from tests.accounting.examples import NEW_YORK, at, usage_line, version, wall

START, END = at("2024-01-01"), at("2025-01-01")
CANCELLED, RENEWED = VersionKind.CANCELLED, VersionKind.RENEWED


def line(name="L", start=START, end=END, **terms):
    return usage_line(name, start, end, **terms)


def step(number, effective, *lines, zone="UTC", **terms):
    terms = {"start": START, "end": END} | terms
    return version(number, at(effective, zone), lines, **terms)


def timeline(found: list[Cover], zone="UTC") -> list[str]:
    """The covers as text, in time order: line and version, from, to."""
    ordered = sorted(found, key=lambda one: (one.line_id, one.start))
    return [f"{one.line_id}{one.version} {wall(one.start, zone)[:16]} {wall(one.end, zone)[:16]}" for one in ordered]


FIRST = step(1, "2024-01-01", line())


def test_the_first_version_covers_its_line_and_no_more():
    early = step(1, "2024-03-01", line(start=at("2024-02-01"), end=at("2024-06-01")))
    assert ["L1 2024-02-01 00:00 2024-06-01 00:00"] == timeline(covers([early], "UTC"))


def test_a_line_without_end_is_cut_by_the_contract():
    open_ended = step(1, "2024-01-01", line(end=None))
    assert END == covers([open_ended], "UTC")[0].end
    assert FOREVER == covers([step(1, "2024-01-01", line(end=None), end=None)], "UTC")[0].end


def test_a_price_change_takes_the_whole_local_day():
    second = step(2, "2024-06-15 10:00", line(price=2))
    expected = ["L1 2024-01-01 00:00 2024-06-15 00:00", "L2 2024-06-15 00:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second], "UTC"))


def test_the_local_day_is_that_of_the_entity():
    second = step(2, "2024-06-15 02:00", line(price=2))  # 14 June, 22:00 in New York
    found = sorted(covers([FIRST, second], NEW_YORK), key=lambda one: one.start)
    assert at("2024-06-14", NEW_YORK) == found[0].end == found[1].start


def test_a_line_that_is_added_begins_at_the_instant():
    second = step(2, "2024-06-15 10:00", line(), line("M"))
    assert "M2 2024-06-15 10:00 2025-01-01 00:00" in timeline(covers([FIRST, second], "UTC"))


def test_a_line_that_was_added_on_a_day_does_not_reach_back_when_amended_on_the_same_day():
    second = step(2, "2024-06-15 10:00", line(), line("M"))
    third = step(3, "2024-06-15 15:00", line(), line("M", price=3))
    expected = ["M3 2024-06-15 10:00 2025-01-01 00:00"]
    assert expected == [one for one in timeline(covers([FIRST, second, third], "UTC")) if one.startswith("M")]


def test_a_line_that_is_taken_away_ends_at_the_instant():
    second = step(2, "2024-06-15 10:00", line("M"))
    expected = ["L1 2024-01-01 00:00 2024-06-15 10:00", "M2 2024-06-15 10:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second], "UTC"))


def test_a_line_that_changes_its_meter_is_another_one():
    other = Rate("bytes", Aggregation.SUM, BillingPeriod.MONTH, RateModel.PER_UNIT, unit_price=1)
    second = step(2, "2024-06-15 10:00", line(rate=other))
    expected = ["L1 2024-01-01 00:00 2024-06-15 10:00", "L2 2024-06-15 10:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second], "UTC"))


def test_a_line_that_becomes_ratable_takes_usage_up_to_the_instant():
    second = step(2, "2024-06-15 10:00", line(kind=LineKind.RATABLE))
    assert ["L1 2024-01-01 00:00 2024-06-15 10:00"] == timeline(covers([FIRST, second], "UTC"))


def test_two_amendments_on_one_day_leave_the_day_to_the_later():
    second = step(2, "2024-06-15 10:00", line(price=2))
    third = step(3, "2024-06-15 15:00", line(price=3))
    expected = ["L1 2024-01-01 00:00 2024-06-15 00:00", "L3 2024-06-15 00:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second, third], "UTC"))


def test_a_retroactive_version_replaces_the_later_one():
    second = step(2, "2024-06-15", line(price=2))
    third = step(3, "2024-03-01", line(price=3))
    expected = ["L1 2024-01-01 00:00 2024-03-01 00:00", "L3 2024-03-01 00:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second, third], "UTC"))
    assert [1, 3] == [span.version.version for span in in_force([FIRST, second, third])]


def test_of_two_versions_of_one_instant_only_the_later_is_ever_in_force():
    second, third = step(2, "2024-06-15 10:00", line("M")), step(3, "2024-06-15 10:00", line(price=3))
    assert [1, 3] == [span.version.version for span in in_force([FIRST, second, third])]
    expected = ["L1 2024-01-01 00:00 2024-06-15 00:00", "L3 2024-06-15 00:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second, third], "UTC"))


def test_a_retroactive_version_before_the_start_leaves_nothing_of_the_first():
    second = step(2, "2023-06-01", line(price=2))
    assert ["L2 2024-01-01 00:00 2025-01-01 00:00"] == timeline(covers([FIRST, second], "UTC"))


def test_a_cancellation_ends_usage_at_its_instant():
    second = step(2, "2024-06-15 10:00", line(), kind=CANCELLED)
    expected = ["L1 2024-01-01 00:00 2024-06-15 00:00", "L2 2024-06-15 00:00 2024-06-15 10:00"]
    assert expected == timeline(covers([FIRST, second], "UTC"))
    empty = step(2, "2024-06-15 10:00", kind=CANCELLED)
    assert ["L1 2024-01-01 00:00 2024-06-15 10:00"] == timeline(covers([FIRST, empty], "UTC"))


def test_a_cancellation_at_the_start_leaves_nothing():
    second = step(2, "2024-01-01", line(), kind=CANCELLED)
    assert [] == covers([FIRST, second], "UTC")


def test_a_contract_goes_on_after_a_cancellation_that_is_taken_back():
    second = step(2, "2024-06-15", line(), kind=CANCELLED)
    third = step(3, "2024-06-15", line())
    expected = ["L1 2024-01-01 00:00 2024-06-15 00:00", "L3 2024-06-15 00:00 2025-01-01 00:00"]
    assert expected == timeline(covers([FIRST, second, third], "UTC"))


def test_a_renewal_inside_a_local_day_leaves_no_usage_out():
    # The terms meet at midnight UTC, which is 20:00 of 30 April in New York.
    first = step(1, "2024-04-01", line(end=at("2024-05-01")), end=at("2024-05-01"))
    second = step(
        2, "2024-05-01", line(start=at("2024-05-01"), end=at("2024-06-01")),
        start=at("2024-05-01"), end=at("2024-06-01"), kind=RENEWED,
    )  # fmt: skip
    found = sorted(covers([first, second], NEW_YORK), key=lambda one: one.start)
    assert [at("2024-05-01")] * 2 == [found[0].end, found[1].start]


def test_a_renewal_that_is_agreed_before_it_starts_does_not_shorten_the_term():
    first = step(1, "2024-04-01", line(end=at("2024-05-01")), end=at("2024-05-01"))
    whole = line(start=START, end=at("2024-06-01"))
    second = step(2, "2024-04-20 09:00", whole, end=at("2024-06-01"), kind=RENEWED)
    expected = ["L1 2024-01-01 00:00 2024-04-20 00:00", "L2 2024-04-20 00:00 2024-06-01 00:00"]
    assert expected == timeline(covers([first, second], "UTC"))


def test_a_line_whose_end_is_moved_into_the_past_takes_usage_up_to_the_instant_of_that_version():
    second = step(2, "2024-06-15 10:00", line(end=at("2024-06-01")))
    assert ["L1 2024-01-01 00:00 2024-06-15 10:00"] == timeline(covers([FIRST, second], "UTC"))


def test_lines_that_are_no_usage_cover_none():
    first = step(1, "2024-01-01", line(kind=LineKind.RATABLE, rate=None))
    assert [] == covers([first], "UTC")


def test_versions_with_a_gap_are_refused():
    with pytest.raises(InvariantBroken, match="no gap"):
        covers([FIRST, step(3, "2024-06-01", line())], "UTC")


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sets(st.sampled_from("LM"), min_size=1)), max_size=5),
    st.sampled_from(["UTC", NEW_YORK, "Asia/Kathmandu"]),
)
def test_a_line_is_covered_exactly_once_wherever_the_version_in_force_has_it(steps, zone):
    # Steps of six hours: several versions fall on one local day, in any order of their effects.
    versions = [step(1, "2024-01-01", line("L"), line("M"))]
    for number, (effective, names) in enumerate(steps, start=2):
        lines = tuple(line(name, price=number) for name in sorted(names))
        versions.append(version(number, START + effective * DAY_US // 4, lines, START, END))
    found = covers(versions, zone)
    for moment in range(START, START + 12 * DAY_US, DAY_US // 8):
        (now,) = [span.version for span in in_force(versions) if span.start <= moment < span.end]
        expected = sorted(one.line_id for one in now.lines)
        assert expected == sorted(one.line_id for one in found if one.start <= moment < one.end)
