"""Explains one recalculation: what happened, how it is accounted for and why, what it changed and posted, what follows."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show.exceptions import open_exceptions
from ops.show.journal import entry_table, open_journal
from ops.show.moments import instant_or_none, moment
from ops.show.outcome import outcome
from ops.show.recalculation import open_recalculations
from ops.show.recalculation_lookup import UNDECIDED, Explained, explained
from ops.show.sink import source_directory
from ops.show.text import err, grid, money, out, plain
from ops.show.treatment_words import finding_words, treatment_of
from schemas.instants import instant_text

DEFAULT_LIMIT = 60  # rows of what it changed, and entries; JSON is not limited unless asked
KINDS = {"amended": "amendment", "renewed": "renewal", "cancelled": "cancellation", "activated": "activation"}
CAUSES = {
    "amendment": "a contract that it is combined with came or changed",
    "late_usage": "usage of it came after its windows were booked, or what was booked of it is rated in another way",
    "re_rating": "master data changed by which it is booked",
    "policy": "a policy changed by which it is booked",
    "period_event": "a period was closed or opened again",
}


def show_recalculation(
    recalculation_id: str,
    sink: str,
    *,
    source: str | None = None,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print a recalculation; 0 when done, 1 when a record is unreadable, 2 when there is none or on wrong usage."""
    shown = console or out()

    def look() -> int:
        topics = open_recalculations(sink), open_journal(sink), open_exceptions(sink)
        root = None if source is None else source_directory(source)
        found = explained(*topics, recalculation_id, root)
        if as_json:
            shown.file.write(msgspec.json.encode(_json(found)).decode() + "\n")
        else:
            _print(found, DEFAULT_LIMIT if limit is None else limit, shown, root is not None)
        return 0

    return outcome(errors or err(), look)


def _what(found: Explained) -> str:
    """What happened."""
    record, version = found.record, found.version
    effective = instant_or_none(record.effective_at)
    since = record.effective_at if effective is None else moment(effective)
    of = f"contract {record.contract_id} of customer {record.customer_id or '-'}"
    if not record.is_version:
        return f"{of}: {CAUSES.get(record.cause, record.cause)}; the first change is at {since}"
    kind = "version" if record.from_version is None else "amendment"
    if version is not None and record.from_version is not None:
        kind = KINDS.get(version.kind, kind)
    elif record.treatment == "cancellation":
        kind = KINDS["cancelled"]
    known = "" if version is None else f", known {moment(version.event_time)}"
    begins = ", with which it begins" if record.from_version is None else ""
    named = f"{kind} {record.to_version}" if kind == "version" else f"{kind}, version {record.to_version}"
    return f"{named} of {of}{begins}, effective {since}{known}"


def _follows(found: Explained) -> list[str]:
    """What is still to come of it."""
    record, ahead, words = found.record, found.ahead(), list[str]()
    if record.treatment == UNDECIDED:
        words.append(f"the books stay on {_stands(found.stands)} until somebody decides")
        words += [stored.value.reason or "-" for stored in found.waits]
        if not found.waits:
            words.append("no exception about it is open any more: a later version, or master data, has settled it")
    if ahead:
        first, last = min(ahead), max(ahead)
        when = first if first == last else f"{first} to {last}"
        words.append(f"{sum(ahead.values(), record.zero):,f} of the change lies in {when}, of which nothing is posted yet: each "
                     "period's part is posted when the period is over")  # fmt: skip
    if found.next is not None:
        name = treatment_of(found.next.treatment, found.next.cause).name
        words.append(f"version {found.next.to_version} has followed ({name}): {found.next.recalculation_id}")
    return words or ["nothing: all of it is posted"]


def _stands(version: int | None) -> str:
    return "what was booked before" if version is None else f"version {version}"


def _posted(found: Explained) -> str:
    if found.record.entry_ids:
        count = len(found.record.entry_ids)
        return f"{count:,} {'entry' if count == 1 else 'entries'}"
    if found.next is not None:
        return "no entry of its own: what was posted when it became known belongs to the last version that was taken up then"
    return (
        "no entry when it became known: nothing of it was due by the business date of then; the rest came with its time"
    )


def _catch_up(found: Explained) -> str:
    record = found.record
    if record.catch_up:
        return f"{record.catch_up:,f}, at once, on the day from which on it takes effect"
    return "none"


def _print(found: Explained, limit: int, console: Console, with_source: bool) -> None:
    record = found.record
    how = treatment_of(record.treatment, record.cause)
    rows = [
        ("recalculation", record.recalculation_id),
        ("what happened", "\n".join([_what(found), *found.change])),
        ("accounted for", str(how) + (f" ({how.source})" if how.source else "")),
        ("catch-up", _catch_up(found)),
        ("posted", _posted(found)),
        ("what follows", "\n".join(_follows(found))),
    ]
    if record.correlation_id is not None:
        rows.append(("correlation", record.correlation_id))
    if record.traceparent is not None:
        rows.append(("trace", record.traceparent))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, plain(value))
    console.print(table)
    console.print()
    if record.evidence:
        console.print(_tests(found))
    _print_changes(found, limit, console)
    if found.entries:
        shown = [stored.value for stored in found.entries[: limit or None]]
        console.print(entry_table(shown, "Entries it posted"))
        if len(shown) < len(found.entries):
            console.print(plain(f"{len(shown)} of {len(found.entries)} entries shown; --limit 0 shows all."))
    if found.missing:
        console.print(plain(f"the journal does not hold {len(found.missing)} of its entries: "
                            f"{', '.join(found.missing[:3])}; is it the sink of the same run?"), style="yellow")  # fmt: skip
    if record.is_version and not with_source:
        console.print(
            "--source files:DIR, what the run has read, tells when the version became known and what it says."
        )
    elif record.is_version and found.version is None:
        console.print(plain(f"the source holds no version {record.to_version} of it"), style="yellow")


def _tests(found: Explained) -> Table:
    table = grid("Why: test by test")
    table.add_column("test", ratio=3, overflow="fold")
    table.add_column("from", ratio=1, overflow="fold")
    for one in found.record.evidence:
        table.add_row(*map(plain, finding_words(one)))
    return table


def _print_changes(found: Explained, limit: int, console: Console) -> None:
    every = found.record.changes()
    moved = {cell: amounts for cell, amounts in every.items() if amounts[2]}
    shown = dict(list(moved.items())[: limit or None])
    notes = []
    if len(shown) < len(moved):
        notes.append(f"{len(shown)} of {len(moved)} rows shown; --limit 0 shows all")
    if len(every) > len(moved):
        notes.append(f"{len(every) - len(moved)} lines and periods that do not change are in the sums only")
    table = grid("What it changes: revenue by line and period")
    table.add_column("line", overflow="fold")
    table.add_column("period", no_wrap=True)
    for heading in ("before", "after", "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    last = None
    for (line, period), amounts in shown.items():
        table.add_row(plain("" if line == last else line), period, *map(money, amounts))
        last = line
    table.add_section()
    sums = [sum((amounts[at] for amounts in every.values()), found.record.zero) for at in range(3)]
    table.add_row("all", "", *map(money, sums))
    console.print(table)
    if notes:
        console.print(plain("; ".join(notes) + ".\n"), style="dim")


def _json(found: Explained) -> dict[str, Any]:
    """Everything, for programs."""
    record, how, version, ahead = (
        found.record, treatment_of(found.record.treatment, found.record.cause), found.version, found.ahead()
    )  # fmt: skip
    return {
        "recalculation": msgspec.Raw(found.stored.line),
        "what": _what(found),
        "known": None if version is None else instant_text(version.event_time),
        "change": found.change,
        "treatment": {"name": how.name, "meaning": how.meaning, "source": how.source or None},
        "tests": [
            {"test": one.test, "words": told.words, "source": told.source or None}
            for one in record.evidence
            for told in [finding_words(one)]
        ],
        "changes": [
            {"line_id": line, "period": period, "before": f"{before:f}", "after": f"{after:f}", "delta": f"{delta:f}"}
            for (line, period), (before, after, delta) in record.changes().items()
        ],
        "catch_up": f"{record.catch_up:f}",
        "entries": [msgspec.Raw(stored.line) for stored in found.entries],
        "missing_entries": found.missing,
        "ahead": [{"period": period, "amount": f"{amount:f}"} for period, amount in ahead.items()],
        "next": None if found.next is None else found.next.recalculation_id,
        "waits": [msgspec.Raw(stored.line) for stored in found.waits],
        "follows": _follows(found),
    }
