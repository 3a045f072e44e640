"""Shows one entry in full, and what it comes from: its revisions, its contract version and every source record."""

from __future__ import annotations

from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show.contract_words import number, price_words
from ops.show.entry import Entry, SourceRange
from ops.show.exceptions import open_exceptions
from ops.show.journal import open_journal
from ops.show.lineage import EntryLineage, lineage_json, lineage_of
from ops.show.moments import moment
from ops.show.outcome import outcome
from ops.show.sink import source_directory
from ops.show.source import Received
from ops.show.text import err, grid, money, out, plain, short, verdict
from ops.show.usage_rows import Evidence
from schemas.contracts import ContractEvent
from schemas.fault import Fault
from schemas.instants import instant_text

DEFAULT_LIMIT = 40  # records of the source in a table; JSON is not limited unless asked
SOURCES_SHOWN = 8


def show_entry(
    entry_id: str,
    sink: str,
    *,
    source: str | None = None,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print an entry and its lineage; 1 when the source does not verify it, 2 when there is none or on wrong usage."""
    shown = console or out()

    def look() -> int:
        journal, exceptions = open_journal(sink), open_exceptions(sink)
        root = None if source is None else source_directory(source)
        found = lineage_of(journal, exceptions, entry_id, root)
        if as_json:
            shown.file.write(msgspec.json.encode(lineage_json(found, limit), enc_hook=str).decode() + "\n")
        else:
            _print(found, limit, shown, root is not None)
        return 1 if found.usage is not None and found.usage.fails else 0

    return outcome(errors or err(), look)


def _print(found: EntryLineage, limit: int | None, console: Console, with_source: bool) -> None:
    console.print(_head(found))
    console.print()
    console.print(_postings(found.entry))
    if found.entry.window is not None or len(found.revisions) > 1:
        console.print(_revisions(found))
    console.print(_sources(found.lineage.sources))
    if not with_source:
        console.print("--source files:DIR, what the run has read, shows these records and verifies them.")
        return
    if found.usage is not None:
        _print_usage(found.usage, limit, console)
    if found.records:
        console.print(_other_records(found, limit))
    if found.usage is None and not found.records:
        console.print("The lineage names no position of a topic: there is nothing to read in the source.")


def _head(found: EntryLineage) -> Table:
    entry, lineage, window = found.entry, found.lineage, found.entry.window
    day = f"{entry.accounting_date} in {entry.period}"
    if entry.origin_period is not None:
        day += f", an effect of {entry.origin_period}, which was closed"
    rows: list[tuple[str, object]] = [
        ("entry", entry.entry_id),
        ("kind", entry.kind),
        ("posted", f"{day}; sequence {entry.sequence} of shard {entry.shard}"),
        ("entity", f"{entry.entity}, {entry.currency}"),
        ("customer", entry.customer_id or "-"),
        ("contract / line", f"{entry.contract_id or '-'} / {entry.line_id or '-'}"),
    ]
    if window is not None:
        of = f"{_moment(window.start)} to {_moment(window.end)}"
        rows.append(("window", f"{window.meter}, {of}, revision {window.revision}"))
    rows += [("rule", lineage.rule or "-"), ("contract version", _version_words(found))]
    rows += [("policy version", "-" if lineage.policy_version is None else lineage.policy_version)]
    if lineage.size is not None or lineage.event_digest is not None:
        digest = f", digest {lineage.event_digest}" if lineage.event_digest else ""
        rows.append(("events", f"{'-' if lineage.size is None else format(lineage.size, ',')}{digest}"))
    if entry.correlation_id is not None:
        rows.append(("correlation", entry.correlation_id))
    if entry.traceparent is not None:
        rows.append(("trace", entry.traceparent))
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, plain(value))
    return table


def _moment(text: str) -> str:
    return text.removesuffix("T00:00:00Z")


def _version_words(found: EntryLineage) -> str:
    version = found.lineage.contract_version
    event = found.version
    if event is None:
        there = ", not in the source" if found.contract is not None else ""
        return "-" if version is None else f"{version}{there}"
    words = [f"{version}, {event.kind}, known {moment(event.event_time)}, effective {moment(event.effective_at)}"]
    words += [f"{line.line_id} ({line.kind}): {price_words(line, event.currency)}" for line in event.lines
              if line.line_id == found.entry.line_id]  # fmt: skip
    return "\n".join(words)


def _postings(entry: Entry) -> Table:
    table = grid("Postings")
    table.add_column("account", no_wrap=True, overflow="ellipsis")
    for heading in ("debit", "credit", "functional"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("product", overflow="fold")
    table.add_column("dimensions", overflow="fold")
    for one in entry.lines:
        sides = [money(one.amount), plain(None)]
        functional = plain(None) if one.functional_amount is None else money(one.functional_amount)
        table.add_row(
            plain(one.account),
            *(sides if one.side == "debit" else reversed(sides)),
            functional,
            plain(one.product_id),
            plain(_dimensions(one.dimensions)),
        )
    return table


def _dimensions(found: Any) -> str:
    if not isinstance(found, list):
        return ""
    return ", ".join(f"{one.get('key')}={one.get('value')}" for one in found if isinstance(one, dict))


def _revisions(found: EntryLineage) -> Table:
    same = "line and window" if found.entry.window is not None else "line and period"
    table = grid(f"Entries of this {same}", "* the entry shown")
    for heading in ("revision", "entry", "posted"):
        table.add_column(heading, no_wrap=True)
    table.add_column("postings", overflow="fold")
    table.add_column("total after it", overflow="fold")
    for one in found.revisions:
        entry = one.entry
        mark = " *" if entry.entry_id == found.entry.entry_id else ""
        revision = "-" if entry.window is None else f"{entry.window.revision}"
        day = entry.accounting_date + (f" for {entry.origin_period}" if entry.origin_period else "")
        table.add_row(*map(plain, (revision + mark, entry.entry_id[:12], day, one.words, one.total)))
    return table


def _sources(sources: list[SourceRange]) -> Table:
    table = grid("Where it comes from", "positions from, and up to but not including, to")
    table.add_column("topic / partition", no_wrap=True)
    for heading in ("from", "to", "records"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in sources[:SOURCES_SHOWN]:
        start, stop = one.start or 0, one.stop or 0
        table.add_row(plain(f"{one.topic}/{one.partition}"), f"{start}", f"{stop}", f"{stop - start:,}")
    if len(sources) > SOURCES_SHOWN:
        table.add_row(f"and {len(sources) - SOURCES_SHOWN} more ranges; --json has each", "", "", "")
    return table


def _print_usage(usage: Evidence, limit: int | None, console: Console) -> None:
    most = DEFAULT_LIMIT if limit is None else limit
    table = grid("Usage records of this entry")
    for heading in ("position", "event_time", "source", "event_id", "contract"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column("quantity", justify="right", no_wrap=True)
    for row in islice(usage.rows, most or None):
        position = f"{row.topic}/{row.partition} @ {row.offset}"
        texts = (position, instant_text(row.event_time), short(row.source, 16), short(row.event_id, 28),
                 short(row.contract_id, 16))  # fmt: skip
        table.add_row(*map(plain, texts), number(row.quantity))
    total = sum((row.quantity for row in usage.rows), Decimal(0))
    table.add_section()
    table.add_row(f"{len(usage.rows):,} records", "", "", "", "", number(total))
    console.print(table)
    if most and len(usage.rows) > most:
        console.print(plain(f"{most} of {len(usage.rows):,} records shown; --limit 0 shows all."))
    for count, words in ((usage.again, "later occurrences of an identity are not listed: each counts once"),
                         (usage.refused, "records are held back by an open exception and not counted")):  # fmt: skip
        if count:
            console.print(plain(f"{count:,} {words}"))
    _print_check(usage, console)


def _print_check(usage: Evidence, console: Console) -> None:
    odd, there = usage.odd, len(usage.rows)
    if usage.count is None:
        console.print("The entry does not say how many events it counts.")
    elif usage.counts:
        verdict(console, True, f"event_count {usage.count:,} = records in the source that belong")
    else:
        more = f"{abs(there - usage.count):,} {'more' if there > usage.count else 'fewer'}"
        verdict(
            console, odd is not None, f"event_count {usage.count:,}, but {there:,} records in the source belong: {more}"
        )
    if usage.digest is None:
        console.print("The entry carries no event_digest: nothing to verify.")
    elif odd is not None:
        verdict(console, True, f"event_digest {usage.digest}: verified without {odd.event_id} at {odd.topic}/"
                f"{odd.partition} @ {odd.offset}, which was not counted when this revision was booked")  # fmt: skip
    elif usage.verified:
        verdict(console, True, f"event_digest {usage.digest}: verified")
    else:
        verdict(console, False, f"event_digest {usage.digest}: does not match, these records give {usage.found}: the "
                "source is another one, was changed, or a record there was not counted by this revision")  # fmt: skip


def _other_records(found: EntryLineage, limit: int | None) -> Table:
    table = grid("Records it comes from")
    table.add_column("position", no_wrap=True)
    table.add_column("record", ratio=1, overflow="fold")
    shown = limit if limit is not None else DEFAULT_LIMIT
    for one in islice(found.records, shown or None):
        table.add_row(plain(one.position), plain(_record_words(found, one)))
    return table


def _record_words(found: EntryLineage, one: Received) -> str:
    if isinstance(one.outcome, Fault):
        return f"{one.outcome.cls}: {one.outcome.reason}"
    if isinstance(one.outcome, ContractEvent):
        event = one.outcome
        versions = found.contract.received if found.contract is not None else []
        changes = next((found.contract.change(version) for version in versions
                        if found.contract is not None and version.position == one.position), [])  # fmt: skip
        head = f"contract {event.contract_id} version {event.version}, {event.kind}, known {moment(event.event_time)}, "
        return "\n".join([f"{head}effective {moment(event.effective_at)}", *changes])
    given = one.outcome.model_dump(mode="json", exclude_none=True, exclude_defaults=True, by_alias=True)
    return ", ".join(f"{name} {value}" for name, value in given.items() if not isinstance(value, list | dict))
