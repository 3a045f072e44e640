"""A position shows what is unbilled or what is deferred, never both, and its movements balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounting.position import (
    DEFERRED_REVENUE,
    REVENUE,
    UNBILLED_RECEIVABLE,
    difference,
    position,
    recognition,
)

AMOUNTS = st.integers(-(10**30), 10**30)


@pytest.mark.parametrize(
    ("recognised", "invoiced", "expected"),
    [
        (1500, 0, {UNBILLED_RECEIVABLE: 1500}),
        (0, 9000, {DEFERRED_REVENUE: -9000}),
        (3100, 9000, {DEFERRED_REVENUE: -5900}),
        (9000, 9000, {}),
        (-70, 0, {DEFERRED_REVENUE: -70}),  # more was credited than used: it is owed
        (-70, -100, {UNBILLED_RECEIVABLE: 30}),
    ],
)
def test_a_position_is_what_is_recognised_less_what_is_invoiced(recognised, invoiced, expected):
    assert expected == position(recognised, invoiced)


@given(AMOUNTS, AMOUNTS)
def test_a_position_never_shows_both_accounts_and_each_on_its_own_side(recognised, invoiced):
    shown = position(recognised, invoiced)
    assert recognised - invoiced == sum(shown.values())
    assert len(shown) <= 1
    assert shown.get(UNBILLED_RECEIVABLE, 1) > 0
    assert shown.get(DEFERRED_REVENUE, -1) < 0


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_the_movements_of_a_recognition_sum_to_zero_and_lead_to_the_new_position(before, amount, invoiced):
    moved = recognition(before, amount, invoiced)
    assert sum(moved.values()) == 0
    assert -amount == moved.pop(REVENUE, 0)
    assert position(before + amount, invoiced) == difference(
        position(before, invoiced), {account: -value for account, value in moved.items()}
    )


def test_usage_below_zero_turns_the_receivable_into_a_liability():
    assert {DEFERRED_REVENUE: -30, REVENUE: 80, UNBILLED_RECEIVABLE: -50} == recognition(50, -80)
    assert {DEFERRED_REVENUE: 30, REVENUE: -80, UNBILLED_RECEIVABLE: 50} == recognition(-30, 80)


@given(st.dictionaries(st.sampled_from("abcd"), AMOUNTS), st.dictionaries(st.sampled_from("abcd"), AMOUNTS))
def test_posting_the_difference_leaves_nothing_to_post(desired, posted):
    once = difference(desired, posted)
    now = {account: posted.get(account, 0) + once.get(account, 0) for account in posted.keys() | once.keys()}
    assert {} == difference(desired, now)
    assert 0 not in once.values()
