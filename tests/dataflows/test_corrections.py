"""Corrections that a replay has found: what the state knows to be wrong is booked by the rules, the rest as it is, and once."""

import json
from decimal import Decimal

import pytest

import dataflows.line_books
from connectors.batch import Batch
from connectors.record_rows import decoded
from dataflows.rules import rules_digest
from schemas.topics import CONTROL

STORY = """
    2025-01-01 contract price=2
    2025-01-05 usage n=10
    2025-01-06 clock

    2025-01-05 usage n=1
"""
CLOSED = STORY.replace("2025-01-06 clock", "2025-02-06 close entity=us period=2025-01")


def row(account, amount, **changes):
    """A posting of a correction: a debit is positive."""
    return {"entity": "us", "currency": "USD", "period": "2025-01", "account": account, "customer_id": "c",
            "contract_id": "k", "line_id": "l", "product_id": "p", "amount": amount, "functional_amount": amount,
            **changes}  # fmt: skip


def rows(amount, **changes):
    """Revenue of so much more, and the receivable beside it."""
    return [row("unbilled_receivable", amount, **changes), row("revenue", f"{-Decimal(amount)}", **changes)]


def correct(shard, postings, offset=1, name="r1", rules=None):
    """Give the shard a correction; what it posts."""
    line = json.dumps(
        {
            "kind": "correction",
            "event_id": name,
            "source": "accrual-replay",
            "correlation_id": "replay-1",
            "event_time": "2026-01-01T00:00:00Z",
            "rules": rules or rules_digest(),
            "postings": postings,
        }
    )
    records, rejected = decoded(CONTROL, offset, [line.encode()])
    assert not rejected, rejected
    before = len(shard.entries)
    past = [Batch(*_place(source), *shard.ends[source], offset + 1) for source in shard.sources]
    shard.give([Batch(CONTROL, 0, offset, offset + 1, None, offset, None, records, rejected), *past])
    return shard.entries[before:]


def _place(source):
    topic, _, number = source.rpartition("/")
    return topic, int(number)


@pytest.fixture
def booked(driven):
    """A shard that has played a story up to its last step."""

    def play(story=STORY, **settings):
        shard = driven(story, following=True, **settings)
        shard.play(stop=1)
        shard.ends = {}
        for batch in shard.activations[0]:
            if batch.topic != CONTROL:
                shard.ends[batch.source] = batch.end, batch.end, batch.newest
        return shard

    return play


def told(entries):
    """Kind, period, origin and revenue of each entry."""
    return [
        (one["kind"], one["period"], one["origin_period"],
         next(Decimal(line["amount"]) * (1 if line["side"] == "credit" else -1)
              for line in one["lines"] if line["account"] == "revenue"))
        for one in entries
    ]  # fmt: skip


def test_what_the_journal_alone_lacks_is_posted_as_a_correction_and_the_state_stays_as_it_is(booked):
    shard = booked()
    (entry,) = correct(shard, rows("5"))
    assert [("correction", "2025-01", None, Decimal(5))] == told([entry])
    assert ("replay-1", "2025-01-31") == (entry["correlation_id"], entry["accounting_date"])
    source = {"topic": CONTROL, "partition": 0, "from_offset": 1, "to_offset": 2}
    assert [source] == entry["lineage"]["sources"]
    shard.play(start=1)  # a late unit is worth 2, and no reason to look at the rest
    assert {"revenue": Decimal(-27), "unbilled_receivable": Decimal(27)} == shard.balances()


def test_what_another_program_booked_wrong_is_booked_anew_by_the_rules(booked, monkeypatch):
    right = dataflows.line_books.bookings

    def twice(*words):
        return [
            one._replace(amount=one.amount * 2, after=one.after._replace(revenue=one.after.revenue * 2))
            for one in right(*words)
        ]

    with monkeypatch.context() as old:
        old.setattr(dataflows.line_books, "bookings", twice)
        shard = booked()
    assert {"revenue": Decimal(-40), "unbilled_receivable": Decimal(40)} == shard.balances()
    assert [("usage", "2025-01", None, Decimal(-20))] == told(correct(shard, rows("-20")))
    shard.play(start=1)
    assert {"revenue": Decimal(-22), "unbilled_receivable": Decimal(22)} == shard.balances()


def test_of_both_at_once_each_takes_its_part(booked, monkeypatch):
    with monkeypatch.context() as old:
        old.setattr(dataflows.line_books, "bookings", lambda *words: [])
        shard = booked()
    assert {} == shard.balances()
    assert [("usage", "2025-01", None, Decimal(20)), ("correction", "2025-01", None, Decimal(3))] == told(
        correct(shard, rows("23"))
    )


def test_the_same_correction_is_posted_once(booked):
    shard = booked()
    assert 1 == len(correct(shard, rows("5")))
    assert [] == correct(shard, rows("5"), offset=2)
    assert 1 == len(correct(shard, rows("5"), offset=3, name="r2"))


def test_an_effect_of_a_closed_period_lands_in_the_first_open_one(booked):
    (entry,) = correct(booked(CLOSED), rows("5"))
    assert [("correction", "2025-02", "2025-01", Decimal(5))] == told([entry])
    assert "2025-02-01" == entry["accounting_date"]


def test_a_correction_by_other_rules_is_refused(booked):
    shard = booked()
    assert [] == correct(shard, rows("5"), rules="another program's")
    assert ["correction_refused control 1 open"] == shard.exceptions


def test_a_correction_that_does_not_balance_is_refused(booked):
    shard = booked()
    assert [] == correct(shard, [row("revenue", "-5")])
    assert ["correction_refused control 1 open"] == shard.exceptions


def test_the_business_date_stays_where_it_is(booked):
    shard = booked()
    before = shard.shard._clock.business_date
    correct(shard, rows("5"))
    assert before == shard.shard._clock.business_date
