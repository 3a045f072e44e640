"""The shard step on a real store, told as timelines: what arrives, and the ledger it must give."""

from decimal import Decimal

import pytest

from accounting.require import InvariantBroken
from accounting.window import WindowSize
from connectors.batch import Batch
from schemas.topics import USAGE
from tests.support.timeline import ledger

PER_UNIT = "2025-01-01 contract price=2"


def test_a_window_is_booked_when_the_watermark_has_passed_its_end(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-02T10 usage n=5
        2025-01-03T00:59:59 usage n=1

        2025-01-03T01 usage n=1
    """)
    assert [] == shard.play(stop=1).journal
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == shard.play(start=1).journal


def test_the_end_of_input_closes_nothing_and_the_as_of_instant_does(driven):
    story = f"""
        {PER_UNIT}
        2025-01-02T10 usage n=5
    """
    assert [] == driven(story).play().journal
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == driven(story, as_of="2025-01-03").play().journal


def test_usage_before_its_contract_is_an_exception_and_then_booked(driven):
    shard = driven("""
        2025-01-02T10 usage n=5
        2025-01-05 clock

        2025-01-06 contract price=2
    """).play(stop=1)
    assert ([], ["contract_unknown usage 0 open"]) == (shard.journal, shard.exceptions)
    shard.play(start=1)
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == shard.journal
    assert ["contract_unknown usage 0 open", "contract_unknown usage 0 resolved"] == shard.exceptions


def test_usage_whose_contract_comes_before_the_window_closes_is_no_exception(driven):
    shard = driven("""
        2025-01-02T10 usage n=5
        2025-01-02T12 clock

        2025-01-02T13 contract price=2
    """, as_of="2025-01-03").play()  # fmt: skip
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert (expected, []) == (shard.journal, shard.exceptions)


def test_late_usage_gives_gapless_revisions_of_its_window(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-02T10 usage n=5
        2025-01-05T00 usage n=0

        2025-01-02T11 usage n=1

        2025-01-02T12 usage n=-3
    """).play()
    expected = ledger("""
        2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00
        2025-01-02 l 2025-01-02 r2 Dr unbilled_receivable  2.00 Cr revenue  2.00
        2025-01-02 l 2025-01-02 r3 Dr revenue 6.00 Cr unbilled_receivable 6.00
    """)
    assert expected == shard.journal


def test_late_usage_that_changes_no_amount_takes_no_revision(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-02T10 usage n=5
        2025-01-05T00 usage n=0

        2025-01-02T11 usage n=0

        2025-01-02T12 usage n=1
    """).play()
    expected = ledger("""
        2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00
        2025-01-02 l 2025-01-02 r2 Dr unbilled_receivable  2.00 Cr revenue  2.00
    """)
    assert expected == shard.journal


def test_late_usage_of_a_closed_period_goes_to_the_first_open_one(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-31T10 usage n=5
        2025-02-01T12 close entity=us period=2025-01
        2025-02-02T00 usage n=1

        2025-01-31T11 usage n=4

        2025-02-03T12 usage n=0
    """).play()
    expected = ledger("""
        2025-01-31 l 2025-01-31 r1            Dr unbilled_receivable 10.00 Cr revenue 10.00
        2025-02-01 l 2025-01-31 r2 of 2025-01 Dr unbilled_receivable  8.00 Cr revenue  8.00
        2025-02-02 l 2025-02-02 r1            Dr unbilled_receivable  2.00 Cr revenue  2.00
    """)
    assert expected == shard.journal


def test_the_first_open_period_is_the_first_one_that_is_not_closed(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-03-02 close entity=us period=2025-01
        2025-03-02 close entity=us period=2025-02
        2025-03-03 usage n=0

        2025-02-27T11 usage n=4

        2025-01-31T11 usage n=1 on=1
    """, as_of="2025-03-03").play()  # fmt: skip
    expected = ledger("""
        2025-01-31 l 2025-01-31 r1            Dr unbilled_receivable  2.00 Cr revenue  2.00
        2025-03-01 l 2025-02-27 r1 of 2025-02 Dr unbilled_receivable  8.00 Cr revenue  8.00
    """)
    assert expected == shard.journal


def test_late_usage_re_rates_the_later_windows_of_its_billing_period(driven):
    shard = driven("""
        2025-01-01 contract tiers=10:3,-:1
        2025-01-02 usage n=8
        2025-01-03 usage n=4
        2025-02-01 usage n=8
        2025-02-03 usage n=0

        2025-01-02T01 usage n=2
    """).play()
    expected = ledger("""
        2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 24.00 Cr revenue 24.00
        2025-01-03 l 2025-01-03 r1 Dr unbilled_receivable  8.00 Cr revenue  8.00
        2025-02-01 l 2025-02-01 r1 Dr unbilled_receivable 24.00 Cr revenue 24.00
        2025-01-02 l 2025-01-02 r2 Dr unbilled_receivable  6.00 Cr revenue  6.00
        2025-01-03 l 2025-01-03 r2 Dr revenue 4.00 Cr unbilled_receivable 4.00
    """)
    assert expected == shard.journal


def test_a_retroactive_price_reverses_and_rebooks_usage_in_its_range(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-05 usage n=5
        2025-01-09 usage n=1
        2025-01-20 clock

        2025-01-21 contract version=2 price=3 effective=2025-01-08
    """).play()
    expected = ledger("""
        2025-01-05 l 2025-01-05 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00
        2025-01-09 l 2025-01-09 r1 Dr unbilled_receivable  2.00 Cr revenue  2.00
        2025-01-09 l 2025-01-09 r2 Dr unbilled_receivable  1.00 Cr revenue  1.00
    """)
    assert expected == shard.journal


def test_a_retroactive_line_takes_the_usage_from_the_line_before(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-09 usage n=5
        2025-01-20 clock

        2025-01-21 contract version=2 price=3 line=other effective=2025-01-08
    """).play()
    expected = ledger("""
        2025-01-09 l     2025-01-09 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00
        2025-01-09 l     2025-01-09 r2 Dr revenue 10.00 Cr unbilled_receivable 10.00
        2025-01-09 other 2025-01-09 r1 Dr unbilled_receivable 15.00 Cr revenue 15.00
    """)
    assert expected == shard.journal


def test_an_amendment_that_is_revoked_leaves_zero_behind(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-09 usage n=5
        2025-01-20 clock

        2025-01-21 contract version=2 price=3 effective=2025-01-08
        2025-01-22 clock

        2025-01-23 contract version=3 price=2 effective=2025-01-08
    """).play()
    assert {"unbilled_receivable": Decimal(10), "revenue": Decimal(-10)} == shard.balances()
    assert [1, 2, 3] == [int(line.split(" r")[1][0]) for line in shard.journal]


def test_a_contract_cancelled_at_its_start_leaves_zero_and_says_where_the_usage_is(driven):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-09 usage n=5
        2025-01-20 clock

        2025-01-21 contract version=2 kind=cancelled price=2 effective=2025-01-01
    """).play()
    assert ({}, ["contract_unknown usage 0 open"]) == (shard.balances(), shard.exceptions)


def test_a_contract_known_after_a_close_books_the_closed_period_with_its_origin(driven):
    # The idea of E01: May is closed when the contract becomes known; both months' revenue lands in June.
    shard = driven("""
        2025-05-10 usage n=1000
        2025-06-05 usage n=1000
        2025-06-07 close entity=us period=2025-05

        2025-06-10 contract price=1 start=2025-05-01 effective=2025-05-01
    """, as_of="2025-07-01").play()  # fmt: skip
    expected = ledger("""
        2025-06-01 l 2025-05-10 r1 of 2025-05 Dr unbilled_receivable 1000.00 Cr revenue 1000.00
        2025-06-05 l 2025-06-05 r1            Dr unbilled_receivable 1000.00 Cr revenue 1000.00
    """)
    assert expected == shard.journal


def test_a_redelivery_is_counted_once_and_another_quantity_is_a_conflict(driven):
    # M01
    shard = driven(f"""
        {PER_UNIT}
        2025-01-02 usage n=5 id=same

        2025-01-02 usage n=5.0 id=same

        2025-01-02 usage n=6 id=same
    """, as_of="2025-01-03").play()  # fmt: skip
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert (expected, ["identity_conflict usage 2 open"]) == (shard.journal, shard.exceptions)


TWO_ENTITIES = """
    2025-01-01 contract price=2 k=k1 entity=us line=l1
    2025-01-01 contract price=3 k=k2 entity=de line=l2
    2025-01-31T10 usage n=1 contract={first}
    2025-01-31T10 usage n=1 contract={second}
    2025-01-31T12 close entity=de period=2025-01
"""


@pytest.mark.parametrize(("first", "second"), [("k1", "k2"), ("k2", "k1")])
def test_a_close_posts_its_entitys_windows_and_leaves_those_of_another_entity_due(driven, first, second):
    shard = driven(TWO_ENTITIES.format(first=first, second=second), as_of="2025-02-12").play()
    expected = ledger("""
        2025-01-31 l2 2025-01-31 r1 Dr unbilled_receivable 3.00 Cr revenue 3.00
        2025-01-31 l1 2025-01-31 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00
    """)
    assert expected == shard.journal


def test_a_line_that_changes_its_meter_inside_a_window_books_both_meters(driven):
    story = """
        2025-01-01 contract price=2 meter=a
        2025-01-01 contract version=2 price=2 meter=b effective=2025-01-15
        2025-01-05 usage n=1 meter=a
        2025-01-20 usage n=1 meter=b
    """
    shard = driven(story, as_of="2025-02-20", window=WindowSize.MONTH).play()
    assert {"2025-01 revenue": Decimal(-4), "2025-01 unbilled_receivable": Decimal(4)} == shard.balances("period")


def test_a_retroactive_price_holds_from_the_start_of_its_day_with_windows_of_an_hour(driven):
    story = """
        2025-01-01 contract price=2
        2025-01-08T23 usage n=1
        2025-01-09T02 usage n=1
        2025-01-10 clock

        2025-01-11 contract version=2 price=3 effective=2025-01-09T10
    """
    shard = driven(story, as_of="2025-01-12", window=WindowSize.HOUR).play()
    expected = ledger("""
        2025-01-08 l 2025-01-08 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00
        2025-01-09 l 2025-01-09 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00
        2025-01-09 l 2025-01-09 r2 Dr unbilled_receivable 1.00 Cr revenue 1.00
    """)
    assert expected == shard.journal


@pytest.mark.parametrize("period", ["0000-01", "9999-12"])
def test_a_close_of_a_period_outside_the_calendar_stops_nothing(driven, period):
    shard = driven(f"""
        {PER_UNIT}
        2025-01-02 usage n=1
        2025-01-05 close entity=us period={period}
    """).play()
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00")
    assert (expected, ["invalid control 0 open"]) == (shard.journal, shard.exceptions)


HELD = f"""
    {PER_UNIT}
    2025-01-02 usage n=1 on=0
    2025-01-03 clock
    2025-01-04 usage n=2 on=0

    2025-01-02 usage n=3 on=1

    2025-01-06 usage n=0 on=1
"""


def test_batches_after_a_control_record_wait_until_every_partition_has_passed_it(driven):
    shard = driven(HELD)
    assert [] == shard.play(stop=1).journal
    # Partition 1 says with its first batch that its next one lies behind the clock record.
    shard.play(start=1, stop=2)
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 8.00 Cr revenue 8.00")
    assert expected == shard.journal


def test_batches_that_were_held_when_it_stopped_are_applied_after_the_restart(driven):
    shard = driven(HELD).play(stop=1).reopen().play()
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 8.00 Cr revenue 8.00")
    assert expected == shard.journal


STORY = """
    2025-01-01 contract price=2
    2025-01-02 usage n=5 id=a
    2025-01-02 usage n=5 id=a
    2025-01-02 usage n=6 id=a
    2025-01-03 usage n=1 meter=unlisted
    2025-01-06 usage n=2

    2025-01-02T05 usage n=1
    2025-01-07 clock

    2025-01-08 contract version=2 price=3 effective=2025-01-02
    2025-01-31T12 usage n=4
    2025-02-01 close entity=us period=2025-01

    2025-02-02 usage n=7
    2025-01-31T13 usage n=1
"""


def test_replayed_batches_change_nothing(driven):
    shard = driven(STORY, as_of="2025-02-03").play()
    before = {topic: dict(lines) for topic, lines in shard.lines.items()}
    assert (8, 2) == (len(before["revenue.journal"]), len(before["revenue.exceptions"]))
    shard.play().reopen().play()
    assert before == shard.lines


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_restart_after_any_activation_changes_nothing(driven, stop):
    unbroken = driven(STORY, as_of="2025-02-03").play()
    restarted = driven(STORY, as_of="2025-02-03").play(stop=stop).reopen().play()
    assert unbroken.lines == restarted.lines


def test_what_the_next_epoch_has_not_proven_is_said_again_with_its_sequence(driven):
    shard = driven(STORY, as_of="2025-02-03").play(stop=1)
    said, shard.lines["revenue.journal"] = shard.lines["revenue.journal"], {}
    shard.reopen().give([])
    assert {1: said[1]} == shard.lines["revenue.journal"]


def test_a_gap_in_positions_is_refused(driven):
    shard = driven(STORY).play(stop=1)
    with pytest.raises(InvariantBroken, match="positions have no gap"):
        shard.give([Batch(USAGE, 0, 99, 100, None, 0)])


def test_a_batch_that_was_applied_in_part_is_taken_up_where_it_was_left(driven):
    story = f"{PER_UNIT}\n2025-01-02 usage n=1\n\n2025-01-02 usage n=2\n\n2025-01-05 usage n=0"
    whole = f"{PER_UNIT}\n2025-01-02 usage n=1\n2025-01-02 usage n=2\n2025-01-05 usage n=0"
    shard = driven(story).play(stop=2)
    for batches in driven(whole).activations:
        shard.give(batches)
    expected = ledger("2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 6.00 Cr revenue 6.00")
    assert expected == shard.journal
