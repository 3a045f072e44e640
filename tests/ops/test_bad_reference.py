"""Bad master data, policies and periods: each is one exception with its reason, nothing is lost, neighbours are booked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.books import Books, delivered, fixed, metered

TERM = {"start": "2025-01-01", "end": "2026-01-01"}
AS_OF = "2025-02-01"


@pytest.fixture
def books(tmp_path: Path) -> Books:
    """One customer with usage and a fixed line under entity us, its neighbour under entity de."""
    made = Books(tmp_path)
    made.contract(metered(price="2"), fixed("f", "365"), **TERM)
    made.contract(metered(price="3"), fixed("f", "365"), **TERM, contract_id="kd", customer_id="d", entity="de")
    return made.usage("2025-01-05", "1").usage("2025-01-05", "1", customer_id="d")


BOOKED = {"us": "33.00", "de": "34.00"}  # January's 31 days of 365, and one unit


def the_one(books: Books) -> dict[str, Any]:
    """The one exception there is."""
    (found,) = books.exceptions()
    return found


# -- records that say nothing that could hold

RATE = {"kind": "fx_rate", "base": "USD", "quote": "EUR", "as_of": "2025-01-01T00:00:00Z"}
RECORDS: dict[str, tuple[dict[str, Any], str]] = {
    "a rate of zero": ({**RATE, "rate": "0"}, "rate must be greater than zero"),
    "a negative rate": ({**RATE, "rate": "-1.1"}, "rate must be greater than zero"),
    "no rate": (RATE, "kind fx_rate needs rate"),
    "a rate that is a number": ({**RATE, "rate": 1.1}, "rate = 1.1: must be a decimal string"),
    "a rate without its date": ({"kind": "fx_rate", "base": "USD", "quote": "EUR", "rate": "1"}, "kind fx_rate needs as_of"),
    "a pair that is no pair": ({**RATE, "rate": "1", "quote": "euro"}, "quote = 'euro': "),
    "an unknown zone": (
        {"kind": "entity", "id": "us", "time_zone": "Mars/Olympus"},
        "time_zone 'Mars/Olympus' must be a name of the time zone database",
    ),
    "a currency in small letters": (
        {"kind": "entity", "id": "us", "functional_currency": "usd"}, "functional_currency = 'usd': ",
    ),
    "a range upside down": (
        {"kind": "product", "id": "f", "ssp_low": "45", "ssp_high": "15"}, "ssp_low must not exceed ssp_high",
    ),
    "a method that nobody knows": ({"kind": "product", "id": "f", "default_method": "weekly"}, "default_method = 'weekly': "),
    "a product without a name": ({"kind": "product", "ssp": "5"}, "id is missing: a value is required"),
    "an account without a number": ({"kind": "account", "name": "revenue"}, "kind account needs number"),
    "a bundle of nothing": ({"kind": "bundle", "id": "b", "price": "5", "products": []}, "kind bundle needs products"),
    "a duration that is none": (
        {"kind": "exception_owner", "class": "invalid", "owner": "desk", "sla": "soon"}, "sla 'soon' must be a duration",
    ),
    "a date that is none": (
        {"kind": "account", "name": "revenue", "number": "4", "effective_from": "now"}, "effective_from = 'now': ",
    ),
    "a kind that nobody knows": ({"kind": "planet", "id": "mars"}, "kind = 'planet': "),
}  # fmt: skip


@pytest.mark.parametrize(("record", "reason"), RECORDS.values(), ids=RECORDS)
def test_a_bad_record_is_one_exception_and_the_books_are_as_without_it(
    books: Books, record: dict[str, Any], reason: str
) -> None:
    books.send("reference", record).run(AS_OF)
    found = the_one(books)
    assert ("invalid", "open", {"topic": "reference.events", "partition": 0, "offset": 0}) == (
        found["class"], found["status"], found["source"],
    )  # fmt: skip
    assert found["reason"].startswith(reason), found["reason"]
    assert record == {name: value for name, value in json.loads(found["payload"]).items() if name in record}
    assert BOOKED == books.sums("entity")
    # Run again, with nothing new: nothing is said twice.
    books.run(AS_OF)
    assert 1 == len(books.exceptions())


@pytest.mark.parametrize("bad", [b"\x00", b"[]", b"", b'{"kind": "product", "id": '], ids=repr)
def test_a_line_that_is_no_record_is_one_exception(books: Books, bad: bytes) -> None:
    books.send("reference", bad).reference("account", name="revenue", number="4000").run(AS_OF)
    assert ("undecodable", bad) == (the_one(books)["class"], the_one(books)["payload"])
    assert {"us": "-33.00", "de": "-34.00"} == books.sums("entity", account="4000")


# -- records that contradict each other


def test_of_two_records_that_contradict_each_other_the_later_holds_and_a_correction_settles_it(books: Books) -> None:
    books.reference("account", name="revenue", number="4000").reference("account", name="revenue", number="4001").run(
        AS_OF
    )
    found = the_one(books)
    assert ("reference_conflict", "warning", 1) == (found["class"], found["severity"], found["source"]["offset"])
    assert "the one at reference.events/0 offset 0 does not hold any more" in found["reason"]
    assert {"us", "de"} == set(books.sums("entity", account="4001"))
    assert {} == books.sums("entity", account="4000")
    books.reference("account", at="2025-02-02", name="revenue", number="4002").run("2025-02-03")
    assert ({}, []) == (books.sums("entity", account="4001"), books.open())
    assert {"us": "-33.00", "de": "-34.00"} == books.sums("entity", account="4002")


def test_the_same_record_twice_is_no_contradiction(books: Books) -> None:
    for _ in range(2):
        books.reference("product", id="f", ssp="5", at=None).reference("product", id="u", at=None)
    books.run(AS_OF)
    assert ([], BOOKED) == (books.exceptions(), books.sums("entity"))


# -- what is missing


def test_without_a_rate_the_lines_of_the_entity_wait_and_the_neighbours_do_not(books: Books) -> None:
    books.reference("entity", id="us", functional_currency="EUR")
    books.send("reference", {**RATE, "rate": "0"}).run(AS_OF)
    expected = [("fx_rate_missing", "contracts", 0)] * 2 + [("invalid", "reference", 1)]
    assert (expected, {"de": "34.00"}) == (books.open(), books.sums("entity"))
    reasons = sorted(one["reason"] for one in books.exceptions() if one["class"] == "fx_rate_missing")
    remedy = "entity us has no rate USD/EUR for that date: send an fx_rate record; it is kept and booked then"
    assert [f"line {line} of contract k: {remedy}" for line in ("f", "u")] == reasons
    # As of later than the usage: the fixed line has a rate at the month's end, the usage has none yet.
    books.reference("fx_rate", at="2025-02-02", base="USD", quote="EUR", rate="0.5", as_of="2025-01-20").run(
        "2025-02-03"
    )
    assert {"us": "31.00", "de": "34.00"} == books.sums("entity")
    assert [("fx_rate_missing", "contracts", 0), ("invalid", "reference", 1)] == books.open()
    books.reference("fx_rate", at="2025-02-04", base="USD", quote="EUR", rate="0.4", as_of="2025-01-01").run(
        "2025-02-05"
    )
    assert ([("invalid", "reference", 1)], BOOKED) == (books.open(), books.sums("entity"))
    functional = books.sums("line_id", "functional_currency", amount="functional_amount")
    assert {("f", "EUR"): "15.50", ("u", "EUR"): "0.80", ("f", "USD"): "31.00", ("u", "USD"): "3.00"} == functional


def test_an_entity_record_after_usage_was_booked_moves_days_and_loses_nothing(books: Books) -> None:
    books.usage("2025-01-06T03", "10").run(AS_OF)
    assert {"2025-01-05": "2.00", "2025-01-06": "20.00", "2025-01-31": "31.00"} == by_day(books)
    books.reference("entity", at="2025-02-02", id="us", time_zone="America/New_York").run("2025-02-05")
    # The contract begins on 31 December in New York, where 5 January goes on until five in the morning.
    assert {"2024-12-31": "1.00", "2025-01-04": "2.00", "2025-01-05": "20.00", "2025-01-31": "31.00"} == by_day(books)
    assert ([], {"de": "34.00", "us": "54.00"}) == (books.exceptions(), books.sums("entity"))
    books.usage("2025-01-06T04:59", "100").run("2025-02-06")
    assert "220.00" == by_day(books)["2025-01-05"]


def by_day(books: Books) -> dict[str, str]:
    found = books.sums("entity", "accounting_date")
    return {day: amount for (entity, day), amount in found.items() if entity == "us"}


def test_an_entity_record_after_a_close_moves_nothing_into_the_closed_period(books: Books) -> None:
    books.control("period_close", "2025-02-01", entity="us", period="2025-01", actor="ann").run(None)
    before = len(books.records("journal"))
    books.reference("entity", at="2025-02-02", id="us", time_zone="America/New_York", functional_currency="EUR")
    books.reference("fx_rate", at="2025-02-02", base="USD", quote="EUR", rate="0.5", as_of="2024-12-01").run(
        "2025-02-05"
    )
    later = [entry for entry in books.records("journal")[before:] if entry["entity"] == "us"]
    assert {"2024-12", "2025-02"} == {entry["period"] for entry in later}
    # In New York the contract began on 31 December: one day more is over.
    assert {"us": "34.00", "de": "34.00"} == books.sums("entity")
    amounts = books.sums("entity", "functional_currency", amount="functional_amount")
    assert {("us", "EUR"): "17.00", ("de", "USD"): "34.00"} == amounts


def test_an_unknown_product_holds_its_usage_and_warns_of_its_fixed_line(books: Books) -> None:
    books.reference("product", id="other").run(AS_OF)
    found = [(one["class"], one["severity"], one["reason"].partition(": ")[0]) for one in books.exceptions()]
    assert sorted([
        ("product_unmapped", "warning", "line f of contract k"), ("product_unmapped", "error", "line u of contract k"),
        ("product_unmapped", "warning", "line f of contract kd"), ("product_unmapped", "error", "line u of contract kd"),
    ]) == sorted(found)  # fmt: skip
    assert {"us": "31.00", "de": "31.00"} == books.sums("entity")
    books.reference("product", at="2025-02-02", id="u").reference("product", at="2025-02-02", id="f").run("2025-02-03")
    assert (BOOKED, []) == (books.sums("entity"), books.open())


def test_an_exception_class_has_its_owner_and_its_time(books: Books) -> None:
    books.reference("exception_owner", **{"class": "fx_rate_missing"}, owner="treasury", sla="2d12h")
    books.reference("entity", id="us", functional_currency="EUR").run(AS_OF)
    assert {("treasury", "2025-01-08T12:00:00Z"), ("treasury", "2025-02-03T12:00:00Z")} == {
        (one["owner"], one["due_at"]) for one in books.exceptions()
    }


# -- prices that do not reach


def test_usage_that_no_tier_covers_is_booked_as_far_as_they_reach_and_said(tmp_path: Path) -> None:
    books = Books(tmp_path)
    listed = {"model": "graduated", "unit_price": None, "tiers": [{"up_to": "10", "unit_price": "2"}]}
    books.contract(metered(**listed), **TERM)
    books.usage("2025-01-05", "8").usage("2025-01-06", "8").usage("2025-01-06", "3", customer_id="nobody").run(AS_OF)
    classes = {one["class"]: one for one in books.exceptions()}
    assert {"rate_not_covering", "contract_unknown"} == set(classes)
    told = classes["rate_not_covering"]
    assert ("k", {"topic": "usage.events", "partition": 0, "offset": 1}) == (told["contract_id"], told["source"])
    assert "line u of contract k: the last tier ends below the usage of the billing period" in told["reason"]
    assert {"2025-01-05": "16.00", "2025-01-06": "4.00"} == books.sums("accounting_date")
    open_ended = [{"up_to": "10", "unit_price": "2"}, {"up_to": None, "unit_price": "1"}]
    books.contract(metered(**{**listed, "tiers": open_ended}), **TERM, version=2, event_time="2025-02-02").run(
        "2025-02-03"
    )
    assert {"2025-01-05": "16.00", "2025-01-06": "10.00"} == books.sums("accounting_date")


# -- policies

POLICIES: dict[str, tuple[dict[str, Any], str]] = {
    "a key that nobody knows": (
        {"key": "colour", "value": "red"},
        "policy 'colour' is not known; known are usage_window, recognise, late_usage, residual, zero_flat_fee, carry",
    ),
    "a value that nobody knows": (
        {"key": "usage_window", "value": "week"}, "policy usage_window has no value 'week'; it may be day or hour or month",
    ),
    "no key": ({"value": "yes"}, "kind policy needs key"),
    "no value": ({"key": "carry"}, "kind policy needs value"),
    "a value that is no text": ({"key": "carry", "value": True}, "value = True: "),
    "a date that is none": ({"key": "carry", "value": "yes", "effective_from": "soon"}, "effective_from = 'soon': "),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "reason"), POLICIES.values(), ids=POLICIES)
def test_a_policy_that_means_nothing_is_one_exception(books: Books, facts: dict[str, Any], reason: str) -> None:
    books.send("control", {"kind": "policy", "event_time": "2025-01-02T00:00:00Z", **facts}).run(AS_OF)
    found = the_one(books)
    assert ("invalid", "control.events") == (found["class"], found["source"]["topic"])
    assert found["reason"].startswith(reason), found["reason"]
    assert BOOKED == books.sums("entity")


def test_an_unknown_policy_still_moves_the_business_date(books: Books) -> None:
    books.control("policy", AS_OF, key="colour", value="red").run(None)
    assert BOOKED == books.sums("entity")


# -- periods


def test_a_closed_period_closed_again_is_an_exception_and_stays_closed(books: Books) -> None:
    for day in ("01", "02"):
        books.control("period_close", f"2025-02-{day}", entity="us", period="2025-01", actor="ann")
    books.run(None)
    found = the_one(books)
    assert ("invalid", 1) == (found["class"], found["source"]["offset"])
    assert "period 2025-01 of us is closed already: nothing to do" == found["reason"]
    books.usage("2025-02-03", "0").usage("2025-01-07", "1").run("2025-02-04")
    assert {"2025-01": "33.00", "2025-02": "2.00"} == {
        period: amount for (entity, period), amount in books.sums("entity", "period").items() if entity == "us"
    }


def test_a_reopening_approved_by_who_asked_for_it_is_refused_and_the_period_stays_closed(books: Books) -> None:
    books.control("period_close", "2025-02-01", entity="us", period="2025-01", actor="ann")
    books.control("period_reopen", "2025-02-02", entity="us", period="2025-01", actor="ann", approver="ann").run(None)
    assert ("invalid", "approver must be another person than actor") == (
        the_one(books)["class"],
        the_one(books)["reason"],
    )
    books.usage("2025-02-03", "0").usage("2025-01-07", "1").run("2025-02-04")
    assert [("2025-02", "2025-01")] == [
        (entry["period"], entry["origin_period"]) for entry in books.records("journal") if entry["period"] == "2025-02"
    ]


CONTROLS: dict[str, tuple[dict[str, Any], str]] = {
    "a reopening of what is open": (
        {"kind": "period_reopen", "entity": "us", "period": "2025-01", "actor": "ann", "approver": "bob"},
        "period 2025-01 of us is not closed: nothing to reopen",
    ),
    "a period that is none": ({"kind": "period_close", "entity": "us", "period": "2025-13"}, "period = '2025-13': "),
    "a period outside the calendar": (
        {"kind": "period_close", "entity": "us", "period": "9999-12"},
        "period '9999-12': a period is YYYY-MM, not '9999-12'",
    ),
    "a close of no entity": ({"kind": "period_close", "period": "2025-01"}, "kind period_close needs entity"),
    "a reopening by nobody": (
        {"kind": "period_reopen", "entity": "us", "period": "2025-01", "approver": "bob"}, "kind period_reopen needs actor",
    ),
    "a clock that says nothing": ({"kind": "clock"}, "kind clock needs as_of"),
}  # fmt: skip


@pytest.mark.parametrize(("facts", "reason"), CONTROLS.values(), ids=CONTROLS)
def test_a_control_record_that_cannot_be_meant_is_one_exception(
    books: Books, facts: dict[str, Any], reason: str
) -> None:
    books.send("control", {"event_time": "2025-01-02T00:00:00Z", **facts}).run(AS_OF)
    found = the_one(books)
    assert "invalid" == found["class"]
    assert found["reason"].startswith(reason), found["reason"]
    assert BOOKED == books.sums("entity")


# -- contracts that no rule decides


def test_two_products_without_a_price_are_for_a_person_to_decide(books: Books) -> None:
    for name in ("x", "y"):
        books.reference("product", id=name, highly_variable=True)
    for name in ("f", "u"):
        books.reference("product", id=name)
    lines = delivered("x", "50", "2025-01-10"), delivered("y", "50", "2025-01-10")
    books.contract(*lines, **TERM, contract_id="kx").run(AS_OF)
    found = the_one(books)
    assert ("treatment_undecidable", "kx") == (found["class"], found["contract_id"])
    told = "products x, y: a residual values one line, not 2; give all but one line an SSP"
    assert told in found["reason"]
    assert BOOKED == books.sums("entity")


def test_terms_that_change_from_a_day_outside_the_term_are_said_and_the_rest_goes_on(books: Books) -> None:
    late = {**TERM, "effective_at": "2031-01-10"}
    books.contract(metered(price="2"), fixed("f", "730"), **late, version=2, event_time="2025-01-10").run(AS_OF)
    found = the_one(books)
    assert ("treatment_undecidable", "k", 2) == (found["class"], found["contract_id"], found["source"]["offset"])
    assert BOOKED == books.sums("entity")
