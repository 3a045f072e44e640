"""Lines that come at their SSP with a version after they began: nothing is earned before the day of change (rule 5)."""

from dataclasses import replace

from tests.accounting.amended import HALF_YEAR, gives, jumps, months, sold, sub, version
from tests.accounting.examples import at
from tests.accounting.ledgers import milestone, planned

LATE = sub("b", 600, "2025-02-01", "2025-08-01")


def test_a_separate_line_that_began_before_its_version_is_caught_up_on_the_day_of_change():
    """February, March and nine days of April are over on the 10th: 100 + 100 + 30 of 600."""
    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b                          Apr 300 May 100 Jun 100 Jul 100
    """, HALF_YEAR, version(2, "2025-04-10", sub("a", 600), LATE))  # fmt: skip
    assert [("2025-04-10", "b", 230)] == jumps(found)


def test_a_separate_line_that_begins_with_its_version_has_nothing_to_catch_up():
    found = planned([HALF_YEAR, version(2, "2025-02-01T09:00", sub("a", 600), LATE)])
    assert [] == jumps(found)
    assert 5 + 1 == len(months(found)["b"])


def test_what_was_delivered_before_its_version_is_earned_on_the_day_of_change():
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        g                          Apr 50
    """, HALF_YEAR, version(2, "2025-04-10", sub("a", 600), sold("g", 50, "2025-03-05")))  # fmt: skip


def test_a_milestone_that_its_own_version_says_is_half_done_has_nothing_to_catch_up():
    done = replace(milestone("m", "2025-01-01", "2025-07-01", 80, 50), distinct=True)
    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        m                          Apr 40
    """, HALF_YEAR, version(2, "2025-04-10", sub("a", 600), done))  # fmt: skip
    assert [] == jumps(found)


def test_a_separate_line_that_is_taken_back_from_its_version_on_never_was():
    second = version(2, "2025-04-10", sub("a", 600), LATE)
    third = version(3, "2025-04-10", sub("a", 600))
    assert months(planned([HALF_YEAR])) == months(planned([HALF_YEAR, second, third]))
    assert at("2025-04-10") == planned([HALF_YEAR, second]).lines[1].phases[-1].since
