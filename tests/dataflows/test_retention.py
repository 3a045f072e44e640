"""What leaves the state of a shard, when, and what that keeps from being booked: courses of events on a real store."""

from __future__ import annotations

import json

import pytest

from schemas.topics import EXCEPTIONS
from state import keys
from state.store import ShardStore
from tests.dataflows.retained import MONTHS, OPEN, SHORT, counts, kept, refused

# -- contracts that end

ENDED = """
    2025-01-01 contract price=2 end=2025-02-01 fixed=f:31
    2025-01-10 usage n=5
    2025-01-20 usage n=1
"""


@pytest.mark.parametrize("last, left", [("2025-04-02", True), ("2025-04-03", False)])
def test_all_of_a_contract_goes_when_its_term_has_been_over_for_so_long(driven, last, left):
    shard = driven(f"{ENDED}\n {last} clock", **SHORT).play()
    assert ["10.00", "2.00", "31.00"] == [entry.rpartition(" ")[2] for entry in shard.journal]  # usage, usage, the fee
    assert left == bool(kept(shard))


def test_the_term_of_a_contract_is_kept_as_a_whole_however_long_it_is(driven):
    shard = driven("""
        2025-01-01 contract price=2 end=2028-01-01
        2025-01-10 usage n=5
        2027-12-31 clock
    """, **SHORT).play()  # fmt: skip
    assert {keys.CONTRACT: 1, keys.FEED: 1, keys.CELL: 1, keys.BOOKED: 1} == kept(shard)


def test_a_term_that_is_prolonged_in_time_is_kept_as_a_whole(driven):
    shard = driven("""
        2025-01-01 contract price=2 end=2025-02-01
        2025-01-10 usage n=5
        2025-03-15 contract price=2 version=2 kind=renewed effective=2025-02-01 end=2025-12-01
        2025-11-01 clock
    """, **SHORT).play()  # fmt: skip
    assert {keys.CONTRACT: 2, keys.FEED: 1, keys.CELL: 1, keys.BOOKED: 1} == kept(shard)


def test_a_contract_without_an_end_goes_after_its_cancellation(driven):
    shard = driven("""
        2025-01-01 contract price=2 end=-
        2025-01-10 usage n=5
        2025-02-01 contract price=2 end=- version=2 kind=cancelled effective=2025-02-01
        2025-06-01 clock
    """, **SHORT).play()  # fmt: skip
    assert {} == kept(shard)


def test_a_contract_that_comes_again_after_it_has_gone_is_refused_and_books_nothing(driven):
    shard = driven(f"""
        {ENDED}
        2025-06-01 clock

        2025-06-02 contract price=2 end=2025-02-01 fixed=f:31
        2025-09-01 clock
    """, **SHORT).play()  # fmt: skip
    once = driven(f"{ENDED}\n 2025-06-01 clock", **SHORT).play()
    assert (once.journal, {}) == (shard.journal, kept(shard))
    assert ["beyond_retention contracts 1 open"] == shard.exceptions
    assert "post a manual correction" in str(refused(shard)[0]["reason"])


def test_a_renewal_of_a_contract_that_has_gone_says_that_it_may_have_gone(driven):
    shard = driven(f"""
        {ENDED}
        2025-06-01 clock

        2025-06-02 contract price=2 version=2 kind=renewed effective=2025-06-01 end=2026-06-01
    """, **SHORT).play()  # fmt: skip
    assert ["version_gap contracts 1 open"] == shard.exceptions
    assert "kept no more: begin another contract" in json.loads(shard.lines[EXCEPTIONS][1])["reason"]


def test_what_could_never_be_booked_of_a_contract_goes_with_it_and_its_exceptions_stay_open(driven):
    shard = driven("""
        2025-01-01 reference kind=entity id=us functional_currency=GBP
        2025-01-01 contract price=2 end=2025-02-01 fixed=f:31
        2025-01-01 contract price=2 k=gap version=2 end=2025-02-01
        2025-01-10 usage n=5 contract=k
        2025-06-01 clock
    """, **SHORT).play()  # fmt: skip
    assert ([], {}) == (shard.journal, kept(shard))
    assert 3 == len(shard.open)
    shard.close()
    store = ShardStore(shard.state / "0")
    assert [] == [*store.scan(keys.OPEN), *store.scan(keys.HELD)]
    store.close()


def test_an_edge_of_usage_cells_is_forgotten_with_its_contract(driven):
    shard = driven("""
        2025-01-01 contract price=2 start=2025-01-01T00:07 end=2025-02-01
        2025-01-10 usage n=5
        2025-06-01 clock
    """, **SHORT)  # fmt: skip
    assert {} == shard.play().shard._contracts.edges


# -- usage


def test_usage_of_before_the_cut_is_refused_with_its_payload(driven):
    shard = driven(f"""
        {OPEN}
        2025-01-10 usage n=1
        2025-06-20 clock

        2025-01-11 usage n=7 on=1
        2025-06-21 usage n=1
        2025-06-23 clock
    """, following=True, **SHORT).play()  # fmt: skip
    assert (["beyond_retention usage 0 open"], (3, 2, 1, 0, 0)) == (shard.exceptions, counts(shard))
    assert refused(shard)[0]["payload"]
    assert ["2025-01-10", "2025-06-21"] == [line.split()[2] for line in shard.journal]


def test_parked_usage_leaves_and_its_exception_stays_open(driven):
    story = """
        2025-01-10 usage n=1
        2025-01-12 clock
        {last} clock

        2025-04-15 contract price=2 end=2025-12-01
        2025-04-16 clock
    """
    early = driven(story.format(last="2025-04-02"), **SHORT).play()
    assert (["contract_unknown usage 0 open", "contract_unknown usage 0 resolved"], (1, 1, 0, 0, 0)) == (
        early.exceptions, counts(early),
    )  # fmt: skip
    late = driven(story.format(last="2025-04-03"), **SHORT).play()
    assert (["contract_unknown usage 0 open"], (1, 0, 0, 0, 1)) == (late.exceptions, counts(late))


def test_usage_that_comes_older_than_parked_usage_is_kept_is_not_parked(driven):
    shard = driven("""
        2025-06-20 clock

        2025-01-11 usage n=7

        2025-06-21 contract price=2 end=2025-12-01
        2025-06-22 clock
    """, following=True, **SHORT).play()  # fmt: skip
    assert (["contract_unknown usage 0 open"], (1, 0, 0, 0, 1)) == (shard.exceptions, counts(shard))


def test_usage_that_lost_its_contract_leaves_and_its_exception_stays_open(driven):
    shard = driven("""
        2025-01-01 contract price=2 end=-
        2025-01-20 usage n=1
        2025-01-25 clock

        2025-01-26 contract price=2 end=- version=2 kind=cancelled effective=2025-01-15
        2025-01-27 clock
        2025-08-01 clock
    """, **SHORT).play()  # fmt: skip
    assert (["contract_unknown usage 0"], {}, {}) == (shard.open, shard.balances(), kept(shard))


# -- master data and policies


REACHING = {
    "a product": ("kind=product id=p revenue_account=r", 1),
    "an account": ("kind=account id=revenue number=4000", 1),
    "an account of another entity": ("kind=account id=revenue number=4000 entity=de", 0),
    "a zone": ("kind=entity id=us time_zone=America/New_York", 1),
    "what takes effect after the cut": ("kind=product id=p revenue_account=r effective_from=2025-04-01", 0),
}


@pytest.mark.parametrize("facts, said", REACHING.values(), ids=REACHING)
def test_master_data_that_reaches_behind_the_cut_is_said_once_for_each_contract(driven, facts, said):
    shard = driven(f"""
        {OPEN}
        {OPEN} k=other meter=x
        2025-01-01 contract price=2 k=whole meter=y end=2025-12-01
        {MONTHS}
        2025-06-20 clock

        2025-06-21 reference {facts}
        2025-06-22 clock
    """, **SHORT).play()  # fmt: skip
    expected = {"k", "other"} if said else set()
    assert expected == {one["contract_id"] for one in refused(shard)}
    assert len(expected) == len(refused(shard))
    assert 12 == -sum(amount for name, amount in shard.balances().items() if name != "unbilled_receivable")
    assert all(line.split()[2] >= "2025-03-31" for line in shard.journal[6:])


def test_a_policy_that_reaches_behind_the_cut_is_said(driven):
    shard = driven(f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock
        2025-06-21 policy key=usage_window value=month effective_from=2025-02-01
        2025-06-21 policy key=recognise value=daily effective_from=2025-02-01
        2025-07-02 clock
    """, **SHORT).play()  # fmt: skip
    assert ["beyond_retention control 1 open"] == shard.exceptions
    assert {"revenue": -12, "unbilled_receivable": 12} == shard.balances()


def test_a_product_that_comes_after_windows_have_gone_unbooked_does_not_settle_their_exception(driven):
    shard = driven(f"""
        2025-01-01 reference kind=product id=other
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 reference kind=product id=p effective_from=2025-04-01
        2025-06-22 clock
    """, **SHORT).play()  # fmt: skip
    assert ["2025-04-10", "2025-05-10", "2025-06-10"] == [line.split()[2] for line in shard.journal]
    assert ["product_unmapped contracts 0"] == shard.open


# -- the pass


def test_nothing_goes_before_the_business_date_says_so(driven):
    """Watermarks do not count: they have no place among contracts that a replay could find again."""
    shard = driven(f"{OPEN}\n 2025-01-10 usage n=1\n 2026-01-10 usage n=1").play()
    assert 2 == kept(shard)[keys.CELL]


def test_a_pass_that_is_cut_short_is_begun_anew(driven, monkeypatch):
    monkeypatch.setattr("dataflows.retention.KEYS", 1)
    monkeypatch.setattr("state.store.WALK_KEYS", 2)
    usage = "\n".join(f"2025-01-{day:02d} usage n=1 customer={name}" for day in range(1, 29) for name in "cd")
    contracts = "\n".join(f"2025-01-01 contract price=2 end=- customer={name} k=k{name}" for name in "cd")
    shard = driven(f"{contracts}\n{usage}\n 2025-06-01 clock" + "\n\n2025-06-02 clock" * 200, following=True, **SHORT)
    left = []
    for number in range(len(shard.activations)):
        shard.play(number, number + 1)
        if number % 7 == 0:
            left.append(kept(shard)[keys.CELL])  # closes and opens it
    assert left == sorted(left, reverse=True)
    assert (56, 0) == (left[0], left[-1])
    assert len(set(left)) > 5


def test_an_amendment_in_the_middle_of_a_pass_finds_the_customer_as_after_it(driven, monkeypatch):
    story = f"""
        {OPEN}
        {MONTHS}
        2025-06-20 clock

        2025-06-21 contract price=3 end=- version=2 effective=2025-02-01

        2025-06-22 clock
    """
    whole = driven(story, following=True, **SHORT).play()
    monkeypatch.setattr("dataflows.retention.KEYS", 1)
    monkeypatch.setattr("state.store.WALK_KEYS", 1)
    little = driven(story, following=True, **SHORT).play()
    assert (whole.journal, whole.exceptions) == (little.journal, little.exceptions)
    assert 9 == len(whole.journal)


# -- billing


EVER_BILLED = """
    2025-01-01 contract price=2 end=-
    2025-01-01 bill kind=finalized invoice=i0 net=l:15
    2025-01-10 usage n=5
    2025-01-20 usage n=5
    2025-01-31 bill kind=finalized invoice=i1 net=l:5
    2025-02-10 usage n=3
    2025-02-28 bill kind=finalized invoice=i2 net=l:6
    2025-03-10 usage n=4
"""
LATER = """
    2025-05-15 clock
    2025-05-16 bill kind=finalized invoice=i3 net=l:8
    2025-05-17 usage n=1
    2025-05-20 clock
"""


def test_what_was_billed_ahead_is_known_when_the_windows_it_was_used_up_by_are_gone(driven):
    short, everything = (driven(EVER_BILLED + LATER, **settings).play() for settings in (SHORT, {}))
    assert everything.balances("period") == short.balances("period")
    assert {"accounts_receivable": 34, "revenue": -36, "unbilled_receivable": 2} == short.balances()
    assert kept(short)[keys.BOOKED] < kept(everything)[keys.BOOKED]


def test_a_billing_event_of_later_changes_nothing_of_what_was_let_go(driven):
    shard = driven(EVER_BILLED + LATER, **SHORT)
    shard.play(stop=len(shard.activations) - 1)
    before = len(shard.journal)
    shard.play(start=len(shard.activations) - 1)
    assert all("2025-05" in line for line in shard.journal[before:])
