"""What becomes of a renewed term that is amended, amended again on its own day, or taken back."""

from __future__ import annotations

from tests.accounting.amended import gives, sub, version
from tests.accounting.ledgers import planned

# 60 a month, by months: January and February; then March and April for 30 a month, with a price of their own.
FIRST = version(1, "2025-01-01", sub("a", 120, "2025-01-01", "2025-03-01"))
RENEWED = version(2, "2025-03-01", sub("a", 60, "2025-03-01", "2025-05-01"))


def phases(*versions):
    """(version, earned before, to be earned) of each phase of the line."""
    (line,) = planned(versions).lines
    return [(one.version, one.base, one.amount) for one in line.phases]


def test_what_a_renewed_term_was_is_planned_again_when_its_amendment_is_taken_back():
    dearer = version(3, "2025-04-01", sub("a", 80, "2025-03-01", "2025-05-01"))
    back = version(4, "2025-04-01", *RENEWED.lines)
    gives("a  Jan 60 Feb 60 Mar 30 Apr 50", FIRST, RENEWED, dearer)
    gives("a  Jan 60 Feb 60 Mar 30 Apr 30", FIRST, RENEWED, dearer, back)
    assert [(1, 0, 12000), (2, 12000, 6000)] == phases(FIRST, RENEWED)
    assert phases(FIRST, RENEWED) == phases(FIRST, RENEWED, dearer, back)


def test_a_renewal_that_is_taken_back_on_its_day_leaves_the_first_term():
    back = version(3, "2025-03-01", *FIRST.lines)
    gives("a  Jan 60 Feb 60", FIRST, RENEWED, back)
    assert [(1, 0, 12000)] == phases(FIRST) == phases(FIRST, RENEWED, back)


def test_a_renewal_that_becomes_a_longer_term_on_its_day_counts_what_was_earned_once():
    """180 over four months, of which 120 are earned: 60 are left, and not 180."""
    longer = version(3, "2025-03-01", sub("a", 180, "2025-01-01", "2025-05-01"))
    gives("a  Jan 60 Feb 60 Mar 30 Apr 30", FIRST, RENEWED, longer)


def test_a_renewal_that_is_said_again_on_its_day_counts_what_was_earned_once():
    again = version(3, "2025-03-01", sub("a", 90, "2025-03-01", "2025-05-01"))
    gives("a  Jan 60 Feb 60 Mar 45 Apr 45", FIRST, RENEWED, again)
