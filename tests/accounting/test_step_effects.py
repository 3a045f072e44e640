"""What a line with progress earns on a day of change: what the modification catches up, and what that day's progress adds."""

from accounting.coverage import ALWAYS, FOREVER
from tests.accounting.amended import version
from tests.accounting.ledgers import milestone, planned


def told(*versions):
    """(day, kind, major units) of everything that is earned."""
    found = planned(versions)
    return [(one.day.isoformat(), str(one.kind), one.amount // 100) for one in found.effects(ALWAYS, FOREVER)]


def goal(total, done):
    return milestone("m", "2025-03-01", "2025-09-01", total, done)


def test_progress_of_the_instant_of_a_modification_is_no_catch_up_at_midnight_as_at_nine():
    """Of 400 a quarter is done, 100; at 480 that is 120, and half of it 240."""
    first = version(1, "2025-01-01", goal(400, 25))
    for hour in ("", " 09:00"):
        second = version(2, "2025-04-01" + hour, goal(480, 50))
        expected = [
            ("2025-01-01", "recognition", 100),
            ("2025-04-01", "recognition", 120),
            ("2025-04-01", "catch_up", 20),
        ]
        assert sorted(expected) == sorted(told(first, second))


def test_a_milestone_that_is_amended_at_its_own_start_has_nothing_to_catch_up():
    first = version(1, "2025-01-01", goal(400, 0))
    assert [("2025-03-01", "recognition", 120)] == told(first, version(2, "2025-03-01", goal(480, 25)))
