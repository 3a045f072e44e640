"""The list of exceptions that a person works through: which are open, whose, until when, and what settles each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from ops.acting.advice import way
from ops.settings import Settings
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.records import read_records
from ops.show.sink import UsageError, require_output, sink_directory
from ops.show.text import out, plain, short
from schemas.instants import parse_instant
from schemas.topics import EXCEPTIONS

DEFAULT_LIMIT = 40  # exceptions in a table; JSON lines are not limited unless asked
HEADINGS = ("id", "class", "status", "owner", "due", "customer", "source", "retry")
SHOWN_ID = 12  # characters: enough for retry to know it by


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an exception must be about; None: anything."""

    customer: str | None
    contract: str | None
    exception_class: str | None
    owner: str | None
    overdue: int | None  # due before this instant, microseconds UTC
    every: bool  # resolved ones too

    @classmethod
    def of(
        cls,
        customer: str | None,
        contract: str | None,
        exception_class: str | None,
        owner: str | None,
        overdue: str | None,
        every: bool,
    ) -> Wanted:
        """From the command line; UsageError for an `overdue` that is no instant."""
        return cls(customer, contract, exception_class, owner, None if overdue is None else _instant(overdue), every)

    def matches(self, one: ExceptionRecord) -> bool:
        """Whether the current record of an exception is one of them."""
        return (
            (self.every or one.status == OPEN)
            and self.customer in (None, one.customer_id)
            and self.contract in (None, one.contract_id)
            and self.exception_class in (None, one.kind)
            and self.owner in (None, one.owner)
            and (self.overdue is None or (one.due_at is not None and parse_instant(one.due_at) < self.overdue))
        )


def list_open(sink: str, wanted: Wanted, settings: Settings, limit: int | None, as_json: bool) -> None:
    """Print those that match, each by its current record. Raises UsageError and UnreadableRecordError."""
    directory, console = sink_directory(sink), out()
    require_output(directory, EXCEPTIONS)
    latest = {stored.value.exception_id: stored for stored in read_records(directory, EXCEPTIONS, ExceptionRecord)}
    found = [stored for stored in latest.values() if wanted.matches(stored.value)]
    if as_json:
        for stored in found[: limit or None]:
            console.file.write(stored.line.decode() + "\n")
        return
    if not found:
        console.print(plain(_nothing([stored.value for stored in latest.values()])), soft_wrap=True)
        return
    shown = found[: (DEFAULT_LIMIT if limit is None else limit) or None]
    for line in _lines([stored.value for stored in shown], settings):
        console.print(line, soft_wrap=True)
    if len(shown) < len(found):
        console.print(plain(f"{len(shown)} of {len(found)} exceptions shown; --limit 0 shows all."))
    if any(stored.value.status == OPEN for stored in found):
        told = (
            f"by itself: when what is missing comes; else: accrual exceptions retry ID --sink {sink} --source files:DIR"
        )
        console.print(plain(told), soft_wrap=True)


def _instant(text: str) -> int:
    try:
        return parse_instant(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise UsageError(
            f"--overdue {text!r} is no instant: {error}; write 2026-01-31T00:00:00Z or 2026-01-31"
        ) from error


def _nothing(every: Sequence[ExceptionRecord]) -> str:
    if not every:
        return "No exceptions: everything read so far was accepted."
    counts = Counter(one.kind for one in every if one.status == OPEN)
    classes = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items())) or "none"
    return f"No exception matches; open here by class: {classes}; resolved: {len(every) - counts.total()}."


def _lines(records: Sequence[ExceptionRecord], settings: Settings) -> Iterator[Text]:
    """Two lines for each: what it is about, and the reason, which a column would cut."""
    rows = [_row(one, settings) for one in records]
    widths = [max(len(row[at]) for row in [HEADINGS, *rows]) for at in range(len(HEADINGS))]
    yield Text(_aligned(HEADINGS, widths), style="bold")
    for one, row in zip(records, rows, strict=True):
        yield Text(_aligned(row, widths))
        yield Text(f"{'':{SHOWN_ID}}  {one.reason or '-'}", style="dim")


def _row(one: ExceptionRecord, settings: Settings) -> tuple[str, ...]:
    return (
        one.exception_id[:SHOWN_ID],
        one.kind,
        one.status,
        one.owner or "-",
        "-" if one.due_at is None else one.due_at[:10],
        short(one.customer_id, 14),
        "-" if one.source is None else str(one.source),
        way(one, settings.cloudevent_meters) if one.status == OPEN else "-",
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{value:<{width}}" for value, width in zip(row, widths, strict=True)).rstrip()
