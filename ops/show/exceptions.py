"""Shows the exceptions: what could not be booked, why, who owns it and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from sys import intern

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show import exception_record
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.moments import instant_or_none, moment, parsed_moment
from ops.show.outcome import outcome
from ops.show.records import Place, StoredTopic
from ops.show.sink import require_output, sink_directory
from ops.show.text import err, grid, out, plain, short

DEFAULT_LIMIT = 40  # exceptions in a table; JSON lines are not limited unless asked


class ExceptionFilter(msgspec.Struct, frozen=True):
    """What an exception must be about; None: anything."""

    customer: str | None = None
    contract: str | None = None
    kind: str | None = None
    owner: str | None = None
    overdue: int | None = None  # open, and due before this instant

    def matches(self, record: ExceptionRecord) -> bool:
        """Whether one state of an exception is about it."""
        return (
            self.customer in (None, record.customer_id)
            and self.contract in (None, record.contract_id)
            and self.kind in (None, record.kind)
            and self.owner in (None, record.owner)
            and (self.overdue is None or _is_overdue(record, self.overdue))
        )


class _Found(msgspec.Struct, frozen=True, gc=False):
    """One state of an exception, without its payload: there may be very many."""

    place: Place
    matches: bool
    kind: str
    owner: str
    status: str


def show_exceptions(
    sink: str,
    *,
    customer: str | None = None,
    contract: str | None = None,
    exception_class: str | None = None,
    owner: str | None = None,
    overdue: str | None = None,
    every_status: bool = False,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the exceptions that match; 0 when done, 1 when unreadable, 2 on wrong usage."""
    shown = console or out()

    def look() -> int:
        before = None if overdue is None else parsed_moment("--overdue", overdue)
        wanted = ExceptionFilter(customer, contract, exception_class, owner, before)
        return _show(sink, wanted, every_status, as_json, limit, shown)

    return outcome(errors or err(), look)


def open_exceptions(sink: str) -> StoredTopic:
    """The exceptions of a sink; UsageError when nothing has been run into it."""
    directory = sink_directory(sink)
    require_output(directory, exception_record.TOPIC)
    return StoredTopic(directory, exception_record.TOPIC)


def _show(
    sink: str, wanted: ExceptionFilter, every_status: bool, as_json: bool, limit: int | None, console: Console
) -> int:
    stored = open_exceptions(sink)
    every = _states(stored, wanted, every_status)
    found = [one for one in every if one.matches]
    if as_json:
        for one in found[: limit or None]:
            console.file.write(stored.line_at(one.place).decode() + "\n")
        return 0
    if not found:
        console.print(plain(_nothing_found(every, wanted)))
        return 0
    shown = found[: (DEFAULT_LIMIT if limit is None else limit) or None]
    console.print(exception_table([one.value for one in stored.at(ExceptionRecord, (one.place for one in shown))]))
    if len(shown) < len(found):
        console.print(plain(f"{len(shown)} of {len(found)} exceptions shown; --limit 0 shows all.\n"))
    console.print(_summary(found))
    return 0


def _states(stored: StoredTopic, wanted: ExceptionFilter, every_status: bool) -> list[_Found]:
    """Every state of every exception, or the last of each, in the order in which they first appeared."""
    found: dict[str | Place, _Found] = {}
    for one in stored.records(ExceptionRecord):
        record = one.value
        found[one.place if every_status else record.exception_id] = _Found(
            one.place, wanted.matches(record), intern(record.kind), intern(record.owner or "-"), intern(record.status)
        )
    return list(found.values())


def _is_overdue(record: ExceptionRecord, as_of: int) -> bool:
    due = instant_or_none(record.due_at)
    return record.status == OPEN and due is not None and due < as_of


def _nothing_found(every: Sequence[_Found], wanted: ExceptionFilter) -> str:
    if not every:
        return "No exceptions: everything read so far was accepted."
    told = [f"by class: {_counts(every, 'kind')}"]
    if wanted.owner is not None:
        told.append(f"by owner: {_counts(every, 'owner')}")
    if wanted.overdue is not None:
        told.append(f"open: {sum(one.status == OPEN for one in every)}, of them looked for: due before "
                    f"{moment(wanted.overdue)}")  # fmt: skip
    return f"No exception matches; recorded here {'; '.join(told)}."


def _counts(every: Sequence[_Found], name: str) -> str:
    counts = Counter(getattr(one, name) for one in every)
    return ", ".join(f"{value} ({count})" for value, count in islice(sorted(counts.items()), 20))


def exception_table(records: Sequence[ExceptionRecord], title: str = "Exceptions") -> Table:
    """Exceptions, one a row."""
    table = grid(title)
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


def _summary(found: Sequence[_Found]) -> Table:
    table = grid("By class and owner")
    for heading in ("class", "owner", "status"):
        table.add_column(heading)
    table.add_column("count", justify="right")
    counts = Counter((one.kind, one.owner, one.status) for one in found)
    for (name, owner, status), count in sorted(counts.items()):
        table.add_row(plain(name), plain(owner), plain(status), f"{count:,}")
    return table
