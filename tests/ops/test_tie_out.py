"""The tie-out explains every difference to BilledCost, and notices whatever a reason does not cover."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ops.demo.amount import decimal, decimals
from ops.demo.difference import Differences
from ops.demo.focus import convert
from ops.demo.tie_out import TieOut, tie_out

Record = dict[str, Any]


def json_lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_json_lines(path: Path, records: list[Record]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def entry(line: tuple[str, str], event: Record, sequence: int, amount: Decimal) -> Record:
    """A usage entry for one event, in the shape the processor writes."""
    day = event["event_time"][:10]
    sides = ("debit", "credit") if amount >= 0 else ("credit", "debit")
    return {
        "entry_id": f"e{sequence:05d}",
        "shard": 0,
        "sequence": sequence,
        "entity": "demo-us",
        "currency": "USD",
        "period": day[:7],
        "accounting_date": day,
        "origin_period": None,
        "kind": "usage",
        "customer_id": event["customer_id"],
        "contract_id": line[0],
        "line_id": line[1],
        "correlation_id": None,
        "lines": [
            {
                "account": account,
                "side": side,
                "amount": str(abs(amount)),
                "functional_amount": str(abs(amount)),
            }
            for account, side in zip(("unbilled_receivable", "revenue"), sides, strict=True)
        ],
        "window": {"meter": event["meter"], "start": f"{day}T00:00:00Z", "end": day, "revision": 1},
        "lineage": {
            "contract_version": 1,
            "policy_version": None,
            "sources": [{"topic": "usage.events", "partition": 0, "from": sequence, "to": sequence + 1}],
            "events": 1,
            "digest": "00",
            "rule": "per_unit sum, cumulative in month",
        },
    }


def exception(event: Record, offset: int, exception_class: str) -> Record:
    return {
        "exception_id": f"x{offset}",
        "class": exception_class,
        "severity": "error",
        "owner": "revenue-operations",
        "due_at": None,
        "status": "open",
        "source": {"topic": "usage.events", "partition": 0, "offset": offset},
        "customer_id": event["customer_id"],
        "contract_id": None,
        "reason": f"{exception_class}: {event['meter']}",
        "payload": base64.b64encode(json.dumps(event).encode()).decode(),
    }


def keep_books(source: Path, sink: Path) -> None:
    """The simplest bookkeeper: one entry per event, cumulative and half-even per line (all in September)."""
    lines = {
        (contract["customer_id"], line["rate"]["meter"]): (contract["contract_id"], line)
        for contract in json_lines(source / "contracts.events/0.jsonl")
        for line in contract["lines"]
    }
    entries, exceptions = [], []
    exact: dict[tuple[str, str], Fraction] = {}
    posted: dict[tuple[str, str], Decimal] = {}
    for offset, event in enumerate(json_lines(source / "usage.events/0.jsonl")):
        found = lines.get((event["customer_id"], event["meter"]))
        if event["quantity"] is None or found is None:
            exceptions.append(exception(event, offset, "meter_unmapped" if event["quantity"] else "invalid"))
            continue
        key = (found[0], found[1]["line_id"])
        cost = Fraction(event["quantity"]) * Fraction(found[1]["rate"]["unit_price"])
        exact[key] = exact.get(key, Fraction(0)) + cost
        due = Decimal(round(exact[key] * 10**40)).scaleb(-40).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        amount = due - posted.get(key, Decimal("0.00"))
        posted[key] = due
        entries.append(entry(key, event, offset, amount))
    write_json_lines(sink / "revenue.journal.jsonl", entries)
    write_json_lines(sink / "revenue.exceptions.jsonl", exceptions)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    convert(tmp_path / "source")
    return tmp_path / "source"


@pytest.fixture
def sink(source: Path, tmp_path: Path) -> Path:
    directory = tmp_path / "sink"
    directory.mkdir()
    keep_books(source, directory)
    return directory


def change(sink: Path, topic: str, edit: Callable[[list[Record]], object]) -> None:
    records = json_lines(sink / f"{topic}.jsonl")
    edit(records)
    write_json_lines(sink / f"{topic}.jsonl", records)


def reasons(tied: TieOut) -> dict[str, tuple[int, str]]:
    return {part.reason: (part.count, f"{decimal(part.amount):f}") for part in tied.explained}


def test_the_sample_ties_out_and_every_difference_has_a_reason(sink: Path, source: Path) -> None:
    tied = tie_out(sink, source)
    assert tied.ties
    assert reasons(tied) == {
        Differences.ROUNDING: (321, "0.26460574929"),
        Differences.PROVIDER_ROUNDING: (458, "0.00000000193"),
        Differences.DISCOUNT: (4, "-0.14267902222"),
        Differences.FREE_TIER: (309, "0.00000000000"),
        "credit without a quantity (exception: invalid)": (1, "-2.61370000000"),
        "adjustment (exception: meter_unmapped)": (2, "0.27200000000"),
        "usage not booked (exception: meter_unmapped)": (1, "0.10000000000"),
    }


def test_the_printed_amounts_add_up_to_the_provider_s_own_total(sink: Path, source: Path) -> None:
    tied = tie_out(sink, source)
    printed = decimals([tied.booked, *(part.amount for part in tied.explained)])
    assert Decimal("20.52022672899") == decimal(tied.billed) == sum(printed)
    assert tied.residue == 0


def test_a_cent_too_much_is_unexplained_and_not_taken_for_rounding(sink: Path, source: Path) -> None:
    def add_a_cent(entries: list[Record]) -> None:
        for line in entries[0]["lines"]:
            line["amount"] = str(Decimal(line["amount"]) + Decimal("0.01"))

    change(sink, "revenue.journal", add_a_cent)
    tied = tie_out(sink, source)
    assert (1, Fraction(-1, 100), False) == (tied.unexplained.count, tied.unexplained.amount, tied.ties)
    assert "focus-51738928782 line u" in tied.details[0]


def test_two_errors_that_cancel_out_still_do_not_tie(sink: Path, source: Path) -> None:
    def move_a_cent(entries: list[Record]) -> None:
        sums = [(0, Decimal("0.01")), (1, Decimal("-0.01"))]
        for index, cent in sums:
            revenue = entries[index]["lines"][1]
            revenue["amount"] = str(Decimal(revenue["amount"]) + cent)

    change(sink, "revenue.journal", move_a_cent)
    tied = tie_out(sink, source)
    assert (2, Fraction(0), False) == (tied.unexplained.count, tied.unexplained.amount, tied.ties)


def test_a_row_without_an_exception_cannot_vanish(sink: Path, source: Path) -> None:
    change(sink, "revenue.exceptions", lambda records: records.pop())
    tied = tie_out(sink, source)
    assert (tied.unexplained.count, tied.ties) == (1, False)
    assert "has no contract line and no exception" in tied.details[0]


def test_an_exception_that_was_resolved_no_longer_excuses_its_row(sink: Path, source: Path) -> None:
    change(sink, "revenue.exceptions", lambda records: records.append(records[0] | {"status": "resolved"}))
    assert not tie_out(sink, source).ties


def test_an_exception_without_a_payload_is_found_by_its_offset(sink: Path, source: Path) -> None:
    def drop_payloads(records: list[Record]) -> None:
        for record in records:
            record["payload"] = None

    expected = reasons(tie_out(sink, source))
    change(sink, "revenue.exceptions", drop_payloads)
    assert expected == reasons(tie_out(sink, source))


def test_a_redelivered_event_counts_once(sink: Path, source: Path) -> None:
    change(source, "usage.events/0", lambda events: events.append(events[0]))
    assert tie_out(sink, source).ties


def test_entries_and_exceptions_of_the_resale_are_no_part_of_the_tie_out(sink: Path, source: Path) -> None:
    expected = reasons(tie_out(sink, source))
    change(sink, "revenue.journal", lambda entries: entries.append(entries[0] | {"entity": "demo-reseller"}))
    other = {"source": {"topic": "usage.events", "partition": 1, "offset": 0}, "payload": None, "exception_id": "other"}
    change(sink, "revenue.exceptions", lambda records: records.append(records[0] | other))
    assert expected == reasons(tie_out(sink, source))
    assert tie_out(sink, source).ties
