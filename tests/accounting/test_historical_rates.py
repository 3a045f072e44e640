"""At which rate an amount goes in and out, of a holding, of a position and of every account that an entry moves."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from accounting.billing_fact import FX_RATE_MISSING
from accounting.exchange import Exchange, Holding
from accounting.position import DEFERRED_REVENUE, REVENUE, UNBILLED_RECEIVABLE
from accounting.position_course import PositionCourse, Shifted, add
from accounting.require import InvariantBroken
from tests.accounting.examples import at, day
from tests.accounting.ledgers import LINE, billed, cents, metered, ratable, settled, signed, told, totals, used

ONE_TO_ONE, FIFTH, DOUBLE, TINY = (1, 1), (6, 5), (2, 1), (1, 150)  # 1, 1.2, 2 and 1/150
EUROS = signed(1, "2023-01-01", LINE, currency="EUR")
RATES = {12: "1", 1: "1.1", 2: "1.2", 3: "1.3", 4: "1.4", 5: "1.5"}


def in_dollars(*facts, versions=(EUROS,), usage=(), rates=lambda one: Fraction(RATES[one.month])):
    """The books of a contract in euros whose entity keeps dollars, at another rate every month."""
    found = settled(versions, facts, usage, functional="USD", rates=rates)
    assert [] == found.problems
    assert 0 == sum(totals(found, 1).values())
    return found


def last(*facts, **terms):
    """account -> (minor units, functional minor units) of the last entry of billing."""
    return in_dollars(*facts, **terms).billing[-1].movements


# -- rates


def test_a_rate_that_nobody_knows_is_none_and_one_of_zero_is_refused():
    assert None is Exchange("EUR", "USD").on(day("2023-01-01"))
    with pytest.raises(InvariantBroken, match=r"a rate is greater than zero \(currency='EUR', functional='USD'\)"):
        Exchange("EUR", "USD").on(day("2023-01-01"), Fraction(0))


def test_a_holding_gives_out_at_the_rates_at_which_it_took_in():
    for amounts, expected in (
        (((10, ONE_TO_ONE), (-4, DOUBLE), (-6, DOUBLE)), [10, -4, -6]),
        (((10, ONE_TO_ONE), (-15, DOUBLE)), [10, -10 - 10]),  # 5 more than there were
        (((-10, ONE_TO_ONE), (15, DOUBLE)), [-10, 10 + 10]),
        (((1, FIFTH), (-1, DOUBLE)), [1, -1]),
        (((-1, FIFTH), (1, DOUBLE)), [-1, 1]),
        (((1, FIFTH), (1, DOUBLE), (-2, FIFTH)), [1, 2, -3]),
    ):  # fmt: skip
        held = Holding()
        assert expected == [held.move(amount, rate, set()) for amount, rate in amounts]


# -- a position


def course(*shifts):
    found = PositionCourse()
    for change, rate, invoice in shifts:
        found.shift(change, rate, invoice, set())
    return found


def layers(found):
    return [(one.invoice_id, one.amount, one.functional) for one in (*found.deferred, *found.unbilled)]


def test_an_account_that_comes_to_nothing_in_both_currencies_is_left_out():
    movements = {}
    add(movements, "a", 0, 0)
    add(movements, "b", 5, 6)
    add(movements, "b", -5, -6)
    add(movements, "c", 5, 6)
    add(movements, "c", -5, -5)
    assert {"c": (0, 1)} == movements


def test_what_is_billed_at_one_rate_is_worth_what_the_entry_says():
    """4 were earned ahead for 5; what the whole change is worth leaves the rest to the new layer, never below zero."""
    for functional, value in ((13, 8), (12, 7), (5, 0), (3, 0)):
        found, rates = course((-4, FIFTH, "")), set()
        assert Shifted(-4, -5, -6, -value) == found.shift(10, FIFTH, "I", rates, functional)
        assert ({FIFTH}, [("I", 6, value)]) == (rates, layers(found))
    assert Shifted(-1, 0, -1, 0) == course((-1, TINY, "")).shift(2, TINY, "I", set(), 0)


def test_what_is_billed_ahead_is_worth_what_the_entry_says():
    assert Shifted(0, 0, -10, -13) == course().shift(10, FIFTH, "I", set(), 13)
    assert Shifted(0, 0, -10, -12) == course().shift(10, FIFTH, "I", set())
    found = course()
    found.shift(10, FIFTH, "I", set(), 13)
    found.shift(10, FIFTH, "I", set(), 11)
    assert [("I", 20, 24)] == layers(found)


def test_what_is_billed_at_another_rate_than_it_was_earned_at_is_worth_its_own():
    rates = set()
    assert Shifted(-4, -8, -6, -7) == course((-4, DOUBLE, "")).shift(10, FIFTH, "I", rates, 12)
    assert {DOUBLE, FIFTH} == rates


def test_what_arises_alike_is_one_layer():
    assert [("I", 20, 24), ("I", 1, 2), ("J", 1, 2), ("I", 1, 2)] == layers(
        course((10, FIFTH, "I"), (10, FIFTH, "I"), (1, DOUBLE, "I"), (1, DOUBLE, "J"), (1, DOUBLE, "I"))
    )
    opened = course((10, FIFTH, ""))
    opened.recognise(-5, FIFTH)  # revenue that is taken back
    assert [("", 15, 18)] == layers(opened)
    ahead = course((-5, FIFTH, "I"))  # a credit of I beyond what is billed
    ahead.recognise(5, FIFTH)
    assert [("", 10, 12)] == layers(ahead)


def test_a_credit_of_no_invoice_takes_the_oldest_layer_first():
    found = course((10, ONE_TO_ONE, "I"), (10, DOUBLE, "J"))
    assert Shifted(0, 0, 10, 10) == found.shift(-10, FIFTH, "", set())


def test_revenue_is_released_first_in_first_out_also_where_some_was_taken_back():
    """10 of I at 1, then 5 that were taken back at 2: of 12 that are earned 10 are I's."""
    found = course((10, ONE_TO_ONE, "I"))
    found.recognise(-5, DOUBLE)
    assert {DEFERRED_REVENUE: (12, 10 + 4), REVENUE: (-12, -14)} == found.recognise(12, FIFTH)


def test_what_is_worth_nothing_in_the_functional_currency_moves_all_the_same():
    found = PositionCourse()
    assert {} == found.recognise(0, TINY)
    assert {UNBILLED_RECEIVABLE: (1, 0), REVENUE: (-1, 0)} == found.recognise(1, TINY)
    assert {UNBILLED_RECEIVABLE: (-1, 0), DEFERRED_REVENUE: (-1, 0), REVENUE: (2, 0)} == found.recognise(-2, TINY)
    assert {} == found.recognise(0, TINY)
    assert {DEFERRED_REVENUE: (1, 0), REVENUE: (-1, 0)} == found.recognise(1, TINY)


# -- credits and what follows them

MIXED = [  # January releases all of I; what a note of I takes then was billed by J
    told("invoice_finalized", "2023-01-01", 31, rate="1.1"),
    told("invoice_finalized", "2023-01-02", 59, rate="1.3", invoice="J"),
]


def test_a_note_takes_first_what_its_own_invoice_billed():
    """Nothing is earned yet: 10 of J are 13, though I was billed before it."""
    note = told("credit_note", "2023-01-01", 10, note="N", invoice="J")
    invoices = MIXED[0], replace(MIXED[1], at=at("2023-01-01"))
    expected = {"accounts_receivable": (-1000, -1300), "deferred_revenue": (1000, 1300)}
    assert expected == last(*invoices, note)


def test_a_note_gives_back_at_the_rates_of_what_it_took():
    """10.68 of 31 were earned; 20.32 are taken of J at 1.3, the receivable and the contra account of I carry 1.1."""
    note, void = told("credit_note", "2023-02-01", 31, note="N"), told("credit_note_voided", "2023-02-02", note="N")
    taken = {
        "accounts_receivable": (-3100, -3410), "credit_notes": (1068, 1175), "deferred_revenue": (2032, 2642),
        "fx_gain_loss": (0, -407),
    }  # fmt: skip
    assert taken == last(*MIXED, note)
    assert {account: (-one, -other) for account, (one, other) in taken.items()} == last(*MIXED, note, void)


def test_what_was_given_back_is_taken_again_at_the_rates_at_which_it_came():
    """11.37 of a second note were earned: at 1.1 they are 12.51. 19.63 of the 20.32 that came back at 1.3 go out again."""
    note, void = told("credit_note", "2023-02-01", 31, note="N"), told("credit_note_voided", "2023-02-02", note="N")
    assert {
        "accounts_receivable": (-3100, -3410), "credit_notes": (1137, 1251), "deferred_revenue": (1963, 2552),
        "fx_gain_loss": (0, -393),
    } == last(*MIXED, note, void, told("credit_note", "2023-02-03", 31, note="O"))  # fmt: skip


def test_what_came_at_several_rates_is_given_back_as_such():
    """Of 40.97 that a note of I takes 31.50 are its own at 1.1, 9.47 are J's at 1.3: 34.65 and 12.31, also the next time."""
    facts = [
        told("invoice_finalized", "2023-01-01", "62.50", rate="1.1"),
        told("invoice_finalized", "2023-01-02", "27.50", rate="1.3", invoice="J"),
        told("credit_note", "2023-02-01 08:00", "62.50", note="N"), told("credit_note_voided", "2023-02-01 09:00", note="N"),
        told("credit_note", "2023-02-01 10:00", "62.50", note="O"),
    ]  # fmt: skip
    expected = {
        "accounts_receivable": (-6250, -6875), "credit_notes": (2153, 2368), "deferred_revenue": (4097, 4696),
        "fx_gain_loss": (0, -189),
    }  # fmt: skip
    found = in_dollars(*facts)
    assert [expected, expected] == [one.movements for one in found.billing if one.fact.kind == "credit_note"]


def test_a_note_that_comes_back_in_parts_leaves_nothing_in_either_currency():
    """10 of 31: 3.45 and 6.55, at 8.52 of the 26.42 that were taken; the rest takes the rest."""
    note = told("credit_note", "2023-02-01", 31, note="N")
    parts = [
        told("credit_note_voided", "2023-02-02", 10, note="N"), told("credit_note_voided", "2023-02-03", note="N")
    ]  # fmt: skip
    found = in_dollars(*MIXED, note, *parts)
    first, second = found.billing[-2].movements, found.billing[-1].movements
    assert ((-345, -380), (-655, -852)) == (first["credit_notes"], first["deferred_revenue"])
    assert ((-723, -795), (-1377, -1790)) == (second["credit_notes"], second["deferred_revenue"])
    assert totals(in_dollars(*MIXED), 1) == totals(found, 1)


@pytest.mark.parametrize("parts", [("0.10", "0.10", None), ("3.33", None), ("0.01", "3.77", None)])
def test_contra_and_tax_come_back_to_the_cent_in_both_currencies(parts):
    """5.55 with 0.50 tax at 1.1: 1.74 to the contra account are 1.91, whatever the parts."""
    invoice = told("invoice_finalized", "2023-01-01", "5.55", tax="0.50")
    for taken, back in (("credit_note", "credit_note_voided"), ("invoice_uncollectible", "invoice_paid")):
        opened = told(taken, "2023-02-01", "5.55", note="N" if taken == "credit_note" else None)
        backs = [told(back, f"2023-02-0{n}", part, note=opened.credit_note_id) for n, part in enumerate(parts, start=2)]
        found = in_dollars(invoice, opened, *backs)
        booked = found.billing[1].movements
        contra = "credit_notes" if taken == "credit_note" else "bad_debt"
        assert ((174, 191), (50, 55)) == (booked[contra], booked["tax_payable"])
        assert contra not in totals(found, 1)
        assert (-50, -55) == (totals(found)["tax_payable"], totals(found, 1)["tax_payable"])


def test_a_note_that_comes_back_in_unlike_parts_leaves_its_other_sides_as_they_were():
    """45, of which 9 were paid back: 15 of it is a third of each, and the rest two."""
    note = told("credit_note", "2023-02-01", 45, note="N", refund=9)
    parts = [told("credit_note_voided", "2023-02-02", 15, note="N"), told("credit_note_voided", "2023-02-03", note="N")]
    found = in_dollars(told("invoice_finalized", "2023-01-01", 90), note, *parts)
    back = [(one.movements["cash"][0], one.movements["accounts_receivable"][0]) for one in found.billing[-2:]]
    assert [(300, 1200), (600, 2400)] == back


def test_a_balance_of_the_customer_carries_the_rate_of_its_note_and_cash_that_of_its_day():
    invoice = told("invoice_finalized", "2023-01-01", 90)
    paid = told("invoice_paid", "2023-01-01")
    note = told("credit_note", "2023-02-01", 45, note="N", customer_balance=10, external=20)
    # 45 at 1.1, less 15.50 of revenue at 1.1 and 29.50 billed ahead at 1.1; 15, 10 and 20 at 1.1, 1.2 and 1.2
    assert {
        "credit_notes": (1550, 1705), "deferred_revenue": (2950, 3245), "accounts_receivable": (-1500, -1650),
        "customer_balance": (-1000, -1200), "external_balance": (-2000, -2400), "fx_gain_loss": (0, 300),
    } == last(invoice, paid, note)  # fmt: skip
    assert {
        "accounts_receivable": (1500, 1650), "customer_balance": (1000, 1200), "cash": (-2500, -3250),
        "fx_gain_loss": (0, 400),
    } == last(invoice, paid, note, told("refund", "2023-03-01", note="N"))  # fmt: skip


def test_recoverables_come_back_at_the_rate_of_their_payment():
    """59 of 90 came in at 1.4; a dispute in May takes them at that rate, and so they come back when it is won."""
    facts = [
        told("invoice_finalized", "2023-01-01", 90), told("invoice_uncollectible", "2023-02-01"),
        told("invoice_paid", "2023-04-01"), told("dispute_opened", "2023-05-01"), told("dispute_won", "2023-05-03"),
    ]  # fmt: skip
    *_, taken, back = [one.movements for one in in_dollars(*facts).billing]
    expected = {
        "disputes": (3100, 3410), "recoverables": (5900, 8260), "cash": (-9000, -13500), "fx_gain_loss": (0, 1830)
    }  # fmt: skip
    assert expected == taken
    assert {account: (-one, -other) for account, (one, other) in expected.items()} == back


# -- what rounding leaves


def test_what_rounding_leaves_of_a_credit_goes_to_the_receivable_that_is_still_open():
    """At 0.3: 0.11 are 3 of receivable, none of tax and 3 deferred; of 0.05 these are 1 (1.36) and 2 (1.5)."""
    invoice = told("invoice_finalized", "2023-01-01", "0.11", tax="0.01")
    note = told("credit_note", "2023-01-01", "0.05", note="N")
    expected = {"accounts_receivable": (-5, -2), "deferred_revenue": (5, 2)}
    assert expected == last(invoice, note, rates=lambda _: Fraction(3, 10))
    # What comes back came at that one rate: the next note leaves no difference of rates either.
    more = told("credit_note_voided", "2023-01-02", note="N"), told("credit_note", "2023-01-03", "0.05", note="O")
    ahead = replace(EUROS, lines=(replace(LINE, start=at("2023-02-01")),))
    assert expected == last(invoice, note, *more, versions=[ahead], rates=lambda _: Fraction(3, 10))


# -- days without a rate


def missing(found):
    return [(one.fact and one.fact.kind.value, one.cls, one.reason) for one in found.problems]


def test_the_day_whose_rate_is_missing_is_told():
    def only(*months):
        return lambda one: Fraction(2) if one.month in months else None

    meter = replace(signed(1, "2023-01-01", metered("U", "2023-01-01")), currency="EUR")
    invoice, paid = told("invoice_finalized", "2023-01-01", 10), told("invoice_paid", "2023-02-01")
    january, february = (f"there is no rate EUR/USD for 2023-0{month}-01: send an fx_rate record" for month in (1, 2))
    lacking = {
        (1,): [("invoice_paid", FX_RATE_MISSING, february)],
        (2,): [("invoice_finalized", FX_RATE_MISSING, january), ("invoice_paid", FX_RATE_MISSING, january)],
        (): [("invoice_finalized", FX_RATE_MISSING, january), ("invoice_paid", FX_RATE_MISSING, february)],
        (1, 2): [],
    }  # fmt: skip
    for months, expected in lacking.items():
        found = settled([meter], [invoice, paid], functional="USD", rates=only(*months))
        assert expected == missing(found)
        assert len(found.billing) == 2 - len(expected)


@pytest.mark.parametrize(
    ("billed_ahead", "earned", "amount", "booked"),
    [
        (0, 0, "0.01", False), (0, 0, "-0.01", False), (0, 0, 0, True), (5, 0, 0, True), (5, 10, 0, True),
        (5, 0, 5, True), (5, 0, "5.01", False), (5, 0, "-0.01", False), (5, 10, -5, True), (5, 10, "-5.01", False),
        (5, 10, "0.01", False), ("0.01", 0, "0.01", True), (0, 5, -5, False),
    ],
)  # fmt: skip
def test_without_a_rate_only_what_was_there_before_moves(billed_ahead, earned, amount, booked):
    """February has none: what was billed ahead is released, what was earned ahead is taken back, nothing is new.

    What nothing ever bills waits for its rate, as it would without billing events (rule 8).
    """
    meter = replace(signed(1, "2023-01-01", metered("U", "2023-01-01")), currency="EUR")
    facts = [told("invoice_finalized", "2023-01-01", billed_ahead)] if billed_ahead else []
    usage = [used("U", "2023-01-10", earned)] if earned else []
    found = settled(
        [meter], facts, [*usage, used("U", "2023-02-10", amount)], functional="USD",
        rates=lambda one: Fraction(2) if one.month == 1 else None,
    )  # fmt: skip
    assert booked is not bool(found.problems)
    assert len(usage) + booked == len(found.usage)


def test_lines_of_one_invoice_share_what_rounding_leaves():
    """0.05 at 1.3 are 6 (6.5 to the even one) in the receivable: the positions of 2 and 3 take 2 and 4, not 3 and 4."""
    version = signed(1, "2023-01-01", LINE, metered("U", "2023-01-01"), currency="EUR")
    invoice = told("invoice_finalized", "2023-01-01", "0.05", billed("L", "0.02"), billed("U", "0.03"), rate="1.3")
    found = in_dollars(invoice, versions=[version], rates=lambda _: Fraction(1))
    assert (5, 6) == found.billing[0].movements["accounts_receivable"]
    assert (-5, -6) == found.billing[0].movements["deferred_revenue"]


def test_a_note_over_two_lines_that_comes_back_leaves_no_balance_of_its_sides():
    terms = signed(1, "2023-01-01", LINE, ratable("B", "2023-01-01", "2023-04-01", 30), currency="EUR")
    facts = [
        told("invoice_finalized", "2023-01-01", 66, tax=6), told("invoice_finalized", "2023-02-10", 66, tax=6, invoice="J"),
        told("invoice_paid", "2023-02-11"),
    ]  # fmt: skip
    note = told("credit_note", "2023-02-20", 22, note="N", refund=5, customer_balance=3)
    void = told("credit_note_voided", "2023-02-25", note="N")
    found = in_dollars(*facts, note, void, versions=[terms])
    assert cents(132) == totals(found)["cash"] + totals(found)["accounts_receivable"]
    assert {"credit_notes", "customer_balance"}.isdisjoint(totals(found))


def test_what_nothing_bills_takes_the_rate_of_each_day_whatever_else_is_billed():
    """An invoice for one line changes nothing of another one: its postings are those of a contract without billing."""
    version = signed(1, "2023-01-01", metered("U", "2023-01-01"), metered("V", "2023-01-01"))
    usage = [
        used("U", "2023-01-10", 10),
        used("U", "2023-02-10", -4),
        used("V", "2023-01-10", 10),
        used("V", "2023-02-10", -4),
    ]
    invoice = told("invoice_finalized", "2023-03-01", 1, billed("V", 1))
    found = settled(
        [replace(version, currency="EUR")], [invoice], usage, functional="USD",
        rates=lambda one: Fraction(2 if one.month == 1 else 3),
    )  # fmt: skip
    worth = {(one.line_id, one.day.month): moved["unbilled_receivable"] for one, moved in found.usage}
    assert {
        ("U", 1): (1000, 2000), ("U", 2): (-400, -1200),  # at the rate of its day
        ("V", 1): (1000, 2000), ("V", 2): (-400, -800),  # at the rate at which it came
    } == worth  # fmt: skip
