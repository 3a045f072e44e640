"""A price change that settles goods already delivered reduces revenue at once (accounting.md, rule 5, past_credit)."""

from __future__ import annotations

from dataclasses import replace

from accounting.coverage import ALWAYS
from tests.accounting.amended import (
    HALF_YEAR,
    cancelled,
    gives,
    jumps,
    months,
    sub,
    units,
    version,
)
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, metered, milestone, planned
from tests.accounting.plans import recognised_by

# -- a credit for what was delivered


def test_a_past_credit_reduces_revenue_at_once():
    """Of 90 less, 30 settle three months that are over: 270 are earned, 240 are left."""
    found = gives("a  Jan 100 Feb 100 Mar 100 Apr 50 May 80 Jun 80", HALF_YEAR,
                  version(2, "2025-04-01", sub("a", 510), past_credit=cents(30)))  # fmt: skip
    assert [("2025-04-01", "a", -30)] == jumps(found)


def test_i05b_a_credit_for_poor_units_and_thirty_more():
    """60 at 100 less 15 each; 60 x 100 + 30 x 80 = 8,400 for 90."""
    gives("p  Jan 6000 Apr -900 May 4200 Jun 4200",
          version(1, "2025-01-01", units("p", 12000, 60, 120)),
          version(2, "2025-04-01", units("p", 13500, 60, 150), past_credit=cents(900)),
          version(3, "2025-05-01", units("p", 13500, 105, 150)),
          version(4, "2025-06-01", units("p", 13500, 150, 150)))  # fmt: skip


def test_a_past_credit_is_borne_by_what_lines_have_earned():
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 200))
    found = gives("""
        a  Jan 100   Feb 100   Mar 100   Apr 70    May 100   Jun 100
        b  Jan 33.33 Feb 33.34 Mar 33.33 Apr 23.33 May 33.34 Jun 33.33
    """, first, version(2, "2025-04-01", sub("a", 570), sub("b", 190), past_credit=cents(40)))  # fmt: skip
    assert [("2025-04-01", "a", -30), ("2025-04-01", "b", -10)] == jumps(found)


def test_a_past_credit_of_a_line_that_catches_up_counts_whole():
    """100 earned of 400 at a quarter: 10 at once, a quarter of the 10 that the price fell besides, and no more."""
    first = version(1, "2025-01-01", milestone("m", "2025-01-01", "2025-07-01", 400, 25))
    second = version(2, "2025-04-01", milestone("m", "2025-01-01", "2025-07-01", 380, 25), past_credit=cents(10))
    done = version(3, "2025-06-01", milestone("m", "2025-01-01", "2025-07-01", 380, 100))
    gives("m  Jan 100 Apr -12.50 Jun 292.50", first, second, done)


def test_a_past_credit_stays_settled_when_another_version_of_its_day_follows():
    b = sub("b", 150, "2025-04-01", "2025-07-01", ssp=cents(200))
    second = version(2, "2025-04-01", sub("a", 510), past_credit=cents(30))
    third = version(3, "2025-04-01 15:00", sub("a", 510), b)
    # 240 are left of a and 150 come: by 510 / 2 and 200
    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 42.86 May 72.85 Jun 72.86
        b                          Apr 57.14 May 57.15 Jun 57.14
    """, HALF_YEAR, second, third)  # fmt: skip
    assert [("2025-04-01", "a", -30)] == jumps(found)
    assert months(planned([HALF_YEAR, second])) == months(
        planned([HALF_YEAR, second, third, version(4, "2025-04-01", sub("a", 510))])
    )


def test_a_past_credit_stays_settled_by_what_is_earned_when_a_later_version_reaches_further_back():
    """In June b has earned a sixth of all; in March, from which version 3 holds, nothing: a bears it."""
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 150, "2025-04-01"))
    second = version(2, "2025-06-01", sub("a", 560), sub("b", 150, "2025-04-01"), past_credit=cents(36))
    assert [("2025-06-01", "a", -30), ("2025-06-01", "b", -6)] == jumps(planned([first, second]))
    third = version(3, "2025-03-01", sub("a", 540), sub("b", 150, "2025-04-01"))
    assert [("2025-03-01", "a", -36)] == jumps(planned([first, second, third]))


def test_a_line_that_went_on_the_day_of_a_past_credit_bears_its_part():
    """300 and 100 are earned: 30 and 10 of 40, whether b goes with that version or with one of the same day before."""
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 200))
    gone = version(2, "2025-04-01", sub("a", 600))
    credited = version(3, "2025-04-01 15:00", sub("a", 560), past_credit=cents(40))
    expected = [("2025-04-01", "a", -30), ("2025-04-01", "b", -10)]
    assert expected == jumps(planned([first, gone, credited]))
    assert expected == jumps(planned([first, replace(credited, version=2)]))


def test_a_past_credit_goes_with_the_amendment_that_is_taken_back():
    second = version(2, "2025-04-01", sub("a", 510), past_credit=cents(30))
    back = version(3, "2025-04-01", sub("a", 600))
    assert months(planned([HALF_YEAR])) == months(planned([HALF_YEAR, second, back]))
    again = version(4, "2025-05-01", sub("a", 540))
    gives("a  Jan 100 Feb 100 Mar 100 Apr 100 May 70 Jun 70", HALF_YEAR, second, back, again)


def test_a_past_credit_of_a_line_that_goes_reduces_what_it_earned():
    both = version(1, "2025-01-01", sub("a", 600), sub("b", 200))
    gives("""
        a  Jan 100   Feb 100   Mar 100   Apr 75  May 105 Jun 105
        b  Jan 33.33 Feb 33.34 Mar 33.33 Apr -10
    """, both, version(2, "2025-04-01", sub("a", 585), past_credit=cents(40)))  # fmt: skip


def test_a_past_credit_with_a_cancellation():
    found = gives(
        "a  Jan 100 Feb 100 Mar 100 Apr -30", HALF_YEAR, cancelled(HALF_YEAR, "2025-04-01", past_credit=cents(30))
    )
    assert [("2025-04-01", "a", -30)] == jumps(found)
    gives("", HALF_YEAR, cancelled(HALF_YEAR, "2025-01-01", past_credit=cents(30)))


def test_a_past_credit_before_lines_begin_is_borne_by_all_that_were_there():
    """And not by what comes with the same version."""
    first = version(1, "2025-01-01", sub("a", 400, "2025-03-01"), sub("b", 300, "2025-04-01"))
    lines = (
        sub("a", 390, "2025-03-01", ssp=cents(400)),
        sub("b", 290, "2025-04-01", ssp=cents(300)),
        sub("c", 50, "2025-06-01", ssp=cents(50)),
    )
    found = gives("""
        a  Feb -10 Mar 100 Apr 100 May 100 Jun 100
        b  Feb -10         Apr 100 May 100 Jun 100
        c                                  Jun 50
    """, first, version(2, "2025-02-01", *lines, past_credit=cents(20)))  # fmt: skip
    assert [("2025-02-01", "a", -10), ("2025-02-01", "b", -10)] == jumps(found)
    assert cents(-20) == recognised_by(found, at("2025-03-01"))
    assert at("2025-02-01") == found.next_effect(ALWAYS)


def test_a_past_credit_without_anything_that_was_there_before_settles_nothing():
    meter = metered("u", "2025-01-01", "2026-01-01")
    first = version(1, "2025-01-01", meter)
    second = version(2, "2025-04-01", meter, sub("b", 300, "2025-04-01", "2025-07-01"), past_credit=cents(30))
    gives("b  Apr 100 May 100 Jun 100", first, second, decided="prospective")
