"""The billing table: every event stored once, in the books of the contract to which it belongs."""

from datetime import date
from itertools import permutations

import pytest

from accounting.trace import UNTRACED
from dataflows import billing_table
from state import keys
from tests.dataflows.stores import Parts
from tests.support.timeline import micros


def booked(parts, *contracts, customer="c"):
    """The events in the books of each contract."""
    return {
        name: found
        for name in contracts or ("k", "k1", "k2")
        if (found := sorted(one.fact.event_id for one in parts.billing.facts(customer, name)))
    }


def two_contracts(parts, **second):
    """Contracts k1 and k2 of one customer, side by side."""
    parts.contract(0, price="2", k="k1")
    parts.contract(1, price="2", k="k2", **second)


# -- the books of a contract


def test_an_event_is_a_fact_of_the_contract_that_it_names(parts):
    two_contracts(parts)
    assert {"k2"} == parts.bill(k="k2")
    assert ({"k2": ["b0"]}, []) == (booked(parts), parts.told())
    assert [False, True] == [parts.billing.has_facts("c", name) for name in ("k1", "k2")]


def test_a_fact_says_where_its_event_stands_and_what_it_was(parts):
    parts.contract(price="2")
    parts.bill(7, at="2025-02-01T12", partition=3, amount="12.50")
    [found] = parts.billing.facts("c", "k")
    assert ("billing.events", 3, 7) == (found.at.topic, found.at.partition, found.at.offset)
    assert (1250, UNTRACED, found.fact.at) == (found.fact.amount, found.trace, found.known_at)
    assert b'"amount":"12.50"' in found.payload


def test_a_fact_has_the_date_of_its_contracts_zone_also_when_that_moves(parts):
    parts.contract(price="2")
    parts.bill(at="2025-02-01T03")
    days = [parts.billing.facts("c", "k")[0].fact.day]
    parts.reference(kind="entity", id="us", time_zone="America/New_York")
    parts.contracts.zones_changed()
    assert [date(2025, 2, 1), date(2025, 1, 31)] == [*days, parts.billing.facts("c", "k")[0].fact.day]


def test_without_any_event_nobody_has_facts_and_no_store_is_read(parts):
    parts.contract(price="2")
    before = parts.store
    parts.billing._store = None
    assert (False, [], set()) == (
        parts.billing.has_facts("c", "k"), parts.billing.facts("c", "k"), set(parts.billing.contract_changed("c"))
    )  # fmt: skip
    parts.billing._store = before


def test_customers_do_not_share_invoices_or_contracts(parts):
    parts.contract(0, price="2", k="k1", customer="c")
    parts.contract(1, price="2", k="k2", customer="d")
    parts.bill(0, customer="d")
    parts.bill(1, kind="paid", customer="c")
    assert ({"k1": ["b1"]}, {"k2": ["b0"]}) == (booked(parts), booked(parts, customer="d"))


def test_a_contract_of_another_customer_is_unknown(parts):
    parts.contract(0, price="2", k="k1", customer="d")
    assert set() == parts.bill(k="k1")
    assert ([("contract_unknown", "open")], {}) == (parts.told(), booked(parts))


# -- what happens twice


def test_the_same_event_again_counts_once(parts):
    parts.contract(price="2")
    parts.bill(amount="10")
    assert (set(), set()) == (parts.bill(1, event_id="b0", amount="10.00"), parts.bill(event_id="b0"))
    assert ({"k": ["b0"]}, []) == (booked(parts), parts.told())


def test_other_content_under_one_identity_is_a_conflict_and_the_first_holds(parts):
    parts.contract(price="2")
    parts.bill(amount="10")
    assert set() == parts.bill(4, event_id="b0", amount="11")
    [record] = parts.said()
    expected = (
        "identity_conflict",
        "open",
        4,
        "event b0 of s was taken from billing.events/0 offset 0 with other content, which holds",
    )
    assert expected == (
        record["class"],
        record["status"],
        record["source"]["offset"],
        record["reason"].partition(":")[0],
    )
    assert [1000] == [one.fact.amount for one in parts.billing.facts("c", "k")]


def test_one_event_id_of_two_sources_is_two_events(parts):
    parts.contract(price="2")
    parts.bill(0, event_id="b", source="s")
    parts.bill(1, event_id="b", source="t", kind="paid")
    assert {"k": ["b", "b"]} == booked(parts)


# -- events that name no contract


def test_an_event_without_a_contract_follows_the_invoice_it_names(parts):
    two_contracts(parts)
    parts.bill(0, k="k2")
    assert {"k2"} == parts.bill(1, kind="paid")
    assert {"k2": ["b0", "b1"]} == booked(parts)


def test_an_event_without_a_contract_follows_the_note_it_names(parts):
    two_contracts(parts)
    parts.bill(0, kind="credit_note", k="k2", invoice=None, note="n")
    assert {"k2"} == parts.bill(1, kind="refund", invoice=None, note="n")
    assert {"k2": ["b0", "b1"]} == booked(parts)


def test_a_note_without_a_contract_follows_its_invoice_and_a_refund_the_note(parts):
    two_contracts(parts)
    assert [set(), set()] == [
        parts.bill(0, kind="refund", invoice=None, note="n"), parts.bill(1, kind="credit_note", note="n")
    ]  # fmt: skip
    assert {"k1"} == parts.bill(2, k="k1")
    assert {"k1": ["b0", "b1", "b2"]} == booked(parts)
    assert 2 * [("contract_ambiguous", "open")] + 2 * [("contract_ambiguous", "resolved")] == parts.told()


def test_where_the_invoice_leaves_it_open_the_note_says_whose_it_is(parts):
    """What a person has said of the note is more than that nobody knows whose the invoice is."""
    two_contracts(parts)
    assert set() == parts.bill(0)
    assert {"k2"} == parts.bill(1, kind="credit_note", k="k2", note="n")
    assert {"k2"} == parts.bill(2, kind="credit_note_voided", note="n")


def test_an_event_that_names_what_nobody_issued_goes_by_its_time(parts):
    parts.contract(price="2")
    assert {"k"} == parts.bill(kind="paid")
    assert ({"k": ["b0"]}, []) == (booked(parts), parts.told())


def test_the_only_contract_whose_term_has_the_time_takes_it(parts):
    two_contracts(parts, start="2026-01-01", end="2027-01-01")
    times = ("2025-12-31T23:59:59", "2026-01-01")
    assert [{"k1"}, {"k2"}] == [parts.bill(number, at=at, invoice=at) for number, at in enumerate(times)]


def test_the_only_contract_takes_it_outside_its_term_too(parts):
    parts.contract(price="2")
    assert [{"k"}, {"k"}] == [parts.bill(0, at="2024-12-01"), parts.bill(1, at="2026-02-01", invoice="j")]


def test_a_cancellation_ends_the_term(parts):
    two_contracts(parts)
    parts.contract(2, price="2", k="k1", version="2", kind="cancelled", effective="2025-06-01")
    found = [parts.bill(0, at="2025-05-31", invoice="i"), parts.bill(1, at="2025-06-01", invoice="j")]
    assert ([set(), {"k2"}], [("contract_ambiguous", "open")]) == (found, parts.told())


@pytest.mark.parametrize("at", ["2025-02-01", "2030-01-01"])
def test_several_contracts_that_may_take_it_are_ambiguous_whether_or_not_they_run(parts, at):
    two_contracts(parts)
    assert set() == parts.bill(5, at=at)
    [record] = parts.said()
    expected = ("contract_ambiguous", "open", "error", 5, "c", None)
    names = ("class", "status", "severity")
    assert expected == (
        *(record[name] for name in names), record["source"]["offset"], record["customer_id"], record["contract_id"]
    )  # fmt: skip
    assert "may belong to k1, k2" in record["reason"]


def test_an_invoice_that_two_contracts_issue_leaves_its_payment_ambiguous(parts):
    two_contracts(parts)
    parts.bill(0, k="k1")
    parts.bill(1, k="k2")
    assert set() == parts.bill(2, kind="paid")
    assert ([("contract_ambiguous", "open")], {"k1": ["b0"], "k2": ["b1"]}) == (parts.told(), booked(parts))


def test_of_two_issues_of_an_invoice_the_earlier_says_whose_it_is(parts):
    parts.contract(0, price="2", k="k1", end="2025-03-01")
    parts.contract(1, price="2", k="k2", start="2025-03-01")
    parts.bill(0, at="2025-03-02", invoice="i")
    parts.bill(1, at="2025-03-03", kind="paid", invoice="i")
    assert {"k2": ["b0", "b1"]} == booked(parts)
    assert {"k1", "k2"} == parts.bill(2, at="2025-02-02", invoice="i")
    assert {"k1": ["b0", "b1", "b2"]} == booked(parts)


# -- since when


@pytest.mark.parametrize("k", [None, "k"])
def test_what_an_event_issues_changes_the_books_from_the_first_event_that_names_it(parts, k):
    parts.contract(price="2")
    assert {"k": micros("2025-02-05")} == parts.billed_since(0, "2025-02-05", kind="paid", k=k)
    assert {"k": micros("2025-02-03")} == parts.billed_since(
        1, "2025-02-03", kind="refund", note="n", invoice=None, k=k
    )
    assert {"k": micros("2025-02-03")} == parts.billed_since(2, "2025-02-07", kind="credit_note", note="n", k=k)
    assert {"k": micros("2025-02-03")} == parts.billed_since(3, "2025-02-10", k=k)
    assert {"k": micros("2025-02-11")} == parts.billed_since(4, "2025-02-11", kind="paid", k=k)
    assert {"k": micros("2025-02-01")} == parts.billed_since(5, "2025-02-01", invoice="j", k=k)


def test_events_that_were_taken_elsewhere_change_both_books_from_the_first_of_them(parts):
    parts.contract(0, price="2", k="k1", end="2025-03-01")
    parts.contract(1, price="2", k="k2", start="2025-03-01")
    parts.bill(0, "2025-02-20", kind="paid")
    parts.bill(1, "2025-02-25", kind="paid")
    assert {name: micros("2025-02-20") for name in ("k1", "k2")} == parts.billed_since(2, "2025-03-05")


# -- what has to wait


def test_an_event_waits_for_its_contract(parts):
    assert set() == parts.bill(3, k="k")
    assert (False, {}) == (parts.billing.has_facts("c", "k"), booked(parts))
    [record] = parts.said()
    assert ("contract_unknown", 3, "k") == (record["class"], record["source"]["offset"], record["contract_id"])
    parts.contract(price="2")
    assert {"k": micros("2025-02-01")} == parts.billing.contract_changed("c")
    assert ([("contract_unknown", "resolved")], {"k": ["b3"]}) == (parts.told(), booked(parts))


def test_a_contract_that_changes_nothing_for_the_facts_says_so(parts):
    parts.contract(price="2")
    parts.bill()
    parts.contract(1, price="3", version="2", effective="2025-02-01")
    assert (set(), []) == (set(parts.billing.contract_changed("c")), parts.told())


def test_a_version_that_waits_is_no_contract_yet(parts):
    parts.contract(0, version="2", price="2")
    parts.told()
    assert set() == parts.bill(k="k")
    assert [("contract_unknown", "open")] == parts.told()


def test_a_second_contract_takes_facts_away_from_the_first(parts):
    parts.contract(0, price="2", k="k1")
    parts.bill()
    parts.contract(1, price="2", k="k2")
    assert {"k1"} == set(parts.billing.contract_changed("c"))
    assert ({}, [("contract_ambiguous", "open")]) == (booked(parts), parts.told())
    parts.contract(2, price="2", k="k2", version="2", kind="cancelled", effective="2025-01-05")
    assert {"k1"} == set(parts.billing.contract_changed("c"))
    assert ({"k1": ["b0"]}, [("contract_ambiguous", "resolved")]) == (booked(parts), parts.told())


def test_an_event_in_another_currency_is_not_booked(parts):
    parts.contract(price="2")
    assert set() == parts.bill(2, k="k", currency="EUR")
    [record] = parts.said()
    assert ("currency_mismatch", 2, "k") == (record["class"], record["source"]["offset"], record["contract_id"])
    assert ({}, False) == (booked(parts), parts.billing.has_facts("c", "k"))
    assert [] == list(parts.store.scan(keys.OPEN))


def test_the_currency_of_an_event_that_waits_is_looked_at_when_its_contract_comes(parts):
    parts.bill(k="k", currency="EUR")
    parts.contract(price="2")
    assert {} == parts.billing.contract_changed("c")
    expected = [("contract_unknown", "open"), ("contract_unknown", "resolved"), ("currency_mismatch", "open")]
    assert expected == parts.told()


def test_a_payment_whose_invoice_turns_out_to_be_anothers_contract_has_the_right_currency(parts):
    parts.contract(0, price="2", k="k1")
    parts.contract(1, price="2", k="k2", start="2026-01-01", end="2027-01-01", currency="EUR")
    parts.bill(0, kind="paid", currency="EUR")
    assert {"k2"} == parts.bill(1, k="k2", currency="EUR")
    assert [("currency_mismatch", "open"), ("currency_mismatch", "resolved")] == parts.told()
    assert {"k2": ["b0", "b1"]} == booked(parts)


# -- whatever the order

STORIES = {
    "a payment follows its invoice": [
        ("contract", {"price": "2", "k": "k1"}),
        ("contract", {"price": "2", "k": "k2"}),
        ("bill", {"k": "k2"}),
        ("bill", {"kind": "paid"}),
    ],
    "an invoice goes by its time, its note by the invoice, a refund by the note": [
        ("contract", {"price": "2", "k": "k1", "end": "2025-03-01"}),
        ("contract", {"price": "2", "k": "k2", "start": "2025-03-01"}),
        ("bill", {"at": "2025-02-01"}),
        ("bill", {"at": "2025-03-02", "kind": "credit_note", "note": "n"}),
        ("bill", {"at": "2025-03-03", "kind": "refund", "note": "n", "invoice": None}),
    ],
    "an invoice that no time decides": [
        ("contract", {"price": "2", "k": "k1"}),
        ("contract", {"price": "2", "k": "k2"}),
        ("bill", {}),
        ("bill", {"kind": "paid"}),
        ("bill", {"kind": "voided", "k": "k1"}),
    ],
    "one that nobody issues and one in another currency": [
        ("contract", {"price": "2", "k": "k1"}),
        ("contract", {"price": "2", "k": "k2", "currency": "EUR", "start": "2025-03-01"}),
        ("bill", {"k": "k2", "currency": "EUR"}),
        ("bill", {"kind": "paid", "currency": "EUR"}),
        ("bill", {"kind": "paid", "invoice": "j", "currency": "EUR"}),
    ],
    "two issues of one invoice": [
        ("contract", {"price": "2", "k": "k1", "end": "2025-03-01"}),
        ("contract", {"price": "2", "k": "k2", "start": "2025-03-01"}),
        ("bill", {"at": "2025-03-02"}),
        ("bill", {"at": "2025-02-01"}),
        ("bill", {"at": "2025-03-04", "kind": "paid"}),
    ],
    "a contract that never comes": [
        ("contract", {"price": "2", "k": "k1"}),
        ("bill", {"k": "k3"}),
        ("bill", {"kind": "paid"}),
        ("bill", {"kind": "paid", "invoice": "j"}),
    ],
}
ENDS = {
    "a payment follows its invoice": ({"k2": ["b2", "b3"]}, set()),
    "an invoice goes by its time, its note by the invoice, a refund by the note": ({"k1": ["b2", "b3", "b4"]}, set()),
    "an invoice that no time decides": ({"k1": ["b4"]}, {("contract_ambiguous", 2), ("contract_ambiguous", 3)}),
    "one that nobody issues and one in another currency": ({"k2": ["b2", "b3"]}, {("currency_mismatch", 4)}),
    "two issues of one invoice": ({"k1": ["b2", "b3", "b4"]}, set()),
    "a contract that never comes": ({"k1": ["b3"]}, {("contract_unknown", 1), ("contract_unknown", 2)}),
}


def play(parts, steps):
    """Give the steps of a story, each at its own offset; gives the exceptions that stay open."""
    known: dict[str, list[str]] = {}
    for offset, (verb, facts) in steps:
        if verb == "contract":
            parts.contract(offset, **facts)
            changed = set(parts.billing.contract_changed("c"))
        else:
            changed = parts.bill(offset, **facts)
        now = booked(parts)
        assert {name for name in {*known, *now} if known.get(name) != now.get(name)} == changed
        known = now
    still = set()
    for one in parts.said():
        named = (one["class"], one["source"]["offset"])
        (still.add if one["status"] == "open" else still.remove)(named)
    return still


@pytest.mark.parametrize("name", STORIES)
def test_every_order_of_arrival_ends_in_the_same_books_and_open_exceptions(name, tmp_path):
    for number, steps in enumerate(permutations(enumerate(STORIES[name]))):
        parts = Parts(tmp_path / str(number))
        still = play(parts, steps)
        assert ENDS[name] == (booked(parts), still), steps
        parts.store.close()


def test_every_restart_finds_what_was_there(tmp_path):
    for name, steps in STORIES.items():
        parts = Parts(tmp_path / name)
        for offset, (verb, facts) in list(enumerate(steps))[::-1]:
            if verb == "contract":
                parts.contract(offset, **facts)
                parts.billing.contract_changed("c")
            else:
                parts.bill(offset, **facts)
            before = booked(parts)
            parts.store.commit()
            parts.reopen()
            assert before == booked(parts)
        assert ENDS[name][0] == booked(parts)
        parts.store.close()


def test_customers_beyond_the_cache_are_read_again(parts, monkeypatch):
    monkeypatch.setattr(billing_table, "CACHED_CUSTOMERS", 2)
    parts.reopen()
    names = [f"c{number}" for number in range(5)]
    for number, name in enumerate(names):
        parts.contract(number, price="2", customer=name)
        parts.bill(number, customer=name)
    for number, name in enumerate(names, start=5):
        parts.bill(number, kind="paid", customer=name)
    assert [{"k": [f"b{number}", f"b{number + 5}"]} for number in range(5)] == [
        booked(parts, customer=name) for name in names
    ]


# -- letting go


def test_the_facts_of_a_contract_go_and_those_of_another_one_stay(parts):
    two_contracts(parts)
    parts.bill(0, k="k1", invoice="i")
    parts.bill(1, kind="paid", invoice="i")
    parts.bill(2, k="k2", invoice="j")
    parts.bill(3, kind="paid", invoice="j")
    assert [4] == list(parts.billing.drop("c", "k1"))
    assert ({"k2": ["b2", "b3"]}, False, 2) == (
        booked(parts), parts.billing.has_facts("c", "k1"), len(list(parts.store.scan(keys.BILLING)))
    )  # fmt: skip


def test_what_may_belong_to_a_contract_that_goes_goes_with_it_and_stays_an_open_exception(parts):
    two_contracts(parts)
    parts.bill(0)
    parts.bill(1, kind="paid")
    parts.bill(2, k="k3")
    parts.bill(3, k="k1", currency="EUR")
    parts.told()
    list(parts.billing.drop("c", "k1"))
    assert [("contract_unknown", "k3")] == [
        (one.stored.raised, one.event.contract_id) for one in parts.billing._recent.of("c").events.values()
    ]
    assert ([], 1) == (parts.told(), len(list(parts.store.scan(keys.OPEN))))


def test_what_was_let_go_leads_nothing_any_more(parts):
    parts.contract(0, price="2", k="k1", end="2025-03-01")
    parts.contract(1, price="2", k="k2", start="2025-03-01")
    parts.bill(0, at="2025-02-01", invoice="i")
    list(parts.billing.drop("c", "k1"))
    parts.contracts.drop("c", "k1")
    assert {"k2"} == parts.bill(1, at="2025-03-02", kind="paid", invoice="i")


def test_letting_go_where_nothing_was_billed_looks_at_nothing(parts):
    parts.contract(price="2")
    assert [] == list(parts.billing.drop("c", "k"))
