"""A position never shows both accounts, balances in both currencies, and leaves no cent in an empty layer."""

from hypothesis import given
from hypothesis import strategies as st

from accounting.exchange import ONE, Exchange, Holding, convert
from accounting.position import DEFERRED_REVENUE, REVENUE, UNBILLED_RECEIVABLE, difference, position
from accounting.position_course import PositionCourse
from tests.accounting.examples import day

RATES = st.sampled_from([ONE, (6, 5), (11, 10), (1, 3), (150, 1), (1, 150)])
STEPS = st.lists(
    st.tuples(st.booleans(), st.integers(-1000, 1000), RATES, st.sampled_from(["", "I", "J"])), max_size=30
)  # fmt: skip
ALONE = (6, 5)


def course(*steps):
    """Recognise (True) or bill (False), step by step: what each moved, and the position at the end."""
    found, moved = PositionCourse(), []
    for recognised, amount, rate, invoice in steps:
        if recognised:
            moved.append(found.recognise(amount, rate))
        else:
            movements = {}
            found.record(found.shift(amount, rate, invoice, set()), movements)
            moved.append(movements)
    return found, moved


def shown(moved, index):
    sums = {}
    for movements in moved:
        for account, amounts in movements.items():
            sums[account] = sums.get(account, 0) + amounts[index]
    return {account: amount for account, amount in sums.items() if amount}


@given(STEPS)
def test_a_position_is_one_account_in_both_currencies_at_every_step(steps):
    recognised = billed = 0
    for number in range(len(steps) + 1):
        found, moved = course(*steps[:number])
        recognised = sum(step[1] for step in steps[:number] if step[0])
        billed = sum(step[1] for step in steps[:number] if not step[0])
        sums = shown(moved, 0)
        sums.pop(REVENUE, None)
        assert position(recognised, billed) == sums
        assert billed - recognised == found.owed
        assert not (found.deferred and found.unbilled)
        functional = shown(moved, 1)
        assert -functional.get(DEFERRED_REVENUE, 0) == sum(layer.functional for layer in found.deferred)
        assert functional.get(UNBILLED_RECEIVABLE, 0) == sum(layer.functional for layer in found.unbilled)
        assert all(layer.amount > 0 for layer in (*found.deferred, *found.unbilled))


@given(STEPS)
def test_recognition_balances_and_at_one_to_one_both_currencies_are_the_same(steps):
    _, moved = course(*((True, *step[1:]) for step in steps))
    assert [(0, 0)] * len(moved) == [tuple(map(sum, zip(*one.values(), strict=True))) or (0, 0) for one in moved]
    _, moved = course(*((step[0], step[1], ONE, step[3]) for step in steps))
    assert all(amount == functional for one in moved for amount, functional in one.values())


@given(st.integers(1, 10**6), st.lists(st.integers(1, 10**5), min_size=1, max_size=20))
def test_the_last_part_of_a_layer_takes_what_is_left(amount, parts):
    found, _ = course((False, amount, ALONE, "I"))
    taken = [found.recognise(min(part, found.owed), (9, 1)) for part in parts if found.owed]
    if found.owed:
        taken.append(found.recognise(found.owed, (9, 1)))
    assert -convert(amount, ALONE) == shown(taken, 1)[REVENUE]
    assert [] == found.deferred


def test_deferred_revenue_is_released_first_in_first_out_and_a_credit_takes_its_own_invoice_first():
    found, _ = course((False, 10, (1, 1), "I"), (False, 10, (2, 1), "J"), (False, 10, (3, 1), "I"))
    assert {DEFERRED_REVENUE: (12, 14), REVENUE: (-12, -14)} == found.recognise(12, (9, 1))
    movements = {}
    found.record(found.shift(-15, (9, 1), "I", set()), movements)
    assert {DEFERRED_REVENUE: (15, 30 + 10)} == movements
    assert [("J", 3, 6)] == [(one.invoice_id, one.amount, one.functional) for one in found.deferred]


def test_revenue_that_is_taken_back_goes_out_of_what_is_unbilled_then_becomes_owed():
    found, _ = course((True, 50, (2, 1), ""))
    assert {UNBILLED_RECEIVABLE: (-50, -100), DEFERRED_REVENUE: (-30, -90), REVENUE: (80, 190)} == found.recognise(
        -80, (3, 1)
    )  # fmt: skip


def test_another_account_may_show_what_is_unbilled():
    assert {"contract_asset": (5, 5), REVENUE: (-5, -5)} == PositionCourse("contract_asset").recognise(5, ONE)


@given(st.lists(st.tuples(st.integers(-1000, 1000), RATES), max_size=20))
def test_a_holding_of_nothing_is_worth_nothing(moves):
    found, worth = Holding(), 0
    for amount, rate in moves:
        worth += found.move(amount, rate, set())
        assert (worth, found.amount != 0 or found.functional == 0) == (found.functional, True)
    assert -worth == found.move(-found.amount, (7, 1), set())
    assert (0, 0) == (found.amount, found.functional)


def test_a_holding_knows_whether_all_of_it_arose_at_one_rate():
    found, used = Holding(), set()
    found.move(10, (1, 1), set())
    found.move(10, (2, 1), set())
    assert -15 == found.move(-10, (9, 1), used)
    assert {None} == used


def test_an_exchange_scales_by_the_digits_of_both_currencies():
    yen = Exchange("JPY", "USD", lambda _: None)
    assert None is yen.on(day("2023-01-01"))
    from fractions import Fraction

    assert (13, 20) == yen.on(day("2023-01-01"), Fraction("0.0065"))  # 1,000 yen are 6.50 dollars
    assert 650 == convert(1000, (13, 20))
    assert ONE == Exchange("EUR").on(day("2023-01-01"), Fraction(2))


@given(st.integers(-1000, 1000), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_the_course_agrees_with_the_plain_position(before, amount, invoiced):
    found, _ = course((True, before, ONE, ""), (False, invoiced, ONE, "I"))
    moved = {account: amounts[0] for account, amounts in found.recognise(amount, ONE).items()}
    expected = difference(position(before + amount, invoiced), position(before, invoiced))
    assert {**expected, **({REVENUE: -amount} if amount else {})} == moved
