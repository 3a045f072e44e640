"""Functional amounts: which currency, which rate, and what waits for one (accounting.md rule 8)."""

import pytest

from .scenario import Scenario, by_account, by_line, delivered, fixed, usage_line

JANUARY, FEBRUARY, MARCH = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"
MISSING = ("fx_rate_missing", "contracts.events", 0, 0)


@pytest.fixture
def metered(tmp_path):
    """A contract of one euro per unit of an entity that counts in dollars."""
    scenario = Scenario(tmp_path).contract([usage_line(unit_price="1")], JANUARY, MARCH, currency="EUR")
    return scenario.reference("entity", id="e", functional_currency="USD")


def functional(scenario, as_of=MARCH):
    """Functional debits less credits by account and currency."""
    books = scenario.books(as_of)
    currencies = {key[8] for key in books.functional}
    return {c: by_account({k: m for k, m in books.functional.items() if k[8] == c}) for c in currencies}


def rate(scenario, value, as_of=None, base="EUR", quote="USD", **changes):
    """Append a rate."""
    return scenario.reference("fx_rate", base=base, quote=quote, rate=value, as_of=as_of, **changes)


def test_without_an_entity_the_functional_currency_is_the_contracts(tmp_path):
    scenario = Scenario(tmp_path).contract([usage_line(unit_price="1")], JANUARY, MARCH, currency="JPY")
    scenario.use("2024-01-02T00:00:00Z", "5")
    assert {"JPY": {"revenue": -5, "unbilled_receivable": 5}} == functional(scenario)


def test_the_rate_is_the_latest_one_not_after_the_accounting_day(metered):
    rate(metered, "1.1", "2024-01-01T00:00:00Z")
    rate(metered, "1.2", "2024-01-02T23:59:59.999999Z")
    rate(metered, "1.3", "2024-01-03T00:00:00Z")
    metered.use("2024-01-02T00:00:00Z", "5")
    assert {"USD": {"revenue": -600, "unbilled_receivable": 600}} == functional(metered)


def test_the_inverse_pair_serves_when_the_direct_one_has_none(metered):
    rate(metered, "0.8", base="USD", quote="EUR")
    metered.use("2024-01-02T00:00:00Z", "5")
    assert {"USD": {"revenue": -625, "unbilled_receivable": 625}} == functional(metered)
    rate(metered, "2", "2024-01-01T00:00:00Z")
    assert {"USD": {"revenue": -1000, "unbilled_receivable": 1000}} == functional(metered)


def test_a_window_without_a_rate_is_not_booked(metered):
    rate(metered, "2", "2024-01-03T00:00:00Z")
    metered.use("2024-01-02T00:00:00Z", "5").use("2024-01-03T00:00:00Z", "7")
    books = metered.books(MARCH)
    assert {"l": 700} == by_line(books)
    assert {MISSING} == books.exceptions
    rate(metered, "4", "2023-12-01T00:00:00Z", event_time="2024-02-05T00:00:00Z")
    assert {"l": 1200} == by_line(metered.books(MARCH))
    assert set() == metered.books(MARCH).exceptions


def test_a_fixed_line_without_a_rate_books_what_has_one(tmp_path):
    lines = [fixed("a", "60"), delivered("b", "2024-01-10T00:00:00Z", "40")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, MARCH).reference("entity", id="e", functional_currency="EUR")
    rate(scenario, "2", "2024-01-31T00:00:00Z", base="USD", quote="EUR")
    books = scenario.books(MARCH)
    assert {"a": 6000} == by_line(books)
    assert {MISSING} == books.exceptions


def test_functional_amounts_are_rounded_half_even_by_posting_and_revenue_takes_the_rest(tmp_path):
    opening = {"as_of": JANUARY, "recognised": "0", "billed": "0.05"}
    line = fixed("l", "0.10", start="2024-01-01T00:00:00Z", end="2024-01-31T00:00:00Z")
    scenario = Scenario(tmp_path).contract([line], JANUARY, MARCH, opening=opening)
    scenario.reference("entity", id="e", functional_currency="EUR")
    rate(scenario, "0.5", base="USD", quote="EUR")
    assert {"deferred_revenue": 5, "revenue": -10, "unbilled_receivable": 5} == by_account(scenario.books(MARCH).sums)
    # half a cent more than two is two, twice: revenue is four, not five
    assert {"EUR": {"deferred_revenue": 2, "revenue": -4, "unbilled_receivable": 2}} == functional(scenario)


def test_functional_amounts_have_the_digits_of_their_currency(metered):
    metered.reference("entity", id="e", functional_currency="JPY", effective_from="2024-01-03T00:00:00Z")
    rate(metered, "1.1")
    rate(metered, "160.3", quote="JPY")
    metered.use("2024-01-02T00:00:00Z", "5").use("2024-01-03T00:00:00Z", "5")
    expected = {
        "USD": {"revenue": -550, "unbilled_receivable": 550},
        "JPY": {"revenue": -802, "unbilled_receivable": 802},
    }
    assert expected == functional(metered)


def test_a_rate_that_comes_late_corrects_the_functional_amounts_alone(metered):
    rate(metered, "1.1", "2024-01-01T00:00:00Z")
    metered.use("2024-01-02T00:00:00Z", "5").close("2024-01", FEBRUARY)
    rate(metered, "1.2", "2024-01-02T00:00:00Z", event_time="2024-02-05T00:00:00Z")
    books = metered.books(MARCH)
    assert {"l": 500} == by_line(books)
    found = {key[2:4]: minor for key, minor in books.functional.items() if key[4] == "revenue"}
    assert {("2024-01", None): -550, ("2024-02", "2024-01"): -50} == found


def test_the_digest_is_of_amounts_in_the_contracts_currency(metered):
    rate(metered, "1.1")
    metered.use("2024-01-02T00:00:00Z", "5")
    before = metered.books(MARCH).digest()
    rate(metered, "1.2", JANUARY)
    assert before == metered.books(MARCH).digest()
