"""Modifications that catch up at once, whole or of some lines: what each month earns, worked out by hand in major units."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from accounting.coverage import ALWAYS, FOREVER
from accounting.recognition import CATCH_UP
from tests.accounting.amended import (
    AGREED,
    HALF_YEAR,
    gives,
    jumps,
    sub,
    units,
    version,
)
from tests.accounting.examples import at
from tests.accounting.ledgers import cents, milestone, planned


def test_i08_a_building_that_grows_catches_up():
    """420 of 700 of 1,000,000 are 600,000; 51.2 per cent of 1,150,000 are 589,024.39."""

    def building(number, effective, total, done, of):
        return version(number, effective, milestone("m", "2025-01-01", "2026-01-01", total, done, of))

    found = gives("m  Jan 600000 Apr -10975.61 Jun 560975.61",
          building(1, "2025-01-01", 1000000, 420, 700), building(2, "2025-04-01", 1150000, 420, 820),
          building(3, "2025-06-01", 1150000, 820, 820), decided="cumulative_catch_up update")  # fmt: skip
    assert [("2025-04-01", "m", Decimal("-10975.61"))] == jumps(found)


def test_a_subscription_that_is_not_distinct_catches_up_by_what_is_over():
    """Half of 540 is 270, and 300 was earned."""
    found = gives("a  Jan 100 Feb 100 Mar 100 Apr 60 May 90 Jun 90", HALF_YEAR,
                  version(2, "2025-04-01", replace(sub("a", 540), distinct=False)), decided="cumulative_catch_up")  # fmt: skip
    assert [("2025-04-01", "a", -30)] == jumps(found)
    # What the month earned comes before what it catches up, of one instant.
    assert ["recognition"] * 3 + ["catch_up"] + ["recognition"] * 3 == [
        one.kind for one in found.effects(ALWAYS, FOREVER)
    ]
    told = next(one for one in found.effects(ALWAYS, FOREVER) if one.kind == CATCH_UP)
    assert ("cumulative catch-up of version 2", 2, at("2025-04-01")) == (told.rule, told.version, told.instant)


def test_explicit_treatments_give_their_own_numbers():
    stated = {"treatment": "cumulative_catch_up", **AGREED}
    gives(
        "a  Jan 100 Feb 100 Mar 100 Apr 60 May 90 Jun 90", HALF_YEAR, version(2, "2025-04-01", sub("a", 540), **stated)
    )
    # 100 of 400 earned by a quarter; 600 more are left over three quarters.
    stated = {"treatment": "prospective", **AGREED}
    gives("m  Jan 100 May 200 Jun 400", version(1, "2025-01-01", milestone("m", "2025-01-01", "2026-01-01", 400, 25)),
          version(2, "2025-04-01", milestone("m", "2025-01-01", "2026-01-01", 700, 25), **stated),
          version(3, "2025-05-01", milestone("m", "2025-01-01", "2026-01-01", 700, 50)),
          version(4, "2025-06-01", milestone("m", "2025-01-01", "2026-01-01", 700, 100)))  # fmt: skip


def test_mixed_each_line_by_its_own_nature():
    """360 are left of 660; a quarter of 600 is 50 more than a quarter of 400."""

    def both(number, effective, over_a, over_m, done):
        return version(number, effective, sub("a", over_a), milestone("m", "2025-01-01", "2025-07-01", over_m, done))

    found = gives("""
        a  Jan 100 Feb 100 Mar 100 Apr 120 May 120 Jun 120
        m  Jan 100                 Apr 50          Jun 450
    """, both(1, "2025-01-01", 600, 400, 25), both(2, "2025-04-01", 660, 600, 25), both(3, "2025-06-30", 660, 600, 100),
        decided="mixed update")  # fmt: skip
    assert [("2025-04-01", "m", 50)] == jumps(found)


def test_mixed_with_a_discount_that_both_share():
    """450 each of 900; then 550 each of 1,100: a has earned 225, a quarter of m is 137.50."""

    def both(number, effective, over_m):
        m = replace(milestone("m", "2025-01-01", "2025-07-01", over_m, 25), ssp=cents(600))
        return version(number, effective, sub("a", 600, ssp=cents(600)), m)

    gives("""
        a  Jan 75  Feb 75 Mar 75 Apr 108.33 May 108.34 Jun 108.33
        m  Jan 112.50            Apr 25
    """, both(1, "2025-01-01", 300), both(2, "2025-04-01", 500))  # fmt: skip


def test_what_a_version_posts_at_once_is_told():
    caught = version(2, "2025-04-01", replace(sub("a", 540), distinct=False))
    found = planned([HALF_YEAR, caught, version(3, "2025-05-01", sub("a", 600))])
    assert [0, cents(-30), 0] == [found.caught_up(number) for number in (1, 2, 3)]
    # Of all lines: half of 60 and half of 30 less for what is over, and a quarter of 40 more for progress.
    m = milestone("m", "2025-01-01", "2025-07-01", 400, 25)
    first = version(1, "2025-01-01", sub("a", 600), m, sub("b", 300))
    lines = replace(sub("a", 540), distinct=False), replace(m, total=cents(440)), replace(sub("b", 270), distinct=False)
    assert cents(-30 + 10 - 15) == planned([first, version(2, "2025-04-01", *lines)]).caught_up(2)
    p = [version(1, "2025-01-01", units("p", 12000, 60, 120)), version(2, "2025-04-01", units("p", 7000, 60, 60))]
    assert [0, cents(1000)] == [planned(p).caught_up(number) for number in (1, 2)]
