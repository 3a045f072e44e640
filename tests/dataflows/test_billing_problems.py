"""Exceptions about billing events: one is open for each event and class, at the contract to which the event belongs now."""

from datetime import date

from accounting.billing_fact import INVOICE_UNKNOWN, BillingFact, BillingKind, Problem
from dataflows.billing_problems import BillingProblems
from dataflows.billing_table import Filed
from schemas.topics import BILLING
from tests.dataflows.stores import place

REFUND = BillingFact("b-1", "billing", BillingKind.REFUND, 0, date(1970, 1, 1), credit_note_id="nowhere")
FILED = Filed(REFUND, place(10, BILLING), b"{}", 0)
UNKNOWN = Problem(REFUND, INVOICE_UNKNOWN, "credit note nowhere is not known: send the event that issues it")


def settle(problems, contract, *found):
    problems.settle("c", contract, [FILED] if found else [], found)


def told(parts):
    return [(one["contract_id"], one["status"]) for one in parts.said()]


def test_it_is_raised_once_and_resolved_when_what_it_needs_has_come(parts):
    problems = BillingProblems(parts.store, parts.desk)
    settle(problems, "k", UNKNOWN)
    settle(problems, "k", UNKNOWN)
    settle(problems, "k")
    assert [("k", "open"), ("k", "resolved")] == told(parts)


def test_an_event_that_goes_to_another_contract_leaves_the_one_before_first(parts):
    problems = BillingProblems(parts.store, parts.desk)
    settle(problems, "k", UNKNOWN)
    settle(problems, "other", UNKNOWN)
    settle(problems, "k")  # settled after the contract that has it now
    first, left, again = parts.said()
    assert ("k", "open") == (first["contract_id"], first["status"])
    assert ("k", "the event belongs to contract other now") == (left["contract_id"], left["resolution"])
    assert ("other", "open") == (again["contract_id"], again["status"])


def test_where_it_is_open_is_known_after_a_restart(parts):
    settle(BillingProblems(parts.store, parts.desk), "k", UNKNOWN)
    parts.store.commit()
    problems = BillingProblems(parts.store, parts.desk)
    settle(problems, "other", UNKNOWN)
    settle(problems, "k")
    settle(problems, "other")
    assert [("k", "open"), ("k", "resolved"), ("other", "open"), ("other", "resolved")] == told(parts)


def test_what_is_forgotten_stays_open_and_is_not_taken_from_who_has_it_next(parts):
    problems = BillingProblems(parts.store, parts.desk)
    settle(problems, "k", UNKNOWN)
    problems.forget("c", "k")
    settle(problems, "other", UNKNOWN)
    settle(problems, "other")
    assert [("k", "open"), ("other", "open"), ("other", "resolved")] == told(parts)


def test_two_problems_of_one_class_are_one_exception(parts):
    problems = BillingProblems(parts.store, parts.desk)
    settle(problems, "k", UNKNOWN, UNKNOWN)
    settle(problems, "k")
    assert [("k", "open"), ("k", "resolved")] == told(parts)
