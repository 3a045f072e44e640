"""Shows the recalculations: what changed a contract's revenue after the fact, how it was accounted for, and by how much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show.entry_filter import EntryFilter
from ops.show.moments import instant_or_none, moment
from ops.show.nearest import nearest
from ops.show.outcome import outcome
from ops.show.recalculation import Recalculation, open_recalculations
from ops.show.records import Place, StoredTopic, needle
from ops.show.text import err, grid, money, out, plain, short

DEFAULT_LIMIT = 40  # rows of a table; JSON lines are not limited unless asked
SHOWN_ID = 12  # characters: enough to know it by
NAMED = ("customer", "contract")  # there may be many: the nearest are told, not all


class RecalculationFilter(msgspec.Struct, frozen=True):
    """What a recalculation must be about; None: anything."""

    customer: str | None = None
    contract: str | None = None
    period: str | None = None  # in which revenue changes
    cause: str | None = None

    def matches(self, one: Recalculation) -> bool:
        """Whether a recalculation is about it."""
        return all(value in _values(one, name) for name, value in self.given())

    def given(self) -> list[tuple[str, str]]:
        """The filters that were asked for."""
        return [(name, value) for name in self.__struct_fields__ if (value := getattr(self, name)) is not None]


class _Found(msgspec.Struct, frozen=True, gc=False):
    """Where a record is, and its place in the list: records have every month of a schedule, and may be many."""

    order: tuple[str, str, int, int, int]
    place: Place


def show_recalculations(
    sink: str,
    *,
    customer: str | None = None,
    contract: str | None = None,
    period: str | None = None,
    cause: str | None = None,
    as_json: bool = False,
    limit: int | None = None,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print the recalculations that match; 0 when done, 1 when unreadable, 2 on wrong usage."""
    shown = console or out()
    wanted = RecalculationFilter(customer, contract, period, cause)
    return outcome(errors or err(), lambda: _show(sink, wanted, as_json, limit, shown))


def _show(sink: str, wanted: RecalculationFilter, as_json: bool, limit: int | None, console: Console) -> int:
    EntryFilter(period=wanted.period).check()
    topic = open_recalculations(sink)
    needles = [name for _, value in wanted.given() if (name := needle(value)) is not None]
    found = [
        _Found(stored.value.order, stored.place)
        for stored in topic.records(Recalculation, needles)
        if wanted.matches(stored.value)
    ]
    found.sort(key=lambda one: (one.order, one.place))
    most = limit if limit is not None or as_json else DEFAULT_LIMIT
    places = [one.place for one in islice(found, most or None)]
    if as_json:
        for place in places:
            console.file.write(topic.line_at(place).decode() + "\n")
        return 0
    if not found:
        console.print(plain(_nothing_found(topic, wanted)))
        return 0
    console.print(_table([stored.value for stored in topic.at(Recalculation, places)]))
    if len(places) < len(found):
        console.print(plain(f"{len(places)} of {len(found)} recalculations shown; --limit 0 shows all."))
    console.print(plain(f"Why each is what it is: accrual show recalculations ID --sink {sink}"))
    return 0


def _table(records: Sequence[Recalculation]) -> Table:
    note = "revenue: what it changes over the whole life of the contract; of it, catch-up is posted at once"
    table = grid("Recalculations", note)
    for heading in ("id", "effective", "contract", "version", "cause", "treatment"):
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for heading in ("revenue", "catch-up", "entries"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in records:
        at = instant_or_none(one.effective_at)
        texts = (
            one.recalculation_id[:SHOWN_ID], one.effective_at if at is None else moment(at)[:10],
            short(one.contract_id, 18), one.versions, one.cause, one.treatment or "-",
        )  # fmt: skip
        table.add_row(*map(plain, texts), money(one.changed), money(one.catch_up), f"{len(one.entry_ids):,}")
    return table


def _nothing_found(topic: StoredTopic, wanted: RecalculationFilter) -> str:
    """Why none matches: which filter none has, and what there is instead."""
    seen: dict[str, Counter[str]] = {name: Counter() for name, _ in wanted.given()}
    count = 0
    for stored in topic.records(Recalculation):
        count += 1
        for name, counts in seen.items():
            counts.update(_values(stored.value, name))
    if not count:
        return "No recalculation: no contract version has been read so far, and nothing that was posted has changed."
    words = [f"No recalculation matches; {topic.directory} holds {count}."]
    missing = [(name, value) for name, value in wanted.given() if value not in seen[name]]
    words += [f"None has --{name} {value!r}: {_instead(name, value, seen[name])}." for name, value in missing]
    if not missing:
        words.append("Each filter by itself has some, together they have none.")
    return " ".join(words)


def _instead(name: str, value: str, counts: Counter[str]) -> str:
    if not counts:
        return "none names one"
    if name in NAMED:
        return "the nearest are " + ", ".join(nearest(value, counts))
    return "there is " + ", ".join(f"{one} ({count})" for one, count in islice(sorted(counts.items()), 24))


def _values(one: Recalculation, name: str) -> set[Any]:
    if name == "period":
        return {row.period for row in one.delta}
    value = {"customer": one.customer_id, "contract": one.contract_id, "cause": one.cause}[name]
    return {value} - {None}
