"""The demo's report: both parts, the counts of the one run that booked them, and what must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.demo import price_list
from ops.demo.bill_report import bill_report
from ops.demo.charge import SAMPLE, read_charges
from ops.demo.focus import AS_OF
from ops.demo.resale import Resale, resale
from ops.demo.resale_report import resale_report
from ops.demo.tie_out import TieOut, tie_out
from ops.show import entry as journal_entry
from ops.show import exception_record
from ops.show.entry import Entry
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.records import read_records
from ops.show.text import plain


def report(sink_dir: Path, source_dir: Path, console: Console, facts: Mapping[str, Any]) -> int:
    """Print what the run in `sink_dir` booked from `source_dir`; 0 when all of it can be explained, else 1.

    Facts of the run, all optional: `events` (rows read), `counted`, `duplicates`, `excepted` (rows), `digest`
    (of the books), `seconds`, `sample` (the FOCUS file, if not the one supplied). When all four counts are
    given, they must add up.
    """
    sample = Path(facts.get("sample", SAMPLE))
    entries = [stored.value for stored in read_records(sink_dir, journal_entry.TOPIC, Entry)]
    stored = read_records(sink_dir, exception_record.TOPIC, ExceptionRecord)
    exceptions = [record.value for record in exception_record.current(stored)]
    tied = tie_out(sink_dir, source_dir, sample)
    resold = resale(source_dir, read_charges(sample), entries, AS_OF[:10])
    provider = [entry for entry in entries if entry.entity != price_list.ENTITY]
    for part in (*bill_report(provider, exceptions, tied), *resale_report(resold)):
        console.print(part)
    console.print(Text("Both parts: one run\n", "bold"))
    console.print(_counts(entries, exceptions, facts))
    return _verdict(entries, tied, resold, facts, console)


def _counts(entries: Sequence[Entry], exceptions: Sequence[ExceptionRecord], facts: Mapping[str, Any]) -> Table:
    """Both parts together: they are one run."""
    rows: list[tuple[str, object]] = [
        ("events read", facts.get("events")),
        *((name, facts.get(name)) for name in ("counted", "duplicates", "excepted")),
        ("exceptions open", sum(record.status == OPEN for record in exceptions)),
        ("journal entries", len(entries)),
        ("seconds", facts.get("seconds")),
        ("books digest", facts.get("digest")),
    ]
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value is not None:
            table.add_row(name, plain(f"{value:,}" if isinstance(value, int) else value))
    return table


def _verdict(entries: Sequence[Entry], tied: TieOut, resold: Resale, facts: Mapping[str, Any], console: Console) -> int:
    """One line for each thing that must hold."""
    checks = [
        (all(entry.balances for entry in entries), "debits = credits in every entry"),
        (tied.ties, "part 1: every cent between the journal and BilledCost is explained"),
        (resold.reconciled.holds, "part 2: each line, recomputed from its rows, is what the journal says, to the cent"),
        (not resold.closed.thawed, "part 2: nothing was posted to the closed month after its close"),
        (not resold.undelivered, "part 2: each row of the sample that has a price was delivered, digit for digit"),
    ]
    parts = [facts.get(name) for name in ("events", "counted", "duplicates", "excepted")]
    if all(isinstance(part, int) for part in parts):
        events, *shares = [int(part) for part in parts if part is not None]
        checks.append((events == sum(shares), "events read = counted + duplicates + excepted"))
    console.print()
    for holds, what in checks:
        console.print(Text(f"{'✓' if holds else '✗'} {what}", style="green" if holds else "bold red"))
    return 0 if all(holds for holds, _ in checks) else 1
