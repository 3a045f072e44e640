"""The demo as a whole: the real job on both parts, what it books, and a report that fails when the books are wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops.commands import demo_command, instant
from ops.demo.charge import read_charges
from ops.demo.focus import AS_OF, convert
from ops.demo.report import report
from ops.demo.resale import Resale, resale
from ops.job import Job
from ops.run import run
from ops.settings import load
from ops.show.entry import Entry
from ops.show.records import read_records

D = Decimal
Record = dict[str, Any]


@dataclass(frozen=True)
class Demo:
    """The input and the books of one demo."""

    source: Path
    sink: Path
    facts: Record

    def entries(self) -> list[Entry]:
        return [stored.value for stored in read_records(self.sink, "revenue.journal", Entry)]

    def resale(self) -> Resale:
        return resale(self.source, read_charges(), self.entries(), AS_OF[:10])

    def report(self) -> tuple[int, str]:
        output = StringIO()
        console = Console(file=output, width=120, color_system=None)
        return report(self.sink, self.source, console, self.facts), output.getvalue()

    def edit(self, path: Path, change: Callable[[list[Record]], Iterable[Record] | None]) -> None:
        """Change the records of a file in place, or put others there."""
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        changed = change(records)
        lines = [json.dumps(record) + "\n" for record in (records if changed is None else changed)]
        path.write_text("".join(lines), encoding="utf-8")

    def journal_of_the_resale(self) -> Path:
        files = (self.sink / "revenue.journal").glob("*.jsonl")
        return next(path for path in files if '"demo-reseller"' in path.read_text(encoding="utf-8"))

    def edit_entry(self, change: Callable[[Record], object], nth: int = 0, **wanted: str | None) -> None:
        """Change the nth entry of the resale that has these values."""

        def apply(records: list[Record]) -> None:
            found = [one for one in records if one["entity"] == "demo-reseller"]
            change([one for one in found if all(one[name] == value for name, value in wanted.items())][nth])

        self.edit(self.journal_of_the_resale(), apply)


@pytest.fixture(scope="module")
def booked(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    root = tmp_path_factory.mktemp("demo")
    convert(root / "in")
    result = run(Job.of(f"files:{root}/in", f"files:{root}/out", None, instant(AS_OF), load()))
    tally = result.tally
    excepted = tally.rejected + tally.conflicts + tally.parked
    facts = {"events": tally.read, "counted": tally.counted, "duplicates": tally.duplicates, "excepted": excepted}
    return Demo(root / "in", root / "out", facts)


@pytest.fixture
def demo(booked: Demo, tmp_path: Path) -> Demo:
    """A copy that a test may damage."""
    shutil.copytree(booked.source, tmp_path / "in")
    shutil.copytree(booked.sink, tmp_path / "out")
    return replace(booked, source=tmp_path / "in", sink=tmp_path / "out")


def add_a_cent(entry: Record) -> None:
    for line in entry["lines"]:
        line["amount"] = str(D(line["amount"]) + D("0.01"))


def of_the_resale(demo: Demo, **wanted: str | None) -> list[Entry]:
    return [
        entry
        for entry in demo.entries()
        if entry.entity == "demo-reseller" and all(getattr(entry, name) == value for name, value in wanted.items())
    ]


def of_day(entries: list[Entry], day: str) -> list[Entry]:
    return [entry for entry in entries if entry.window is not None and entry.window.start.startswith(day)]


# -- what is booked


def test_each_line_comes_to_its_amount_by_the_close_late_and_in_october(booked: Demo) -> None:
    expected = {
        "data-transfer": ["60.25", "-10.39", "8.91"],
        "compute-hours": ["52.54", "2.70", "8.00"],
        "public-ip": ["25.00", "0.00", "3.50"],
        "requests": ["2.00", "0.00", "0.25"],
    }
    effects = (("2024-09", None), ("2024-10", "2024-09"), ("2024-10", None))
    for line, amounts in expected.items():
        found = of_the_resale(booked, line_id=line)
        sums = [sum((e.revenue for e in found if (e.period, e.origin_period) == key), D("0.00")) for key in effects]
        assert amounts == [str(amount) for amount in sums], line


@pytest.mark.parametrize(
    ("line", "day", "period", "amount"),
    [
        ("data-transfer", "2024-09-20", "2024-09", "-5.46"),
        ("compute-hours", "2024-09-20", "2024-09", "-4.54"),
        ("data-transfer", "2024-09-30", "2024-10", "-11.63"),
    ],
)
def test_the_day_that_reaches_a_volume_tier_books_a_negative_amount(
    booked: Demo, line: str, day: str, period: str, amount: str
) -> None:
    (entry,) = of_day(of_the_resale(booked, line_id=line), day)
    assert (period, D(amount)) == (entry.period, entry.revenue)
    assert [("revenue", "debit"), ("unbilled_receivable", "credit")] == [(one.account, one.side) for one in entry.lines]


def test_the_true_up_to_the_minimum_is_booked_once_on_the_month_s_last_day(booked: Demo) -> None:
    (entry,) = of_day(of_the_resale(booked, line_id="public-ip"), "2024-09-30")
    assert ("2024-09", "2024-09-30", D("9.76")) == (entry.period, entry.accounting_date, entry.revenue)


def test_late_usage_lands_in_the_first_open_period_and_names_its_origin(booked: Demo) -> None:
    late = [entry for entry in of_the_resale(booked) if entry.origin_period is not None]
    assert {("2024-10", "2024-09", "2024-10-01")} == {(e.period, e.origin_period, e.accounting_date) for e in late}
    assert [
        ("data-transfer", "2024-09-29", D("1.24")),
        ("data-transfer", "2024-09-30", D("-11.63")),
        ("compute-hours", "2024-09-29", D("1.60")),
        ("compute-hours", "2024-09-30", D("1.10")),
    ] == [(e.line_id, e.window.start[:10], e.revenue) for e in late if e.window]


def test_late_usage_within_the_minimum_has_no_entry(booked: Demo) -> None:
    late = [row for row in booked.resale().delivered.rows if row.is_late and row.meter == "public-ip"]
    assert ["2024-09-30"] == [row.day for row in late]
    assert [] == [entry for entry in of_the_resale(booked, line_id="public-ip") if entry.origin_period]


def test_the_closed_month_stays_as_the_close_left_it(booked: Demo) -> None:
    frozen, late, october = booked.resale().closed.posted
    assert (66, D("139.79"), 0) == (frozen.entries_before, frozen.before, frozen.entries_since)
    assert (0, 4, D("-7.69")) == (late.entries_before, late.entries_since, late.since)
    assert (5, D("12.48"), 9, D("8.18")) == (
        october.entries_before, october.before, october.entries_since, october.since,
    )  # fmt: skip


def test_the_second_delivery_of_the_late_rows_is_counted_once(booked: Demo) -> None:
    assert {"events": 1566, "counted": 1541, "duplicates": 21, "excepted": 4} == booked.facts


def test_the_close_of_the_reseller_leaves_the_books_of_the_bill_alone(booked: Demo) -> None:
    bill = [entry for entry in booked.entries() if entry.entity == "demo-us"]
    assert D("22.64") == sum(entry.revenue for entry in bill)
    assert {("2024-09", None)} == {(entry.period, entry.origin_period) for entry in bill}


# -- the report


def test_the_report_ends_well_and_shows_both_parts(booked: Demo) -> None:
    code, text = replace(booked, facts=booked.facts | {"digest": "ab" * 32}).report()
    assert (0, 0, 6) == (code, text.count("✗"), text.count("✓"))
    words = " ".join(text.split())
    for part in (
        "Part 1.",
        "BilledCost",
        "unexplained",
        "Revenue by customer and day, USD",
        "11353890204",
        "2024-09-18",
        "usage.events/0 [",
        "revision 1",
        "of version 1",
        "cumulative",
        "revenue-operations",
        "meter_unmapped",
        "SQ9N99HNC768KCKN.JRTCKXETXF.6YS6EN2CT7 of 60626892153",
        "Part 2.",
        "up to 30: 1.00; up to 80: 0.80; above 80: 0.60",
        "29.911 × -0.20 = -5.98",
        "76.858 × -0.20 = -15.37",
        "The true-up of 8.76 to the minimum was posted on the month's last day",
        "76.858 units fall from 0.80 to 0.60",
        "2024-09, as origin period",
        "21 duplicates, counted once",
        "abab",
    ):
        assert part in words
    assert text.index("Part 1.") < text.index("Part 2.") < text.index("Both parts")


def test_the_report_fits_120_columns_and_cuts_nothing_in_part_2(booked: Demo) -> None:
    _, text = booked.report()
    assert max(map(len, text.splitlines())) <= 120
    assert "…" not in text[text.index("Part 2.") :]


def test_each_part_of_the_report_is_about_two_screens_long(booked: Demo) -> None:
    lines = booked.report()[1].splitlines()
    starts = [next(n for n, line in enumerate(lines) if line.startswith(head)) for head in ("Part 2.", "Both parts")]
    assert starts[0] <= 96
    assert starts[1] - starts[0] <= 96


def test_a_cent_in_one_entry_of_the_resale_fails_the_report_and_is_named(demo: Demo) -> None:
    demo.edit_entry(add_a_cent, line_id="requests")
    code, text = demo.report()
    assert code == 1
    assert "✗ requests of 2024-09-02, period 2024-09: recomputed 0.25, booked 0.26" in text
    assert "✗ part 2: each line, recomputed" in text


def test_a_cent_in_the_bill_fails_the_report(demo: Demo) -> None:
    def change(records: list[Record]) -> None:
        add_a_cent(next(record for record in records if record["entity"] == "demo-us"))

    demo.edit(next(iter((demo.sink / "revenue.journal").glob("*.jsonl"))), change)
    code, text = demo.report()
    assert code == 1
    assert "✗ part 1: every cent" in text


def test_a_late_entry_that_names_no_origin_fails_the_report(demo: Demo) -> None:
    demo.edit_entry(lambda entry: entry.update(origin_period=None), origin_period="2024-09")
    code, text = demo.report()
    assert code == 1
    assert "✗ part 2: each line, recomputed" in text


def test_an_entry_in_the_closed_month_after_its_close_fails_the_report(demo: Demo) -> None:
    demo.edit_entry(lambda entry: entry.update(period="2024-09", origin_period=None), origin_period="2024-09")
    code, text = demo.report()
    assert code == 1
    assert "✗ part 2: nothing was posted to the closed month after its close" in text


def test_an_entry_that_does_not_balance_fails_the_report(demo: Demo) -> None:
    def unbalance(entry: Record) -> None:
        next(line for line in entry["lines"] if line["account"] != "revenue")["amount"] = "77.77"

    demo.edit_entry(unbalance)
    code, text = demo.report()
    assert code == 1
    assert "✗ debits = credits" in text


def test_a_row_that_was_never_delivered_fails_the_report(demo: Demo) -> None:
    demo.edit(demo.source / "usage.events" / "1.jsonl", lambda records: records[1:])
    code, text = demo.report()
    assert code == 1
    assert "✗ row 1445767: the sample has" in text


def test_counts_of_the_run_that_do_not_add_up_fail_the_report(booked: Demo) -> None:
    code, text = replace(booked, facts=booked.facts | {"counted": 1540}).report()
    assert code == 1
    assert "✗ events read = counted + duplicates + excepted" in text


def test_the_report_of_an_empty_journal_says_so_and_fails(booked: Demo, tmp_path: Path) -> None:
    code, text = replace(booked, sink=tmp_path, facts={}).report()
    assert code == 1
    assert "20.52022672899" in text
    assert "✗ compute-hours of 2024-09-01, period 2024-09: recomputed 2.00, booked 0.00" in text


def test_the_command_makes_the_input_runs_the_job_and_ends_with_0(tmp_path: Path, capsys: Any) -> None:
    assert demo_command(tmp_path / "demo") == 0
    shown = capsys.readouterr().out
    assert "Part 2." in shown
    assert "✗" not in shown
    made = {
        path.relative_to(tmp_path / "demo" / "in").as_posix() for path in (tmp_path / "demo" / "in").rglob("*.jsonl")
    }
    assert {
        "usage.events/0.jsonl",
        "usage.events/1.jsonl",
        "contracts.events/0.jsonl",
        "contracts.events/1.jsonl",
        "control.events.jsonl",
    } == made
