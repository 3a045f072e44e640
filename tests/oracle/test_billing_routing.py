"""Routing and exceptions of billing facts: which contract, counted once, and what cannot be booked."""

import pytest

from .scenario import Scenario, by_line, by_period, fixed
from .test_billing import APRIL, FEBRUARY, JANUARY, JUNE, MAY, movements, quarter


def classes(scenario, as_of=JUNE):
    """Class and offset of the exceptions of billing.events."""
    return {(name, offset) for name, topic, _, offset in scenario.books(as_of).exceptions if topic == "billing.events"}


def test_a_fact_without_a_contract_finds_the_only_one_or_that_of_its_invoice(tmp_path):
    scenario = Scenario(tmp_path).contract([fixed(total="90")], JANUARY, APRIL)
    scenario.bill("invoice_finalized", MAY, "90", contract_id=None).bill("invoice_paid", JUNE, contract_id=None)
    assert {"2023-06": 9000} == by_period(scenario.books(JUNE), "cash")
    scenario.contract([fixed(total="90")], APRIL, "2023-07-01T00:00:00Z", contract_id="k2")
    books = scenario.books(JUNE)
    assert {"k2"} == {key[6] for key in books.sums if key[4] in ("cash", "accounts_receivable")}
    scenario.contract([fixed(total="90")], MAY, "2023-07-01T00:00:00Z", contract_id="k3")
    assert {("contract_ambiguous", 0), ("contract_ambiguous", 1)} == classes(scenario)


def test_a_fact_waits_for_its_contract(tmp_path):
    scenario = (
        Scenario(tmp_path).bill("invoice_finalized", JANUARY, "90").bill("invoice_paid", JANUARY, contract_id=None)
    )
    assert {("contract_unknown", 0), ("contract_unknown", 1)} == classes(scenario)
    scenario.contract([fixed(total="90")], JANUARY, APRIL)
    assert set() == classes(scenario)
    assert {"2023-01": 9000} == by_period(scenario.books(JUNE), "cash")


def test_the_same_fact_counts_once_and_another_of_its_identity_is_a_conflict(tmp_path):
    scenario = quarter(tmp_path, paid=False)
    for amount in ("90.00", "91"):
        scenario.bill("invoice_finalized", JANUARY, amount, event_id="b1")
    assert {("identity_conflict", 2)} == classes(scenario)
    assert {"2023-01": 9000} == by_period(scenario.books(JUNE), "accounts_receivable")


def test_an_invoice_is_finalised_once(tmp_path):
    scenario = (
        quarter(tmp_path, paid=False)
        .bill("invoice_finalized", FEBRUARY, "90")
        .bill("invoice_finalized", FEBRUARY, "80")
    )
    assert {("invoice_conflict", 2)} == classes(scenario)
    assert {"2023-01": 9000} == by_period(scenario.books(JUNE), "accounts_receivable")


@pytest.mark.parametrize(
    "name, kind, facts",
    [
        ("currency_mismatch", "invoice_paid", {"currency": "EUR"}),
        ("invoice_unknown", "invoice_paid", {"invoice": "j"}),
        ("invoice_unknown", "refund", {"amount": "1", "credit_note_id": "n"}),
        ("amount_exceeds", "invoice_paid", {"amount": "90.01"}),
        ("amount_exceeds", "credit_note", {"amount": "90.01", "credit_note_id": "n"}),
        ("amount_exceeds", "refund", {"amount": "90.01"}),
        ("amount_exceeds", "dispute_won", {}),
        ("invalid", "credit_note", {"amount": "1"}),
        ("invalid", "invoice_paid", {"amount": 1}),
        ("invalid", "invoice_paid", {"amount": "0.001"}),
        ("invalid", "invoice_paid", {"event_time": None}),
    ],
)
def test_what_cannot_be_booked_is_an_exception_and_books_nothing(tmp_path, name, kind, facts):
    scenario = quarter(tmp_path, paid=False)
    before = scenario.books(JUNE).sums
    scenario.bill(kind, FEBRUARY, **facts)
    assert {(name, 1)} == classes(scenario)
    assert before == scenario.books(JUNE).sums


def test_an_unknown_line_is_said_and_its_amount_goes_to_the_lines_that_are_there(tmp_path):
    lines = [fixed("a", "60"), fixed("b", "30")]
    scenario = Scenario(tmp_path).contract(lines, JANUARY, APRIL)
    scenario.bill("invoice_finalized", JANUARY, "90", lines=[{"line_id": "z", "amount": "90"}])
    assert {("line_unknown", 0)} == classes(scenario)
    assert {"2023-01": 9000 - 3100, "2023-02": -2800, "2023-03": -3100} == by_period(
        scenario.books(JUNE), "deferred_revenue"
    )
    scenario.bill("invoice_voided", FEBRUARY)
    assert {"a": 2067, "b": 1033} == by_line(scenario.books(JUNE))


def test_of_one_instant_a_void_comes_before_the_invoice_that_replaces_it(tmp_path):
    scenario = (
        quarter(tmp_path, paid=False)
        .bill("invoice_finalized", FEBRUARY, "90", "again")
        .bill("invoice_voided", FEBRUARY)
    )
    expected = {"voids": {}, "revenue": {"01": 3100, "02": 2800, "03": 3100}}
    assert expected == movements(scenario, *expected)
