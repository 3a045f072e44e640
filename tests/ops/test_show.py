"""The looking commands: what they show, what they leave out, and how they refuse."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ops.show.commands import app
from ops.show.entry import Entry
from ops.show.exceptions import show_exceptions
from ops.show.journal import show_journal
from ops.show.records import read_records

Record = dict[str, Any]


def entry(sequence: int, **changes: Any) -> Record:
    amount = changes.pop("amount", "1.23")
    record: Record = {
        "entry_id": f"entry-{sequence}",
        "shard": 0,
        "sequence": sequence,
        "entity": "us",
        "currency": "USD",
        "period": "2024-09",
        "accounting_date": f"2024-09-{sequence:02d}",
        "kind": "usage",
        "customer_id": "acme",
        "contract_id": "k-1",
        "line_id": "u001",
        "lines": [
            {
                "account": "unbilled_receivable",
                "side": "debit",
                "amount": amount,
                "functional_amount": amount,
            },
            {"account": "revenue", "side": "credit", "amount": amount, "functional_amount": amount},
        ],
        "a_field_of_tomorrow": 1,
    }
    return record | changes


def exception(number: int, **changes: Any) -> Record:
    record: Record = {
        "exception_id": f"x{number}",
        "class": "invalid",
        "severity": "error",
        "owner": "billing-team",
        "due_at": "2024-10-03T00:00:00Z",
        "status": "open",
        "source": {"topic": "usage.events", "partition": 0, "offset": number},
        "customer_id": "acme",
        "contract_id": None,
        "reason": "quantity is null [see the feed]",
        "payload": None,
    }
    return record | changes


class Sink:
    """A directory that looks as if a run had written it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.uri = f"files:{directory}"

    def write(self, name: str, *records: Record, tail: str = "") -> None:
        path = self.directory / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records) + tail, encoding="utf-8")

    def journal(self, **options: Any) -> tuple[int, str, str]:
        return self._show(show_journal, **options)

    def exceptions(self, **options: Any) -> tuple[int, str, str]:
        return self._show(show_exceptions, **options)

    def _show(self, command: Any, **options: Any) -> tuple[int, str, str]:
        out, err = StringIO(), StringIO()
        consoles = {name: Console(file=file, width=160) for name, file in (("console", out), ("errors", err))}
        code = command(options.pop("sink", self.uri), **consoles, **options)
        return code, out.getvalue(), err.getvalue()


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path)


def test_an_entry_is_shown_with_its_postings_and_the_totals_balance(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1, amount="1234.50"))
    code, text, _ = sink.journal()
    assert code == 0
    for part in ("2024-09-01", "acme", "k-1 / u001", "unbilled_receivable", "1,234.50", "✓ debits = credits"):
        assert part in text


def test_totals_are_per_currency(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), entry(2, amount="0.77"), entry(3, currency="JPY", amount="500"))
    _, text, _ = sink.journal()
    totals = text[text.index("Totals") :].splitlines()
    rows = [line.split() for line in totals if line.split()[:1] in (["USD"], ["JPY"])]
    assert rows == [["JPY", "1", "500", "500", "500"], ["USD", "2", "2.00", "2.00", "2.00"]]


def test_an_entry_that_does_not_balance_is_named_and_fails(sink: Sink) -> None:
    crooked = entry(1)
    crooked["lines"][0]["amount"] = "1.24"
    sink.write("revenue.journal", crooked)
    code, text, _ = sink.journal()
    assert code == 1
    assert "✗ entry entry-1: debit 1.24, credit 1.23" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"customer": "bravo"}, [2]),
        ({"contract": "k-3"}, [3]),
        ({"period": "2024-10"}, [4]),
        ({"customer": "acme", "period": "2024-09"}, [1, 3]),
        ({}, [1, 2, 3, 4]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 0}, [1, 2, 3, 4]),
    ],
)
def test_filters_choose_entries(sink: Sink, options: Record, expected: list[int]) -> None:
    sink.write(
        "revenue.journal",
        entry(1),
        entry(2, customer_id="bravo"),
        entry(3, contract_id="k-3"),
        entry(4, period="2024-10", accounting_date="2024-10-01"),
    )
    _, text, _ = sink.journal(as_json=True, **options)
    assert expected == [json.loads(line)["sequence"] for line in text.splitlines()]


def test_json_is_the_line_unchanged(sink: Sink) -> None:
    line = '{ "sequence":1,"entry_id":"e","shard":0,"entity":"us","currency":"USD","period":"2024-09",'
    line += '"accounting_date":"2024-09-01","kind":"billing","lines":[],"later":[1, 2.50]}'
    sink.write("revenue.journal", tail=line + "\n")
    assert (0, line + "\n", "") == sink.journal(as_json=True)


def test_partitions_are_read_in_order_of_number(sink: Sink) -> None:
    for partition in (10, 2):
        sink.write(f"revenue.exceptions/{partition}", exception(partition))
    _, text, _ = sink.exceptions(as_json=True)
    assert [json.loads(line)["exception_id"] for line in text.splitlines()] == ["x2", "x10"]


def test_a_table_says_how_much_it_leaves_out(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), entry(2), entry(3))
    _, text, _ = sink.journal(limit=2)
    assert "2 of 3 entries shown; --limit 0 shows all." in text
    assert "entry-3" not in text


def test_an_entry_for_a_closed_period_shows_where_it_came_from(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1, origin_period="2024-08"))
    assert "2024-09-01 for 2024-08" in sink.journal()[1]


@pytest.mark.parametrize(
    "lineage",
    [
        {"sources": [{"topic": "t", "partition": 0, "from": 3, "to": 9}], "events": 4, "rule": "sum"},
        {"sources": [{"topic": "t", "partition": 0, "from_offset": 3, "to_offset": 9}], "event_count": 4},
    ],
)
def test_lineage_is_read_by_its_short_and_by_its_schema_names(sink: Sink, lineage: Record) -> None:
    sink.write("revenue.journal", entry(1, lineage=lineage))
    (stored,) = read_records(sink.directory, "revenue.journal", Entry)
    assert stored.value.lineage is not None
    (source,) = stored.value.lineage.sources
    assert (source.start, source.stop, stored.value.lineage.size) == (3, 9, 4)


def test_a_torn_last_line_is_left_out(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), tail=json.dumps(entry(2))[:50])
    code, text, _ = sink.journal(as_json=True)
    assert (code, len(text.splitlines())) == (0, 1)


def test_a_broken_line_in_the_middle_is_a_failure_that_names_it(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), tail='{"entry_id"\n' + json.dumps(entry(3)) + "\n")
    code, _, message = sink.journal()
    assert code == 1
    assert "revenue.journal.jsonl, line 2" in message


def test_a_directory_that_is_not_there_is_wrong_usage(sink: Sink) -> None:
    code, _, message = sink.journal(sink=f"{sink.uri}/nowhere")
    assert code == 2
    assert "nowhere' does not exist" in message
    assert "accrual run" in message


def test_a_directory_without_any_run_is_wrong_usage(sink: Sink) -> None:
    for code, _, message in (sink.journal(), sink.exceptions()):
        assert code == 2
        assert str(sink.directory) in message
        assert "accrual run" in message


def test_a_sink_that_is_not_files_is_wrong_usage(sink: Sink) -> None:
    code, _, message = sink.journal(sink="kafka://broker:9092")
    assert code == 2
    assert "'kafka://broker:9092' is not files:DIR" in message


@pytest.mark.parametrize("period", ["2024-9", "2024-13", "September", "2024-09-01", ""])
def test_a_period_that_is_no_month_is_wrong_usage(sink: Sink, period: str) -> None:
    sink.write("revenue.journal", entry(1))
    code, _, message = sink.journal(period=period)
    assert code == 2
    assert f"--period {period!r} is not a month: write YYYY-MM, for example 2024-09." in message


def test_a_filter_without_matches_says_what_there_is(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1))
    assert "No entry matches" in sink.journal(customer="nobody")[1]
    sink.write("revenue.exceptions", exception(1), exception(2))
    assert "by class: invalid (2)." in sink.exceptions(exception_class="nothing")[1]


def test_a_run_without_exceptions_is_good_news(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1))
    code, text, _ = sink.exceptions()
    assert (code, "No exceptions: everything read so far was accepted." in text) == (0, True)


def test_an_exception_is_shown_with_owner_due_date_source_and_reason(sink: Sink) -> None:
    sink.write("revenue.exceptions", exception(7))
    code, text, _ = sink.exceptions()
    assert code == 0
    for part in (
        "invalid",
        "billing-team",
        "2024-10-03",
        "usage.events/0 @ 7",
        "quantity is null [see the feed]",
    ):
        assert part in text


def test_a_resolved_exception_is_shown_once_by_its_current_status(sink: Sink) -> None:
    sink.write("revenue.exceptions", exception(1), exception(2), exception(1, status="resolved"))
    _, text, _ = sink.exceptions(as_json=True)
    assert [(record["exception_id"], record["status"]) for record in map(json.loads, text.splitlines())] == [
        ("x1", "resolved"),
        ("x2", "open"),
    ]
    _, text, _ = sink.exceptions(as_json=True, every_status=True)
    assert [json.loads(line)["status"] for line in text.splitlines()] == ["open", "open", "resolved"]


def test_exceptions_are_filtered_by_class_and_customer(sink: Sink) -> None:
    sink.write(
        "revenue.exceptions",
        exception(1),
        exception(2, **{"class": "meter_unmapped"}),
        exception(3, **{"class": "meter_unmapped", "customer_id": "bravo"}),
    )
    _, text, _ = sink.exceptions(as_json=True, exception_class="meter_unmapped", customer="bravo")
    assert [json.loads(line)["exception_id"] for line in text.splitlines()] == ["x3"]


def test_the_commands_pass_their_options_on(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), entry(2, customer_id="bravo"))
    sink.write("revenue.exceptions", exception(1), exception(2, **{"class": "too_late"}))
    runner = CliRunner()
    journal = runner.invoke(app, ["journal", "--sink", sink.uri, "--customer", "bravo", "--json"])
    assert (journal.exit_code, json.loads(journal.stdout)["sequence"]) == (0, 2)
    late = runner.invoke(app, ["exceptions", "--sink", sink.uri, "--class", "too_late", "--json"])
    assert (late.exit_code, json.loads(late.stdout)["exception_id"]) == (0, "x2")
    assert runner.invoke(app, ["journal", "--sink", sink.uri, "--period", "soon"]).exit_code == 2
    assert runner.invoke(app, ["journal"]).exit_code == 2
