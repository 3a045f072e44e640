"""When which usage books are looked at: windows that close, late usage, contracts that change, dues that fall."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import msgspec

from accounting.calendar import rfc3339
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.line_course import LineCourse, next_due
from accounting.usage import resumes
from accounting.window import Window
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import Change, ContractTable, CustomerContracts
from dataflows.due_queue import DueQueue
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.line_books import LineBooks, LineCells
from dataflows.policy_book import PolicyBook
from dataflows.usage_cells import OpenCell, UsageCells, feed_name
from state import codec, keys
from state.records import FeedRecord
from state.store import ShardStore

_Line = tuple[str, str]  # contract, line
_NO_WINDOW = Window(ALWAYS, ALWAYS, date.min)
_CellsOf = dict[_Line, LineCells]


class _Due(msgspec.Struct, array_like=True):
    """A feed with something to book in a window that is still open."""

    customer_id: str
    meter: str
    since: int


@dataclass(slots=True)
class _Touched:
    """Where a feed's books have to be looked at again."""

    customer_id: str
    meter: str
    since: int
    until: int  # usage changed before this instant, unless the meter moved on
    contracts: bool = False  # a contract changed: covers may have come or gone


class _Span(NamedTuple):
    """The windows [since, until) of a line that are to be booked, and whether its meter is taken up in mid-period."""

    since: int
    until: int
    limit: int  # windows that end by then are closed
    resumed: bool
    dues: bool  # whether something may fall due without usage


class Bookkeeper:
    """Knows which usage lines of a shard are due to be compared with what is posted, and has them compared."""

    def __init__(
        self,
        store: ShardStore,
        contracts: ContractTable,
        cells: UsageCells,
        clock: BusinessClock,
        policies: PolicyBook,
        desk: ExceptionDesk,
        lines: LineBooks,
    ) -> None:
        self._store, self._contracts, self._cells, self._clock = store, contracts, cells, clock
        self._policies, self._desk, self._lines = policies, desk, lines
        self.unplaced = 0  # change in counted usage that has lost its line, since the shard took note of it
        self._touched: dict[bytes, _Touched] = {}
        self._due = DueQueue(store, keys.DUE, _Due)

    # -- what has to be looked at

    def usage_arrived(self, feed: bytes, customer_id: str, meter: str, cell: int, cover: Cover) -> None:
        """A cell changed: book it when its window closes, or now if that has closed already."""
        window, entity = self._policies.windows(cover.zone).of(cell), cover.entity
        if window.end <= self._clock.frontier(entity):
            self._touch(feed, customer_id, meter, window.start, window.end)
        elif not self._due.knows(window.end, feed, entity):
            self._await(window, feed, customer_id, meter, entity)

    def _await(self, window: Window, feed: bytes, customer_id: str, meter: str, entity: str) -> None:
        """Look at a feed when a window closes."""
        self._due.add(window.end, feed, entity, _Due(customer_id, meter, window.start))

    def contract_changed(self, change: Change) -> None:
        """What a version changes of its customer's usage, and of what is due, has to be looked at again."""
        self.look_again(change.customer_id, change.since, without=self._silent(change.customer_id))

    def _silent(self, customer_id: str) -> set[str]:
        """The meters of a customer without a second version that have nothing due without usage: without any, nothing is booked
        and nothing is to be. That is so of most contracts when they come, and there may be a hundred thousand of them.
        """
        customer = self._contracts.of(customer_id)
        if any(len(versions) > 1 for versions in customer.versions.values()):
            return set()
        policies = self._policies.policies
        return {
            meter
            for meter, courses in customer.courses.items()
            if not any(course.has_dues(policies) for course in courses.values())
        }

    def look_again(self, customer_id: str, since: int, without: Set[str] = frozenset()) -> None:
        """All of a customer's usage, and all that is due, from an instant on has to be looked at again; but meters `without`
        usage are passed over.
        """
        fed = {record.meter for _, record in self._cells.feeds_of(customer_id)}
        for meter in sorted(fed | (self._contracts.of(customer_id).lines.keys() - without)):
            feed = feed_name(customer_id, meter)
            self._touch(feed, customer_id, meter, since, FOREVER)
            self._touched[feed].contracts = True

    def billing_changed(self, customer_id: str, contract_id: str, since: int) -> None:
        """What usage lines of a contract earn from an instant on may be billed ahead, or not any more."""
        for meter, lines in sorted(self._contracts.of(customer_id).lines.items()):
            if any(name[0] == contract_id for name in lines):
                self._touch(feed_name(customer_id, meter), customer_id, meter, since, FOREVER)

    def restate(self, since: int) -> None:
        """Master data or a policy changed: all usage, and all that is due, from an instant on."""
        customers = self._contracts.customers()
        for _, value in self._store.scan(keys.FEED):
            customers.add(codec.decode(FeedRecord, value).customer_id)
        for customer_id in sorted(customers):
            self.look_again(customer_id, since)

    def _touch(self, feed: bytes, customer_id: str, meter: str, since: int, until: int) -> None:
        known = self._touched.get(feed)
        if known is None:
            self._touched[feed] = _Touched(customer_id, meter, since, until)
        else:
            known.since, known.until = min(known.since, since), max(known.until, until)

    # -- looking

    def settle(self) -> int:
        """Compare what is due and touched, post the differences; gives the number of entries."""
        for end, feed, due in self._due.pop(self._clock.furthest(), self._clock.frontier):
            self._touch(feed, due.customer_id, due.meter, due.since, end)
        touched, self._touched = self._touched, {}
        return sum(self._compare(feed, one) for feed, one in touched.items())

    def _compare(self, feed: bytes, touched: _Touched) -> int:
        """Book a feed's lines from `since` on; later windows only where cumulative rating carries the change on."""
        customer = self._contracts.of(touched.customer_id)
        lines, courses = customer.lines.get(touched.meter, {}), customer.courses.get(touched.meter, {})
        spans = {name: self._span(touched, lines[name], course) for name, course in courses.items()}
        cells = self._cells_by_line(feed, touched, customer, spans)
        entries = 0
        for name, course in courses.items():
            terms, span, nothing = lines[name], spans[name], LineCells()
            count, moved = self._lines.book(
                touched.customer_id, terms, course, cells.get(name, nothing), span.since, span.until
            )
            entries += count
            if moved and span.until < span.limit:
                rest = {name: _Span(span.until, span.limit, span.limit, True, span.dues)}
                later = self._cells_by_line(feed, touched, customer, rest).get(name, nothing)
                entries += self._lines.book(
                    touched.customer_id, terms, course, later, span.until, span.limit
                )[0]  # fmt: skip
            if span.dues:
                self._await_dues(feed, touched, terms, course)
        return entries

    def _span(self, touched: _Touched, terms: Cover, course: LineCourse) -> _Span:
        """Which windows of a line to book.

        They begin with the billing period where its meter cannot be taken up: where it has several prices, counts
        distinct values or goes on from the one before, or where the contract changed.
        """
        windows, limit = self._policies.windows(terms.zone), self._clock.frontier(terms.entity)
        policies, own = self._policies.policies, course.covers
        since, resumed, again = touched.since, True, True
        if since > ALWAYS:
            since = windows.start(since)
        while again:
            again = False
            for span in course.spans(since, limit, policies)[:1]:
                if span.carries and own[0].start < since:
                    # What it goes on from is what the billing periods before it came to.
                    since, resumed, again = windows.start(own[0].start), False, True
                elif span.start < since and not (resumes(span) and not touched.contracts):
                    # A billing period that begins inside a window takes that window's start, and so the period before.
                    since, resumed, again = windows.start(span.start), False, True
        if since < self._contracts.cut.until:
            floor = self._lines.floor(touched.customer_id, terms)
            since = max(since, windows.start(floor)) if floor > ALWAYS else since
        until, dues = limit, course.has_dues(policies)
        if resumed and touched.until < limit and not dues:
            until = min(limit, windows.of(touched.until - 1).end)
        return _Span(since, until, limit, resumed, dues)

    def _cells_by_line(
        self, feed: bytes, touched: _Touched, customer: CustomerContracts, spans: dict[_Line, _Span]
    ) -> _CellsOf:
        """The cells of closed windows by line. After a contract change all cells are asked for the line they have now."""
        covers, found = customer.by_meter.get(touched.meter, []), _CellsOf()
        since = min((span.since for span in spans.values()), default=touched.since)
        until = max((span.until for span in spans.values()), default=touched.until)
        taking, named, turn = list[Cover](), "", ALWAYS
        window, into = _NO_WINDOW, None
        for cell in self._cells.between(feed, since, FOREVER if touched.contracts else until):
            start = cell.start
            if start >= turn or cell.contract_id != named:
                named = cell.contract_id
                taking = [one for one in covers if one.start <= start < one.end and named in ("", one.contract_id)]
                # As many and the same ones take what comes until the next of them begins or ends.
                turn = min((at for one in covers for at in (one.start, one.end) if at > start), default=FOREVER)
                window = _NO_WINDOW
            if len(taking) != 1:
                self._lost(touched, cell, ambiguous=bool(taking))
                continue
            cover = taking[0]
            if touched.contracts and self._desk.may_have_open:  # else three names are made for each cell, of nothing
                self._found_again(cell)
            if not window.start <= start < window.end:
                window, into = self._policies.windows(cover.zone).of(start), None
                name = (cover.contract_id, cover.line_id)
                span = spans.get(name)
                # What is booked begins with a window, so that all cells of this one are before it or none is.
                if span is None or start < span.since:
                    continue
                if window.end <= span.until:
                    into = found.setdefault(name, LineCells())
                elif window.end > span.limit:
                    # A zone or a policy may have moved its window's end since it was noted.
                    self._await(window, feed, touched.customer_id, touched.meter, cover.entity)
            if into is not None:
                into.add(cell, cover)
        return found

    def _await_dues(self, feed: bytes, touched: _Touched, terms: Cover, course: LineCourse) -> None:
        """What falls due without usage is looked at when its window closes."""
        windows = self._policies.windows(terms.zone)
        after = max(self._clock.frontier(terms.entity), course.covers[0].start)
        due = next_due(course.covers, terms.zone, windows.start(after) - 1, self._policies.policies)
        if due is not None:
            self._await(windows.of(due), feed, touched.customer_id, touched.meter, terms.entity)

    # -- counted usage whose line goes or comes back

    def _lost(self, touched: _Touched, cell: OpenCell, ambiguous: bool) -> None:
        """Counted usage that a contract change left without its one line is an exception until a line takes it again.

        As for usage on arrival: at once where it is ambiguous, else when its window closes.
        """
        start, contract_id = cell.start, cell.contract_id or None
        cls, reason = "contract_ambiguous", "more than one contract takes the usage"
        if not ambiguous:
            lacking = self._contracts.why_not(touched.customer_id, contract_id, start)
            cls, reason = lacking.cls, lacking.reason
            windows = self._policies.windows(lacking.zone or self._policies.default_zone)
            if windows.of(start).end > self._clock.frontier(lacking.entity):
                return
        at = first_position(cell)
        if self._desk.is_open(cls, at):
            return
        self._found_again(cell)  # it may have been wanting something else before
        self.unplaced += cell.events
        told = f"{cell.events} events of meter {touched.meter} from {rfc3339(start)} are taken out of the books"
        self._desk.raise_one(
            cls, at, f"{reason}; {told} until a contract takes them", b"", since=start,
            customer_id=touched.customer_id, contract_id=contract_id, resolvable=True,
        )  # fmt: skip

    def _found_again(self, cell: OpenCell) -> None:
        for cls in ("contract_unknown", "meter_unmapped", "contract_ambiguous"):
            if self._desk.resolve(cls, first_position(cell), "the contracts of the customer have changed"):
                self.unplaced -= cell.events


def first_position(cell: OpenCell) -> Coordinates:
    """Where the first of a cell's events stands: what an exception about the cell names."""
    first = cell.sources[0]
    return Coordinates(first.topic, first.partition, first.start)
