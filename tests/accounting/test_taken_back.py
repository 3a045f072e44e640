"""Contracts that end, that change from an earlier day on, or whose amendments are taken back (accounting.md, rules 5 and 6)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from accounting.contract import Opening, VersionKind
from accounting.coverage import ALWAYS, FOREVER
from tests.accounting.amended import (
    HALF_YEAR,
    C,
    cancelled,
    estimate,
    gives,
    jumps,
    months,
    sold,
    sub,
    units,
    version,
)
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, metered, milestone, planned, policies
from tests.accounting.plans import recognised_by

# -- cancellations


def test_a_cancellation_ends_every_line_at_its_day():
    first = version(1, "2025-01-01", sub("a", 600), sold("x", 100), milestone("m", "2025-01-01", "2025-07-01", 400, 25))
    later = replace(first.lines[1], satisfied_at=at("2025-05-01"))
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 50
        m  Jan 100
    """, first, cancelled(replace(first, lines=(first.lines[0], later, first.lines[2])), "2025-04-16 13:00"),
        decided="cancellation")  # fmt: skip


def test_a_cancellation_after_a_modification_keeps_what_each_has_earned():
    second = version(2, "2025-04-01", sub("a", 540))
    gives("a  Jan 100 Feb 100 Mar 100 Apr 40", HALF_YEAR, second, cancelled(second, "2025-04-16 12:00"))


def test_a_contract_goes_on_after_its_cancellation_with_what_is_left():
    ended = cancelled(HALF_YEAR, "2025-04-01")
    again = version(3, "2025-05-01", sub("a", 600))
    found = gives(
        "a  Jan 100 Feb 100 Mar 100 May 150 Jun 150", HALF_YEAR, ended, again, decided="cancellation prospective"
    )
    assert found.decisions[1].changed == ()
    # With a line that would be a separate contract otherwise, and with an estimate: 550, by 200 and 200.
    c = sub("c", 200, "2025-05-01", "2025-07-01")
    gives("""
        a  Jan 100 Feb 100 Mar 100 May 137.50 Jun 137.50
        c                          May 137.50 Jun 137.50
    """, HALF_YEAR, ended, version(3, "2025-05-01", sub("a", 600), c, variable=[estimate(50)]))  # fmt: skip


def test_a_cancelled_contract_with_a_separate_one_goes_on_whole():
    second = version(2, "2025-04-01", sub("a", 600), sub("c", 300, "2025-04-01", "2025-07-01"))
    ended, again = cancelled(second, "2025-05-01"), replace(second, version=4, effective_at=at("2025-05-01"))
    assert months(planned([HALF_YEAR, second])) == months(planned([HALF_YEAR, second, ended, again]))


def test_what_is_cancelled_later_than_before_stays_ended():
    early = cancelled(HALF_YEAR, "2025-03-01")
    gives("a  Jan 100 Feb 100", HALF_YEAR, early, replace(cancelled(early, "2025-05-01"), version=3))


def test_a_first_version_may_be_cancelled():
    gives("a  Jan 100 Feb 100", replace(HALF_YEAR, kind=VersionKind.CANCELLED, effective_at=at("2025-03-01")))


# -- retroactive and revoked


def test_a_retroactive_amendment_is_the_same_computation_with_an_earlier_date():
    known_late = replace(version(2, "2025-02-01", sub("a", 850)), known_at=at("2025-05-20"))
    gives("a  Jan 100 Feb 150 Mar 150 Apr 150 May 150 Jun 150", HALF_YEAR, known_late)


def test_a_version_that_is_effective_before_its_predecessor_replaces_it_from_there_on():
    second = version(2, "2025-05-01", sub("a", 700))
    third = version(3, "2025-03-01", sub("a", 640))
    gives("a  Jan 100 Feb 100 Mar 110 Apr 110 May 110 Jun 110", HALF_YEAR, second, third)


# With cents that no month takes whole, so that it shows where they go.
TAKEN_BACK = {
    "prospective": version(2, "2025-04-01", sub("a", 540), sub("b", 301)),
    "catch-up": version(2, "2025-04-01", replace(sub("a", 540), distinct=False), sub("b", 301)),
    "separate contract": version(2, "2025-04-01", sub("a", 601), sub("b", 301), C),
    "separate contract with a term that began earlier": version(
        2, "2025-04-01", sub("a", 601), sub("b", 301), replace(C, start=at("2025-02-01"))
    ),
    "a line below its SSP": version(2, "2025-04-01", sub("a", 601), sub("b", 301), replace(C, ssp=cents(400))),
    "a line that goes": version(2, "2025-04-01", sub("a", 601)),
    "a line for another": version(2, "2025-04-01", sub("a", 601), C),
    "a past credit": version(2, "2025-04-01", sub("a", 590), sub("b", 301), past_credit=cents(10)),
    "an estimate": version(2, "2025-04-01", sub("a", 601), sub("b", 301), variable=[estimate(60)]),
    "an estimate of one line": version(2, "2025-04-01", sub("a", 601), sub("b", 301), variable=[estimate(61, "b")]),
    "a cancellation": cancelled(version(1, "2025-01-01", sub("a", 601), sub("b", 301)), "2025-04-01"),
    "another method": version(2, "2025-04-01", sub("a", 601, method="exact"), sub("b", 301)),
}


@pytest.mark.parametrize("second", TAKEN_BACK.values(), ids=TAKEN_BACK)
@pytest.mark.parametrize("decided", [{}, {"residual": "last_full_period"}, {"recognise": "daily"}])
@pytest.mark.parametrize("when", ["2025-04-01", "2025-04-01 09:00", "2025-03-15", "2025-01-01"])
def test_what_is_taken_back_from_its_day_on_leaves_nothing(second, when, decided):
    first = version(1, "2025-01-01", sub("a", 601), sub("b", 301))
    back = version(3, when, sub("a", 601), sub("b", 301))
    one, other = (planned(given, "UTC", policies(**decided)) for given in ([first], [first, second, back]))
    assert other.undecidable is None
    as_amounts = [[(it.instant, it.day, it.line_id, it.amount, it.kind) for it in found.effects(ALWAYS, FOREVER)]
                  for found in (one, other)]  # fmt: skip
    assert as_amounts[0] == as_amounts[1]


@pytest.mark.parametrize("line_ids", [(), ("a",)])
def test_what_is_taken_back_leaves_the_estimates_as_they_were(line_ids):
    first = replace(version(1, "2025-01-01", sub("a", 600), sub("b", 300)), variable=(estimate(61, *line_ids),))
    second = replace(version(2, "2025-04-01", sub("a", 540), sub("b", 300)), variable=first.variable)
    back = replace(first, version=3, kind=VersionKind.AMENDED, effective_at=at("2025-04-01"))
    found = planned([first, second, back])
    assert months(planned([first])) == months(found)
    assert [1] * 12 == [one.version for one in found.effects(ALWAYS, FOREVER)]


def test_what_is_taken_back_later_is_a_modification_of_what_is_left():
    """380 was earned by May; 220 are left."""
    gives("a  Jan 100 Feb 100 Mar 100 Apr 80 May 110 Jun 110", HALF_YEAR, version(2, "2025-04-01", sub("a", 540)),
          version(3, "2025-05-01", sub("a", 600)))  # fmt: skip


def test_after_an_amendment_that_is_taken_back_an_estimate_goes_by_the_old_basis_alone():
    """The pool of the amendment is gone with it: nothing of the estimate goes to the line that was added."""
    first = version(1, "2025-01-01", sub("a", 600), variable=[estimate(0)])
    second = version(2, "2025-04-01", sub("a", 600), replace(C, ssp=cents(600)), variable=[estimate(0)])
    third = replace(first, version=3, kind=VersionKind.AMENDED, effective_at=at("2025-04-01"))
    fourth = replace(third, version=4, effective_at=at("2025-05-01"), variable=(estimate(60),))
    gives("a  Jan 100 Feb 100 Mar 100 Apr 100 May 150 Jun 110", first, second, third, fourth)


# -- openings


def test_an_opening_before_a_modification():
    """400 of 600 by April instead of 300: 200 are left, 66.67 a month; from May on 240 less for two months."""
    first = version(1, "2025-01-01", sub("a", 600), opening=Opening(at("2025-04-01"), cents(400), 0))
    second = version(2, "2025-05-01", sub("a", 560))
    gives("a  Apr 66.67 May 46.67 Jun 46.66", first, second)


def test_an_amendment_before_the_books_start_is_of_what_is_left_then():
    """400 are in the balance of April; 260 of 660 are left for three months. A catch-up is of what is in the balance."""
    first = version(1, "2025-01-01", sub("a", 600), opening=Opening(at("2025-04-01"), cents(400), 0))
    found = gives("a  Apr 86.67 May 86.66 Jun 86.67", first, version(2, "2025-03-01", sub("a", 660)))
    assert cents(660) == recognised_by(found, FOREVER)
    caught = version(2, "2025-03-01", replace(sub("a", 660), distinct=False))
    found = gives("a  Apr 40 May 110 Jun 110", first, caught)  # half of 660 is 330
    assert [("2025-04-01", "a", -70)] == jumps(found)
    # Cancelled before, it goes on with what the balance has not.
    again = version(3, "2025-05-01", sub("a", 600))
    gives("a  May 100 Jun 100", first, cancelled(first, "2025-02-01"), again)


def test_a_cancellation_before_the_books_start_leaves_the_opening():
    first = version(1, "2025-01-01", sub("a", 600), opening=Opening(at("2025-04-01"), cents(400), cents(500)))
    found = gives("", first, cancelled(first, "2025-02-01"))
    assert (cents(400), cents(500), at("2025-04-01")) == (found.recognised, found.billed, found.opened_at)


def test_an_opening_of_a_contract_without_fixed_lines_says_nothing_of_them():
    meter = metered("u", "2025-01-01", "2026-01-01")
    first = version(1, "2025-01-01", meter, opening=Opening(at("2025-04-01"), cents(400), 0))
    found = gives("c  Apr 100 May 100 Jun 100", first, version(2, "2025-04-01", meter, C))
    assert (0, ALWAYS) == (found.recognised, found.opened_at)


def test_the_part_of_a_month_before_the_end_names_the_version_and_the_method():
    found = planned([HALF_YEAR, cancelled(HALF_YEAR, "2025-04-16")])
    last = found.effects(ALWAYS, FOREVER)[-1]
    assert (2, "monthly schedule, cumulative amount rounded half-even") == (last.version, last.rule)


def test_progress_at_the_instant_of_an_opening_is_in_its_balance():
    """Half of it was done by then and 500 recognised: 500 more for the other half."""
    first = version(1, "2025-01-01", units("p", 1000, 0, 2), opening=Opening(at("2025-03-01"), cents(500), 0))
    half, whole = version(2, "2025-03-01", units("p", 1000, 1, 2)), version(3, "2025-05-01", units("p", 1000, 2, 2))
    found = gives("p  May 500", first, half, whole)
    assert (1, 2) == tuple(part // 10**18 for part in found.lines[0].phases[0].transferred)


def test_what_was_credited_before_stays_where_a_later_version_is_taken_back():
    credited = version(2, "2025-03-01", sub("a", 570), past_credit=cents(30))
    third, back = version(3, "2025-04-01", sub("a", 600)), version(4, "2025-04-01", sub("a", 570))
    again = version(5, "2025-03-01", replace(sub("a", 570), quantity=1))
    assert months(planned([HALF_YEAR, credited])) == months(planned([HALF_YEAR, credited, third, back]))
    found = gives("a  Jan 100 Feb 100 Mar 70 Apr 100 May 100 Jun 100", HALF_YEAR, credited, third, back, again)
    assert [("2025-03-01", "a", -30)] == jumps(found)


def test_a_line_that_went_later_goes_on_the_day_from_which_a_later_version_holds_without_it():
    """Goods that were to come on March 5th went in April; by version 3 they are not there from March on."""
    first = version(1, "2025-01-01", sub("a", 600), sold("g", 50, "2025-03-05"))
    second = version(2, "2025-04-10", sub("a", 600))
    assert Decimal(50) == months(planned([first, second]))["g"]["Mar"]
    third = version(3, "2025-03-01", sub("a", 660))
    gives("a  Jan 100 Feb 100 Mar 115 Apr 115 May 115 Jun 115", first, second, third)
