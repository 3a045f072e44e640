"""Master data: what is in force when, which of two records holds, what a record changes, and all of it after a restart."""

from fractions import Fraction

import pytest

from accounting.allocation import Bundle
from accounting.coverage import ALWAYS
from dataflows.master_data import Restatement
from tests.dataflows.stores import Parts
from tests.support.timeline import micros

DAY_US = 24 * 3_600_000_000


JAN, FEB, MAR = micros("2025-01-01"), micros("2025-02-01"), micros("2025-03-01")


# -- without any


def test_without_master_data_everything_is_as_the_settings_and_the_contract_say(parts):
    master = parts.master
    assert ("UTC", None, "revenue", None, []) == (
        master.zone("us", JAN), master.functional_currency("us", JAN), master.account("us", "revenue", JAN),
        master.rate("USD", "EUR", JAN), master.bundles("USD", JAN),
    )  # fmt: skip
    assert (True, None, None) == (master.knows("p", JAN), master.product("p", JAN), master.ssp("p", "USD", JAN))
    assert ("revenue-operations", DAY_US) == master.owner("invalid", JAN)


# -- in force


def test_a_record_holds_from_its_effective_date_on(parts):
    parts.reference(0, kind="account", name="revenue", number="4000", effective_from="2025-02-01")
    parts.reference(1, kind="account", name="revenue", number="4001", effective_from="2025-03-01")
    expected = ["revenue", "4000", "4000", "4001"]
    assert expected == [parts.master.account("us", "revenue", at) for at in (FEB - 1, FEB, MAR - 1, MAR)]


def test_a_record_without_a_date_has_always_held(parts):
    parts.reference(0, kind="account", name="revenue", number="4000")
    parts.reference(1, kind="account", name="revenue", number="4001", effective_from="2025-03-01")
    assert ["4000", "4000", "4001"] == [parts.master.account("us", "revenue", at) for at in (ALWAYS, FEB, MAR)]


def test_records_may_come_in_any_order_of_their_dates(parts):
    for offset, month in enumerate((3, 1, 2)):
        parts.reference(
            offset, kind="fx_rate", base="USD", quote="EUR", rate=f"0.{month}", as_of=f"2025-0{month}-01"
        )  # fmt: skip
    found = [parts.master.rate("USD", "EUR", at) for at in (JAN - 1, JAN, FEB, MAR, MAR + 1)]
    assert [None, Fraction(1, 10), Fraction(2, 10), Fraction(3, 10), Fraction(3, 10)] == found


def test_the_inverse_pair_counts_where_the_direct_one_has_no_rate_yet(parts):
    parts.reference(0, kind="fx_rate", base="EUR", quote="USD", rate="4", as_of="2025-01-01")
    parts.reference(1, kind="fx_rate", base="USD", quote="EUR", rate="0.3", as_of="2025-02-01")
    parts.reference(2, kind="fx_rate", base="EUR", quote="USD", rate="5", as_of="2025-03-01")
    found = [parts.master.rate("USD", "EUR", at) for at in (JAN - 1, JAN, FEB, MAR)]
    assert [None, Fraction(1, 4), Fraction(3, 10), Fraction(3, 10)] == found
    assert Fraction(5) == parts.master.rate("EUR", "USD", MAR)


def test_an_entitys_account_goes_before_the_one_for_all(parts):
    parts.reference(0, kind="account", name="revenue", number="4000")
    parts.reference(1, kind="account", name="revenue", number="5000", entity="de", effective_from="2025-02-01")
    found = [parts.master.account(entity, "revenue", at) for entity in ("us", "de") for at in (JAN, FEB)]
    assert ["4000", "4000", "4000", "5000"] == found


def test_an_entitys_zone_and_functional_currency(parts):
    parts.reference(0, kind="entity", id="us", time_zone="America/New_York", functional_currency="USD")
    parts.reference(1, kind="entity", id="us", functional_currency="EUR", effective_from="2025-02-01")
    master = parts.master
    assert [("America/New_York", "USD"), ("UTC", "EUR"), ("UTC", None)] == [
        (master.zone(entity, at), master.functional_currency(entity, at))
        for entity, at in (("us", JAN), ("us", FEB), ("de", JAN))
    ]


def test_a_selling_price_counts_in_its_own_currency_or_in_any(parts):
    parts.reference(0, kind="product", id="p", ssp="12.5", currency="USD")
    parts.reference(1, kind="product", id="q", ssp="12.5")
    master = parts.master
    assert [1250, None, 1250, 12] == [master.ssp("p", "USD", JAN), master.ssp("p", "EUR", JAN),
                                      master.ssp("q", "EUR", JAN), master.ssp("q", "JPY", JAN)]  # fmt: skip


def test_bundles_of_a_currency_in_the_order_of_their_names(parts):
    parts.reference(0, kind="bundle", id="z", products="a,b", price="10")
    parts.reference(1, kind="bundle", id="m", products="c,d", price="20", currency="EUR")
    parts.reference(2, kind="bundle", id="a", products="e,f", price="30", currency="USD", effective_from="2025-02-01")
    expected = [Bundle(("e", "f"), 3000), Bundle(("a", "b"), 1000)]
    assert ([expected[1]], expected) == (parts.master.bundles("USD", JAN), parts.master.bundles("USD", FEB))


def test_the_owner_and_the_time_of_an_exception_class(parts):
    parts.reference(0, **{"class": "invalid"}, kind="exception_owner", owner="desk", sla="36h")
    parts.reference(1, **{"class": "invalid"}, kind="exception_owner", owner="night desk", effective_from="2025-02-01")
    found = [parts.master.owner("invalid", at) for at in (JAN, FEB)]
    assert [("desk", 36 * DAY_US // 24), ("night desk", DAY_US)] == found
    assert ("revenue-operations", DAY_US) == parts.master.owner("too_late", JAN)


def test_an_exception_goes_to_the_owner_of_its_class_and_time(parts):
    parts.reference(0, **{"class": "version_gap"}, kind="exception_owner", owner="crm", sla="5d12h",
                    effective_from="2025-01-02")  # fmt: skip
    parts.contract(0, at="2025-01-01T00:00:00Z", version="3", price="1")
    parts.contract(1, at="2025-01-03T00:00:00Z", version="2", price="1")
    found = [(one["owner"], one["due_at"]) for one in parts.said()]
    assert [("revenue-operations", "2025-01-02T00:00:00Z"), ("crm", "2025-01-08T12:00:00Z")] == found


# -- which products are known


def test_from_the_first_product_record_on_every_product_needs_one(parts):
    parts.reference(0, kind="account", name="revenue", number="4000")
    assert parts.master.knows("p", JAN)
    parts.reference(1, kind="product", id="p", effective_from="2025-02-01")
    found = [parts.master.knows(product, at) for product, at in (("p", FEB - 1), ("p", FEB), ("q", FEB))]
    assert [False, True, False] == found


def test_a_product_may_be_known_by_a_bundle_in_force(parts):
    parts.reference(0, kind="product", id="other")
    parts.reference(1, kind="bundle", id="b", products="p,q", price="10", effective_from="2025-02-01")
    parts.reference(2, kind="bundle", id="b", products="q,r", price="10", effective_from="2025-03-01")
    found = [[parts.master.knows(product, at) for product in "pqr"] for at in (FEB - 1, FEB, MAR)]
    assert [[False] * 3, [True, True, False], [False, True, True]] == found


def test_a_bundle_that_was_replaced_makes_nothing_known(parts):
    parts.reference(0, kind="product", id="other")
    parts.reference(1, kind="bundle", id="b", products="p,q", price="10")
    parts.reference(2, at="2025-01-02", kind="bundle", id="b", products="q,r", price="10")
    assert [False, True, True] == [parts.master.knows(product, JAN) for product in "pqr"]


# -- two records of one identity and date


def number(parts):
    return parts.master.account("us", "revenue", MAR)


def say(parts, offset, value, at="2025-01-01", partition=0, **more):
    return parts.reference(offset, at, partition, kind="account", name="revenue", number=value, **more)


def test_the_later_event_time_holds_whatever_came_first(parts):
    say(parts, 0, "first", at="2025-01-05")
    assert say(parts, 1, "older", at="2025-01-04") is None
    assert "first" == number(parts)
    say(parts, 2, "newer", at="2025-01-06")
    assert ("newer", []) == (number(parts), parts.told())


@pytest.mark.parametrize("at", ["2025-01-05", ""], ids=["equal times", "no times"])
def test_a_contradiction_is_said_once_and_the_later_position_holds(parts, at):
    say(parts, 3, "first", at=at)
    say(parts, 4, "second", at=at)
    (record,) = parts.said()
    assert ("reference_conflict", "warning", "open") == (record["class"], record["severity"], record["status"])
    assert {"topic": "reference.events", "partition": 0, "offset": 4} == record["source"]
    told = (
        "account revenue has two records for one effective date that differ: the one at reference.events/0 offset 3 does "
        "not hold any more; send a correction with a later event_time"
    )
    assert (told, "second") == (record["reason"], number(parts))


def test_a_contradiction_is_said_at_the_later_position_whichever_came_first(parts):
    say(parts, 0, "partition one", partition=1)
    assert say(parts, 7, "partition zero", partition=0) is None
    (record,) = parts.said()
    assert {"topic": "reference.events", "partition": 1, "offset": 0} == record["source"]
    assert "partition one" == number(parts)


def test_a_record_with_a_time_and_one_without_are_told_apart_by_position(parts):
    say(parts, 0, "timed", at="2025-01-05")
    say(parts, 1, "untimed", at="")
    assert ("untimed", [("reference_conflict", "open")]) == (number(parts), parts.told())
    say(parts, 2, "timed again", at="2025-01-03")
    assert ("timed again", [("reference_conflict", "open")]) == (number(parts), parts.told())


def test_a_correction_settles_the_contradiction(parts):
    say(parts, 0, "first")
    say(parts, 1, "second")
    say(parts, 2, "third", at="2025-01-02")
    assert [("reference_conflict", "open"), ("reference_conflict", "resolved")] == parts.told()
    assert "third" == number(parts)


def test_the_same_record_again_contradicts_nothing(parts):
    say(parts, 0, "first")
    assert say(parts, 1, "first") is None
    assert ([], "first") == (parts.told(), number(parts))


def test_the_same_content_later_holds_against_what_comes_between(parts):
    say(parts, 0, "first", at="2025-01-01")
    assert say(parts, 1, "first", at="2025-01-09") is None
    assert say(parts, 2, "between", at="2025-01-05") is None
    assert "first" == number(parts)
    parts.store.commit()
    assert "first" == number(parts.reopen())
    say(parts, 3, "between", at="2025-01-05")
    assert "first" == number(parts)


def test_records_of_other_dates_entities_and_names_are_no_contradiction(parts):
    say(parts, 0, "1")
    say(parts, 1, "2", effective_from="2025-01-02")
    say(parts, 2, "3", entity="us")
    parts.reference(3, kind="account", name="cash", number="4")
    parts.reference(4, kind="product", id="revenue")
    assert [] == parts.told()


def test_one_shard_speaks_for_all(tmp_path):
    away = Parts(tmp_path / "away", at_home=False)
    say(away, 0, "first")
    say(away, 1, "second")
    assert ([], "second") == (away.told(), number(away))
    away.store.close()


# -- what a record changes


def test_an_account_or_a_rate_changes_the_books_from_its_date_on(parts):
    assert Restatement(FEB) == say(parts, 0, "1", effective_from="2025-02-01")
    assert Restatement(ALWAYS) == say(parts, 1, "1")
    parts.reference(2, kind="entity", id="us", functional_currency="EUR")
    for offset, (base, quote) in enumerate((("USD", "EUR"), ("EUR", "USD")), start=3):
        found = parts.reference(offset, kind="fx_rate", base=base, quote=quote, rate="2", as_of="2025-03-01")
        assert Restatement(MAR) == found


def test_a_rate_between_currencies_that_nobody_keeps_books_in_changes_nothing(parts):
    rate = {"kind": "fx_rate", "base": "GBP", "quote": "JPY", "rate": "190", "as_of": "2025-03-01"}
    assert parts.reference(0, **rate) is None
    parts.reference(1, kind="entity", id="us", functional_currency="EUR")
    assert parts.reference(2, "2025-01-02", **{**rate, "rate": "191"}) is None
    assert Restatement(MAR) == parts.reference(
        3, kind="entity", id="jp", functional_currency="JPY", effective_from="2025-03-01"
    )
    parts.store.commit()
    assert Restatement(MAR) == parts.reopen().reference(4, "2025-01-03", **{**rate, "rate": "192"})
    assert 192 == parts.master.rate("GBP", "JPY", MAR)


def test_an_owner_changes_no_books(parts):
    assert parts.reference(0, **{"class": "invalid"}, kind="exception_owner", owner="desk") is None


def test_the_first_product_changes_everything_and_later_ones_what_follows_their_date(parts):
    assert Restatement(ALWAYS) == parts.reference(0, kind="product", id="p", effective_from="2025-02-01")
    found = parts.reference(1, kind="product", id="q", revenue_account="sales", effective_from="2025-03-01")
    assert Restatement(MAR) == found


@pytest.mark.parametrize(
    "facts",
    [{"ssp": "5"}, {"ssp_low": "1"}, {"ssp_high": "9"}, {"highly_variable": "yes"}, {"default_method": "exact"}],
    ids=lambda facts: next(iter(facts)),
)
def test_what_contracts_are_planned_by_changes_everything(parts, facts):
    parts.reference(0, kind="product", id="other")
    assert Restatement(ALWAYS) == parts.reference(1, kind="product", id="p", effective_from="2025-02-01", **facts)
    # The same terms from a later date on: only what hangs on the date.
    same = parts.reference(2, kind="product", id="p", effective_from="2025-03-01", revenue_account="a", **facts)
    assert Restatement(MAR) == same
    assert Restatement(ALWAYS) == parts.reference(3, kind="product", id="p", effective_from="2025-04-01")


def test_a_bundle_changes_everything(parts):
    found = parts.reference(0, kind="bundle", id="b", products="p,q", price="1", effective_from="2025-02-01")
    assert Restatement(ALWAYS) == found


def test_a_zone_moves_the_boundaries_of_everything(parts):
    facts = {"kind": "entity", "id": "us"}
    assert Restatement(FEB) == parts.reference(0, **facts, functional_currency="USD", effective_from="2025-02-01")
    assert Restatement(ALWAYS, zones=True) == parts.reference(1, **facts, time_zone="Asia/Kolkata")
    # The record in force from February on names no zone: Kolkata holds until then.
    assert Restatement(MAR) == parts.reference(2, **facts, effective_from="2025-03-01")
    moved = parts.reference(3, **facts, time_zone="Asia/Tokyo", effective_from="2025-04-01")
    assert Restatement(ALWAYS, zones=True) == moved
    gone = parts.reference(4, **facts, effective_from="2025-05-01")
    assert Restatement(ALWAYS, zones=True) == gone


# -- restart


def test_master_data_is_there_after_a_restart(parts):
    parts.reference(0, kind="product", id="p", ssp="5", revenue_account="sales")
    parts.reference(1, kind="bundle", id="b", products="q,r", price="9")
    parts.reference(2, kind="entity", id="us", time_zone="Asia/Tokyo", functional_currency="JPY")
    parts.reference(3, kind="fx_rate", base="USD", quote="JPY", rate="150", as_of="2025-01-01")
    say(parts, 4, "old")
    say(parts, 5, "new", at="2025-01-02")
    parts.store.commit()
    master = parts.reopen().master
    assert ("Asia/Tokyo", "JPY", Fraction(150), 500, "new") == (
        master.zone("us", JAN), master.functional_currency("us", JAN), master.rate("USD", "JPY", JAN),
        master.ssp("p", "USD", JAN), number(parts),
    )  # fmt: skip
    assert [True, True, False] == [master.knows(product, JAN) for product in ("p", "q", "z")]
    assert [Bundle(("q", "r"), 900)] == master.bundles("USD", JAN)


def test_a_contradiction_is_still_known_after_a_restart(parts):
    say(parts, 0, "first")
    parts.store.commit()
    parts.reopen()
    say(parts, 1, "second")
    parts.store.commit()
    parts.reopen()
    say(parts, 2, "third", at="2025-01-02")
    assert [("reference_conflict", "resolved")] == parts.told()
