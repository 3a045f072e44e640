"""Policy late_usage = reject: usage that comes after the close of its period is one exception and is not counted."""

import json

import pytest

from schemas.topics import EXCEPTIONS
from tests.support.timeline import ledger

REJECT = "2024-12-01 policy key=late_usage value=reject"
CONTRACT = "2025-01-01 contract price=2"


def counts(shard):
    tally = shard.shard._tally
    return tally.read, tally.counted, tally.rejected, tally.parked


def test_usage_before_the_close_counts_and_usage_after_it_is_refused(driven):
    shard = driven(f"""
        {REJECT}
        {CONTRACT}
        2025-01-30 usage n=1
        2025-01-31 usage n=2
        2025-02-01 close entity=us period=2025-01

        2025-02-02 usage n=3
        2025-01-31T01 usage n=40

        2025-01-30T01 usage n=50 on=1
    """, as_of="2025-02-03").play()  # fmt: skip
    expected = ledger("""
        2025-01-30 l 2025-01-30 r1 Dr unbilled_receivable 102.00 Cr revenue 102.00
        2025-01-31 l 2025-01-31 r1 Dr unbilled_receivable 4.00 Cr revenue 4.00
        2025-02-02 l 2025-02-02 r1 Dr unbilled_receivable 6.00 Cr revenue 6.00
    """)
    # Partition 1 has no row of February: what it holds comes before the close.
    assert expected == shard.journal
    assert ["period_closed_rejected usage 3 open"] == shard.exceptions
    assert (5, 4, 1, 0) == counts(shard)


def test_the_exception_says_which_period_and_carries_the_event(driven):
    shard = driven(f"""
        {REJECT}
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=3
        2025-01-31T01 usage n=40 id=late
    """).play()
    (line,) = shard.lines[EXCEPTIONS].values()
    record = json.loads(line)
    told = "period 2025-01 was closed when the usage came, and policy late_usage is reject: book it by a correction"
    assert (told, "c", "error") == (record["reason"], record["customer_id"], record["severity"])
    assert "2025-02-01T01:00:00Z" == record["due_at"], "a day after the event"


def test_each_event_of_a_quarter_of_an_hour_is_an_exception_of_its_own(driven):
    shard = driven(f"""
        {REJECT}
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=3
        2025-01-31T01 usage n=1
        2025-01-31T01:01 usage n=2
        2025-02-02 usage n=3 on=1
        2025-01-31T01:02 usage n=4 on=1
    """).play()
    expected = [f"period_closed_rejected usage {offset} open" for offset in (1, 1, 2)]
    assert expected == sorted(shard.exceptions)
    assert (5, 2, 3, 0) == counts(shard)


def test_a_redelivery_of_refused_usage_is_a_duplicate(driven):
    shard = driven(f"""
        {REJECT}
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=3
        2025-01-31T01 usage n=1 id=same

        2025-01-31T01 usage n=1 id=same
    """).play()
    assert (["period_closed_rejected usage 1 open"], 1) == (shard.exceptions, shard.shard._tally.duplicates)


def test_a_reopened_period_takes_usage_again_and_gives_none_of_the_refused_back(driven):
    shard = driven(f"""
        {REJECT}
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=3
        2025-01-31T01 usage n=40
        2025-02-03 reopen entity=us period=2025-01 actor=ann approver=bob
        2025-02-04 usage n=0
        2025-01-31T02 usage n=7
        2025-02-05 close entity=us period=2025-01
        2025-02-06 usage n=0
        2025-01-31T03 usage n=80
    """, as_of="2025-02-07").play()  # fmt: skip
    expected = ledger("""
        2025-02-02 l 2025-02-02 r1 Dr unbilled_receivable 6.00 Cr revenue 6.00
        2025-01-31 l 2025-01-31 r1 Dr unbilled_receivable 14.00 Cr revenue 14.00
    """)
    assert sorted(expected) == sorted(shard.journal)
    assert [f"period_closed_rejected usage {offset} open" for offset in (1, 5)] == shard.exceptions


def test_the_close_of_another_entity_refuses_nothing(driven):
    shard = driven(f"""
        {REJECT}
        2025-01-01 contract price=2 k=k1 line=l1 entity=us
        2025-01-01 contract price=3 k=k2 line=l2 entity=de
        2025-02-01 close entity=de period=2025-01
        2025-02-02 usage n=0 contract=k1
        2025-01-31 usage n=1 contract=k1
        2025-01-31 usage n=1 contract=k2
    """, as_of="2025-02-03").play()  # fmt: skip
    assert ledger("2025-01-31 l1 2025-01-31 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00") == shard.journal
    assert ["period_closed_rejected usage 2 open"] == shard.exceptions


def test_usage_that_was_parked_before_the_close_is_taken_when_its_contract_comes(driven):
    shard = driven(f"""
        {REJECT}
        2025-01-31 usage n=5
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=0 meter=other

        2025-02-03 contract price=2
    """, as_of="2025-02-04").play()  # fmt: skip
    expected = ledger("2025-02-01 l 2025-01-31 r1 of 2025-01 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == shard.journal
    assert ["meter_unmapped usage 1"] == shard.open


def test_usage_that_was_parked_after_the_close_is_refused_when_its_contract_comes(driven):
    shard = driven(f"""
        {REJECT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=0
        2025-01-31 usage n=5

        2025-02-03 contract price=2
    """, as_of="2025-02-04").play()  # fmt: skip
    assert ([], ["period_closed_rejected usage 1"]) == (shard.journal, shard.open)
    assert (2, 1, 1, 0) == counts(shard)


def test_usage_that_was_parked_while_the_period_was_closed_is_refused_though_it_was_reopened(driven):
    shard = driven(f"""
        {REJECT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=0 meter=other
        2025-01-31 usage n=5
        2025-02-03 reopen entity=us period=2025-01 actor=ann approver=bob

        2025-02-04 contract price=2
    """, as_of="2025-02-05").play()  # fmt: skip
    assert ([], ["meter_unmapped usage 0", "period_closed_rejected usage 1"]) == (shard.journal, shard.open)


@pytest.mark.parametrize(
    ("since", "refused"), [("2025-01-31T23:59:59", True), ("2025-02-01", False), ("2024-12-01", True)]
)
def test_the_policy_of_the_windows_last_microsecond_decides(driven, since, refused):
    shard = driven(f"""
        2024-12-01 policy key=late_usage value=reject effective_from={since}
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=0
        2025-01-31T01 usage n=40
    """, as_of="2025-02-03").play()  # fmt: skip
    assert (1 if refused else 0) == len(shard.exceptions)
    assert (0 if refused else 1) == len(shard.journal)


def test_the_policy_can_be_taken_back(driven):
    shard = driven(f"""
        {REJECT}
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-01 policy key=late_usage value=first_open_period effective_from=2025-01-31
        2025-02-02 usage n=0
        2025-01-30T01 usage n=1
        2025-01-31T01 usage n=40
    """, as_of="2025-02-03").play()  # fmt: skip
    expected = ledger("2025-02-01 l 2025-01-31 r1 of 2025-01 Dr unbilled_receivable 80.00 Cr revenue 80.00")
    assert (expected, ["period_closed_rejected usage 1 open"]) == (shard.journal, shard.exceptions)


def test_a_policy_that_reaches_back_refuses_nothing_that_was_taken(driven):
    shard = driven(f"""
        {CONTRACT}
        2025-02-01 close entity=us period=2025-01
        2025-02-02 usage n=0
        2025-01-31T01 usage n=40
        2025-02-03 policy key=late_usage value=reject effective_from=2025-01-01
        2025-02-04 usage n=0
        2025-01-31T02 usage n=50
    """, as_of="2025-02-05").play()  # fmt: skip
    expected = ledger("2025-02-01 l 2025-01-31 r1 of 2025-01 Dr unbilled_receivable 80.00 Cr revenue 80.00")
    assert (expected, ["period_closed_rejected usage 3 open"]) == (shard.journal, shard.exceptions)


def test_the_period_is_that_of_the_zones_calendar(driven):
    shard = driven(f"""
        {REJECT}
        2025-01-01 reference kind=entity id=us time_zone=America/New_York
        2025-01-01 contract price=2
        2025-02-01T06 close entity=us period=2025-01
        2025-02-02 usage n=0
        2025-02-01T04 usage n=1
        2025-02-01T05 usage n=2
    """, as_of="2025-02-03").play()  # fmt: skip
    assert ledger("2025-02-01 l 2025-02-01 r1 Dr unbilled_receivable 4.00 Cr revenue 4.00") == shard.journal
    assert ["period_closed_rejected usage 1 open"] == shard.exceptions


STORY = f"""
    {REJECT}
    2025-01-30 usage n=5
    2025-02-01 close entity=us period=2025-01
    2025-02-02 usage n=0
    2025-01-31 usage n=6

    2025-02-03 contract price=2
    2025-02-04 usage n=0

    2025-01-31T01 usage n=7
    2025-02-05 usage n=1
"""


@pytest.mark.parametrize("stop", [1, 2])
def test_a_restart_in_between_changes_nothing(driven, stop):
    unbroken = driven(STORY, as_of="2025-02-06").play()
    assert ["period_closed_rejected usage 2", "period_closed_rejected usage 4"] == unbroken.open
    restarted = driven(STORY, as_of="2025-02-06").play(stop=stop).reopen().play()
    assert unbroken.lines == restarted.lines
