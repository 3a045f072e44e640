"""What the books of a contract should be, by the state of its run: schedule, positions and what is left to recognise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from ops.doctor.state import IDENTITY
from ops.show.sink import UsageError
from ops.show.text import plain
from ops.show.waterfall import Waterfall

if TYPE_CHECKING:
    from accounting.contract_plan import ContractPlan
    from ops.show.contract_positions import Positions
    from ops.show.contract_remaining import Remaining
    from ops.show.contract_schedule import Schedule


SCHEDULE_NOTE = (
    "scheduled: by the month it belongs to, net of credits. posted: by the month it is booked in; what belongs to a closed "
    "month is booked in the first open one. --json has each month."
)


@dataclass(frozen=True, slots=True)
class ContractBooks:
    """Nothing, with the reason why; or all of it."""

    unread: str | None = None
    plan: ContractPlan | None = None
    schedule: Schedule | None = None
    positions: Positions | None = None
    remaining: Remaining | None = None


def contract_books(
    state: Path, customer_id: str, contract_id: str, as_of: int | None, waterfall: Waterfall, named: bool
) -> ContractBooks:
    """From the state in a directory, which stays as it is; `waterfall` holds what is posted.

    UsageError when the directory was `named` by the person and is no state.
    """
    if not (state / IDENTITY).is_file():
        told = f"{str(state)!r} holds no state of a run"
        if named:
            raise UsageError(f"--state {told}: name the --state of the run, by default .state in the sink's directory.")
        return ContractBooks(f"{told}: name it with --state DIR")
    # Loaded only where there is a state: it takes as long as everything else together.
    from ops.show.books_state import StateUnreadError, standing
    from ops.show.contract_positions import Positions
    from ops.show.contract_remaining import Remaining
    from ops.show.contract_schedule import Schedule

    try:
        found = standing(state, customer_id, contract_id, as_of)
    except StateUnreadError as error:
        return ContractBooks(str(error))
    return ContractBooks(
        None, found.planned.plan, Schedule.of(found, waterfall), Positions.of(found), Remaining.of(found)
    )  # fmt: skip


def books_json(books: ContractBooks) -> dict[str, Any]:
    """For programs; null where the state was not read, and why."""
    schedule, positions, remaining = books.schedule, books.positions, books.remaining
    billed = None
    if positions is not None:
        billed = {
            "by": positions.day, "positions": positions.records(), "receivable": positions.receivable_amount,
            "lacking": list(positions.lacking),
        }  # fmt: skip
    return {
        "state": books.unread,
        "schedule": None if schedule is None else schedule.records(),
        "billed": billed,
        "remaining": None if remaining is None else remaining.record(),
    }


def print_books(books: ContractBooks, console: Console) -> None:
    """The tables, each with what a reader has to know of it."""
    if books.unread is not None:
        words = f"Schedule, billed against recognised and what is still to be recognised are not shown: {books.unread}."
        console.print(plain(words + "\n"), style="yellow")
    if books.schedule is not None and books.schedule.periods:
        console.print(books.schedule.table(console.width))
        _notes([SCHEDULE_NOTE], console)
    if books.positions is not None and books.positions.found:
        console.print(books.positions.table())
        for reason in books.positions.lacking:
            console.print(plain(f"not in these figures: {reason}"), style="yellow")
        _notes(books.positions.notes(), console)
    if books.remaining is not None and books.remaining.lines:
        if books.remaining.total or books.remaining.every_year:
            console.print(books.remaining.table())
        else:
            console.print("Nothing is left to be recognised of its fixed lines.")
        _notes(books.remaining.notes(), console)


def _notes(notes: Sequence[str], console: Console) -> None:
    for note in notes:
        console.print(plain(note), style="dim")
    console.print()
