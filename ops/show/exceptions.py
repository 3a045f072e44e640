"""Shows the exceptions: what could not be booked, why, who owns it and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ops.show import entry as journal_entry
from ops.show import exception_record
from ops.show.exception_record import ExceptionRecord
from ops.show.records import UnreadableRecordError, read_records
from ops.show.sink import UsageError, require_output, sink_directory
from ops.show.text import err, grid, out, plain, short

DEFAULT_LIMIT = 40  # exceptions in a table; JSON lines are not limited unless asked


def show_exceptions(
    sink: str,
    *,
    customer: str | None = None,
    contract: str | None = None,
    exception_class: str | None = None,
    every_status: bool = False,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the exceptions that match; 0 when done, 1 when unreadable, 2 on wrong usage."""
    console, errors = console or out(), errors or err()
    try:
        directory = sink_directory(sink)
        require_output(directory, exception_record.TOPIC, (exception_record.TOPIC, journal_entry.TOPIC))
        stored = read_records(directory, exception_record.TOPIC, ExceptionRecord)
    except UsageError as error:
        errors.print(plain(error))
        return 2
    except UnreadableRecordError as error:
        errors.print(plain(error))
        return 1
    every = stored if every_status else exception_record.current(stored)
    found = [record for record in every if _matches(record.value, customer, contract, exception_class)]
    if as_json:
        for record in found[: limit or None]:
            console.file.write(record.line.decode() + "\n")
        return 0
    exceptions = [record.value for record in found]
    if not exceptions:
        console.print(plain(_nothing_found([record.value for record in every])))
        return 0
    shown = exceptions[: (DEFAULT_LIMIT if limit is None else limit) or None]
    console.print(_table(shown))
    if len(shown) < len(exceptions):
        console.print(plain(f"{len(shown)} of {len(exceptions)} exceptions shown; --limit 0 shows all.\n"))
    console.print(_summary(exceptions))
    return 0


def _matches(record: ExceptionRecord, customer: str | None, contract: str | None, exception_class: str | None) -> bool:
    return (
        customer in (None, record.customer_id)
        and contract in (None, record.contract_id)
        and exception_class in (None, record.kind)
    )


def _nothing_found(every: Sequence[ExceptionRecord]) -> str:
    if not every:
        return "No exceptions: everything read so far was accepted."
    counts = Counter(record.kind for record in every)
    classes = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
    return f"No exception matches; recorded here by class: {classes}."


def _table(records: Sequence[ExceptionRecord]) -> Table:
    table = grid("Exceptions")
    for heading in ("class", "status", "owner", "due", "customer"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column("source")
    table.add_column("reason", ratio=1, overflow="fold")
    for record in records:
        values = (
            record.kind,
            record.status,
            record.owner,
            None if record.due_at is None else record.due_at[:10],
            short(record.customer_id, 14),
            record.source,
            record.reason,
        )
        table.add_row(*map(plain, values))
    return table


def _summary(records: Sequence[ExceptionRecord]) -> Table:
    table = grid("By class and owner")
    for heading in ("class", "owner", "status"):
        table.add_column(heading)
    table.add_column("count", justify="right")
    counts = Counter((record.kind, record.owner or "-", record.status) for record in records)
    for (name, owner, status), count in sorted(counts.items()):
        table.add_row(plain(name), plain(owner), plain(status), f"{count:,}")
    return table
