"""The books of fixed lines: one position, restated by what comes later, held while a rate is missing, never twice."""

import json
from decimal import Decimal

import pytest

from schemas.topics import EXCEPTIONS, JOURNAL
from tests.support.driven import QUARTER
from tests.support.timeline import ledger

# -- the position


def test_from_an_opening_deferred_revenue_is_released_first(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:90 end=2025-04-01 opening=2025-02-01/31/70
        2025-04-01 clock
    """).play()
    expected = ledger("""
        2025-02-28 a Dr deferred_revenue 28.00 Cr revenue 28.00
        2025-03-31 a Dr deferred_revenue 11.00 Dr unbilled_receivable 20.00 Cr revenue 31.00
    """)
    assert expected == shard.journal


def test_the_position_is_one_for_all_fixed_lines_in_the_order_of_time(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:90,b:40@2025-02-10 end=2025-04-01 opening=2025-02-01/31/70
        2025-04-01 clock
    """).play()
    expected = ledger("""
        2025-02-10 b Dr deferred_revenue 39.00 Dr unbilled_receivable 1.00 Cr revenue 40.00
        2025-02-28 a Dr unbilled_receivable 28.00 Cr revenue 28.00
        2025-03-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
    """)
    assert expected == shard.journal


def test_an_earlier_effect_that_comes_later_moves_the_position_of_those_behind_it(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:90,b:40@- end=2025-04-01 opening=2025-02-01/31/70
        2025-03-01 clock

        2025-03-02 contract version=2 fixed=a:90,b:40@2025-02-10 end=2025-04-01 effective=2025-02-10
        2025-03-03 clock

        2025-04-01 clock
    """).play()
    expected = ledger("""
        2025-02-28 a Dr deferred_revenue 28.00 Cr revenue 28.00
        2025-02-10 b Dr deferred_revenue 39.00 Dr unbilled_receivable 1.00 Cr revenue 40.00
        2025-02-28 a Dr unbilled_receivable 28.00 Cr deferred_revenue 28.00
        2025-03-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
    """)
    assert expected == shard.journal


def test_what_was_due_when_the_plan_was_another_goes_on_from_the_plan_there_is_now(driven):
    story = """
        2025-01-01 contract fixed=a:100#1/10,b:120 opening=2025-01-01/0/100
        {first}
        2025-02-01 clock

        {later}
        2025-02-10 clock

        2025-04-01 clock
    """
    version = "2025-01-0{} contract version=2 fixed=a:100#9/10,b:120 effective=2025-01-15"
    in_time = driven(story.format(first=version.format(1), later="")).play()
    late = driven(story.format(first="", later=version.replace("01-0{}", "02-03"))).play()
    assert in_time.balances("period") == late.balances("period")
    assert Decimal("8.29") == late.balances("accounting_date")["2025-02-28 unbilled_receivable"]


# -- changes


def test_progress_that_is_known_later_is_posted_with_the_day_on_which_it_was_made(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:100#0/4
        2025-02-10 clock

        2025-02-11 contract version=2 fixed=a:100#1/4 effective=2025-02-01
        2025-02-12 clock
    """).play()
    assert ledger("2025-02-01 a Dr unbilled_receivable 25.00 Cr revenue 25.00") == shard.journal


def test_a_delivery_that_is_moved_is_taken_back_and_posted_anew(driven):
    shard = driven("""
        2025-01-01 contract fixed=a:50@2025-01-20
        2025-02-01 clock

        2025-02-02 contract version=2 fixed=a:50@2025-02-01 effective=2025-02-01
        2025-02-03 clock

        2025-02-04 contract version=3 fixed=a:50@- effective=2025-02-01
        2025-02-05 clock
    """).play()
    expected = ledger("""
        2025-01-20 a Dr unbilled_receivable 50.00 Cr revenue 50.00
        2025-02-01 a Dr unbilled_receivable 50.00 Cr revenue 50.00
        2025-01-20 a Dr revenue 50.00 Cr unbilled_receivable 50.00
        2025-02-01 a Dr revenue 50.00 Cr unbilled_receivable 50.00
    """)
    assert expected == shard.journal
    rules = [entry["lineage"]["rule"] for entry in shard.entries]
    assert "taken back: no version has the effect any more" == rules[2] == rules[3]


def test_a_cancellation_takes_back_what_lies_behind_it(driven):
    shard = driven(f"""
        {QUARTER}
        2025-03-01 clock

        2025-03-02 contract version=2 kind=cancelled fixed=a:90 end=2025-04-01 effective=2025-02-11
        2025-05-01 clock
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-02-28 a Dr unbilled_receivable 28.00 Cr revenue 28.00
        2025-02-28 a Dr revenue 18.00 Cr unbilled_receivable 18.00
    """)
    assert expected == shard.journal


def test_a_contract_cancelled_at_its_start_leaves_zero(driven):
    shard = driven(f"""
        {QUARTER}
        2025-03-01 clock

        2025-03-02 contract version=2 kind=cancelled fixed=a:90 end=2025-04-01 effective=2025-01-01
        2025-05-01 clock
    """).play()
    assert {} == shard.balances("period")


def test_a_version_that_changes_nothing_posts_nothing(driven):
    shard = driven(f"""
        {QUARTER}
        2025-02-01 clock

        2025-02-02 contract version=2 fixed=a:90$1 end=2025-04-01 effective=2025-01-10
        2025-02-03 clock
    """).play()
    assert 1 == len(shard.journal)


def test_what_a_line_earned_of_another_product_stays_with_that_one(driven):
    shard = driven("""
        2025-01-01 reference kind=product id=basic revenue_account=4001
        2025-01-01 reference kind=product id=pro revenue_account=4002
        2025-01-01 contract fixed=a:100~monthly=basic end=2025-03-01
        2025-02-01 clock

        2025-02-01 contract version=2 effective=2025-02-01 fixed=a:100~monthly=pro end=2025-03-01
        2025-03-01 clock
    """).play()
    assert {"4001": -50, "4002": -50, "unbilled_receivable": 100} == shard.balances()


# -- what an entry says


def test_the_entry_names_its_rule_version_source_and_policy(driven):
    shard = driven("""
        2024-12-01 policy key=recognise value=daily effective_from=2025-01-03
        2025-01-01 contract fixed=a:90,b:10#0/2 end=2025-04-01
        2025-01-02 contract version=2 fixed=a:90,b:10#1/2 end=2025-04-01 effective=2025-01-02T10
        2025-01-04 clock
    """).play()
    found = [
        (one["line_id"], one["lineage"]["contract_version"], one["lineage"]["policy_version"],
         one["lineage"]["sources"][0]["from_offset"], one["lineage"]["rule"])
        for one in shard.entries
    ]  # fmt: skip
    expected = [
        ("b", 2, None, 1, "milestone, cumulative amount by progress, rounded half-even"),
        ("a", 1, 0, 0, "daily schedule, cumulative amount rounded half-even"),
    ]
    assert expected == found
    assert {("recognition", None, 0, None)} == {
        (one["kind"], one["window"], one["lineage"]["event_count"], one["lineage"]["event_digest"])
        for one in shard.entries
    }


# -- what is missing

PRODUCT = "2025-01-01 reference kind=product id=other"


def subjects(shard):
    """(class, line, status) of the exceptions in the order in which they were said."""
    found = [json.loads(line) for line in shard.lines[EXCEPTIONS].values()]
    return [(one["class"], one["reason"].split()[1], one["status"]) for one in found]


def test_an_unknown_product_is_a_warning_and_booked_under_the_default_accounts(driven):
    shard = driven(f"""
        {PRODUCT}
        2025-01-01 reference kind=account name=revenue number=4000
        {QUARTER}
        2025-03-01 clock

        2025-03-02 reference kind=product id=a revenue_account=subscriptions
        2025-03-03 clock
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr 4000 31.00
        2025-02-28 a Dr unbilled_receivable 28.00 Cr 4000 28.00
        2025-01-31 a Dr 4000 31.00 Cr subscriptions 31.00
        2025-02-28 a Dr 4000 28.00 Cr subscriptions 28.00
    """)
    assert expected == shard.journal
    assert [("product_unmapped", "a", "open"), ("product_unmapped", "a", "resolved")] == subjects(shard)
    assert "warning" == json.loads(shard.lines[EXCEPTIONS][1])["severity"]


def test_each_line_has_its_own_exception_and_its_own_end_of_it(driven):
    shard = driven(f"""
        {PRODUCT}
        2025-01-01 contract fixed=a:90,b:90 end=2025-04-01
        2025-02-01 clock

        2025-02-02 reference kind=product id=b
        2025-02-03 clock
    """).play()
    unmapped = "product_unmapped"
    assert [(unmapped, "a", "open"), (unmapped, "b", "open"), (unmapped, "b", "resolved")] == subjects(shard)


def test_the_exception_stands_at_the_version_that_first_had_the_product(driven):
    shard = driven(f"""
        {PRODUCT}
        2025-01-01 contract fixed=a:100#0/4
        2025-01-02 contract version=2 fixed=a:100#1/4 effective=2025-01-15
        2025-02-01 clock
    """).play()
    assert ["product_unmapped contracts 0"] == shard.open


def test_what_a_cancellation_leaves_over_is_of_a_line_whose_product_is_to_be_known(driven):
    """Cancelled at its start it earns nothing; the 90 that were billed are recognised, under the default name."""
    shard = driven(f"""
        {PRODUCT}
        2024-12-01 policy key=cancellation value=non_refundable effective_from=2024-12-01
        {QUARTER}
        2025-01-02 bill net=a:90 k=k
        2025-01-03 contract version=2 kind=cancelled fixed=a:90 effective=2025-01-01 end=2025-04-01
        2025-02-01 clock
    """).play()
    assert ["product_unmapped contracts 0"] == shard.open
    assert ["2025-01-02 a Dr deferred_revenue 90.00 Cr revenue 90.00"] == shard.journal[-1:]


EURO = "2025-01-01 reference kind=entity id=us functional_currency=EUR"
RATE = "reference kind=fx_rate base=USD quote=EUR"


def test_without_a_rate_nothing_is_posted_until_there_is_one(driven):
    shard = driven(f"""
        {EURO}
        {QUARTER}
        2025-03-01 clock

        2025-03-02 {RATE} rate=0.5 as_of=2025-02-01
        2025-03-03 clock

        2025-03-04 {RATE} rate=0.25 as_of=2024-12-01
        2025-03-05 clock
    """).play()
    expected = ledger("""
        2025-02-28 a Dr unbilled_receivable 28.00 (14.00 EUR) Cr revenue 28.00 (14.00 EUR)
        2025-01-31 a Dr unbilled_receivable 31.00 (7.75 EUR) Cr revenue 31.00 (7.75 EUR)
    """)
    assert expected == shard.journal
    assert [("fx_rate_missing", "a", "open"), ("fx_rate_missing", "a", "resolved")] == subjects(shard)


def test_the_rate_of_the_day_of_recognition_counts(driven):
    shard = driven(f"""
        {EURO}
        2025-01-01 {RATE} rate=0.5 as_of=2025-01-01
        2025-01-01 {RATE} rate=0.25 as_of=2025-01-31T23:59:59.999999
        2025-01-01 {RATE} rate=0.1 as_of=2025-02-01
        2025-01-01 contract fixed=a:90,b:10@2025-01-30 end=2025-04-01
        2025-02-01 clock
    """).play()
    expected = ledger("""
        2025-01-30 b Dr unbilled_receivable 10.00 (5.00 EUR) Cr revenue 10.00 (5.00 EUR)
        2025-01-31 a Dr unbilled_receivable 31.00 (7.75 EUR) Cr revenue 31.00 (7.75 EUR)
    """)
    assert expected == shard.journal


def test_a_corrected_rate_moves_functional_amounts_alone(driven):
    shard = driven(f"""
        {EURO}
        2025-01-01 {RATE} rate=0.5 as_of=2025-01-01
        {QUARTER}
        2025-02-01 clock

        2025-02-02 {RATE} rate=0.6 as_of=2025-01-01
        2025-02-03 clock
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 (15.50 EUR) Cr revenue 31.00 (15.50 EUR)
        2025-01-31 a Dr unbilled_receivable 0.00 (3.10 EUR) Cr revenue 0.00 (3.10 EUR)
    """)
    assert expected == shard.journal


def test_books_that_turn_out_to_be_kept_in_another_currency_are_posted_anew(driven):
    shard = driven(f"""
        2025-01-01 {RATE} rate=0.5 as_of=2025-01-01
        {QUARTER}
        2025-02-01 clock

        2025-02-02 reference kind=entity id=us functional_currency=EUR
        2025-02-03 clock
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-01-31 a Dr revenue 31.00 Cr unbilled_receivable 31.00
        2025-01-31 a Dr unbilled_receivable 31.00 (15.50 EUR) Cr revenue 31.00 (15.50 EUR)
    """)
    assert expected == shard.journal
    sums = shard.balances("functional_currency", "functional_amount")
    assert {"EUR revenue": Decimal("-15.50"), "EUR unbilled_receivable": Decimal("15.50")} == sums


def test_books_whose_rate_is_not_known_any_more_are_taken_back(driven):
    shard = driven(f"""
        {QUARTER}
        2025-02-01 clock

        2025-02-02 reference kind=entity id=us functional_currency=EUR
        2025-02-03 clock

        2025-02-04 {RATE} rate=0.5 as_of=2025-01-01
        2025-02-05 clock
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-01-31 a Dr revenue 31.00 Cr unbilled_receivable 31.00
        2025-01-31 a Dr unbilled_receivable 31.00 (15.50 EUR) Cr revenue 31.00 (15.50 EUR)
    """)
    assert expected == shard.journal
    assert [("fx_rate_missing", "a", "open"), ("fx_rate_missing", "a", "resolved")] == subjects(shard)


# -- what a person decides

VARIABLE = "reference kind=product id=d highly_variable=yes ssp_low=15"


def test_what_no_rule_allocates_is_not_booked_until_it_is_decided(driven):
    shard = driven(f"""
        2025-01-01 {VARIABLE} ssp_high=45
        2025-01-01 reference kind=product id=a
        2025-01-01 contract fixed=a:40,d:60 end=2025-02-01
        2025-02-01 clock

        2025-02-02 {VARIABLE} ssp_high=60
        2025-02-03 clock
    """)
    shard.play(stop=1)
    assert ([], ["treatment_undecidable contracts 0"]) == (shard.journal, shard.open)
    shard.play(start=1)
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 40.00 Cr revenue 40.00
        2025-01-31 d Dr unbilled_receivable 60.00 Cr revenue 60.00
    """)
    assert (expected, []) == (shard.journal, shard.open)


def test_what_turns_out_to_be_undecidable_is_taken_back(driven):
    shard = driven(f"""
        2025-01-01 reference kind=product id=a
        2025-01-01 reference kind=product id=d
        2025-01-01 contract fixed=a:40,d:60 end=2025-02-01
        2025-02-01 clock

        2025-02-02 {VARIABLE} ssp_high=45
        2025-02-03 clock
    """).play()
    assert ({}, ["treatment_undecidable contracts 0"]) == (shard.balances(), shard.open)


def test_an_extended_term_spreads_what_is_not_recognised_over_what_is_left(driven):
    shard = driven(f"""
        {QUARTER}
        2025-02-01 clock

        2025-02-02 contract version=2 fixed=a:180 end=2025-04-01 effective=2025-02-01
        2025-03-01 clock
    """).play()
    expected = ledger("""
        2025-01-31 a Dr unbilled_receivable 31.00 Cr revenue 31.00
        2025-02-28 a Dr unbilled_receivable 70.71 Cr revenue 70.71
    """)  # 180 less 31 over 59 days
    assert (expected, []) == (shard.journal, shard.open)


# -- restarts

STORY = f"""
    {PRODUCT}
    {EURO}
    2025-01-01 contract fixed=a:90,b:40@-,c:100#1/4 end=2025-04-01 opening=2025-01-15/10/70
    2025-02-01 clock

    2025-02-02 {RATE} rate=0.5 as_of=2025-01-01
    2025-02-03 contract version=2 fixed=a:90,b:40@2025-01-20,c:100#1/2 end=2025-04-01 effective=2025-01-20
    2025-02-10 policy key=recognise value=daily effective_from=2025-02-05

    2025-02-12 close entity=us period=2025-01
    2025-02-13 reference kind=product id=b revenue_account=sales
    2025-03-01 contract version=3 kind=cancelled fixed=a:90,b:40@2025-01-20,c:100#1/2 end=2025-04-01 effective=2025-02-20

    2025-03-05 clock
"""


def test_replayed_batches_change_nothing(driven):
    shard = driven(STORY).play()
    before = {topic: dict(lines) for topic, lines in shard.lines.items()}
    assert (19, 6) == (len(before[JOURNAL]), len(before[EXCEPTIONS]))
    shard.play().reopen().play()
    assert before == shard.lines


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_restart_after_any_activation_changes_nothing(driven, stop):
    unbroken = driven(STORY).play()
    restarted = driven(STORY).play(stop=stop).reopen().play()
    assert unbroken.lines == restarted.lines
