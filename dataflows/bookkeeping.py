"""When which books are looked at: windows that close, usage that comes late, contracts that change, dues that fall."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import msgspec

from accounting.calendar import rfc3339
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.line_course import billing_spans, has_dues, next_due
from accounting.usage import CoveredCell, resumes
from accounting.window import window_of
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import Change, ContractTable, CustomerContracts
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.line_books import LineBooks, usage_cell
from dataflows.outbox import Outbox
from dataflows.settings import FlowSettings
from dataflows.usage_cells import UsageCells, feed_name
from state import codec, keys
from state.records import Cell
from state.store import ShardStore

_DueName = tuple[int, bytes, str]  # end of the window, feed, entity


class _Due(msgspec.Struct, array_like=True):
    """A feed with usage in a window that is still open."""

    customer_id: str
    meter: str
    entity: str
    since: int


@dataclass(slots=True)
class _Touched:
    """Where a feed's books have to be looked at again."""

    customer_id: str
    meter: str
    since: int
    until: int  # usage changed before this instant, unless the meter moved on
    contracts: bool = False  # a contract changed: covers may have come or gone


class Bookkeeper:
    """Knows which lines of a shard are due to be compared with what is posted, and has them compared."""

    def __init__(
        self,
        store: ShardStore,
        contracts: ContractTable,
        cells: UsageCells,
        clock: BusinessClock,
        outbox: Outbox,
        desk: ExceptionDesk,
        settings: FlowSettings,
    ) -> None:
        self._store, self._contracts, self._cells, self._clock = store, contracts, cells, clock
        self._desk, self._settings = desk, settings
        self._lines = LineBooks(store, clock, outbox, desk, settings)
        self.unplaced = 0  # change in counted usage that has lost its line, since the shard took note of it
        self._touched: dict[bytes, _Touched] = {}
        # By end of the window, feed and entity: a close of one entity leaves another's windows due.
        self._due: dict[_DueName, _Due] = {}
        for key, value in store.scan(keys.DUE):
            due = codec.decode(_Due, value)
            self._due[keys.from_number(key[1:9]), key[9:25], due.entity] = due
        self._ends = sorted(self._due)

    def usage_arrived(self, feed: bytes, customer_id: str, meter: str, cell: int, cover: Cover) -> None:
        """A cell changed: book it when its window closes, or now if that has closed already."""
        window = window_of(cell, self._settings.window, self._settings.zone)
        if window.end <= self._clock.frontier(cover.entity):
            self._touch(feed, customer_id, meter, window.start, window.end)
            return
        self._await(feed, _Due(customer_id, meter, cover.entity, window.start), window.end)

    def contract_changed(self, change: Change) -> None:
        """All of a customer's usage, and all that is due, from an instant on has to be looked at again."""
        meters = {record.meter for _, record in self._cells.feeds_of(change.customer_id)}
        for meter in sorted(meters | self._contracts.of(change.customer_id).lines.keys()):
            feed = feed_name(change.customer_id, meter)
            self._touch(feed, change.customer_id, meter, change.since, FOREVER)
            self._touched[feed].contracts = True

    def _await(self, feed: bytes, due: _Due, end: int) -> None:
        """Look at a feed when the window that ends at `end` closes."""
        name = (end, feed, due.entity)
        if name not in self._due:
            self._due[name] = due
            heapq.heappush(self._ends, name)
            self._store.put(_due_key(name), codec.encode(due))

    def settle(self) -> int:
        """Compare what is due and touched, post the differences; gives the number of entries."""
        furthest, waiting = self._clock.furthest(), []
        while self._ends and self._ends[0][0] <= furthest:
            name = heapq.heappop(self._ends)
            end, feed, entity = name
            if end > self._clock.frontier(entity):
                waiting.append(name)
                continue
            due = self._due.pop(name)
            self._store.delete(_due_key(name))
            self._touch(feed, due.customer_id, due.meter, due.since, end)
        for item in waiting:
            heapq.heappush(self._ends, item)
        touched, self._touched = self._touched, {}
        return sum(self._compare(feed, one) for feed, one in touched.items())

    def _touch(self, feed: bytes, customer_id: str, meter: str, since: int, until: int) -> None:
        known = self._touched.get(feed)
        if known is None:
            self._touched[feed] = _Touched(customer_id, meter, since, until)
        else:
            known.since, known.until = min(known.since, since), max(known.until, until)

    def _compare(self, feed: bytes, touched: _Touched) -> int:
        """Book a feed's lines from `since` on; later windows only where cumulative rating carries the change on."""
        customer = self._contracts.of(touched.customer_id)
        lines = customer.lines.get(touched.meter, {})
        covers = customer.by_meter.get(touched.meter, [])
        limit = max((self._clock.frontier(line.entity) for line in lines.values()), default=ALWAYS)
        since, resumed = self._since(touched, covers, limit)
        # What falls due without usage may lie anywhere up to the frontier.
        until = min(touched.until, limit) if resumed and not any(map(has_dues, covers)) else limit
        entries, moved = self._book(feed, touched, customer, since, until)
        if moved and until < limit:
            more, _ = self._book(feed, touched, customer, until, limit)
            entries += more
        self._await_dues(feed, touched, customer)
        return entries

    def _since(self, touched: _Touched, covers: list[Cover], limit: int) -> tuple[int, bool]:
        """From which window on to book, and whether the meter of the window before it can be taken up.

        It cannot where a billing period has several prices or counts distinct values, or where the contract changed:
        then booking begins with the billing period, of each line the earliest.
        """
        since, whole = touched.since, False
        if since > ALWAYS:
            since = self._window_start(since)
        first, again = since, True
        while again:
            again = False
            for line in sorted({(cover.contract_id, cover.line_id) for cover in covers}):
                own = [cover for cover in covers if (cover.contract_id, cover.line_id) == line]
                for span in billing_spans(own, self._settings.zone, first, limit)[:1]:
                    if span.start >= first or (resumes(span) and not touched.contracts):
                        continue
                    # A billing period that begins inside a window takes that window's start, and so the period before.
                    first, whole, again = self._window_start(span.start), True, True
        return first, not whole

    def _window_start(self, instant: int) -> int:
        return window_of(instant, self._settings.window, self._settings.zone).start

    def _await_dues(self, feed: bytes, touched: _Touched, customer: CustomerContracts) -> None:
        """What falls due without usage is looked at when its window closes."""
        for name, terms in customer.lines.get(touched.meter, {}).items():
            own = own_covers(customer, touched.meter, name)
            if not own:
                continue
            after = max(self._clock.frontier(terms.entity), own[0].start)
            due = next_due(own, self._settings.zone, self._window_start(after) - 1)
            if due is not None:
                window = window_of(due, self._settings.window, self._settings.zone)
                self._await(feed, _Due(touched.customer_id, touched.meter, terms.entity, window.start), window.end)

    def _book(
        self, feed: bytes, touched: _Touched, customer: CustomerContracts, since: int, until: int
    ) -> tuple[int, bool]:
        """(entries, whether a line's cumulative rating at `until` differs from what later windows were booked on)."""
        covers = customer.by_meter.get(touched.meter, [])
        by_line = self._covered(feed, touched, covers, since, until)
        entries, moved = 0, False
        for name, terms in sorted(customer.lines.get(touched.meter, {}).items()):
            count, changed = self._lines.book(
                touched.customer_id, terms, own_covers(customer, touched.meter, name), by_line.get(name, []),
                since, min(until, self._clock.frontier(terms.entity)),
            )  # fmt: skip
            entries, moved = entries + count, moved or changed
        return entries, moved

    def _covered(
        self, feed: bytes, touched: _Touched, covers: list[Cover], since: int, until: int
    ) -> dict[tuple[str, str], list[tuple[CoveredCell, Cell]]]:
        """The cells of closed windows by line. After a contract change all cells are asked for the line they have now."""
        by_line: dict[tuple[str, str], list[tuple[CoveredCell, Cell]]] = {}
        for start, cell in self._cells.between(feed, since, FOREVER if touched.contracts else until):
            found = [
                cover
                for cover in covers
                if cover.start <= start < cover.end and cell.contract_id in ("", cover.contract_id)
            ]
            end = window_of(start, self._settings.window, self._settings.zone).end
            if len(found) != 1:
                self._lost(touched, start, end, cell, ambiguous=bool(found))
                continue
            if touched.contracts:
                self._found_again(cell)
            cover = found[0]
            if end <= min(until, self._clock.frontier(cover.entity)):
                covered = CoveredCell(usage_cell(start, cell), cover)
                by_line.setdefault((cover.contract_id, cover.line_id), []).append((covered, cell))
        return by_line

    def _lost(self, touched: _Touched, start: int, end: int, cell: Cell, ambiguous: bool) -> None:
        """Counted usage that a contract change left without its one line is an exception until a line takes it again.

        As for usage on arrival: at once where it is ambiguous, else when its window closes.
        """
        contract_id = cell.contract_id or None
        cls, reason, entity = "contract_ambiguous", "more than one contract takes the usage", None
        if not ambiguous:
            cls, reason, entity = self._contracts.why_not(touched.customer_id, contract_id, start)
            if end > self._clock.frontier(entity):
                return
        at = _first_position(cell)
        if self._desk.is_open(cls, at):
            return
        self._found_again(cell)  # it may have been wanting something else before
        self.unplaced += cell.events
        told = f"{cell.events} events of meter {touched.meter} from {rfc3339(start)} are taken out of the books"
        self._desk.raise_one(
            cls, at, f"{reason}; {told} until a contract takes them", b"", since=start,
            customer_id=touched.customer_id, contract_id=contract_id, resolvable=True,
        )  # fmt: skip

    def _found_again(self, cell: Cell) -> None:
        for cls in ("contract_unknown", "meter_unmapped", "contract_ambiguous"):
            if self._desk.resolve(cls, _first_position(cell), "the contracts of the customer have changed"):
                self.unplaced -= cell.events


def _first_position(cell: Cell) -> Coordinates:
    first = cell.sources[0]
    return Coordinates(first.topic, first.partition, first.start)


def _due_key(name: _DueName) -> bytes:
    end, feed, entity = name
    return keys.DUE + keys.number(end) + feed + entity.encode()


def own_covers(customer: CustomerContracts, meter: str, line: tuple[str, str]) -> list[Cover]:
    """The covers of one line (contract, line), in time order."""
    covers = customer.by_meter.get(meter, [])
    own = [cover for cover in covers if (cover.contract_id, cover.line_id) == line]
    return sorted(own, key=lambda cover: cover.start)
