"""Aggregations: one number of units out of the cells of a billing period."""

from __future__ import annotations

from fractions import Fraction

import pytest

from accounting.aggregation import Aggregate, Reading
from accounting.contract import Aggregation
from tests.accounting.examples import Cell, at, units

END = at("2025-02-01")
LENGTH = END - at("2025-01-01")


def cell(time: str, *quantities: int, distinct: frozenset[bytes] = frozenset(), offset: int = 0) -> Cell:
    """A cell whose events all happened at one moment."""
    start, scaled = at(time), [units(quantity) for quantity in quantities]
    last = Reading(start, ("usage.events", 0, offset), scaled[-1])
    return Cell(start, sum(scaled), len(scaled), max(scaled), last, 0, distinct)


def aggregated(kind: Aggregation, *cells: Cell) -> object:
    found = Aggregate(kind, END, LENGTH)
    for one in cells:
        found.add(one)
    return found.value


FEED = (cell("2025-01-05", 3, 5), cell("2025-01-10", -1), cell("2025-01-20", 4))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Aggregation.SUM, 11), (Aggregation.COUNT, 4), (Aggregation.MAX, 5), (Aggregation.LAST, 4)],
)
def test_the_same_usage_gives_each_aggregation_its_own_units(kind, expected):
    assert units(expected) == aggregated(kind, *FEED)


@pytest.mark.parametrize("kind", list(Aggregation))
def test_without_usage_there_are_no_units(kind):
    assert aggregated(kind) == 0


def test_a_maximum_of_corrections_is_negative():
    assert units(-1) == aggregated(Aggregation.MAX, cell("2025-01-05", -3, -1))


def test_of_two_readings_of_one_moment_the_later_position_is_the_last():
    first, second = cell("2025-01-05", 7, offset=9), cell("2025-01-05", 8, offset=4)
    assert units(7) == aggregated(Aggregation.LAST, first, second) == aggregated(Aggregation.LAST, second, first)


def test_distinct_values_are_counted_once_whatever_cell_they_are_in():
    ann, bob = b"ann", b"bob"
    cells = (
        cell("2025-01-05", 1, distinct=frozenset({ann})),
        cell("2025-01-06", 1, distinct=frozenset({ann, bob})),
        cell("2025-01-07", 1),
    )
    assert units(2) == aggregated(Aggregation.UNIQUE, *cells)


def test_a_weighted_sum_holds_each_value_to_the_end_of_the_billing_period():
    # 4 units for 31 days and 2 more for the last 10 days and a half.
    found = aggregated(Aggregation.WEIGHTED_SUM, cell("2025-01-01", 4), cell("2025-01-21 12:00", 2))
    assert Fraction(units(4)) + Fraction(units(2) * 21, 62) == found


def test_a_weighted_sum_knows_when_in_its_cell_an_event_was():
    start, later = at("2025-01-21"), at("2025-01-21 00:10")
    moved = Cell(start, units(2), 1, units(2), Reading(later, ("u", 0, 0), units(2)), units(2) * (later - start))
    assert Fraction(units(2) * (END - later), LENGTH) == aggregated(Aggregation.WEIGHTED_SUM, moved)


# -- policy carry: the next billing period goes on from the last value


def carried(kind: Aggregation, before: tuple[Cell, ...], *after: Cell) -> Aggregate:
    """The aggregate of February after one of January."""
    first = Aggregate(kind, END, LENGTH)
    for one in before:
        first.add(one)
    then = Aggregate(kind, at("2025-03-01"), at("2025-03-01") - END)
    then.carry(first)
    for one in after:
        then.add(one)
    return then


def test_the_last_value_goes_on_until_there_is_another():
    assert units(4) == carried(Aggregation.LAST, FEED).value
    assert units(9) == carried(Aggregation.LAST, FEED, cell("2025-02-10", 9)).value
    assert units(4) == carried(Aggregation.LAST, FEED, cell("2025-01-19", 9)).value, "an older reading changes nothing"


def test_a_level_goes_on_from_the_first_instant():
    # 8 - 1 + 4 units at the end of January, through all of February; 14 days before its end 3 more.
    assert units(11) == carried(Aggregation.WEIGHTED_SUM, FEED).value
    grown = carried(Aggregation.WEIGHTED_SUM, FEED, cell("2025-02-15", 3))
    assert Fraction(units(11)) + Fraction(units(3), 2) == grown.value
    again = Aggregate(Aggregation.WEIGHTED_SUM, at("2025-04-01"), at("2025-04-01") - at("2025-03-01"))
    again.carry(grown)
    assert units(14) == again.value


@pytest.mark.parametrize("kind", [Aggregation.LAST, Aggregation.WEIGHTED_SUM])
def test_where_there_was_no_usage_nothing_goes_on(kind):
    found = carried(kind, ())
    assert (None, 0) == (found.units, found.value)
    assert units(5) == carried(Aggregation.LAST, (), cell("2025-02-01", 5)).value


def test_a_level_that_came_back_to_zero_goes_on_as_zero():
    found = carried(Aggregation.WEIGHTED_SUM, (cell("2025-01-05", 3), cell("2025-01-06", -3)))
    assert (0, True) == (found.value, found.units is not None)
