"""Contracts without an end: what is kept of them, and what an event that reaches behind the cut still does."""

from __future__ import annotations

import pytest

from state import keys
from tests.dataflows.retained import DAYS_60, MONTHS, OPEN, SHORT, counts, kept, refused
from tests.support.driven import HOUR_US
from tests.support.timeline import ledger


def test_a_contract_without_an_end_keeps_its_latest_months_and_the_meter(driven):
    months = "\n".join(f"2025-{month:02d}-10 usage n=1\n 2025-{month:02d}-28 clock" for month in range(1, 13))
    shard = driven(f"2025-01-01 contract price=2 end=- \n {months}", **SHORT).play()
    # 28 December less 61 days: October.
    assert {keys.CONTRACT: 1, keys.FEED: 1, keys.CELL: 3, keys.BOOKED: 3, keys.BASE: 1} == kept(shard)


AGGREGATIONS = ("sum", "count", "max", "last", "unique", "weighted_sum")


@pytest.mark.parametrize("billing", ["month", "quarter", "year"])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
@pytest.mark.parametrize("start", ["2025-01-01", "2025-01-15T10:30"])
def test_what_stays_can_be_rated_on(driven, aggregation, billing, start):
    """Late usage, a price that changes in mid-period and one that changed before: the entries are the same."""
    terms = f"end=- start={start} aggregation={aggregation} billing={billing}"
    usage = "\n".join(
        f"2025-{month:02d}-{day:02d}T{day} usage n={(month * day) % 7}" for month in range(1, 11) for day in (3, 15, 20)
    )
    story = f"""
        2025-01-01 contract tiers=9:3,40:2,-:1 effective=2025-01-01 {terms}
        2025-04-10 contract tiers=20:3,-:2 version=2 effective=2025-04-11 {terms}
        {usage}
        2025-06-16 clock
        2025-08-21 clock
        2025-10-20 clock

        2025-09-20T05 usage n=4
        2025-10-21 contract price=4 version=3 effective=2025-09-05 {terms}
        2025-10-29 usage n=2
        2025-11-09 clock
    """
    short, whole = driven(story, **SHORT).play(), driven(story).play()
    assert (whole.journal, whole.exceptions) == (short.journal, short.exceptions)
    # What counts distinct values or weighs its course needs its billing period whole: of a year nothing has gone yet.
    if aggregation != "unique" and (aggregation, billing) != ("weighted_sum", "year"):
        assert kept(short)[keys.CELL] < kept(whole)[keys.CELL]


def test_an_amendment_that_reaches_behind_the_cut_holds_from_the_cut_on(driven):
    shard = driven(f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=3 end=- version=2 effective=2025-02-01
        2025-06-22 clock
    """, **SHORT).play()  # fmt: skip
    expected = ledger("""
        2025-04-10 l 2025-04-10 r2 Dr unbilled_receivable 1.00 Cr revenue 1.00
        2025-05-10 l 2025-05-10 r2 Dr unbilled_receivable 1.00 Cr revenue 1.00
        2025-06-10 l 2025-06-10 r2 Dr unbilled_receivable 1.00 Cr revenue 1.00
    """)
    assert expected == shard.journal[6:]
    assert ["beyond_retention contracts 1 open"] == shard.exceptions
    [said] = refused(shard)
    for words in ("contract k version 2", "2025-02-01T00:00:00Z", "2025-04-01T00:00:00Z", "post a manual correction"):
        assert words in str(said["reason"])
    assert ("error", "k") == (said["severity"], said["contract_id"])


def test_an_amendment_behind_the_cut_that_changes_no_price_there_says_nothing(driven):
    shard = driven(f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=2 end=- version=2 effective=2025-02-01
        2025-06-22 clock
    """, **SHORT).play()  # fmt: skip
    assert (6, []) == (len(shard.journal), shard.exceptions)


def test_a_cancellation_that_reaches_behind_the_cut_takes_back_what_is_kept(driven):
    shard = driven(f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=2 end=- version=2 kind=cancelled effective=2025-02-01
        2025-06-22 clock
        2025-12-31 clock
    """, **SHORT).play()  # fmt: skip
    assert ["2025-04-10", "2025-05-10", "2025-06-10"] == [line.split()[2] for line in shard.journal[6:]]
    assert {"revenue": -6, "unbilled_receivable": 6} == shard.balances()
    assert {} == kept(shard)


def test_a_contract_without_an_end_that_comes_late_begins_at_the_cut(driven):
    shard = driven(f"""
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=2 end=- minimum=3
        2025-06-22 usage n=1
        2025-07-02 clock
    """, retention_us=DAYS_60, parked_us=400 * 24 * HOUR_US).play()  # fmt: skip
    months = [line.split()[2][:7] for line in shard.journal]
    assert ["2025-04", "2025-05", "2025-06"] == sorted(set(months))
    # January to March were parked; their contract has come, and their books have gone.
    assert ["contracts 6"] == [f"{one.split()[1]} {len(shard.open) + 2}" for one in shard.open if "contracts" in one]
    assert (7, 4, 3, 0, 0) == counts(shard)


def test_a_contract_that_was_given_an_end_keeps_what_was_left_of_it(driven):
    shard = driven(f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=2 end=2026-06-01 version=2 effective=2025-06-21
        2026-05-31 clock

        2026-06-01 contract price=3 end=2026-06-01 version=3 effective=2025-02-01
        2026-06-02 clock
    """, **SHORT).play()  # fmt: skip
    assert ["2025-04-10", "2025-05-10", "2025-06-10"] == [line.split()[2] for line in shard.journal[6:]]
    assert ["beyond_retention contracts 2 open"] == shard.exceptions


def test_a_contract_whose_end_is_taken_away_is_whole_for_that_change(driven):
    shard = driven(f"""
        2025-01-01 contract price=2 end=2025-12-01
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=3 end=- version=2 effective=2025-02-01
        2025-06-22 clock

        2025-08-22 clock

        2025-08-23 contract price=4 end=- version=3 effective=2025-02-01
        2025-08-24 clock
    """, **SHORT).play()  # fmt: skip
    revised = [line.split()[2] for line in shard.journal[6:]]
    assert ["2025-02-10", "2025-03-10", "2025-04-10", "2025-05-10", "2025-06-10", "2025-06-10"] == revised
    assert ["beyond_retention contracts 2 open"] == shard.exceptions


def test_a_contract_that_would_take_usage_which_has_gone_is_an_exception(driven):
    shard = driven(f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=2 k=other start=2025-02-01 end=2025-12-01
        2025-06-22 clock
    """, **SHORT).play()  # fmt: skip
    assert "changes which contract takes usage of meter m from 2025-02-01T00:00:00Z" in str(refused(shard)[0]["reason"])
    # What is kept is ambiguous now, what has gone stays where it is booked.
    assert {"revenue": -6, "unbilled_receivable": 6} == shard.balances()
