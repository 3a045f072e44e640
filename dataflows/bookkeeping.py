"""Desired books minus posted books: the only way an entry comes about."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import msgspec

from accounting.calendar import rfc3339
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.journal import dated
from accounting.position import difference, recognition
from accounting.usage import CoveredCell, Meter, WindowBooking, bookings
from accounting.window import window_of
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import Change, ContractTable, CustomerContracts
from dataflows.entry import usage_entry
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.outbox import Outbox
from dataflows.settings import FlowSettings
from dataflows.usage_cells import UsageCells
from schemas.topics import JOURNAL
from state import codec, keys
from state.records import Booked, Cell, Source
from state.store import ShardStore


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
    """The posted books of one shard and what is due to be compared with them."""

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
        self._outbox, self._desk, self._settings = outbox, desk, settings
        self.unplaced = 0  # change in counted usage that has lost its line, since the shard took note of it
        self._touched: dict[bytes, _Touched] = {}
        self._due: dict[tuple[int, bytes], _Due] = {}
        self._ends: list[tuple[int, bytes]] = []
        for key, value in store.scan(keys.DUE):
            self._due[keys.from_number(key[1:9]), key[9:]] = codec.decode(_Due, value)
        self._ends = sorted(self._due)

    def usage_arrived(self, feed: bytes, customer_id: str, meter: str, cell: int, cover: Cover) -> None:
        """A cell changed: book it when its window closes, or now if that has closed already."""
        window = window_of(cell, self._settings.window, self._settings.zone)
        if window.end <= self._clock.frontier(cover.entity):
            self._touch(feed, customer_id, meter, window.start, window.end)
            return
        due = self._due.get((window.end, feed))
        if due is None:
            due = self._due[window.end, feed] = _Due(customer_id, meter, cover.entity, window.start)
            heapq.heappush(self._ends, (window.end, feed))
            self._store.put(_due_key(window.end, feed), codec.encode(due))

    def contract_changed(self, change: Change) -> None:
        """All of a customer's usage from an instant on has to be looked at again."""
        for feed, record in self._cells.feeds_of(change.customer_id):
            self._touch(feed, record.customer_id, record.meter, change.since, FOREVER)
            self._touched[feed].contracts = True

    def settle(self) -> int:
        """Compare what is due and touched, post the differences; gives the number of entries."""
        furthest, waiting = self._clock.furthest(), []
        while self._ends and self._ends[0][0] <= furthest:
            end, feed = heapq.heappop(self._ends)
            due = self._due[end, feed]
            if end > self._clock.frontier(due.entity):
                waiting.append((end, feed))
                continue
            del self._due[end, feed]
            self._store.delete(_due_key(end, feed))
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
        since = touched.since
        if since > ALWAYS:
            since = window_of(since, self._settings.window, self._settings.zone).start
        limit = max((self._clock.frontier(line.entity) for line in lines.values()), default=ALWAYS)
        until = min(touched.until, limit)
        entries, moved = self._book(feed, touched, customer, since, until)
        if moved and until < limit:
            more, _ = self._book(feed, touched, customer, until, limit)
            entries += more
        return entries

    def _book(
        self, feed: bytes, touched: _Touched, customer: CustomerContracts, since: int, until: int
    ) -> tuple[int, bool]:
        """(entries, whether a line's cumulative rating at `until` differs from what later windows were booked on)."""
        covers = customer.by_meter.get(touched.meter, [])
        by_line = self._covered(feed, touched, covers, since, until)
        entries, moved = 0, False
        for name, terms in sorted(customer.lines.get(touched.meter, {}).items()):
            count, changed = self._book_line(touched, terms, by_line.get(name, []), since, until)
            entries, moved = entries + count, moved or changed
        return entries, moved

    def _covered(
        self, feed: bytes, touched: _Touched, covers: list[Cover], since: int, until: int
    ) -> dict[tuple[str, str], list[tuple[CoveredCell, Cell]]]:
        """The cells of closed windows by line."""
        by_line: dict[tuple[str, str], list[tuple[CoveredCell, Cell]]] = {}
        for start, cell in self._cells.between(feed, since, until):
            found = [
                cover
                for cover in covers
                if cover.start <= start < cover.end and cell.contract_id in ("", cover.contract_id)
            ]
            if touched.contracts:
                self._lost_or_found(touched, start, cell, len(found))
            if len(found) != 1:
                continue
            cover = found[0]
            end = window_of(start, self._settings.window, self._settings.zone).end
            if end > self._clock.frontier(cover.entity):
                continue
            covered = CoveredCell(start, codec.to_int(cell.quantity), cell.events, cover)
            by_line.setdefault((cover.contract_id, cover.line_id), []).append((covered, cell))
        return by_line

    def _lost_or_found(self, touched: _Touched, start: int, cell: Cell, covering: int) -> None:
        """Counted usage that a contract change leaves without a line is an exception until a line takes it again."""
        first = cell.sources[0]
        at = Coordinates(first.topic, first.partition, first.start)
        if covering == 1:
            for cls in ("contract_unknown", "meter_unmapped", "contract_ambiguous"):
                if self._desk.resolve(cls, at, "a contract takes the usage again"):
                    self.unplaced -= cell.events
            return
        cls, reason = "contract_ambiguous", "more than one contract takes the usage"
        if not covering:
            cls, reason, _ = self._contracts.why_not(touched.customer_id, cell.contract_id or None, start)
        if self._desk.is_open(cls, at):
            return
        self.unplaced += cell.events
        told = f"{reason}; {cell.events} events of meter {touched.meter} from {rfc3339(start)} are taken out of the books"
        self._desk.raise_one(
            cls, at, f"{told} until a contract takes them", b"", since=start, customer_id=touched.customer_id,
            contract_id=cell.contract_id or None, resolvable=True,
        )  # fmt: skip

    def _book_line(
        self,
        touched: _Touched,
        terms: Cover,
        cells: list[tuple[CoveredCell, Cell]],
        since: int,
        until: int,
    ) -> tuple[int, bool]:
        prefix = keys.BOOKED + keys.name(touched.customer_id, terms.contract_id, terms.line_id)
        posted = {
            keys.from_number(key[17:]): codec.decode(Booked, value)
            for key, value in self._store.scan(prefix, keys.number(since), keys.number(until))
        }
        if not cells and not posted:
            return 0, False
        before = self._store.last_before(prefix, keys.number(since))
        meter = _meter(codec.decode(Booked, before[1])) if before else None
        was = _meter(posted[max(posted)]) if posted else meter
        wanted = bookings((cell for cell, _ in cells), self._settings.window, self._settings.zone, meter)
        desired = {booking.window.start: booking for booking in wanted}
        content: dict[int, list[Cell]] = {}
        for covered, cell in cells:
            window = window_of(covered.start, self._settings.window, self._settings.zone)
            content.setdefault(window.start, []).append(cell)
        entries = 0
        for start in sorted(desired.keys() | posted.keys()):
            booking = desired.get(start) or self._nothing(start, terms, meter, posted[start])
            entries += self._post(
                touched, prefix + keys.number(start), booking, posted.get(start), content.get(start, [])
            )
            meter = booking.after
        return entries, meter != was and self._store.any_from(prefix, keys.number(until))

    def _nothing(self, start: int, terms: Cover, meter: Meter | None, posted: Booked) -> WindowBooking:
        """What a window should say from which all usage was taken away."""
        window = window_of(start, self._settings.window, self._settings.zone)
        return WindowBooking(window, 0, 0, 0, terms, meter or Meter(posted.billing_start), 0)

    def _post(
        self,
        touched: _Touched,
        key: bytes,
        booking: WindowBooking,
        posted: Booked | None,
        cells: list[Cell],
    ) -> int:
        """Post the difference of one window, if there is one, and remember what is posted now."""
        wanted = recognition(booking.after.revenue - booking.amount, booking.amount)
        movements = difference(wanted, _accounts(posted))
        revision = (posted.revision if posted else 0) + bool(movements)
        if movements:
            dating = dated(booking.window.last_day, self._clock.closed(booking.cover.entity))
            entry = usage_entry(touched.customer_id, booking, movements, revision, dating, cells)
            self._outbox.add(JOURNAL, entry)
        record = _booked(booking, revision, wanted)
        if posted != record:
            self._store.put(key, codec.encode(record))
        if booking.unpriced and not (posted is not None and posted.unpriced):
            self._report_unpriced(touched, booking, cells[-1].sources[-1])
        return int(bool(movements))

    def _report_unpriced(self, touched: _Touched, booking: WindowBooking, source: Source) -> None:
        """Units beyond the last tier are booked at nothing; somebody must extend the price list."""
        self._desk.raise_one(
            "rate_not_covering",
            Coordinates(source.topic, source.partition, source.end - 1),
            f"line {booking.cover.line_id} of contract {booking.cover.contract_id}: the last tier ends below the usage of "
            "the billing period; amend the contract with an open-ended tier",
            b"",
            since=booking.window.end,
            customer_id=touched.customer_id,
            contract_id=booking.cover.contract_id,
        )


def _meter(booked: Booked) -> Meter:
    return Meter(
        booked.billing_start,
        codec.to_int(booked.units),
        codec.to_int(booked.exact),
        codec.to_int(booked.revenue),
    )


def _accounts(posted: Booked | None) -> dict[str, int]:
    return {name: codec.to_int(amount) for name, amount in posted.accounts.items()} if posted else {}


def _booked(booking: WindowBooking, revision: int, accounts: dict[str, int]) -> Booked:
    return Booked(
        booking.window.end, revision, {name: codec.from_int(amount) for name, amount in accounts.items()},
        booking.after.billing_start, codec.from_int(int(booking.after.units)),
        codec.from_int(int(booking.after.exact)), codec.from_int(booking.after.revenue),
        codec.from_int(booking.quantity),
        booking.events, booking.cover.version, bool(booking.unpriced),
    )  # fmt: skip


def _due_key(end: int, feed: bytes) -> bytes:
    return keys.DUE + keys.number(end) + feed
