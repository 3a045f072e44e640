"""Entries balance, land in open periods, and keep their names under replay."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.calendar import Period
from accounting.journal import Dating, Posting, dated, entry_id, postings
from accounting.require import InvariantBroken
from tests.accounting.examples import day

CLOSED = {Period.parse(text) for text in ("2023-11", "2023-12", "2024-01", "2024-03")}


@pytest.mark.parametrize(
    ("on", "period", "accounting_date", "origin"),
    [
        ("2024-02-29", "2024-02", "2024-02-29", None),
        ("2024-01-31", "2024-02", "2024-02-01", "2024-01"),
        ("2023-11-15", "2024-02", "2024-02-01", "2023-11"),  # over the turn of the year, past three closed ones
        ("2024-03-01", "2024-04", "2024-04-01", "2024-03"),
        ("2023-10-31", "2023-10", "2023-10-31", None),  # before the closed ones: open, so its own
    ],
)
def test_an_effect_lands_in_its_own_period_or_the_first_open_one_after_it(on, period, accounting_date, origin):
    expected = Dating(Period.parse(period), day(accounting_date), Period.parse(origin) if origin else None)
    assert expected == dated(day(on), CLOSED)
    assert expected == dated(day(on), frozenset(CLOSED))


def test_postings_name_debits_first_and_leave_out_what_is_zero():
    movements = {"z": 2, "b": -7, "nothing": 0, "a": 5}
    expected = (Posting("a", 5, 5, "P"), Posting("z", 2, 2, "P"), Posting("b", -7, -7, "P"))
    assert expected == postings(movements, movements, "P")
    assert () == postings({"a": 0}, {"a": 0}, "P")


def test_a_posting_never_has_its_amounts_on_two_sides():
    """A corrected rate takes more functional currency back than the new amount brings."""
    expected = [("debit", "a", 1, 0), ("debit", "r", 0, 3), ("credit", "r", -1, 0), ("credit", "a", 0, -3)]
    found = postings({"a": 1, "r": -1}, {"a": -3, "r": 3}, "P")
    assert sorted(expected) == sorted((one.side, one.account, one.amount, one.functional) for one in found)


@pytest.mark.parametrize("movements", [{"a": 1}, {"a": 10**30, "b": -(10**30) + 1}, {"a": -1, "b": 2}])
def test_postings_that_do_not_balance_are_refused(movements):
    with pytest.raises(InvariantBroken, match="debits equal credits"):
        postings(movements, {}, "P")
    with pytest.raises(InvariantBroken, match="in the functional currency"):
        postings({}, movements, "P")


PINNED = {
    (): "cae66941d9efbd404e4d88758ea67670",
    ("usage", "K", "L", 1_704_067_200_000_000, 1): "8676c02a6a6460ef896f6226313ad361",
    (None,): "27c7367e70a13f751afa786c2c888b9b",
    ("",): "fcdf3ecfe876539956eb77f17f503ac1",
    ("é", "日", "😀", -1): "561bef07bd226059383ae7c35b519165",
}
PARTS = st.lists(st.none() | st.text(max_size=4) | st.integers(-(2**70), 2**70), max_size=4)


@pytest.mark.parametrize(("parts", "expected"), PINNED.items())
def test_entry_ids_are_the_same_in_every_version(parts, expected):
    assert expected == entry_id(*parts)


@given(PARTS, PARTS)
def test_entry_ids_differ_where_the_parts_do(one, other):
    same = [None if part is None else str(part) for part in one] == [
        None if part is None else str(part) for part in other
    ]
    assert same == (entry_id(*one) == entry_id(*other))


def test_entry_ids_know_where_one_part_ends_and_the_next_begins():
    named = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", None), ("abc", ""), ("1:a",), ("", "a"), ("-",), (None,)]
    assert len(named) == len({entry_id(*parts) for parts in named})
    assert all(len(entry_id(*parts)) == 32 for parts in named)
    assert all(one != other for one, other in pairwise(sorted(entry_id(*parts) for parts in named)))
