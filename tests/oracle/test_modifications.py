"""Worked cases of cases.md on modifications, and each treatment by hand (accounting.md rules 5 and 6)."""

import pytest

from .scenario import Scenario, by_line, by_period, delivered, fixed, progress

MONTHS = tuple(f"2023-{month:02d}-01T00:00:00Z" for month in range(1, 13))
JANUARY, FEBRUARY, MARCH, APRIL, MAY, JUNE, JULY = MONTHS[:7]
YEAR_END, LATER = "2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z"
APPROVED = {"reason": "agreed", "approved_by": "ann"}


def contract(tmp_path, *lines, end=YEAR_END, **changes):
    """Version 1 from January."""
    return Scenario(tmp_path).contract(list(lines), JANUARY, end, **changes)


def amend(scenario, effective, *lines, version=2, end=YEAR_END, **changes):
    """Another version."""
    return scenario.contract(list(lines), JANUARY, end, version, effective_at=effective, **changes)


def monthly(line_id="l", total="1200", **terms):
    """A ratable line in equal months."""
    return fixed(line_id, total, method="monthly", **terms)


def revenue(scenario, as_of=LATER):
    """By month in cents; every record is covered and none excepted."""
    books = scenario.books(as_of)
    assert set() == books.not_covered | books.exceptions
    return {name[2:]: minor for name, minor in by_period(books, "revenue").items()}


def lines(scenario, as_of=LATER):
    """By line in cents, none excepted."""
    books = scenario.books(as_of)
    assert set() == books.not_covered | books.exceptions
    return by_line(books)


# -- the cases of the guide


def test_z01_a_price_rise_half_way(tmp_path):
    scenario = amend(contract(tmp_path, monthly()), JULY, monthly(total="1500"))
    assert [10000] * 6 + [15000] * 6 == list(revenue(scenario).values())


def test_c01_a_discount_half_way(tmp_path):
    scenario = contract(tmp_path, monthly(total="600"), end=JULY)
    amend(scenario, APRIL, monthly(total="540"), end=JULY)
    assert [10000] * 3 + [8000] * 3 == list(revenue(scenario).values())


def test_i05a_units_added_at_their_price_are_a_separate_contract(tmp_path):
    units = progress("l", "60", "120", "12000", distinct=True)
    scenario = contract(tmp_path, units)
    more = progress("more", "0", "30", "2850", distinct=True, ssp="2850")
    amend(scenario, MARCH, units, more)
    assert {"23-01": 600000} == revenue(scenario)
    delivered_all = (
        progress("l", "120", "120", "12000", distinct=True),
        {**more, "progress": {"incurred": "30", "expected": "30"}},
    )
    amend(scenario, APRIL, *delivered_all, version=3)
    assert {"23-01": 600000, "23-04": 600000 + 285000} == revenue(scenario)
    assert {"l": 1200000, "more": 285000} == lines(scenario)


def test_i05b_units_added_below_their_price_share_what_is_left_and_a_past_credit_counts_at_once(tmp_path):
    """60 of 120 at 100 are delivered; 30 more at 80, and 15 back for each of the 60: then 8,400 for 90, 93.33 each."""
    scenario = contract(tmp_path, progress("l", "60", "120", "12000", distinct=True, ssp="12000"))
    later = progress("l", "60", "150", "13500", distinct=True, ssp="15000")
    amend(scenario, "2023-03-05T00:00:00Z", later, modification={"past_credit": "900"})
    later = progress("l", "105", "150", "13500", distinct=True, ssp="15000")
    amend(scenario, "2023-04-05T00:00:00Z", later, version=3)
    assert {"23-01": 600000, "23-03": -90000, "23-04": 420000} == revenue(scenario)


def test_i06_a_later_estimate_is_spread_on_the_old_basis(tmp_path):
    """X 600 at once; Y and Z 450 each; then X 20 more at once, Y and Z 460 each."""
    bonus = {"id": "bonus", "line_ids": []}
    x, y = delivered("x", "2023-01-10T00:00:00Z", "500", ssp="600"), delivered("y", None, "500", ssp="600")
    z = delivered("z", None, "300", ssp="600")
    scenario = contract(tmp_path, x, y, variable=[{**bonus, "estimate": "200"}])
    assert {"x": 60000} == lines(scenario)
    amend(scenario, MARCH, x, y, z, variable=[{**bonus, "estimate": "200"}])
    assert {"x": 60000} == lines(scenario)
    amend(scenario, APRIL, x, y, z, version=3, variable=[{**bonus, "estimate": "240"}])
    assert {"23-01": 60000, "23-04": 2000} == revenue(scenario)
    y, z = ({**line, "satisfied_at": MAY} for line in (y, z))
    amend(scenario, MAY, x, y, z, version=4, variable=[{**bonus, "estimate": "240"}])
    assert {"x": 62000, "y": 46000, "z": 46000} == lines(scenario)


def test_i06_without_a_new_estimate(tmp_path):
    x, y, z = (
        delivered(name, at, total, ssp="600")
        for name, at, total in (("x", JANUARY, "500"), ("y", MAY, "500"), ("z", MAY, "300"))
    )
    known = [{"id": "bonus", "estimate": "200"}]
    scenario = contract(tmp_path, x, y, variable=known)
    amend(scenario, MARCH, x, y, z, variable=known)
    assert {"x": 60000, "y": 45000, "z": 45000} == lines(scenario)


# -- which treatment


def test_a_line_at_its_price_leaves_the_others_alone(tmp_path):
    scenario = contract(tmp_path, monthly("a", "1200"))
    amend(scenario, JULY, monthly("a", "1200"), monthly("b", "300", ssp="300", start=JULY))
    assert {"a": 120000, "b": 30000} == lines(scenario)
    assert [10000] * 6 + [15000] * 6 == list(revenue(scenario).values())


def test_a_line_off_its_price_joins_the_pool(tmp_path):
    """600 are left of a; with 300 for b 900 by 600 (half of 1,200) and 400: 540 and 360."""
    scenario = contract(tmp_path, monthly("a", "1200", ssp="1200"))
    amend(scenario, JULY, monthly("a", "1200", ssp="1200"), monthly("b", "300", ssp="400", start=JULY))
    assert {"a": 60000 + 54000, "b": 36000} == lines(scenario)


@pytest.mark.parametrize(
    "tolerance, expected",
    [("5", {"a": 120000, "b": 30000}), ("4.99", {"a": 60000 + 58966, "b": 31034})],
)
def test_the_tolerance_of_the_price_is_a_policy(tmp_path, tolerance, expected):
    """300 are 4.997 % less than 315.78; without the tolerance 900 go by 600 and 315.78."""
    scenario = contract(tmp_path, monthly("a", "1200", ssp="1200"))
    amend(scenario, JULY, monthly("a", "1200", ssp="1200"), monthly("b", "300", ssp="315.78", start=JULY))
    assert expected == lines(scenario.policy("ssp_tolerance", tolerance, JANUARY))


def test_a_changed_total_never_is_a_separate_contract(tmp_path):
    """1,320 for a, and b at its price, are one pool: what is left, 1,020, goes by 600 and 300."""
    scenario = contract(tmp_path, monthly("a", "1200", ssp="1200"))
    amend(scenario, JULY, monthly("a", "1320", ssp="1200"), monthly("b", "300", ssp="300", start=JULY))
    assert {"a": 60000 + 68000, "b": 34000} == lines(scenario)


def test_what_is_not_distinct_catches_up_on_the_day(tmp_path):
    """60 % of 1,000 are 600; of 1,150 they are 690: 90 on March 5."""
    scenario = contract(tmp_path, progress("l", "6", "10", "1000"))
    amend(scenario, "2023-03-05T10:00:00Z", progress("l", "6", "10", "1150"))
    assert {"23-01": 60000, "23-03": 9000} == revenue(scenario)
    assert {"23-01": 60000, "23-03": 9000} == revenue(scenario, "2023-03-05T00:00:00Z")


def test_a_ratable_line_that_is_not_distinct_catches_up_by_its_schedule(tmp_path):
    """Three of twelve months of 1,320 are 330, 30 more than were earned, posted on April 1 and not at its end."""
    scenario = contract(tmp_path, monthly())
    amend(scenario, APRIL, monthly(total="1320", distinct=False))
    assert [10000] * 3 + [14000] + [11000] * 8 == list(revenue(scenario).values())
    assert {"23-01": 10000, "23-02": 10000, "23-03": 10000, "23-04": 3000} == revenue(scenario, APRIL)


def test_a_mixed_modification_goes_line_by_line(tmp_path):
    """1,200 each, then 1,500 each: m catches up 40 % of 300 at once, a goes on with 1,500 less 300 for nine months."""
    a, m = monthly("a", "1200", ssp="1200"), progress("m", "4", "10", "1200", ssp="1200")
    scenario = contract(tmp_path, a, m)
    amend(scenario, APRIL, monthly("a", "1800", ssp="1200"), m)
    assert {"23-01": 10000 + 48000, "23-02": 10000, "23-03": 10000, "23-04": 12000} == revenue(scenario, APRIL)
    assert 12000 + 13333 == revenue(scenario)["23-04"]
    assert {"a": 150000, "m": 60000} == lines(scenario)


def explicit(tmp_path, treatment, **facts):
    """a 600 of 1,200 earned; b comes at its price."""
    scenario = contract(tmp_path, monthly("a", "1200", ssp="1800"))
    added = [monthly("a", "1200", ssp="1800"), monthly("b", "300", ssp="300", start=JULY)]
    return amend(scenario, JULY, *added, modification={"treatment": treatment, **facts})


def test_an_explicit_treatment_overrides_the_tests(tmp_path):
    """Prospective: 900 by 900 and 300."""
    assert {"a": 60000 + 67500, "b": 22500} == lines(explicit(tmp_path, "prospective", **APPROVED))


def test_an_explicit_catch_up(tmp_path):
    """1,500 by 1,800 and 300: 1,285.71 and 214.29."""
    scenario = explicit(tmp_path, "cumulative_catch_up", **APPROVED)
    assert {"a": 128571, "b": 21429} == lines(scenario)
    assert 64286 - 60000 + 10714 + 3572 == revenue(scenario)["23-07"]


def test_an_explicit_separate_contract_needs_no_price(tmp_path):
    scenario = contract(tmp_path, monthly("a", "1200"))
    added = [monthly("a", "1200"), monthly("b", "300", ssp="900", start=JULY)]
    amend(scenario, JULY, *added, modification={"treatment": "separate_contract", **APPROVED})
    assert {"a": 120000, "b": 30000} == lines(scenario)


@pytest.mark.parametrize(
    "modification",
    [
        {"treatment": "prospective"},
        {"treatment": "prospective", "reason": "agreed"},
        {"treatment": "prospective", "approved_by": "ann"},
        {"treatment": "prospective", "requested_by": "ann", **APPROVED},
        {"treatment": "separate_contract", **APPROVED},
    ],
)
def test_what_nobody_can_decide_changes_nothing(tmp_path, modification):
    scenario = amend(contract(tmp_path, monthly()), JULY, monthly(total="1500"), modification=modification)
    books = scenario.books(LATER)
    assert {("treatment_undecidable", "contracts.events", 0, 1)} == books.exceptions
    assert {"l": 120000} == by_line(books)
    amend(scenario, JULY, monthly(total="1800"), version=3)
    assert {"l": 180000} == lines(scenario)


@pytest.mark.parametrize("effective, open_", [("2022-12-31T23:59:59Z", True), (YEAR_END, True), (JANUARY, False)])
def test_an_amendment_lies_inside_its_term(tmp_path, effective, open_):
    books = amend(contract(tmp_path, monthly()), effective, monthly(total="1500")).books(LATER)
    assert open_ == bool(books.exceptions)
    assert {"l": 120000 if open_ else 150000} == by_line(books)


def test_a_first_version_that_nobody_can_decide_leaves_the_beginning_to_the_next(tmp_path):
    variable = {"line_id": "v", "kind": "point_in_time", "product_id": "v", "satisfied_at": MARCH}
    scenario = contract(tmp_path, monthly("a", "1200", ssp="1200"), {**variable, "total": "5"})
    scenario.reference("product", id="v", highly_variable=True, ssp_low="10", ssp_high="20")
    scenario.reference("product", id="a")
    assert {("treatment_undecidable", "contracts.events", 0, 0)} == scenario.books(LATER).exceptions
    assert {} == by_line(scenario.books(LATER))
    amend(scenario, MAY, monthly("a", "1200", ssp="1200"), {**variable, "total": "15"})
    assert {"a": 120000, "v": 1500} == lines(scenario)
    assert 11 * 10000 + 1500 + 10000 == sum(revenue(scenario).values())
    assert 10000 == revenue(scenario)["23-01"]


# -- prospective, in detail


def test_the_day_of_change_belongs_to_the_new_terms(tmp_path):
    """From 91 to 151 on February 11, at 17 h: 41 days at 1, 50 days share 110."""
    scenario = contract(tmp_path, fixed(total="91"), end="2023-04-02T00:00:00Z")
    amend(scenario, "2023-02-11T17:00:00Z", fixed(total="151"), end="2023-04-02T00:00:00Z")
    assert {"23-01": 3100, "23-02": 1000 + 3960, "23-03": 6820, "23-04": 220} == revenue(scenario)


def test_a_longer_term_goes_on_from_what_is_recognised(tmp_path):
    scenario = contract(tmp_path, fixed(total="90"), end=APRIL)
    amend(scenario, MARCH, fixed(total="152"), end=JUNE)
    assert {"23-01": 3100, "23-02": 2800, "23-03": 3134, "23-04": 3032, "23-05": 3134} == revenue(scenario)


def test_a_removed_line_keeps_what_it_has_earned(tmp_path):
    scenario = contract(tmp_path, monthly("a", "1200"), monthly("b", "600"))
    amend(scenario, APRIL, monthly("a", "1200"))
    assert {"a": 120000, "b": 15000} == lines(scenario)


def test_a_line_removed_at_its_start_never_was(tmp_path):
    scenario = contract(tmp_path, monthly("a", "1200"), delivered("b", JANUARY, "600", start=APRIL))
    amend(scenario, APRIL, monthly("a", "1200"))
    assert {"a": 120000} == lines(scenario)


def test_what_is_transferred_takes_no_part_in_the_pool(tmp_path):
    """X was worth 100 and is delivered; Y's price falls from 100 to 40: Y alone bears it."""
    x, y = delivered("x", FEBRUARY, "100"), delivered("y", JUNE, "100")
    scenario = amend(contract(tmp_path, x, y), MARCH, x, delivered("y", JUNE, "40", ssp="100"))
    assert {"x": 10000, "y": 4000} == lines(scenario)


def test_a_price_that_changes_after_everything_is_transferred_counts_at_once(tmp_path):
    scenario = contract(tmp_path, fixed(total="90", end=APRIL))
    amend(scenario, "2023-05-20T00:00:00Z", fixed(total="80", end=APRIL))
    assert {"23-01": 3100, "23-02": 2800, "23-03": 3100, "23-05": -1000} == revenue(scenario)


def test_a_past_credit_reduces_revenue_by_what_each_line_had_earned(tmp_path):
    """300 and 100 earned: 40 back are 30 and 10, on April 1; the rest of 1,560 goes on as before."""
    a, b = monthly("a", "1200"), monthly("b", "400")
    scenario = contract(tmp_path, a, b)
    amend(
        scenario,
        APRIL,
        monthly("a", "1170", ssp="1200"),
        monthly("b", "390", ssp="400"),
        modification={"past_credit": "40"},
    )
    assert {"a": 117000, "b": 39000} == lines(scenario)
    assert {"23-01": 13333, "23-02": 13334, "23-03": 13333, "23-04": -4000} == revenue(scenario, APRIL)


# -- estimates


def test_an_estimate_of_some_lines_stays_with_them(tmp_path):
    known = [{"id": "v", "estimate": "90", "line_ids": ["a", "b"]}]
    parts = [delivered(name, MARCH, "100", ssp=ssp) for name, ssp in (("a", "100"), ("b", "200"), ("c", "100"))]
    # 300 by 100, 200 and 100; 90 by 100 and 200
    assert {"a": 7500 + 3000, "b": 15000 + 6000, "c": 7500} == lines(contract(tmp_path, *parts, variable=known))


def test_an_estimate_that_changes_catches_up_by_what_is_transferred(tmp_path):
    """Of 120 more a quarter is over on April 1."""
    scenario = contract(tmp_path, monthly(), variable=[{"id": "v", "estimate": "0"}])
    amend(scenario, APRIL, monthly(), variable=[{"id": "v", "estimate": "120"}])
    assert [10000] * 3 + [14000] + [11000] * 8 == list(revenue(scenario).values())
    assert {"l": 33000} == lines(scenario, APRIL)


def test_an_estimate_that_goes_is_nothing(tmp_path):
    scenario = contract(tmp_path, monthly(), variable=[{"id": "v", "estimate": "120"}])
    amend(scenario, APRIL, monthly())
    assert {"l": 120000} == lines(scenario)
    assert {"l": 30000} == lines(scenario, APRIL)


def test_an_estimate_of_usage_lines_is_none_of_the_fixed_lines(tmp_path):
    known = [{"id": "price", "estimate": "2", "line_ids": ["u"]}]
    assert {"l": 120000} == lines(contract(tmp_path, monthly(), variable=known))


def test_an_estimate_of_one_line_stays_out_of_the_pool_of_a_modification(tmp_path):
    """1,500 are left of both prices, 750 each; the 120 of a go on by themselves."""
    known = [{"id": "v", "estimate": "120", "line_ids": ["a"]}]
    parts = [monthly("a", "1200", ssp="1200"), monthly("b", "1200", ssp="1200")]
    scenario = contract(tmp_path, *parts, variable=known)
    amend(scenario, JULY, parts[0], monthly("b", "1500", ssp="1200"), variable=known)
    assert {"a": 60000 + 75000 + 12000, "b": 60000 + 75000} == lines(scenario)


def test_a_past_credit_takes_from_removed_lines_and_from_those_that_catch_up(tmp_path):
    """300, 300 and 300 earned: 30 back of each. m: a quarter of 1,200 less 30 now, the rest with its progress."""
    a, b, m = monthly("a"), monthly("b"), progress("m", "1", "4", "1200")
    scenario = contract(tmp_path, a, b, m)
    amend(scenario, APRIL, a, m, modification={"past_credit": "90"})
    assert {"a": 27000, "b": 27000, "m": -3000 + 30750} == lines(scenario, APRIL)
    assert {"a": 120000, "b": 27000, "m": 27750} == lines(scenario)
    amend(scenario, JULY, a, progress("m", "4", "4", "1200"), version=3)
    assert {"a": 120000, "b": 27000, "m": 120000} == lines(scenario)


# -- what a version only repeats

BONUS = {"id": "bonus", "line_ids": []}


def test_a_version_that_repeats_an_estimate_moves_nothing_whatever_its_day(tmp_path):
    """Feed billed 122: a separate contract agreed later, and effective earlier, leaves the estimate of May in May."""
    scenario = contract(tmp_path, monthly(total="1200"), variable=[{**BONUS, "estimate": "0"}])
    amend(scenario, MAY, monthly(total="1200"), variable=[{**BONUS, "estimate": "120"}])
    more = fixed("more", "900", method="monthly", start=APRIL, ssp="900")
    amend(scenario, APRIL, monthly(total="1200"), more, version=3, variable=[{**BONUS, "estimate": "120"}])
    # 40.00 of the estimate are over by May, and all of 10.00 a month since.
    assert [10000] * 3 + [20000, 25000] + [21000] * 7 == list(revenue(scenario).values())


def test_a_second_cancellation_from_an_earlier_day_is_the_end(tmp_path):
    """Feed billed 50026."""
    scenario = contract(tmp_path, monthly())
    amend(scenario, JULY, monthly(), kind="cancelled")
    amend(scenario, APRIL, monthly(), version=3, kind="cancelled")
    assert [10000] * 3 == list(revenue(scenario).values())
