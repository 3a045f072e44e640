"""Shows one contract: its versions and how each is accounted for, its schedule, what is billed, booked, left and open."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ops.show.accounts import Accounts
from ops.show.contract_books import ContractBooks, books_json, contract_books, print_books
from ops.show.contract_treatments import Treated, treated, treatment_table
from ops.show.contract_versions import HOLDS, ContractVersions, Version, customers_of, nearest_contracts, versions_of
from ops.show.contract_words import amount, line_term, price_words
from ops.show.entry import Entry
from ops.show.entry_filter import EntryFilter
from ops.show.exception_record import OPEN, ExceptionRecord
from ops.show.exceptions import exception_table, open_exceptions
from ops.show.journal import entry_table, open_journal
from ops.show.moments import day_end, moment, parsed_moment
from ops.show.outcome import outcome
from ops.show.recalculation import open_recalculations, recalculations_of
from ops.show.records import Place, Stored, StoredTopic, needle
from ops.show.sink import UsageError, sink_directory, source_directory
from ops.show.text import err, grid, out, plain
from ops.show.waterfall import Waterfall
from schemas.contracts import ContractEvent
from schemas.instants import instant_text
from schemas.line import LineTerms

LAST_ENTRIES = 10
SHOWN = 20  # exceptions and invalid versions

_Rank = tuple[str, int, int, Place]


@dataclass(slots=True)
class _Look:
    """Everything that is found about a contract."""

    versions: ContractVersions
    waterfall: Waterfall
    as_of: int | None
    entries: int = 0
    last: list[tuple[_Rank, Stored[Entry]]] = field(default_factory=list)
    open: list[Stored[ExceptionRecord]] = field(default_factory=list)
    elsewhere: int = 0  # open exceptions of the customer that name no contract
    treated: dict[int, Treated] = field(default_factory=dict)  # by version
    books: ContractBooks = field(default_factory=ContractBooks)

    @property
    def latest(self) -> ContractEvent | None:
        """The last version that holds."""
        return self.versions.holding[-1].event if self.versions.holding else None

    @property
    def currency(self) -> str:
        """The contract's, else that of its entries."""
        if self.latest is not None:
            return self.latest.currency
        return self.last[0][1].value.currency if self.last else "-"

    @property
    def line_ids(self) -> list[str]:
        """The lines of the latest version, in its order."""
        return [line.line_id for line in self.latest.lines] if self.latest is not None else []


def show_contract(
    contract: str,
    sink: str,
    source: str,
    *,
    customer: str | None = None,
    as_of: str | None = None,
    state: Path | None = None,
    as_json: bool = False,
    console: Console | None = None,
    errors: Console | None = None,
) -> int:
    """Print a contract; 0 when done, 1 when a record is unreadable, 2 when there is no such contract or on wrong usage."""
    shown = console or out()

    def look() -> int:
        journal, exceptions = open_journal(sink), open_exceptions(sink)
        root = source_directory(source)
        until = None if as_of is None else parsed_moment("--as-of", as_of)
        versions = versions_of(root, contract, customer, until)
        found = _Look(versions, Waterfall(Accounts.of(root)), until)
        _read_journal(journal, found)
        _read_exceptions(exceptions, found)
        if not (versions.received or versions.invalid or found.entries):
            raise UsageError(_unknown(root, contract, customer, as_of))
        _read_books(sink, state, found)
        if as_json:
            shown.file.write(msgspec.json.encode(_json(found)).decode() + "\n")
        else:
            _print(found, shown)
        return 0

    return outcome(errors or err(), look)


def _read_journal(journal: StoredTopic, found: _Look) -> None:
    versions = found.versions
    wanted = EntryFilter(customer=versions.customer_id, contract=versions.contract_id)
    for stored in wanted.entries(journal):
        entry = stored.value
        ended = day_end(entry.accounting_date)
        if found.as_of is not None and ended is not None and ended > found.as_of:
            continue
        found.entries += 1
        found.waterfall.add(entry)
        ranked = ((entry.accounting_date, entry.shard, entry.sequence, stored.place), stored)
        if len(found.last) < LAST_ENTRIES:
            heapq.heappush(found.last, ranked)
        else:
            heapq.heappushpop(found.last, ranked)
    found.last.sort(key=lambda one: one[0])


def _read_books(sink: str, state: Path | None, found: _Look) -> None:
    versions = found.versions
    if versions.customer_id is not None and versions.holding:
        directory = state or sink_directory(sink) / ".state"
        found.books = contract_books(
            directory, versions.customer_id, versions.contract_id, found.as_of, found.waterfall, named=state is not None
        )  # fmt: skip
    said = recalculations_of(open_recalculations(sink), versions.contract_id, versions.customer_id)
    numbers = [one.event.version for one in versions.holding]
    found.treated = treated(numbers, found.books.plan, said)


def _read_exceptions(exceptions: StoredTopic, found: _Look) -> None:
    versions, current = found.versions, dict[str, Stored[ExceptionRecord]]()
    of_customer: set[str] = set()
    name = needle(versions.contract_id if versions.customer_id is None else versions.customer_id)
    for stored in exceptions.records(ExceptionRecord, [name] if name else []):
        record = stored.value
        if versions.customer_id not in (None, record.customer_id):
            continue
        if record.contract_id == versions.contract_id:
            current[record.exception_id] = stored
        elif record.contract_id is None and record.customer_id is not None:
            (of_customer.add if record.status == OPEN else of_customer.discard)(record.exception_id)
    found.open = [stored for stored in current.values() if stored.value.status == OPEN]
    found.elsewhere = len(of_customer)


def _unknown(root: Path, contract: str, customer: str | None, as_of: str | None) -> str:
    customers = customers_of(root, contract)
    if customer is not None and customers and customer not in customers:
        return (
            f"contract {contract!r} is not one of customer {customer!r}: it is one of {', '.join(sorted(customers))}."
        )
    if customers:
        known = min(since for name, since in customers.items() if customer in (None, name))
        return f"contract {contract!r} was not known by --as-of {as_of}: its first version is of {moment(known)}."
    near = nearest_contracts(root, contract)
    told = f"the nearest are {', '.join(near)}" if near else "its contracts.events holds none"
    return f"no contract {contract!r} in {str(root)!r}: {told}."


def _json(found: _Look) -> dict[str, Any]:
    versions, latest = found.versions, found.latest
    return {
        "contract_id": versions.contract_id,
        "customer_id": versions.customer_id,
        "entity": None if latest is None else latest.entity,
        "currency": found.currency,
        "versions": [
            {
                "version": one.event.version,
                "kind": one.event.kind,
                "status": one.status,
                "known": instant_text(one.event.event_time),
                "effective": instant_text(one.event.effective_at),
                "source": one.position,
                "change": versions.change(one),
                **_treatment(found, one),
            }
            for one in versions.received
        ],
        "invalid": [{"source": position, "reason": reason} for position, reason in versions.invalid],
        "lines": [] if latest is None else [_line_json(latest, line) for line in latest.lines],
        "waterfall": found.waterfall.records(found.line_ids, found.currency),
        **books_json(found.books),
        "exceptions": [msgspec.Raw(stored.line) for stored in found.open],
        "entries": found.entries,
        "last_entries": [msgspec.Raw(stored.line) for _, stored in found.last],
    }


def _treatment(found: _Look, one: Version) -> dict[str, Any]:
    """How a version that holds is accounted for; nothing of one that repeats, contradicts or waits."""
    told = found.treated.get(one.event.version) if one.status == HOLDS else None
    return (told or Treated(one.event.version, None, (), None)).record()


def _line_json(event: ContractEvent, line: LineTerms) -> dict[str, Any]:
    return {**line.model_dump(mode="json"), "term": line_term(event, line), "price": price_words(line, event.currency)}


def _print(found: _Look, console: Console) -> None:
    versions, latest = found.versions, found.latest
    who = f"Contract {versions.contract_id}, customer {versions.customer_id or '-'}"
    console.print(plain(f"{who}, entity {latest.entity}" if latest is not None else who), style="bold")
    if found.as_of is not None:
        console.print(plain(f"as of {moment(found.as_of)}: versions known by then, entries of days that ended by then"))
    console.print()
    console.print(_versions(versions))
    for position, reason in versions.invalid[:SHOWN]:
        console.print(plain(f"{position}: {reason}"), style="yellow")
    if versions.invalid:
        console.print(plain(f"{len(versions.invalid)} lines that name this contract are no valid versions\n"))
    told = [one for one in found.treated.values() if one.treatment is not None]
    if told:
        console.print(treatment_table(told))
    if latest is not None:
        console.print(_lines(latest))
    _print_entries(found, console)
    _print_exceptions(found, console)


def _versions(versions: ContractVersions) -> Table:
    table = grid("Versions as received")
    for heading in ("version", "kind", "known", "effective", "received at", "status"):
        table.add_column(heading, no_wrap=True)
    table.add_column("change", ratio=1, overflow="fold")
    for one in versions.received:
        event = one.event
        known, effective = moment(event.event_time), moment(event.effective_at)
        place = f"{one.position.partition} @ {one.position.offset}"
        change = "\n".join(versions.change(one))
        table.add_row(*map(plain, (event.version, event.kind, known, effective, place, one.status, change)))
    if not versions.received:
        table.add_row(*[""] * 6, "the source holds no valid version")
    return table


def _lines(event: ContractEvent) -> Table:
    table = grid(f"Lines of version {event.version}, {event.currency}")
    for heading in ("line", "kind", "product", "term", "method"):
        table.add_column(heading, overflow="fold")
    table.add_column("price", ratio=1, overflow="fold")
    for line in event.lines:
        # Usage is recognised as it occurs, a point in time and progress when they come: only a term has a method.
        method = line.method or ("default" if line.kind == "ratable" else "-")
        product, term = line.product_id or line.line_id, line_term(event, line)
        values = (line.line_id, line.kind, product, term, method, price_words(line, event.currency))
        table.add_row(*map(plain, values))
    for one in event.variable:
        to = ", ".join(one.line_ids) or "all lines"
        table.add_row(
            *map(
                plain, (one.id, "variable", "-", "-", "-", f"estimate {amount(one.estimate, event.currency)} for {to}")
            )
        )
    return table


def _print_entries(found: _Look, console: Console) -> None:
    if not found.entries:
        console.print("Nothing is booked for this contract so far.\n")
    else:
        console.print(found.waterfall.table(found.line_ids, found.currency, console.width))
    if found.waterfall.unknown:
        console.print(plain(f"accounts without a name in reference.events are left out above: "
                            f"{', '.join(sorted(found.waterfall.unknown))}"), style="yellow")  # fmt: skip
    print_books(found.books, console)
    if found.entries:
        console.print(entry_table([stored.value for _, stored in found.last],
                                  f"Last {len(found.last)} of {found.entries:,} entries"))  # fmt: skip


def _print_exceptions(found: _Look, console: Console) -> None:
    name = found.versions.contract_id
    if not found.open:
        console.print("No open exception names this contract.")
    else:
        console.print(exception_table([stored.value for stored in found.open[:SHOWN]], "Open exceptions"))
        if len(found.open) > SHOWN:
            console.print(plain(f"{SHOWN} of {len(found.open)} shown: accrual show exceptions --contract {name}"))
    if found.elsewhere:
        customer = found.versions.customer_id
        console.print(plain(f"{found.elsewhere} more open exceptions of customer {customer} name no contract: "
                            f"accrual show exceptions --customer {customer}"))  # fmt: skip
