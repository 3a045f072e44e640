"""Modified contracts, month by month: each rule of accounting.md, rule 5, with numbers worked out by hand.

Lines earn by months unless said otherwise; amounts are in major units. A line is sold at its SSP where it names none.
"""

from __future__ import annotations

from dataclasses import replace

from accounting.allocation import Bundle
from accounting.contract import Opening, VersionKind
from accounting.contract_plan import contract_plan
from accounting.coverage import ALWAYS, FOREVER
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.recognition import CATCH_UP
from accounting.schedule import Method
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
from tests.accounting.ledgers import cents, ledger, planned, policies

# -- prospective


def test_z01_a_price_that_rises_in_mid_year():
    year = {"end": "2026-01-01"}
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 Jul 150 Aug 150 Sep 150 Oct 150 Nov 150 Dec 150
    """, version(1, "2025-01-01", sub("a", 1200, **year)), version(2, "2025-07-01", sub("a", 1500, **year)),
        decided="prospective")  # fmt: skip


def test_c01_a_discount_as_an_amendment():
    found = gives(
        "a  Jan 100 Feb 100 Mar 100 Apr 80 May 80 Jun 80", HALF_YEAR, version(2, "2025-04-01", sub("a", 540))
    )  # fmt: skip
    assert [] == jumps(found)


def test_s07_and_s08_the_day_of_change_belongs_to_the_new_version():
    def month_to_month(over_april, over_both):
        return [
            version(1, "2025-04-01", sub("a", 90, "2025-04-01", "2025-05-01", "daily")),
            version(2, "2025-04-21 17:30", sub("a", over_april, "2025-04-01", "2025-05-01", "daily")),
            version(3, "2025-05-01", sub("a", over_both, "2025-04-01", "2025-06-01", "daily"), kind=VersionKind.RENEWED),
        ]  # fmt: skip

    # 20 days at 3, ten at 4; or ten at 1
    gives("a  Apr 100  May 120", *month_to_month(100, 220), decided="prospective prospective")
    gives("a  Apr 70   May 30", *month_to_month(70, 100), decided="prospective prospective")


def test_the_day_of_change_is_the_zones():
    first = version(1, "2025-04-01", sub("a", 90, "2025-04-01", "2025-05-01", "daily"))
    zone = "Asia/Tokyo"  # the term runs from 1 April 09:00 to 1 May 09:00
    late = replace(
        first, version=2, kind=VersionKind.AMENDED, lines=(sub("a", 100, "2025-04-01", "2025-05-01", "daily"),)
    )
    # 20 April 16:00 UTC is 21 April in Tokyo: 20 days at 3, ten at 4
    gives("a  Apr 100", first, replace(late, effective_at=at("2025-04-20 16:00")), zone=zone)
    daily = planned([first, replace(late, effective_at=at("2025-04-20 16:00"))], zone, policies(recognise="daily"))
    by_day = {one.day.day: one.amount for one in daily.effects(ALWAYS, FOREVER)}
    assert (300, 400) == (by_day[20], by_day[21])


def test_what_is_left_goes_to_lines_by_ssp_times_what_is_not_transferred():
    """a has three months left of six, b four of four: 1,000 x 1/2 against 1,000."""
    first = version(1, "2025-01-01", sub("a", 600, ssp=cents(1000)))
    second = version(
        2, "2025-04-01", sub("a", 600, ssp=cents(1000)), sub("b", 600, "2025-04-01", "2025-08-01", ssp=cents(1000))
    )  # fmt: skip
    # 300 are left and 600 come: 300 for a, 600 for b
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b                          Apr 150 May 150 Jun 150 Jul 150
    """, first, second, decided="prospective")  # fmt: skip
    dearer = version(
        2, "2025-04-01", sub("a", 600, ssp=cents(1000)), sub("b", 450, "2025-04-01", "2025-08-01", ssp=cents(1000))
    )  # fmt: skip
    # 750: 250 and 500
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 83.33 May 83.34 Jun 83.33
        b                          Apr 125   May 125   Jun 125   Jul 125
    """, first, dearer)  # fmt: skip


def test_progress_of_what_remains_counts_from_where_it_stood():
    """120 units at 100, 60 delivered; ten per cent more for the rest: 60 at 110."""
    gives("p  Jan 3000 Mar 3000 May 3300 Jun 3300",
          version(1, "2025-01-01", units("p", 12000, 30, 120)), version(2, "2025-03-01", units("p", 12000, 60, 120)),
          version(3, "2025-04-01", units("p", 12600, 60, 120)), version(4, "2025-05-01", units("p", 12600, 90, 120)),
          version(5, "2025-06-01", units("p", 12600, 120, 120)), decided="update prospective update update")  # fmt: skip


def test_progress_goes_below_what_it_was_at_the_modification():
    gives("p  Jan 6000 May -1650 Jun 8250",
          version(1, "2025-01-01", units("p", 12000, 60, 120)), version(2, "2025-04-01", units("p", 12600, 60, 120)),
          version(3, "2025-05-01", units("p", 12600, 45, 120)),
          version(4, "2025-06-01", units("p", 12600, 120, 120)))  # fmt: skip


def test_progress_of_a_later_version_counts_from_its_date_though_the_term_begins_later():
    found = planned([version(1, "2025-01-01", units("p", 100, 0, 4)), version(2, "2024-12-15", units("p", 100, 1, 4))])
    assert ["2024-12-15"] == [one.day.isoformat() for one in found.effects(ALWAYS, FOREVER)]


def test_more_units_are_ordered_with_the_same_line():
    """60 of 120 delivered at 100; 30 more at 80: 8,400 for 90 units (606-10-55-120)."""
    gives("p  Jan 6000 May 4200 Jun 4200",
          version(1, "2025-01-01", units("p", 12000, 60, 120)), version(2, "2025-04-01", units("p", 14400, 60, 150)),
          version(3, "2025-05-01", units("p", 14400, 105, 150)),
          version(4, "2025-06-01", units("p", 14400, 150, 150)))  # fmt: skip


def test_fewer_units_than_were_delivered_leave_nothing_to_wait_for():
    """60 of 120 delivered, and the order is cut to 60 for 7,000: the 1,000 that are left are earned at once."""
    found = gives("p  Jan 6000 Apr 1000",
          version(1, "2025-01-01", units("p", 12000, 60, 120)), version(2, "2025-04-01", units("p", 7000, 60, 60)))  # fmt: skip
    assert [("2025-04-01", "p", 1000)] == jumps(found)
    assert at("2025-04-01") == found.next_effect(at("2025-01-01"))
    assert found.next_effect(at("2025-04-01")) is None


def test_what_was_delivered_whole_takes_no_part_in_what_is_left():
    gives("""
        x  Jan 100
        y                  May 120
    """, version(1, "2025-01-01", sold("x", 100, "2025-01-10"), sold("y", 100)),
        version(2, "2025-04-01", sold("x", 100, "2025-01-10"), sold("y", 120)),
        version(3, "2025-05-01", sold("x", 100, "2025-01-10"), sold("y", 120, "2025-05-05")))  # fmt: skip


def test_a_delivery_names_the_version_that_told_its_date_first():
    def told(*dates):
        versions = [version(number, "2025-03-01", sold("x", 100, when)) for number, when in enumerate(dates, start=1)]
        return [one.version for one in planned(versions).effects(ALWAYS, FOREVER)]

    assert [2] == told(None, "2025-02-10", "2025-02-10", "2025-02-10")
    assert [1] == told("2025-02-10", "2025-02-10")
    assert [3] == told("2025-02-10", "2025-02-11", "2025-02-10", "2025-02-10")
    assert [] == told("2025-02-10", None)


def test_a_price_that_changes_for_what_was_delivered_counts_at_once():
    first = version(1, "2025-01-01", sold("x", 100, "2025-01-10"))
    found = gives("x  Jan 100 Apr -20", first, version(2, "2025-04-01", sold("x", 80, "2025-01-10")))
    assert [("2025-04-01", "x", -20)] == jumps(found)
    late = gives("a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 Aug 60", HALF_YEAR,
                 version(2, "2025-08-10", sub("a", 660)))  # fmt: skip
    assert [("2025-08-10", "a", 60)] == jumps(late)


def test_where_all_is_over_each_line_takes_what_it_lacks():
    both = version(1, "2025-01-01", sub("a", 600), sub("b", 300))
    found = planned([both, version(2, "2025-08-10", sub("a", 660), sub("b", 290))])
    assert [("2025-08-10", "a", 60), ("2025-08-10", "b", -10)] == jumps(found)


def test_a_longer_term_and_a_shorter_one():
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 66.67 May 66.66 Jun 66.67 Jul 66.67 Aug 66.66 Sep 66.67 Oct 66.67 Nov 66.66 Dec 66.67
    """, HALF_YEAR, version(2, "2025-04-01", sub("a", 900, end="2026-01-01")))  # fmt: skip
    gives(
        "a  Jan 100 Feb 100 Mar 100 Apr 100 May 100",
        HALF_YEAR,
        version(2, "2025-04-01", sub("a", 500, end="2025-06-01")),
    )
    gone = gives(
        "a  Jan 100 Feb 100 Mar 100 Apr 50", HALF_YEAR, version(2, "2025-04-10", sub("a", 350, end="2025-04-01"))
    )
    assert [("2025-04-10", "a", 20)] == jumps(gone)  # nine days of April had earned 30


def test_another_method_spreads_what_is_left():
    gives("a  Jan 100 Feb 100 Mar 100 Apr 98.90 May 102.20 Jun 98.90", HALF_YEAR,
          version(2, "2025-04-01", sub("a", 600, method="daily")))  # fmt: skip


def test_a_removed_line_keeps_what_it_earned_and_the_rest_leaves_the_contract():
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b  Jan 50  Feb 50  Mar 50
    """, version(1, "2025-01-01", sub("a", 600), sub("b", 300)), version(2, "2025-04-01", sub("a", 600)),
        decided="prospective")  # fmt: skip
    # In mid-month, and in the order of the last version: what it has not any more comes last.
    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        b  Jan 50  Feb 50  Mar 50  Apr 25
    """, version(1, "2025-01-01", sub("b", 300), sub("a", 600)), version(2, "2025-04-16", sub("a", 600)))  # fmt: skip
    assert ["a", "b"] == [line.line_id for line in found.lines]


def test_a_removed_line_took_a_discount_along():
    """Sold at 750 together, 1,000 apart; b leaves with its price of 150, and a goes on at its own."""
    first = version(1, "2025-01-01", sub("a", 600, ssp=cents(600)), sub("b", 150, ssp=cents(400)))
    # 450 and 300 of 750; a has earned 225, and 600 - 225 = 375 are left for it
    gives("""
        a  Jan 75 Feb 75 Mar 75 Apr 125 May 125 Jun 125
        b  Jan 50 Feb 50 Mar 50
    """, first, version(2, "2025-04-01", sub("a", 600, ssp=cents(600))))  # fmt: skip


def test_a_line_that_comes_back_goes_on_from_what_it_had_earned():
    lines = sub("a", 600), sub("b", 300)
    # b paused in April; 200 of a and 150 of b are left, by 200 and 100.
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 116.66 Jun 116.67
        b  Jan 50  Feb 50  Mar 50          May 58.34  Jun 58.33
    """, version(1, "2025-01-01", *lines), version(2, "2025-04-01", lines[0]), version(3, "2025-05-01", *lines),
        decided="prospective prospective")  # fmt: skip


def test_i34_a_modification_keeps_the_discount_of_a_bundle_with_its_lines():
    """SSP 40, 55, 45, the last two for 60 together; A is delivered; D, which sells at 50, is added for 30."""
    abc = [
        sold("a", 40, "2025-01-10", 40, product="A"), sold("b", 30, None, 55, product="B"),
        sold("c", 30, None, 45, product="C"),
    ]  # fmt: skip
    later = [replace(line, satisfied_at=line.satisfied_at or at("2025-06-10")) for line in abc]
    d = sold("d", 30, "2025-06-20", 50, product="D")
    versions = [
        version(1, "2025-01-01", *abc), version(2, "2025-03-01", *abc, replace(d, satisfied_at=None)),
        version(3, "2025-06-01", *later, d),
    ]  # fmt: skip

    def valued(line, _at):
        return Valuation(line.ssp or 0, Method.DAILY)

    found = contract_plan(versions, "UTC", valued, lambda _at: [Bundle(("B", "C"), cents(60))], Policies())
    # B 33 and C 27 are left and 30 come: 90 by 33, 27 and 50
    expected = """
        a  Jan 40
        b  Jun 27
        c  Jun 22.09
        d  Jun 40.91
    """
    assert ledger(expected) == months(found)
    (first, _) = found.decisions
    assert "bundle B + C at 60.00 USD: its discount of 40.00 USD counts" in [one.result for one in first.evidence]


def test_a_ramp_of_lines_is_level_where_each_year_sells_for_the_same():
    ramp = (sub("y1", 300, "2025-01-01", "2025-04-01"), sub("y2", 600, "2025-04-01", "2025-07-01"))
    gives("""
        y1  Jan 100 Feb 100 Mar 100
        y2                          Apr 200 May 200 Jun 200
    """, version(1, "2025-01-01", *ramp))  # fmt: skip
    gives("""
        y1  Jan 150 Feb 150 Mar 150
        y2                          Apr 150 May 150 Jun 150
    """, version(1, "2025-01-01", *(replace(line, ssp=cents(500)) for line in ramp)))  # fmt: skip


def test_a_ramp_of_versions_that_were_agreed_at_once():
    gives("a  Jan 100 Feb 100 Mar 150 Apr 150 May 200 Jun 200", HALF_YEAR, version(2, "2025-03-01", sub("a", 800)),
          version(3, "2025-05-01", sub("a", 900)), decided="prospective prospective")  # fmt: skip


def test_a_renewal_that_ends_all_lines_on_one_date():
    first = version(1, "2025-01-01", sub("a", 600), sub("b", 600, "2025-03-01", "2025-09-01"))
    to_december = {"end": "2026-01-01"}
    # 600 of 1,200 and 400 of 1,000 are earned by July; six months are left of each.
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 Jul 100 Aug 100 Sep 100 Oct 100 Nov 100 Dec 100
        b                  Mar 100 Apr 100 May 100 Jun 100 Jul 100 Aug 100 Sep 100 Oct 100 Nov 100 Dec 100
    """, first, version(2, "2025-07-01", sub("a", 1200, **to_december), sub("b", 1000, "2025-03-01", **to_december),
                        kind=VersionKind.RENEWED), decided="prospective")  # fmt: skip
    # At a discount of 60 each: 2,080 less 1,000, by 1,200 x 6/12 and 1,000 x 6/10.
    gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100 Jul 90 Aug 90 Sep 90 Oct 90 Nov 90 Dec 90
        b                  Mar 100 Apr 100 May 100 Jun 100 Jul 90 Aug 90 Sep 90 Oct 90 Nov 90 Dec 90
    """, first, version(2, "2025-07-01", sub("a", 1140, ssp=cents(1200), **to_december),
                        sub("b", 940, "2025-03-01", ssp=cents(1000), **to_december), kind=VersionKind.RENEWED))  # fmt: skip


def test_a_renewal_of_a_line_says_the_price_of_its_new_term():
    """The total of a term that begins after the old one has ended is that term's."""
    renewed = version(2, "2025-07-01", sub("a", 720, "2025-07-01", "2026-01-01"), kind=VersionKind.RENEWED)
    half = "a  Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100"
    gives(f"{half} Jul 120 Aug 120 Sep 120 Oct 120 Nov 120 Dec 120", HALF_YEAR, renewed, decided="prospective")
    # 360 of it are left in October; or half of 660, when it catches up.
    less = version(3, "2025-10-01", sub("a", 660, "2025-07-01", "2026-01-01"))
    gives(f"{half} Jul 120 Aug 120 Sep 120 Oct 100 Nov 100 Dec 100", HALF_YEAR, renewed, less)
    bound = replace(less, lines=(replace(less.lines[0], distinct=False),))
    gives(f"{half} Jul 120 Aug 120 Sep 120 Oct 80 Nov 110 Dec 110", HALF_YEAR, renewed, bound)
    # Taken back, an amendment of the new term leaves nothing, and nor does the new term itself.
    kept = replace(renewed, version=4, kind=VersionKind.AMENDED, effective_at=at("2025-10-01"))
    assert months(planned([HALF_YEAR, renewed])) == months(planned([HALF_YEAR, renewed, less, kept]))
    back = version(3, "2025-07-01", sub("a", 600))
    assert months(planned([HALF_YEAR])) == months(planned([HALF_YEAR, renewed, back]))
    again = version(4, "2025-08-01", sub("a", 660))
    gives(f"{half} Aug 60", HALF_YEAR, renewed, back, again)


def test_a_renewal_with_lines_of_its_own_is_a_separate_contract():
    gives("""
        a   Jan 100 Feb 100 Mar 100 Apr 100 May 100 Jun 100
        a2  Jul 120 Aug 120 Sep 120
    """, HALF_YEAR, version(2, "2025-07-01", sub("a", 600), sub("a2", 360, "2025-07-01", "2025-10-01"),
                            kind=VersionKind.RENEWED), decided="separate_contract")  # fmt: skip


# -- what a plan tells


def test_a_plan_tells_its_lines_and_months():
    found = planned([HALF_YEAR, version(2, "2025-04-01", sub("a", 600), C)])
    january = 2025 * 12
    expected = {"a": {january + month: cents(100) for month in range(6)}}
    expected |= {"c": {january + month: cents(100) for month in range(3, 6)}}
    assert expected == found.by_month()
    assert ("c", None) == (found.line("c").line_id, found.line("x"))
    steps = [version(1, "2025-01-01", units("p", 100, 1, 4)), version(2, "2025-01-20", units("p", 100, 2, 4)),
             version(3, "2025-03-20", units("p", 100, 4, 4))]  # fmt: skip
    assert {"p": {january: cents(50), january + 2: cents(50)}} == planned(steps).by_month()
    truncated = planned(
        [version(1, "2025-01-01", sub("a", "1.00", end="2025-04-01"))], decided=policies(residual="last_full_period")
    )
    assert {"a": {january: 33, january + 1: 33, january + 2: 34}} == truncated.by_month()
    # What is caught up after the last month is that month's.
    late = planned([HALF_YEAR, version(2, "2025-07-01", sub("a", 660))])
    assert {"a": {january + month: cents(100 if month < 6 else 60) for month in range(7)}} == late.by_month()


# -- products


def test_what_was_earned_before_belongs_to_the_product_that_the_line_had_then():
    found = planned([HALF_YEAR, version(2, "2025-04-01", replace(sub("a", 600), product_id="Q"))])
    assert ["P", "P", "P", "Q", "Q", "Q"] == [one.product_id for one in found.effects(ALWAYS, FOREVER)]
    assert "Q" == found.lines[0].product_id
    caught = planned([HALF_YEAR, version(2, "2025-04-01", replace(sub("a", 540), product_id="Q", distinct=False))])
    assert ["Q"] == [one.product_id for one in caught.effects(ALWAYS, FOREVER) if one.kind == CATCH_UP]
    by_progress = planned([
        version(1, "2025-01-01", units("p", 12000, 60, 120)),
        version(2, "2025-04-01", units("p", 12000, 90, 120, product_id="Q")),
    ])  # fmt: skip
    assert ["P", "Q"] == [one.product_id for one in by_progress.effects(ALWAYS, FOREVER)]
    truncated = planned([HALF_YEAR], decided=policies(residual="last_full_period"))
    assert {"P"} == {one.product_id for one in truncated.effects(ALWAYS, FOREVER)}


def test_a_bundle_counts_as_it_is_sold_on_the_day_of_a_change():
    """A modification allocates what is left anew, with the prices of its own day: those of bundles, too (32-37, 25-13a)."""
    b, c = sold("b", 30, ssp=55, product="B"), sold("c", 30, ssp=45, product="C")
    d = sold("d", 30, "2025-06-20", 40, product="D")
    later = at("2025-02-01")

    def bundles(instant):
        return [Bundle(("B", "C"), cents(60))] if instant >= later else []

    def amounts(effective):
        lines = (b, c, replace(d, satisfied_at=None))
        found = contract_plan(
            [version(1, "2025-01-01", b, c), version(2, effective, *lines)],
            "UTC", lambda line, _at: Valuation(line.ssp or 0, Method.DAILY), bundles, Policies(),
        )  # fmt: skip
        return [found.line(name).phases[-1].amount for name in "bcd"]

    assert [3536, 2893, 2571] == amounts("2025-01-20")  # 90 by 55, 45 and 40
    assert [2970, 2430, 3600] == amounts("2025-03-01")  # by 33, 27 and 40


def test_a_line_that_comes_ahead_of_its_term_has_the_schedule_it_began_with():
    """Policy residual = last_full_period is for schedules that were never modified: such a line's was not."""
    a, b = sub("a", 100), sub("b", 100, "2025-03-01", ssp=cents(300))
    versions = [version(1, "2025-01-01", a), version(2, "2025-02-01", a, b)]
    last = policies(residual="last_full_period")
    found = planned(versions, decided=last)
    assert [False, True] == [found.line(name).residual_last for name in "ab"]
    changed = planned([*versions, version(3, "2025-02-10", a, replace(b, total=cents(90)))], decided=last)
    assert [False, False] == [changed.line(name).residual_last for name in "ab"]


def test_an_estimate_of_a_line_alone_stays_with_it_though_the_line_had_ended():
    """What was over of the line's term while the contract had ended was not earned of its estimate (32-40)."""
    a, b = sub("a", 100), sub("b", 100)
    bonus = estimate(60, "a")
    first = version(1, "2025-01-01", a, variable=(bonus,))
    ended = cancelled(first, "2025-02-01")
    again = version(3, "2025-04-01", a, b, variable=(bonus,))
    found = planned([first, ended, again])
    of_a, of_b = (found.line(name).phases[-1] for name in "ab")
    # 26.67 of a were earned, 10.00 of them of its estimate: the other 50 are a's, and 183.33 are shared.
    assert (2667, 5000 + 9167) == (of_a.base, of_a.amount)
    assert 9166 == of_b.amount


def test_an_opening_is_of_lines_that_are_to_earn_something():
    """A line that is allocated nothing has begun, and has earned nothing: the balance is of those that will."""
    free, later = sub("a", 100, ssp=0), sub("b", 100, "2025-03-01", method="daily")
    found = planned([version(1, "2025-01-01", free, later, opening=Opening(at("2025-02-01"), cents(30), 0))])
    assert [(0, 0), (cents(30), cents(170))] == [
        (one.base, one.amount) for one in (found.line(name).phases[0] for name in "ab")
    ]


def test_what_is_left_of_a_line_is_measured_by_the_terms_of_the_change():
    """7 of 7 were done; of 12, as it is now, 5 are left: they take their part of what is left (rule 5b)."""
    first, more = units("m", 100, 7, 7), units("m", 115, 11, 12)
    b = sub("b", 100)
    found = planned([version(1, "2025-01-01", first, b), version(2, "2025-04-01", more, b)])
    of_m, of_b = (found.line(name).phases[-1] for name in "mb")
    # 65.00 by 115 x 5 / 12 and 100 / 2; 4 of the 5 are done at once.
    assert [(cents(100), 3181), (cents(50), 3319)] == [(one.base, one.amount) for one in (of_m, of_b)]
    assert cents(100) + 2545 == found.line("m").earned([at("2025-04-01")], "UTC")[0]
