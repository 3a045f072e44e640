"""When effects of fixed lines are posted: as the business date passes, by day, on delivery, and around a close."""

from tests.support.driven import QUARTER
from tests.support.timeline import ledger


def test_a_period_is_posted_when_the_business_date_has_passed_its_end(driven):
    shard = driven(f"""
        {QUARTER}
        2025-01-31T23:59:59 clock

        2025-02-01 clock

        2025-03-01 clock
    """, following=True)  # fmt: skip
    assert [] == shard.play(stop=1).journal
    assert ledger("2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00") == shard.play(1, 2).journal
    shard.play(start=2)
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-02-28 a Dr unbilled_receivable 28.00 Cr revenue 28.00
    """)
    assert expected == shard.journal


def test_no_watermark_makes_a_schedule_due(driven):
    shard = driven(f"""
        {QUARTER}
        2025-03-15 usage n=1

        2025-02-01 clock
    """, following=True)  # fmt: skip
    assert [] == shard.play(stop=1).journal


def test_several_periods_that_are_over_are_an_entry_each(driven):
    shard = driven(f"{QUARTER}\n2025-07-01 clock").play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-02-28 a Dr unbilled_receivable 28.00 Cr revenue 28.00
        2025-03-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
    """)
    assert expected == shard.journal


def test_recognition_by_day_is_posted_day_by_day(driven):
    shard = driven("""
        2024-12-01 policy key=recognise value=daily effective_from=2025-01-30
        2025-01-01 contract fixed=a:90 end=2025-04-01
        2025-01-30T12 clock

        2025-02-02 clock
    """, following=True)  # fmt: skip
    assert [] == shard.play(stop=1).journal
    expected = ledger("""
        2025-01-30 a Dr unbilled_receivable 30.00 Cr revenue 30.00
        2025-01-31 a Dr unbilled_receivable 1.00 Cr revenue 1.00
        2025-02-01 a Dr unbilled_receivable 1.00 Cr revenue 1.00
    """)
    assert expected == shard.play(start=1).journal


def test_recognition_that_turns_daily_afterwards_is_dated_by_days(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:90 end=2025-04-01
        2025-02-01 clock

        2025-02-02 policy key=recognise value=daily effective_from=2025-01-30
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-01-30 a Dr unbilled_receivable 30.00 Cr revenue 30.00
        2025-01-31 a Dr revenue 30.00 Cr unbilled_receivable 30.00
        2025-02-01 a Dr unbilled_receivable 1.00 Cr revenue 1.00
    """)
    assert expected == shard.journal


def test_what_is_delivered_is_posted_when_time_has_come_to_it(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:50@2025-01-20T15,b:80#1/4
        2025-01-20T14:59 clock

        2025-01-20T15 clock
    """, following=True)  # fmt: skip
    assert ledger("2025-01-01 b Dr unbilled_receivable 20.00 Cr revenue 20.00") == shard.play(stop=1).journal
    shard.play(start=1)
    assert ledger("2025-01-20 a Dr unbilled_receivable 50.00 Cr revenue 50.00") == shard.journal[1:]


def test_a_close_posts_what_is_due_by_the_periods_end_and_freezes(driven):
    shard = driven(f"""
        {QUARTER}
        2025-01-20 close entity=us period=2025-01

        2025-02-05 clock
    """).play()
    assert ledger("2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00") == shard.journal


def test_a_close_is_of_its_entity_alone(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:90 end=2025-04-01 k=k1
        2025-01-01 contract fixed=b:90 end=2025-04-01 k=k2 entity=de
        2025-01-20 close entity=de period=2025-01
    """).play()
    assert ledger("2025-01-31 b Dr unbilled_receivable 31.00 Cr revenue 31.00") == shard.journal


def test_e01_a_contract_known_after_a_close_lands_in_the_first_open_period_with_its_origin(driven):
    shard = driven("""
        2025-06-07 close entity=us period=2025-05
        2025-06-10 contract fixed=a:3000~monthly start=2025-05-01 effective=2025-05-01 end=2025-08-01
        2025-07-01 clock
    """).play()
    expected = ledger("""
        2025-06-01 a of 2025-05 Dr unbilled_receivable 1000.00 Cr revenue 1000.00
        2025-06-30 a Dr unbilled_receivable 1000.00 Cr revenue 1000.00
    """)
    assert expected == shard.journal


def test_a_reopened_period_takes_later_differences_again(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:100#0/4
        2025-02-01 close entity=us period=2025-01
        2025-02-02 contract version=2 fixed=a:100#1/4 effective=2025-01-20
        2025-02-03 reopen entity=us period=2025-01 actor=ann approver=bob
        2025-02-04 contract version=3 fixed=a:100#2/4 effective=2025-01-25
        2025-02-05 clock
    """).play()
    expected = ledger("""
        2025-02-01 a of 2025-01 Dr unbilled_receivable 25.00 Cr revenue 25.00
        2025-01-25 a Dr unbilled_receivable 25.00 Cr revenue 25.00
    """)
    assert expected == shard.journal
