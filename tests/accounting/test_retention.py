"""How long a contract's usage is needed, and from where on a line can be rated when what lies before is gone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounting.contract import Aggregation, BillingPeriod, ContractVersion, LineKind, VersionKind
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.policy import Policies
from accounting.retention import over, rateable_from, term_end
from accounting.window import Windows, WindowSize
from tests.accounting.examples import at, cover, decided, per_unit, usage_line
from tests.accounting.examples import version as stated

JAN, FEB, MAR, APR = (at(f"2025-0{month}-01") for month in (1, 2, 3, 4))


def version(number: int = 1, **changes: object) -> ContractVersion:
    """A version of a contract from January, open-ended unless it says otherwise."""
    lines = (usage_line("L", JAN, changes.get("end")),)
    return replace(stated(number, JAN, lines, JAN), **changes)


# -- the term


def test_a_term_is_over_at_its_end_and_one_without_an_end_never():
    assert (MAR, FOREVER) == (over(version(end=MAR)), over(version()))


def test_a_cancelled_term_is_over_when_it_was_agreed_to_be():
    assert MAR == over(version(kind=VersionKind.CANCELLED, end=MAR, effective_at=FEB))


def test_a_cancelled_term_without_an_end_is_over_when_that_is_known():
    cancelled = version(kind=VersionKind.CANCELLED, effective_at=FEB)
    assert [FEB, MAR] == [over(cancelled), over(replace(cancelled, known_at=MAR))]


def test_a_contract_without_an_end_is_over_when_the_last_of_its_lines_is():
    first, last = (usage_line("L", JAN, end) for end in (FEB, MAR))
    assert MAR == over(version(lines=(first, last)))
    assert FOREVER == over(version(lines=(first, replace(last, end=None))))
    assert FOREVER == over(version(lines=()))


def test_what_is_delivered_or_takes_effect_after_the_end_belongs_to_the_term():
    delivered = usage_line("L", JAN, FEB, kind=LineKind.POINT_IN_TIME, satisfied_at=APR)
    assert APR == over(version(end=FEB, lines=(delivered,)))
    assert MAR == over(version(end=FEB, effective_at=MAR))


def test_the_term_ends_with_the_latest_of_all_versions():
    longer, shorter = version(1, end=APR), version(2, end=FEB)
    assert APR == term_end([longer, shorter])


def test_the_last_version_says_whether_there_is_an_end():
    assert FEB == term_end([version(1), version(2, end=FEB)])
    assert FOREVER == term_end([version(1, end=FEB), version(2)])


def test_a_version_that_waits_may_prolong_the_term_and_never_ends_it():
    assert FOREVER == term_end([version(1)], [version(3, end=FEB)])
    assert APR == term_end([version(1, end=FEB)], [version(3, end=APR)])
    assert FOREVER == term_end([version(1, end=FEB)], [version(3)])
    assert FEB == term_end([], [version(2, end=FEB)])


# -- where rating can be taken up


def days(zone: str = "UTC") -> Windows:
    return Windows(zone)


def taken_up(*covers: Cover, cut: int = MAR, windows: Windows | None = None, policies: Policies | None = None) -> int:
    return rateable_from(covers, windows or days(), cut, policies or Policies())


def aggregated(kind: Aggregation, period: BillingPeriod = BillingPeriod.MONTH, start: int = JAN) -> Cover:
    return cover(replace(per_unit(1), aggregation=kind, billing_period=period), start)


@pytest.mark.parametrize("kind", [Aggregation.SUM, Aggregation.COUNT, Aggregation.MAX, Aggregation.LAST])
def test_what_a_number_says_goes_on_from_the_meter(kind):
    assert MAR == taken_up(aggregated(kind, BillingPeriod.YEAR))


@pytest.mark.parametrize("kind", [Aggregation.UNIQUE, Aggregation.WEIGHTED_SUM])
def test_distinct_values_and_weighted_sums_need_their_billing_period_whole(kind):
    assert JAN == taken_up(aggregated(kind, BillingPeriod.QUARTER))
    assert APR == taken_up(aggregated(kind, BillingPeriod.QUARTER), cut=APR)


def test_a_weighted_sum_of_a_billing_period_that_is_over_goes_on_from_the_meter():
    """The window of the 15th has a part in either billing period."""
    start = at("2025-01-15 10:30")
    assert at("2025-02-15") == taken_up(aggregated(Aggregation.WEIGHTED_SUM, start=start))


def test_distinct_values_of_a_billing_period_that_begins_inside_a_window_are_kept_whole():
    start = at("2025-01-15 10:30")
    assert start > taken_up(aggregated(Aggregation.UNIQUE, start=start))


def test_after_a_change_of_price_rating_is_taken_up_while_there_was_one_price():
    line, turn = aggregated(Aggregation.SUM, BillingPeriod.YEAR), at("2025-02-11")
    dearer = replace(line, start=turn, rate=per_unit(2, BillingPeriod.YEAR))
    assert FEB == taken_up(replace(line, end=turn), dearer)
    assert APR == taken_up(replace(line, end=APR), replace(dearer, start=APR), cut=APR)


def test_a_later_cut_never_gives_less():
    line, turn = aggregated(Aggregation.SUM, BillingPeriod.YEAR), at("2025-02-11")
    covers = [replace(line, end=turn), replace(line, start=turn, rate=per_unit(2, BillingPeriod.YEAR))]
    found = [taken_up(*covers, cut=at(f"2025-{month:02d}-01")) for month in range(1, 13)]
    assert sorted(found) == found


def test_what_a_line_is_from_the_cut_on_does_not_matter():
    line = aggregated(Aggregation.UNIQUE, BillingPeriod.QUARTER)
    gone, dearer = replace(line, end=MAR), replace(line, start=MAR, rate=replace(line.rate, unit_price=2))
    assert [JAN] * 3 == [taken_up(line), taken_up(gone), taken_up(gone, dearer)]


def test_a_carried_value_needs_all_there_was():
    policies = decided(("carry", "yes", JAN))
    assert ALWAYS == taken_up(aggregated(Aggregation.LAST, BillingPeriod.YEAR), policies=policies)
    assert MAR == taken_up(aggregated(Aggregation.SUM, BillingPeriod.YEAR), policies=policies)


def test_a_line_that_begins_later_has_nothing_before():
    assert MAR == taken_up(aggregated(Aggregation.UNIQUE, start=APR))


@pytest.mark.parametrize("size", WindowSize)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata", "America/Sao_Paulo"])
def test_it_is_a_boundary_of_windows_of_any_size(size, zone):
    for month in range(3, 13):
        windows = Windows(zone, size)
        line = replace(aggregated(Aggregation.SUM, start=at("2025-01-15 10:30", zone)), zone=zone)
        found = taken_up(line, cut=at(f"2025-{month:02d}-01", zone), windows=windows)
        assert windows.start(found) == found
