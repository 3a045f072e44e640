"""What comes late changes the books as if it had been there before: master data, zones, policies, over open windows too."""

from decimal import Decimal

import pytest

from accounting.window import WindowSize
from tests.support.timeline import instant, ledger

USAGE = """
    2025-01-01 contract price=2
    2025-01-05T03 usage n=1
    2025-01-05T20 usage n=2
    2025-01-31T22 usage n=4
    2025-02-01T03 usage n=8
"""
FIXED = "2025-01-01 contract fixed=a:120~exact,b:40$80,c:60@2025-02-01T03,d:50#1/4"
BOTH = f"{USAGE}\n{FIXED} k=k2"
GOVERNED = "2024-12-01 reference kind=product id=other"
MONTHS = {"window": WindowSize.MONTH}

# name: (what is there from the start, what comes late, settings)
LATE = {
    "a zone": (BOTH, "reference kind=entity id=us time_zone=America/New_York", {}),
    "a zone ahead": (BOTH, "reference kind=entity id=us time_zone=Pacific/Kiritimati", {}),
    "another zone": (
        f"2024-12-01 reference kind=entity id=us time_zone=Asia/Tokyo\n{BOTH}",
        "reference kind=entity id=us time_zone=America/New_York", {},
    ),
    "a zone that is gone": (
        f"2024-12-01 reference kind=entity id=us time_zone=Asia/Tokyo\n{BOTH}",
        "reference kind=entity id=us effective_from=2024-12-15", {},
    ),
    "a zone of another entity": (BOTH, "reference kind=entity id=de time_zone=America/New_York", {}),
    "a functional currency and its rate": (
        f"2024-12-01 reference kind=fx_rate base=USD quote=EUR rate=0.5 as_of=2024-12-01\n{BOTH}",
        "reference kind=entity id=us functional_currency=EUR", {},
    ),
    "a functional currency without a rate": (BOTH, "reference kind=entity id=us functional_currency=EUR", {}),
    "a rate": (
        f"2024-12-01 reference kind=entity id=us functional_currency=EUR\n{BOTH}",
        "reference kind=fx_rate base=EUR quote=USD rate=4 as_of=2025-01-05", {},
    ),
    "a corrected rate": (
        f"2024-12-01 reference kind=entity id=us functional_currency=EUR\n"
        f"2024-12-01 reference kind=fx_rate base=USD quote=EUR rate=0.5 as_of=2024-12-01\n{BOTH}",
        "reference kind=fx_rate base=USD quote=EUR rate=0.3 as_of=2025-01-31", {},
    ),
    "the first product": (BOTH, "reference kind=product id=other", {}),
    "the product": (f"{GOVERNED}\n{BOTH}", "reference kind=product id=p revenue_account=sales", {}),
    "a product of a part of the time": (f"{GOVERNED}\n{BOTH}", "reference kind=product id=p effective_from=2025-01-10", {}),
    "a bundle that lists the product": (f"{GOVERNED}\n{BOTH}", "reference kind=bundle id=x products=p,q price=5", {}),
    "an SSP": (f"2024-12-01 reference kind=product id=a\n{BOTH}", "reference kind=product id=a ssp=10", {}),
    "a method": (
        f"2024-12-01 reference kind=product id=b\n{BOTH}", "reference kind=product id=b default_method=monthly", {},
    ),
    "a bundle with a discount": (
        "2024-12-01 reference kind=product id=z\n2025-01-01 contract fixed=a:40$60,b:40$40,c:20$60 k=k2",
        "reference kind=bundle id=x products=a,c price=60", {},
    ),
    "an account": (BOTH, "reference kind=account name=revenue number=4000 effective_from=2025-01-20", {}),
    "an entity's account": (BOTH, "reference kind=account name=unbilled_receivable number=1200 entity=us", {}),
    "smaller windows": (BOTH, "policy key=usage_window value=hour effective_from=2025-01-05", {}),
    "smaller windows from mid-window on": (BOTH, "policy key=usage_window value=day effective_from=2025-01-05T04", MONTHS),
    "larger windows": (BOTH, "policy key=usage_window value=month effective_from=2025-01-05T04", {}),
    "larger windows from the start": (BOTH, "policy key=usage_window value=month effective_from=2025-01-01", {}),
    "larger, then smaller windows": (
        f"2024-12-02 policy key=usage_window value=month effective_from=2025-01-03\n{BOTH}",
        "policy key=usage_window value=hour effective_from=2025-01-31T22:30", {},
    ),
    "windows of a line that begins inside one": (
        "2025-01-15 contract price=2 start=2025-01-15 effective=2025-01-15\n2025-01-16 usage n=5",
        "policy key=usage_window value=day effective_from=2025-01-15", MONTHS,
    ),
    "daily recognition": (BOTH, "policy key=recognise value=daily effective_from=2025-01-20", {}),
    "the residual": (
        "2025-01-01 contract fixed=a:101~monthly end=2025-04-01",
        "policy key=residual value=last_full_period effective_from=2024-12-31", {},
    ),
    "a carried value": (
        "2025-01-01 contract price=2 aggregation=last\n2025-01-05 usage n=3",
        "policy key=carry value=yes effective_from=2024-12-31", {},
    ),
    "a minimum in another zone": (
        "2025-01-01T05 contract price=2 minimum=50 start=2025-01-01T05\n2025-01-05 usage n=3",
        "reference kind=entity id=us time_zone=America/New_York", {},
    ),
}  # fmt: skip
CLOCKS = [
    "2025-01-05T23:30",
    "2025-01-06T04",
    "2025-01-20",
    "2025-02-01T00:30",
    "2025-02-01T12",
    "2025-02-03",
    "2025-03-03",
]


@pytest.mark.parametrize("clock", [0, 2, 4, 6])
@pytest.mark.parametrize("name", LATE)
def test_the_books_are_those_of_an_order_in_which_it_came_first(driven, name, clock):
    """It comes after one of the clock records; the ones that follow close what is left."""
    given, late, settings = LATE[name]
    first = driven(story_of(f"2024-12-02 {late}\n{given}", CLOCKS), **settings).play()
    later = driven(story_of(given, CLOCKS, late, clock), **settings).play()
    for by in ("accounting_date", "line_id"):
        assert first.balances(by) == later.balances(by)
    functional = ("functional_currency", "functional_amount")
    assert first.balances(*functional) == later.balances(*functional)
    places = [{one.partition(" ")[0] for one in shard.open} for shard in (first, later)]
    assert places[0] == places[1]


def story_of(given: str, clocks: list[str], late: str = "", after: int = -1) -> str:
    """The usage and the clock records in the order of their times; `late` comes right behind one of them."""
    steps = [line.strip() for line in given.strip().splitlines() if line.strip()]
    for number, at in enumerate(clocks):
        steps.append(f"{at} clock")
        if number == after:
            steps.append(f"{instant(at)[:-1]}.000001 {late}")
    return "\n".join(steps)


@pytest.mark.parametrize("name", LATE)
def test_while_following_it_may_come_after_everything_else_or_before(driven, name):
    given, late, settings = LATE[name]
    clock = "\n\n".join(f"{at} clock" for at in CLOCKS[-3:])
    first = driven(f"2024-12-02 {late}\n\n{given}\n\n{clock}", following=True, **settings).play()
    later = driven(f"{given}\n\n2024-12-02 {late}\n\n{clock}", following=True, **settings).play()
    for by in ("accounting_date", "line_id"):
        assert first.balances(by) == later.balances(by)


# -- windows that are open when their boundaries move


def test_usage_of_an_open_window_is_not_lost_when_its_end_moves(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-10T20 usage n=5

        2025-01-10T22 reference kind=entity id=us time_zone=America/New_York

        2025-01-11T00:30 clock

        2025-01-11T05 clock
    """, following=True)  # fmt: skip
    assert [] == shard.play(stop=3).journal
    expected = ledger("2025-01-10 l 2025-01-10 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == shard.play(start=3).journal


def test_a_window_that_ends_earlier_now_is_booked_at_its_new_end(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-10T12 usage n=5

        2025-01-10T13 reference kind=entity id=us time_zone=Asia/Tokyo

        2025-01-10T15 clock
    """, following=True).play()  # fmt: skip
    expected = ledger("2025-01-10 l 2025-01-09 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == shard.journal


def test_an_open_window_that_a_policy_cuts_is_booked_at_the_cut(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-10 usage n=5

        2025-01-12 policy key=usage_window value=day effective_from=2025-01-15

        2025-01-15 clock
    """, following=True, window=WindowSize.MONTH).play()  # fmt: skip
    expected = ledger("2025-01-14 l 2025-01-01 r1 Dr unbilled_receivable 10.00 Cr revenue 10.00")
    assert expected == shard.journal


def test_windows_that_are_not_cut_so_any_more_are_taken_back_each_under_its_own_name(driven):
    shard = driven("""
        2025-01-01 contract price=2
        2025-01-02 usage n=1
        2025-01-03 usage n=2
        2025-01-04 clock

        2025-01-05 policy key=usage_window value=month effective_from=2025-01-01

        2025-02-01 clock
    """, following=True).play()  # fmt: skip
    expected = ledger("""
        2025-01-02 l 2025-01-02 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00
        2025-01-03 l 2025-01-03 r1 Dr unbilled_receivable 4.00 Cr revenue 4.00
        2025-01-31 l 2025-01-01 r1 Dr unbilled_receivable 6.00 Cr revenue 6.00
        2025-01-02 l 2025-01-02 r2 Dr revenue 2.00 Cr unbilled_receivable 2.00
        2025-01-03 l 2025-01-03 r2 Dr revenue 4.00 Cr unbilled_receivable 4.00
    """)
    assert sorted(expected) == sorted(shard.journal)


# -- what usage lacks


def test_usage_of_an_unknown_product_is_held_and_booked_when_it_is_known(driven):
    shard = driven(f"""
        {GOVERNED}
        2025-01-01 contract price=2
        2025-01-01 contract price=3 k=k2 product=other customer=d line=known
        2025-01-05 usage n=1
        2025-01-06 usage n=2
        2025-01-06 usage n=2 customer=d
        2025-01-07 clock

        2025-01-08 reference kind=product id=p

        2025-01-10 clock
    """)
    shard.play(stop=1)
    neighbour = "2025-01-06 known 2025-01-06 r1 Dr unbilled_receivable 6.00 Cr revenue 6.00"
    assert ([neighbour], ["product_unmapped contracts 0"]) == (shard.journal, shard.open)
    shard.play(start=1)
    expected = ledger(f"""
        {neighbour}
        2025-01-05 l 2025-01-05 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00
        2025-01-06 l 2025-01-06 r1 Dr unbilled_receivable 4.00 Cr revenue 4.00
    """)
    assert expected == shard.journal
    assert ["product_unmapped contracts 0 open", "product_unmapped contracts 0 resolved"] == shard.exceptions


def test_the_windows_of_a_part_of_the_time_are_booked_and_the_exception_stays(driven):
    shard = driven(f"""
        {GOVERNED}
        2025-01-01 contract price=2
        2025-01-05 usage n=1
        2025-01-07 usage n=2
        2025-01-08 clock

        2025-01-09 reference kind=product id=p effective_from=2025-01-07
        2025-01-10 reference kind=product id=p

        2025-01-11 clock
    """)
    shard.play()
    assert ["product_unmapped contracts 0 open", "product_unmapped contracts 0 resolved"] == shard.exceptions
    partly = driven(f"""
        {GOVERNED}
        2025-01-01 contract price=2
        2025-01-05 usage n=1
        2025-01-07 usage n=2
        2025-01-08 clock

        2025-01-09 reference kind=product id=p effective_from=2025-01-07
        2025-01-11 clock
    """).play()
    expected = ledger("2025-01-07 l 2025-01-07 r1 Dr unbilled_receivable 4.00 Cr revenue 4.00")
    assert (expected, ["product_unmapped contracts 0"]) == (partly.journal, partly.open)


def test_usage_without_a_rate_is_held_and_booked_at_the_rate_of_its_windows_end(driven):
    shard = driven("""
        2025-01-01 reference kind=entity id=us functional_currency=EUR
        2025-01-01 contract price=2
        2025-01-05 usage n=1
        2025-01-06 usage n=2
        2025-01-07 clock

        2025-01-08 reference kind=fx_rate base=USD quote=EUR rate=0.5 as_of=2025-01-05T23:59:59.999999
        2025-01-08 reference kind=fx_rate base=USD quote=EUR rate=0.25 as_of=2025-01-06

        2025-01-10 clock
    """)
    assert ([], ["fx_rate_missing contracts 0"]) == (shard.play(stop=1).journal, shard.open)
    shard.play(start=1)
    expected = ledger("""
        2025-01-05 l 2025-01-05 r1 Dr unbilled_receivable 2.00 (1.00 EUR) Cr revenue 2.00 (1.00 EUR)
        2025-01-06 l 2025-01-06 r1 Dr unbilled_receivable 4.00 (1.00 EUR) Cr revenue 4.00 (1.00 EUR)
    """)
    assert (expected, []) == (shard.journal, shard.open)


def test_what_is_missing_is_said_at_the_version_in_force_or_that_first_had_the_product(driven):
    shard = driven(f"""
        {GOVERNED}
        2025-01-01 reference kind=entity id=us functional_currency=EUR
        2025-01-01 contract price=2
        2025-01-02 contract version=2 price=3 effective=2025-01-03
        2025-01-02 contract version=3 price=3 effective=2025-01-04 product=q
        2025-01-05 usage n=1
        2025-01-07 clock
    """).play()
    assert ["fx_rate_missing contracts 2", "product_unmapped contracts 2"] == shard.open
    earlier = driven(f"""
        {GOVERNED}
        2025-01-01 reference kind=entity id=us functional_currency=EUR
        2025-01-01 contract price=2
        2025-01-02 contract version=2 price=3 effective=2025-01-03
        2025-01-05 usage n=1
        2025-01-07 clock
    """).play()
    assert ["fx_rate_missing contracts 1", "product_unmapped contracts 0"] == earlier.open


def test_late_usage_of_a_held_line_waits_with_it(driven):
    shard = driven(f"""
        {GOVERNED}
        2025-01-01 contract price=2
        2025-01-05 usage n=1
        2025-01-07 clock

        2025-01-07T01 usage n=0
        2025-01-05T01 usage n=2

        2025-01-08 reference kind=product id=p
        2025-01-10 clock
    """).play()
    expected = ledger("2025-01-05 l 2025-01-05 r1 Dr unbilled_receivable 6.00 Cr revenue 6.00")
    assert (expected, []) == (shard.journal, shard.open)


# -- zones by entity

TWO = """
    2025-01-01 reference kind=entity id=us time_zone=America/New_York
    2025-01-01 reference kind=entity id=jp time_zone=Asia/Tokyo
    2025-01-01T12 contract price=2 k=k1 line=l1 entity=us
    2025-01-01T12 contract price=3 k=k2 line=l2 entity=jp
    2025-01-10T14 usage n=1 contract=k1
    2025-01-10T14 usage n=1 contract=k2
    2025-01-10T16 usage n=10 contract=k1
    2025-01-10T16 usage n=10 contract=k2
"""


def test_two_entities_of_one_customer_and_meter_have_days_of_their_own(driven):
    shard = driven(f"""
        {TWO.strip()}

        2025-01-10T15 clock

        2025-01-11T05 clock

        2025-01-11T15 clock
    """, following=True)  # fmt: skip
    tokyo = "2025-01-10 l2 2025-01-09 r1 Dr unbilled_receivable 3.00 Cr revenue 3.00"
    assert [tokyo] == shard.play(stop=2).journal
    new_york = "2025-01-10 l1 2025-01-10 r1 Dr unbilled_receivable 22.00 Cr revenue 22.00"
    assert [tokyo, new_york] == shard.play(2, 3).journal
    expected = "2025-01-11 l2 2025-01-10 r1 Dr unbilled_receivable 30.00 Cr revenue 30.00"
    assert [tokyo, new_york, expected] == shard.play(start=3).journal


def test_the_close_of_one_entity_ends_at_its_own_midnight(driven):
    shard = driven("""
        2025-01-01 reference kind=entity id=us time_zone=America/New_York
        2025-01-01 reference kind=entity id=jp time_zone=Asia/Tokyo
        2025-01-01T12 contract price=2 k=k1 line=l1 entity=us
        2025-01-01T12 contract price=3 k=k2 line=l2 entity=jp
        2025-01-31T14 usage n=1 contract=k2
        2025-01-31T15 usage n=1 contract=k2
        2025-01-31T14 usage n=1 contract=k1
        2025-02-01T04 usage n=1 contract=k1
        2025-02-01T04 close entity=jp period=2025-01
        2025-02-01T04 close entity=us period=2025-01
    """).play()
    expected = ledger("""
        2025-01-31 l2 2025-01-30 r1 Dr unbilled_receivable 3.00 Cr revenue 3.00
        2025-01-31 l1 2025-01-31 r1 Dr unbilled_receivable 4.00 Cr revenue 4.00
    """)
    assert expected == shard.journal


def test_the_zone_of_a_contract_is_the_one_in_force_at_its_start(driven):
    shard = driven("""
        2024-12-01 reference kind=entity id=us time_zone=America/New_York
        2024-12-01 reference kind=entity id=us time_zone=Asia/Tokyo effective_from=2025-02-01
        2024-12-01 contract price=2 k=k1 line=l1 start=2025-01-01T05 effective=2025-01-01T05
        2024-12-01 contract price=3 k=k2 line=l2 start=2025-02-01 effective=2025-02-01
        2025-02-10T16 usage n=1 contract=k1
        2025-02-10T16 usage n=1 contract=k2
        2025-02-13 clock
    """).play()
    expected = ledger("""
        2025-02-10 l1 2025-02-10 r1 Dr unbilled_receivable 2.00 Cr revenue 2.00
        2025-02-11 l2 2025-02-10 r1 Dr unbilled_receivable 3.00 Cr revenue 3.00
    """)
    assert sorted(expected) == sorted(shard.journal)


# -- the end of the calendar


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59", "9998-12-31"])
def test_a_clock_at_the_end_of_the_calendar_books_everything_and_stops_nothing(driven, at):
    shard = driven(f"""
        2025-01-01 contract price=2 minimum=5 end=2025-03-01
        2025-01-01 contract fixed=a:90 end=2025-04-01 k=k2
        2025-01-05 usage n=1
        {at} clock
    """).play()
    assert Decimal(-100) == shard.balances()["revenue"]


def test_a_close_at_the_end_of_the_calendar_stops_nothing(driven):
    shard = driven("""
        2025-01-01 contract price=2 end=2025-03-01
        2025-01-05 usage n=1
        2025-01-06 close entity=us period=9998-12
    """).play()
    assert Decimal(-2) == shard.balances()["revenue"]
