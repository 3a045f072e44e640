"""Fixed lines: effects at their own instant, the one position, updates, cancellation and opening."""

import pytest

from .scenario import Scenario, by_line, by_period, delivered, fixed, progress, usage_line

JANUARY, FEBRUARY, MARCH, APRIL = (f"2024-0{month}-01T00:00:00Z" for month in (1, 2, 3, 4))


def update(scenario, lines, effective, version=2, end=APRIL, **changes):
    """Append another version of the contract from January."""
    return scenario.contract(lines, JANUARY, end, version, effective_at=effective, **changes)


def test_a_delivery_is_due_at_its_own_instant(tmp_path):
    scenario = Scenario(tmp_path).contract([delivered("l", "2024-01-10T10:00:00Z")], JANUARY, APRIL)
    assert {} == by_line(scenario.books("2024-01-10T09:59:59.999999Z"))
    assert {"l": 10000} == by_line(scenario.books("2024-01-10T10:00:00Z"))


def test_a_delivery_is_dated_its_local_day(tmp_path):
    scenario = Scenario(tmp_path).contract([delivered("l", "2024-02-01T04:59:59Z")], JANUARY, APRIL)
    scenario.reference("entity", id="e", time_zone="America/New_York")
    assert {"2024-01": 10000} == by_period(scenario.books(APRIL), "revenue")


def test_an_undelivered_line_earns_nothing_until_a_version_says_when(tmp_path):
    scenario = Scenario(tmp_path).contract([delivered("l", None)], JANUARY, APRIL)
    assert {} == by_line(scenario.books(APRIL))
    update(scenario, [delivered("l", "2024-02-10T00:00:00Z", ssp="7")], "2024-03-05T00:00:00Z")
    books = scenario.books(APRIL)
    assert {"2024-02": 10000} == by_period(books, "revenue")
    assert set() == books.not_covered


def test_progress_takes_effect_at_its_own_instant_and_the_highest_version_holds(tmp_path):
    scenario = Scenario(tmp_path).contract(
        [progress("l", "1", "3")], JANUARY, APRIL, effective_at="2023-12-15T00:00:00Z"
    )
    update(scenario, [progress("l", "2", "3")], "2024-03-05T10:00:00Z")
    update(scenario, [progress("l", "1", "2")], "2024-02-05T10:00:00Z", version=3)
    assert {} == by_line(scenario.books("2023-12-31T23:59:59Z"))
    assert {"2024-01": 3333} == by_period(scenario.books("2024-02-05T09:59:59Z"), "revenue")
    assert {"2024-01": 3333, "2024-02": 1667} == by_period(scenario.books(APRIL), "revenue")


def test_an_update_re_allocates_nothing(tmp_path):
    before = [fixed("a", "60", ssp="60"), progress("b", "0", "1", "40", ssp="40")]
    scenario = Scenario(tmp_path).contract(before, JANUARY, APRIL)
    after = [fixed("a", "60", ssp="90"), progress("b", "1", "1", "40", ssp="10")]
    update(scenario, after, "2024-02-01T00:00:00Z")
    books = scenario.books(APRIL)
    assert {"a": 6000, "b": 4000} == by_line(books)
    assert set() == books.not_covered


def test_the_position_is_one_for_all_fixed_lines_in_the_order_of_their_instants(tmp_path):
    """15 billed: the delivery on the 10th takes 12 of it, the month's end 3 and leaves 7 unbilled."""
    opening = {"as_of": "2023-12-31T00:00:00Z", "recognised": "0", "billed": "15"}
    lines = [fixed("a", "10", end=FEBRUARY), delivered("b", "2024-01-10T00:00:00Z", "12")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL, opening=opening)
    books = scenario.books(FEBRUARY)
    assert {"a": -300, "b": -1200} == by_line(books, "deferred_revenue")
    assert {"a": -700} == by_line(books, "unbilled_receivable")


def test_effects_of_one_instant_are_in_the_order_of_the_lines_in_the_latest_version(tmp_path):
    """10 billed, 8 earned by each line at the end of January: the line named first takes all of the deferred."""
    opening = {"as_of": "2023-12-31T00:00:00Z", "recognised": "0", "billed": "10"}
    lines = [fixed("z", "8", end=FEBRUARY), fixed("a", "8", end=FEBRUARY)]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL, opening=opening)
    assert {"a": -200, "z": -800} == by_line(scenario.books(FEBRUARY), "deferred_revenue")
    update(scenario, lines[::-1], "2024-03-05T00:00:00Z")
    assert {"a": -800, "z": -200} == by_line(scenario.books(FEBRUARY), "deferred_revenue")


@pytest.mark.parametrize(
    "effective, expected",
    [
        ("2024-02-11T17:00:00Z", {"a": 3100 + 1000, "b": 10000, "c": 5000}),
        ("2024-01-11T00:00:01Z", {"a": 1000, "b": 10000}),
        ("2024-01-10T00:00:01Z", {"a": 900}),  # its whole local date belongs to it
        ("2024-01-09T23:00:00Z", {"a": 800}),
        ("2024-01-01T00:00:00Z", {}),
    ],
)
def test_a_cancellation_ends_what_comes_after_the_midnight_of_its_day(tmp_path, effective, expected):
    lines = [fixed("a", "91"), delivered("b", "2024-01-10T00:00:00Z"), progress("c", "0", "1")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL)
    lines[2] = progress("c", "1", "2")
    update(scenario, lines, "2024-01-20T00:00:00Z")
    update(scenario, lines, effective, version=3, kind="cancelled")
    assert expected == by_line(scenario.books(APRIL))


def test_a_cancellation_takes_back_what_was_posted_after_it(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed("a", "91")], JANUARY, APRIL).close("2024-02", MARCH)
    known = {"event_time": "2024-03-05T00:00:00Z", "kind": "cancelled"}
    update(scenario, [fixed("a", "91")], "2024-02-11T00:00:00Z", **known)
    found = {key[2:4]: -minor for key, minor in scenario.books(APRIL).sums.items() if key[4] == "revenue"}
    assert {("2024-01", None): 3100, ("2024-02", None): 2900, ("2024-03", "2024-02"): -1900} == found


def test_an_opening_is_split_by_what_each_line_had_earned_and_the_rest_follows_the_schedule(tmp_path):
    opening = {"as_of": FEBRUARY, "recognised": "62", "billed": "100"}
    lines = [
        fixed("a", "91"),
        fixed("b", "182"),
        delivered("c", "2024-02-10T00:00:00Z", "10"),
        progress("d", "1", "4", "100"),
    ]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL, opening=opening)
    lines[3] = progress("d", "2", "4", "100")
    update(scenario, lines, "2024-02-20T00:00:00Z")
    books = scenario.books(APRIL)
    # 62 by 31, 62, 0 and 25 is 16.29, 32.58, 0 and 13.13; of what is left of d, a third
    assert {"a": 9100 - 1629, "b": 18200 - 3258, "c": 1000, "d": 2896} == by_line(books)
    # a and b: 29 of the 60 days left
    assert {"a": 3611, "b": 7222, "c": 1000, "d": 2896} == by_line(scenario.books(MARCH))
    assert {} == by_line(scenario.books("2024-02-09T00:00:00Z"))
    assert set() == books.not_covered


def test_usage_lines_have_positions_of_their_own(tmp_path):
    opening = {"as_of": "2023-12-31T00:00:00Z", "recognised": "0", "billed": "50"}
    lines = [fixed("a", "10", end=FEBRUARY), {**usage_line("u", unit_price="1")}]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL, opening=opening).use("2024-01-05T00:00:00Z", "7")
    books = scenario.books(FEBRUARY)
    assert {"a": -1000} == by_line(books, "deferred_revenue")
    assert {"u": -700} == by_line(books, "unbilled_receivable")
