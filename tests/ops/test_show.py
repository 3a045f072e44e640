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


def postings(debit: str, credit: str, amount: str = "1.23") -> list[Record]:
    """Two postings that balance."""
    return [
        {"account": account, "side": side, "amount": amount, "functional_amount": amount}
        for account, side in ((debit, "debit"), (credit, "credit"))
    ]


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
        return self.show(show_journal, **options)

    def exceptions(self, **options: Any) -> tuple[int, str, str]:
        return self.show(show_exceptions, **options)

    def show(self, command: Any, width: int = 160, **options: Any) -> tuple[int, str, str]:
        out, err = StringIO(), StringIO()
        consoles = {
            name: Console(file=file, width=width, soft_wrap=name == "errors", highlight=False)
            for name, file in (("console", out), ("errors", err))
        }
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
        ({"entity": "de"}, [2]),
        ({"kind": "billing"}, [3]),
        ({"account": "cash"}, [4]),
        ({"account": "revenue", "kind": "usage", "entity": "us"}, [1]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 0}, [1, 2, 3, 4]),
    ],
)
def test_filters_choose_entries(sink: Sink, options: Record, expected: list[int]) -> None:
    sink.write(
        "revenue.journal",
        entry(1),
        entry(2, customer_id="bravo", entity="de"),
        entry(3, contract_id="k-3", kind="billing"),
        entry(4, period="2024-10", accounting_date="2024-10-01", kind="payment", lines=postings("cash", "other")),
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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"customer": "acne"}, "No entry has --customer 'acne': the nearest are acme."),
        ({"kind": "fx"}, "No entry has --kind 'fx': there are billing (1), usage (1)."),
        ({"account": "cash"}, "No entry has --account 'cash': there are revenue (2), unbilled_receivable (2)."),
        ({"entity": "de", "kind": "usage"}, "No entry has --entity 'de': there are us (2)."),
        ({"contract": "k-1", "kind": "billing"}, "Each filter by itself has entries, together they have none."),
    ],
)
def test_a_filter_without_matches_says_which_one_and_what_there_is(sink: Sink, options: Record, expected: str) -> None:
    sink.write("revenue.journal", entry(1), entry(2, kind="billing", contract_id="k-2"))
    code, text, _ = sink.journal(**options)
    assert (0, f"No entry matches; the journal in {sink.directory} holds 2. {expected}") == (
        code,
        " ".join(text.split()),
    )


def test_an_empty_journal_says_what_makes_entries(sink: Sink) -> None:
    sink.write("revenue.journal")
    assert "accrual run --as-of" in " ".join(sink.journal()[1].split())  # wherever the line breaks


def test_a_filter_of_exceptions_without_matches_says_what_there_is(sink: Sink) -> None:
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


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"owner": "tax-team"}, ["x3"]),
        ({"contract": "k-9"}, ["x2"]),
        ({"overdue": "2024-10-03"}, ["x2"]),
        ({"overdue": "2024-10-03T00:00:00.000001Z"}, ["x1", "x2"]),
        ({"overdue": "2024-10-03", "every_status": True}, ["x2", "x4"]),
        ({"overdue": "2024-10-04", "owner": "tax-team"}, []),
    ],
)
def test_exceptions_are_filtered_by_owner_and_overdue_are_the_open_ones_due_before(
    sink: Sink, options: Record, expected: list[str]
) -> None:
    early = {"due_at": "2024-10-01T12:00:00Z"}
    sink.write(
        "revenue.exceptions",
        exception(1),
        exception(2, **early, contract_id="k-9"),
        exception(3, owner="tax-team", due_at=None),
        exception(4, **early),
        exception(4, **early, status="resolved"),
    )
    _, text, _ = sink.exceptions(as_json=True, **options)
    assert expected == [json.loads(line)["exception_id"] for line in text.splitlines()]


def test_no_exception_overdue_says_how_many_are_open(sink: Sink) -> None:
    sink.write("revenue.exceptions", exception(1), exception(2, status="resolved"))
    told = " ".join(sink.exceptions(overdue="2024-01-31", owner="nobody")[1].split())
    assert (
        "No exception matches; recorded here by class: invalid (2); by owner: billing-team (2); "
        "open: 1, of them looked for: due before 2024-01-31."
    ) == told


@pytest.mark.parametrize("moment", ["soon", "2024-13-01", "2024-09", "2024-09-01T00:00:00", ""])
def test_an_instant_that_is_none_is_wrong_usage(sink: Sink, moment: str) -> None:
    sink.write("revenue.exceptions", exception(1))
    told = f"--overdue {moment!r} is no instant: write 2026-01-31 or 2026-01-31T00:00:00Z.\n"
    assert (2, "", told) == sink.exceptions(overdue=moment)


def test_entries_of_many_shards_come_by_date_in_tables_and_as_json(sink: Sink) -> None:
    for shard in range(3):
        dated = [entry(n, shard=shard, accounting_date=f"2024-09-{10 * n + shard:02d}", entry_id=f"{n}{shard}-entry")
                 for n in (2, 1)]  # fmt: skip
        sink.write(f"revenue.journal/{shard}", *dated)
    expected = ["10-entry", "11-entry", "12-entry", "20-entry", "21-entry", "22-entry"]
    _, text, _ = sink.journal(as_json=True)
    assert expected == [json.loads(line)["entry_id"] for line in text.splitlines()]
    _, text, _ = sink.journal(limit=4)
    assert expected[:4] == [name for name in expected if name in text]


@pytest.mark.parametrize("name", ["customer", "contract", "entity", "period", "kind", "account"])
def test_a_filter_looks_at_its_own_field_only(sink: Sink, name: str) -> None:
    value = "2024-01"
    sink.write("revenue.journal", entry(1, line_id=value, correlation_id=value, entry_id=value))
    assert (0, "", "") == sink.journal(as_json=True, **{name: value})


def test_a_name_that_is_written_with_escapes_is_found(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1, customer_id='Müller & "Söhne"\\'), entry(2, customer_id="\u00fc"))
    for name, expected in (('Müller & "Söhne"\\', 1), ("ü", 2)):
        _, text, _ = sink.journal(as_json=True, customer=name)
        assert [expected] == [json.loads(line)["sequence"] for line in text.splitlines()]


def test_a_broken_line_is_a_failure_also_when_a_filter_would_pass_it_over(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), tail='{"entry_id": "cut of\n' + json.dumps(entry(3)) + "\n")
    code, _, message = sink.journal(customer="acme")
    assert (1, True) == (code, "revenue.journal.jsonl, line 2" in message)


def test_amounts_are_never_cut_where_names_are_long(sink: Sink) -> None:
    long = {"customer_id": "c" * 40, "contract_id": "k" * 40, "line_id": "l" * 20, "entity": "e" * 40}
    sink.write("revenue.journal", entry(1, amount="12345678901.23", origin_period="2024-08", **long))
    _, text, _ = sink.journal(width=120)
    assert 120 >= max(map(len, text.splitlines()))
    assert 2 + 3 == text.count("12,345,678,901.23")


def test_totals_of_accounts_by_number_do_not_claim_that_revenue_is_zero(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1, lines=postings("1200", "4000")))
    _, text, _ = sink.journal()
    assert ["USD", "1", "1.23", "1.23", "-"] == text[text.index("Totals") :].splitlines()[4].split()


@pytest.mark.parametrize("command", ["journal", "entry", "contract", "balances", "rollforward", "exceptions"])
def test_help_names_every_option_and_fits(command: str) -> None:
    ended = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "120", "TERMINAL_WIDTH": "120"})
    assert (0, True) == (ended.exit_code, all(name in ended.stdout for name in ("--sink", "--json", "files:DIR")))
    assert 120 >= max(map(len, ended.stdout.splitlines()))


def test_the_commands_pass_their_options_on(sink: Sink) -> None:
    sink.write("revenue.journal", entry(1), entry(2, customer_id="bravo"))
    sink.write("revenue.exceptions", exception(1), exception(2, **{"class": "too_late"}))
    runner = CliRunner()
    journal = runner.invoke(app, ["journal", "--sink", sink.uri, "--customer", "bravo", "--json"])
    assert (journal.exit_code, json.loads(journal.stdout)["sequence"]) == (0, 2)
    late = runner.invoke(app, ["exceptions", "--sink", sink.uri, "--class", "too_late", "--json"])
    assert (late.exit_code, json.loads(late.stdout)["exception_id"]) == (0, "x2")
    chosen = ["--entity", "us", "--kind", "usage", "--account", "revenue", "--limit", "1", "--json"]
    journal = runner.invoke(app, ["journal", "--sink", sink.uri, *chosen])
    assert (0, 1) == (journal.exit_code, json.loads(journal.stdout)["sequence"])
    overdue = ["--overdue", "2024-10-04", "--owner", "billing-team", "--limit", "1", "--json"]
    due = runner.invoke(app, ["exceptions", "--sink", sink.uri, *overdue])
    assert (0, "x1") == (due.exit_code, json.loads(due.stdout)["exception_id"])
    assert runner.invoke(app, ["journal", "--sink", sink.uri, "--period", "soon"]).exit_code == 2
    assert runner.invoke(app, ["journal"]).exit_code == 2
