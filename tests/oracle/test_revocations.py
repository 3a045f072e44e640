"""Revocation, supersession, renewal and cancellation, and what a close makes of them (rules 5 and 6)."""

import pytest

from .scenario import fixed, progress
from .test_modifications import (
    APRIL,
    FEBRUARY,
    JULY,
    JUNE,
    LATER,
    MAY,
    YEAR_END,
    amend,
    contract,
    lines,
    monthly,
    revenue,
)


@pytest.mark.parametrize("revoked", [JULY, JUNE, MAY])
def test_a_revoked_change_leaves_no_trace(tmp_path, revoked):
    parts = [fixed("a", "100.01", ssp="70"), fixed("b", "33.33", ssp="90", end=JULY)]
    scenario = contract(tmp_path, *parts)
    expected = scenario.books(LATER).sums
    amend(
        scenario,
        JULY,
        fixed("a", "777", ssp="70"),
        parts[1],
        fixed("c", "5", ssp="9"),
        modification={"past_credit": "3"},
    )
    amend(scenario, revoked, *parts, version=3)
    assert expected == scenario.books(LATER).sums


def test_a_change_back_on_a_later_day_is_a_change(tmp_path):
    scenario = amend(contract(tmp_path, monthly()), APRIL, monthly(total="1500"))
    amend(scenario, JULY, monthly(), version=3)
    assert [10000] * 3 + [13333, 13334, 13333] == list(revenue(scenario).values())[:6]
    assert 120000 == sum(revenue(scenario).values())


def test_a_later_version_that_is_effective_earlier_supersedes(tmp_path):
    scenario = amend(contract(tmp_path, monthly()), JULY, monthly(total="1500"))
    amend(scenario, APRIL, monthly(total="1380"), version=3)
    assert [10000] * 3 + [12000] * 9 == list(revenue(scenario).values())


def test_an_earlier_revocation_of_one_of_two_changes_keeps_the_other(tmp_path):
    """July's rise is revoked from June on: that of April stays."""
    scenario = amend(contract(tmp_path, monthly()), APRIL, monthly(total="1380"))
    amend(scenario, JULY, monthly(total="1680"), version=3)
    amend(scenario, JUNE, monthly(total="1380"), version=4)
    assert [10000] * 3 + [12000] * 9 == list(revenue(scenario).values())


def test_a_separate_contract_that_is_revoked_never_was(tmp_path):
    scenario = contract(tmp_path, monthly("a"))
    amend(scenario, JULY, monthly("a"), monthly("b", "300", start=JULY))
    amend(scenario, JULY, monthly("a"), version=3)
    assert {"a": 120000} == lines(scenario)


def test_a_separate_contract_changes_apart_from_the_pool(tmp_path):
    scenario = contract(tmp_path, monthly("a", "1200", ssp="1000"))
    b = monthly("b", "600", start=JULY)
    amend(scenario, APRIL, monthly("a", "1200", ssp="1000"), b)
    amend(scenario, "2023-10-01T00:00:00Z", monthly("a", "1200", ssp="1000"), {**b, "total": "900"}, version=3)
    assert {"a": 120000, "b": 90000} == lines(scenario)
    assert [20000] * 3 + [30000] * 3 == list(revenue(scenario).values())[6:]


def test_an_amendment_of_a_closed_period_is_caught_up_with_its_origin(tmp_path):
    scenario = contract(tmp_path, monthly()).close("2023-04", "2023-05-03T00:00:00Z")
    amend(scenario, APRIL, monthly(total="1380"), event_time="2023-05-10T00:00:00Z")
    found = {key[2:4]: -minor for key, minor in scenario.books(JUNE).sums.items() if key[4] == "revenue"}
    assert (2000, 12000) == (found["2023-05", "2023-04"], found["2023-05", None])


def test_a_scheduled_amendment_waits_for_its_day(tmp_path):
    scenario = amend(contract(tmp_path, monthly()), JULY, monthly(total="1500"), event_time=FEBRUARY)
    assert [10000] * 6 == list(revenue(scenario, JULY).values())


def test_a_renewal_extends_the_term(tmp_path):
    scenario = contract(tmp_path, monthly(total="1200"))
    end = "2025-01-01T00:00:00Z"
    amend(
        scenario,
        "2023-12-31T00:00:00Z",
        monthly(end=YEAR_END),
        monthly("y2", "1320", start=YEAR_END),
        end=end,
        kind="renewed",
    )
    assert [10000] * 12 + [11000] * 12 == list(revenue(scenario).values())


def test_a_ramp_is_lines_of_years(tmp_path):
    ramp = [monthly("y1", "1200", end=YEAR_END), monthly("y2", "2400", start=YEAR_END)]
    scenario = contract(tmp_path, *ramp, end="2025-01-01T00:00:00Z")
    assert [10000] * 12 + [20000] * 12 == list(revenue(scenario).values())


def test_a_revoked_cancellation_leaves_no_trace_and_a_later_one_goes_on(tmp_path):
    scenario = amend(contract(tmp_path, monthly()), APRIL, monthly(), kind="cancelled")
    assert [10000] * 3 == list(revenue(scenario).values())
    amend(scenario, APRIL, monthly(), version=3)
    assert [10000] * 12 == list(revenue(scenario).values())
    amend(scenario, MAY, monthly(), version=4, kind="cancelled")
    amend(scenario, JULY, monthly(), version=5)
    # 800 are left for the six months from July
    assert [10000] * 4 + [13333, 13334, 13333] * 2 == list(revenue(scenario).values())


def test_an_update_re_allocates_nothing_and_is_no_modification(tmp_path):
    scenario = contract(tmp_path, monthly("a", ssp="1"), progress("b", "0", "2", "100", ssp="9"))
    amend(
        scenario,
        APRIL,
        monthly("a", ssp="5"),
        progress("b", "1", "2", "100", ssp="5"),
        modification={"treatment": "prospective"},
    )
    assert {"a": 13000, "b": 58500} == lines(scenario)


def test_an_estimate_of_one_line_goes_on_after_a_reactivation(tmp_path):
    """900 and 600 of the prices are left, 750 each by 600 and 600 that are open; of the 120 of a all are earned."""
    known = [{"id": "v", "estimate": "120", "line_ids": ["a"]}]
    parts = [monthly("a"), monthly("b", "600", start=JULY)]
    scenario = contract(tmp_path, *parts, variable=known)
    amend(scenario, APRIL, *parts, kind="cancelled", variable=known)
    amend(scenario, JULY, *parts, version=3, variable=known)
    assert {"a": 30000 + 75000 + 12000, "b": 75000} == lines(scenario)


def test_a_past_credit_of_what_has_earned_nothing_is_of_the_first_line(tmp_path):
    scenario = contract(tmp_path, fixed("a", "90", start=JUNE), fixed("b", "90", start=JUNE))
    amend(scenario, MAY, fixed("a", "80", start=JUNE), fixed("b", "90", start=JUNE), modification={"past_credit": "10"})
    assert {"23-05": -1000} == revenue(scenario, MAY)
    assert {"a": -1000} == lines(scenario, MAY)
