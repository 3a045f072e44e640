"""What a posting needs besides its amount: account numbers, dimensions, the functional currency, and what is missing."""

from dataclasses import replace
from fractions import Fraction

import pytest

from accounting.require import InvariantBroken
from dataflows.posting_terms import NOTHING, Amounts, TermsBook, posting_terms
from tests.support.timeline import micros

JAN, FEB = micros("2025-01-01"), micros("2025-02-01")
EARNED = {"unbilled_receivable": 300, "revenue": -300}


def terms(parts, at=JAN, currency="USD", product="p", entity="us"):
    found, missing = posting_terms(parts.master, entity, currency, product, at, "UTC")
    return found, [one.cls for one in missing]


def test_without_master_data_amounts_keep_their_accounts_and_their_currency(parts):
    found, missing = terms(parts)
    assert (Amounts(EARNED, EARNED), []) == (found.amounts(EARNED), missing)
    assert ("USD", Fraction(1), ()) == (found.functional_currency, found.rate, found.dimensions)


def test_the_products_revenue_account_and_then_its_number(parts):
    parts.reference(0, kind="product", id="p", revenue_account="sales", dimensions="region:eu,line:saas")
    parts.reference(1, kind="account", name="revenue", number="4000")
    parts.reference(2, kind="account", name="sales", number="4100", entity="us")
    parts.reference(3, kind="account", name="unbilled_receivable", number="1200", effective_from="2025-02-01")
    found, _ = terms(parts)
    assert {"unbilled_receivable": 300, "4100": -300} == found.amounts(EARNED).accounts
    assert (("region", "eu"), ("line", "saas")) == found.dimensions
    assert {"1200": 300, "4100": -300} == terms(parts, FEB)[0].amounts(EARNED).accounts
    assert {"unbilled_receivable": 300, "sales": -300} == terms(parts, entity="de")[0].amounts(EARNED).accounts


def test_accounts_of_one_number_are_one_account(parts):
    for offset, name in enumerate(("unbilled_receivable", "deferred_revenue")):
        parts.reference(offset, kind="account", name=name, number="2000")
    movements = {"unbilled_receivable": 100, "deferred_revenue": 200, "revenue": -300}
    assert {"2000": 300, "revenue": -300} == terms(parts)[0].amounts(movements).accounts


def test_functional_amounts_are_at_the_rate_of_the_instant(parts):
    parts.reference(0, kind="entity", id="us", functional_currency="EUR")
    parts.reference(1, kind="fx_rate", base="USD", quote="EUR", rate="0.5", as_of="2025-01-01")
    parts.reference(2, kind="fx_rate", base="USD", quote="EUR", rate="0.25", as_of="2025-02-01")
    found = [terms(parts, at)[0].amounts(EARNED).functional for at in (FEB - 1, FEB)]
    assert [{"unbilled_receivable": 150, "revenue": -150}, {"unbilled_receivable": 75, "revenue": -75}] == found


def test_the_account_of_revenue_takes_the_rounding_under_its_number(parts):
    parts.reference(0, kind="entity", id="us", functional_currency="EUR")
    parts.reference(1, kind="fx_rate", base="USD", quote="EUR", rate="0.5", as_of="2025-01-01")
    parts.reference(2, kind="account", name="revenue", number="4000")
    movements = {"unbilled_receivable": 3, "deferred_revenue": 3, "revenue": -6}
    expected = {"unbilled_receivable": 2, "deferred_revenue": 2, "4000": -4}
    assert expected == terms(parts)[0].amounts(movements).functional


def test_what_is_missing_is_named_with_its_remedy(parts):
    parts.reference(0, kind="product", id="other")
    parts.reference(1, kind="entity", id="us", functional_currency="EUR")
    found, missing = posting_terms(parts.master, "us", "USD", "p", JAN, "UTC")
    assert [
        ("product_unmapped", "product p has no master data: send a product record"),
        ("fx_rate_missing", "entity us has no rate USD/EUR for that date: send an fx_rate record"),
    ] == [(one.cls, one.reason) for one in missing]
    assert found.rate is None
    with pytest.raises(InvariantBroken, match="amounts need a rate"):
        found.amounts(EARNED)


def test_an_entity_without_a_functional_currency_needs_no_rate(parts):
    parts.reference(0, kind="entity", id="us", time_zone="Asia/Tokyo")
    found, missing = terms(parts)
    assert ("USD", []) == (found.functional_currency, missing)


# -- from what is posted to what should be


def moved(found):
    return [(one.accounts, one.functional, one.terms.functional_currency) for one in found]


def test_from_nothing_all_is_posted_and_from_the_same_nothing(parts):
    found, _ = terms(parts)
    wanted = found.amounts(EARNED)
    assert [(EARNED, EARNED, "USD")] == moved(found.movements(wanted, NOTHING, ""))
    assert [] == found.movements(wanted, wanted, "USD")
    back = {name: -amount for name, amount in EARNED.items()}
    assert [(back, back, "USD")] == moved(found.movements(NOTHING, wanted, "USD"))


def test_a_corrected_rate_moves_functional_amounts_alone(parts):
    found, _ = terms(parts)
    was = Amounts(EARNED, {"unbilled_receivable": 200, "revenue": -200})
    functional = {"unbilled_receivable": 100, "revenue": -100}
    assert [({}, functional, "USD")] == moved(found.movements(Amounts(EARNED, EARNED), was, "USD"))


def test_books_kept_in_another_currency_now_are_taken_back_in_the_old_one(parts):
    usd, _ = terms(parts)
    eur = replace(usd, functional_currency="EUR", rate=Fraction(1, 2))
    was, half = usd.amounts(EARNED), {"unbilled_receivable": 150, "revenue": -150}
    back = {name: -amount for name, amount in EARNED.items()}
    assert [(back, back, "USD"), (EARNED, half, "EUR")] == moved(eur.movements(eur.amounts(EARNED), was, "USD"))
    # Where nothing stands there is nothing to take back.
    assert [(EARNED, half, "EUR")] == moved(eur.movements(eur.amounts(EARNED), NOTHING, "USD"))


def test_amounts_are_read_as_they_were_written():
    same = Amounts({"a": 10**30, "b": -(10**30)}, {"a": 10**30, "b": -(10**30)})
    other = Amounts({"a": 1, "b": -1}, {"a": 0, "b": 0})
    assert [same, other] == [Amounts.read(*one.written()) for one in (same, other)]
    assert {} == same.written()[1]


def test_terms_are_found_once_and_again_after_any_master_data(parts):
    book, asked = TermsBook(parts.master), ("us", "USD", "p", JAN, "UTC")
    first, missing = book.of(*asked)
    assert EARNED == first.amounts(EARNED).accounts
    assert book.of(*asked)[0] is first
    parts.reference(0, kind="account", name="revenue", number="4000")
    assert {"unbilled_receivable": 300, "4000": -300} == book.of(*asked)[0].amounts(EARNED).accounts
    parts.reference(1, kind="product", id="other")
    assert [[], ["product_unmapped"]] == [[one.cls for one in lacking] for lacking in (missing, book.of(*asked)[1])]
    # The other record of the same date takes its place.
    parts.reference(2, kind="account", name="revenue", number="4001")
    assert {"unbilled_receivable": 300, "4001": -300} == book.of(*asked)[0].amounts(EARNED).accounts
