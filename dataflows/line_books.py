"""The posted books of usage lines: what each window says, and the entry that takes it to what it should say."""

from __future__ import annotations

from fractions import Fraction

from accounting.aggregation import Reading, UsageCell
from accounting.coverage import Cover
from accounting.journal import dated
from accounting.position import difference, recognition
from accounting.rating import Units
from accounting.usage import CoveredCell, Meter, WindowBooking, bookings
from accounting.window import window_of
from dataflows.business_clock import BusinessClock
from dataflows.entry import usage_entry
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.outbox import Outbox
from dataflows.settings import FlowSettings
from schemas.topics import JOURNAL
from state import codec, keys
from state.records import Booked, Cell, Source
from state.store import ShardStore


class LineBooks:
    """Desired books minus posted books of one usage line at a time: the only way a usage entry comes about."""

    def __init__(
        self,
        store: ShardStore,
        clock: BusinessClock,
        outbox: Outbox,
        desk: ExceptionDesk,
        settings: FlowSettings,
    ) -> None:
        self._store, self._clock, self._outbox = store, clock, outbox
        self._desk, self._settings = desk, settings

    def book(
        self,
        customer_id: str,
        terms: Cover,
        covers: list[Cover],
        cells: list[tuple[CoveredCell, Cell]],
        since: int,
        until: int,
    ) -> tuple[int, bool]:
        """Post the differences of a line's windows in [since, until), both boundaries of windows.

        `terms` names the line, `covers` are its spans in time order, `cells` the usage they take there. Gives (entries,
        whether windows after `until` were booked on another standing of the meter than the one it has now).
        """
        prefix = keys.BOOKED + keys.name(customer_id, terms.contract_id, terms.line_id, terms.rate.meter)
        posted = {
            keys.from_number(key[17:]): codec.decode(Booked, value)
            for key, value in self._store.scan(prefix, keys.number(since), keys.number(until))
        }
        before = self._store.last_before(prefix, keys.number(since))
        meter = _meter(codec.decode(Booked, before[1])) if before else None
        wanted = bookings(
            covers,
            [covered for covered, _ in cells],
            self._settings.window,
            self._settings.zone,
            since,
            until,
            meter,
        )
        if not wanted and not posted:
            return 0, False
        was = _meter(posted[max(posted)]) if posted else meter
        desired = {booking.window.start: booking for booking in wanted}
        content = self._by_window(cells)
        entries = 0
        for start in sorted(desired.keys() | posted.keys()):
            booking = desired.get(start) or self._nothing(start, terms, meter, posted[start])
            key = prefix + keys.number(start)
            entries += self._post(customer_id, key, booking, posted.get(start), content.get(start, []))
            meter = booking.after
        return entries, meter != was and self._store.any_from(prefix, keys.number(until))

    def _by_window(self, cells: list[tuple[CoveredCell, Cell]]) -> dict[int, list[Cell]]:
        content: dict[int, list[Cell]] = {}
        for covered, cell in cells:
            window = window_of(covered.usage.start, self._settings.window, self._settings.zone)
            content.setdefault(window.start, []).append(cell)
        return content

    def _nothing(self, start: int, terms: Cover, meter: Meter | None, posted: Booked) -> WindowBooking:
        """What a window should say from which all usage was taken away."""
        window = window_of(start, self._settings.window, self._settings.zone)
        return WindowBooking(window, 0, 0, 0, terms, meter or Meter(posted.billing_start))

    def _post(
        self, customer_id: str, key: bytes, booking: WindowBooking, posted: Booked | None, cells: list[Cell]
    ) -> int:
        """Post the difference of one window, if there is one, and remember what is posted now."""
        wanted = recognition(booking.after.revenue - booking.amount, booking.amount)
        movements = difference(wanted, _accounts(posted))
        revision = (posted.revision if posted else 0) + bool(movements)
        if movements:
            dating = dated(booking.window.last_day, self._clock.closed(booking.cover.entity))
            self._outbox.add(JOURNAL, usage_entry(customer_id, booking, movements, revision, dating, cells))
        record = _booked(booking, revision, wanted)
        if posted != record:
            self._store.put(key, codec.encode(record))
        if booking.unpriced and cells and not (posted is not None and posted.unpriced):
            self._report_unpriced(customer_id, booking, cells[-1].sources[-1])
        return int(bool(movements))

    def _report_unpriced(self, customer_id: str, booking: WindowBooking, source: Source) -> None:
        """Units beyond the last tier are booked at nothing; somebody must extend the price list."""
        self._desk.raise_one(
            "rate_not_covering",
            Coordinates(source.topic, source.partition, source.end - 1),
            f"line {booking.cover.line_id} of contract {booking.cover.contract_id}: the last tier ends below the usage "
            "of the billing period; amend the contract with an open-ended tier",
            b"",
            since=booking.window.end,
            customer_id=customer_id,
            contract_id=booking.cover.contract_id,
        )


def usage_cell(start: int, cell: Cell) -> UsageCell:
    """A stored cell as the rules see it."""
    last = Reading(cell.last_time, cell.last_position, codec.to_int(cell.last_quantity))
    return UsageCell(
        start, codec.to_int(cell.quantity), cell.events, codec.to_int(cell.largest), last,
        codec.to_int(cell.moment), frozenset(cell.distinct),
    )  # fmt: skip


def _meter(booked: Booked) -> Meter:
    units: Units | None = None
    if booked.units:
        fraction = Fraction(codec.to_int(booked.units), codec.to_int(booked.divisor))
        units = fraction.numerator if fraction.denominator == 1 else fraction
    return Meter(booked.billing_start, units, codec.to_int(booked.booked), codec.to_int(booked.revenue))


def _accounts(posted: Booked | None) -> dict[str, int]:
    return {name: codec.to_int(amount) for name, amount in posted.accounts.items()} if posted else {}


def _booked(booking: WindowBooking, revision: int, accounts: dict[str, int]) -> Booked:
    after = booking.after
    return Booked(
        window_end=booking.window.end,
        revision=revision,
        accounts={name: codec.from_int(amount) for name, amount in accounts.items()},
        billing_start=after.billing_start,
        units=b"" if after.units is None else codec.from_int(after.units.numerator),
        divisor=b"\x01" if after.units is None else codec.from_int(after.units.denominator),
        booked=codec.from_int(after.booked),
        revenue=codec.from_int(after.revenue),
        quantity=codec.from_int(booking.quantity),
        events=booking.events,
        version=booking.cover.version,
        unpriced=bool(booking.unpriced),
    )
