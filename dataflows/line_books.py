"""The posted books of usage lines: what each window says, and the entry that takes it to what it should say."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from accounting.aggregation import Reading, UsageCell
from accounting.coverage import Cover
from accounting.journal import dated
from accounting.position import difference, recognition
from accounting.rating import Units
from accounting.usage import CoveredCell, Meter, WindowBooking, bookings
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import ContractTable
from dataflows.entry import usage_entry
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.holds import Holds
from dataflows.master_data import MasterData
from dataflows.outbox import Outbox
from dataflows.policy_book import PolicyBook
from dataflows.posting_terms import NOTHING, Amounts, Missing, PostingTerms, posting_terms
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
        contracts: ContractTable,
        master: MasterData,
        policies: PolicyBook,
        outbox: Outbox,
        desk: ExceptionDesk,
        holds: Holds,
    ) -> None:
        self._store, self._clock, self._contracts, self._outbox = store, clock, contracts, outbox
        self._master, self._policies, self._desk, self._holds = master, policies, desk, holds

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
        prefix = line_prefix(customer_id, terms)
        windows = self._policies.windows(terms.zone)
        posted = {
            keys.from_number(key[17:]): codec.decode(Booked, value)
            for key, value in self._store.scan(prefix, keys.number(since), keys.number(until))
        }
        before = self._store.last_before(prefix, keys.number(since))
        meter = _meter(codec.decode(Booked, before[1])) if before else None
        wanted = bookings(
            covers, [covered for covered, _ in cells], windows, since, until, meter, self._policies.policies
        )
        if not wanted and not posted:
            return 0, False
        was = _meter(posted[max(posted)]) if posted else meter
        desired = {booking.window.start: booking for booking in wanted}
        content: dict[int, list[Cell]] = {}
        for covered, cell in cells:
            content.setdefault(windows.start(covered.usage.start), []).append(cell)
        entries, missing = 0, set[str]()
        for start in sorted(desired.keys() | posted.keys()):
            booking = desired.get(start)
            if booking is None:  # all usage was taken away from it
                booking = WindowBooking(windows.of(start), 0, 0, 0, terms, meter or Meter(posted[start].billing_start))
            key = prefix + keys.number(start)
            entries += self._post(customer_id, key, booking, posted.get(start), content.get(start, []), missing)
            meter = booking.after
        if not missing and self._holds.is_held(customer_id, terms.contract_id, terms.line_id):
            missing = self._missing_elsewhere(prefix, since, until, terms)
        self._holds.settle(customer_id, terms.contract_id, terms.line_id, missing)
        return entries, meter != was and self._store.any_from(prefix, keys.number(until))

    def _missing_elsewhere(self, prefix: bytes, since: int, until: int, terms: Cover) -> set[str]:
        """What windows outside [since, until) still lack."""
        found: set[str] = set()
        for key, value in self._store.scan(prefix):
            booked, start = codec.decode(Booked, value), keys.from_number(key[17:])
            if booked.held and not since <= start < until:
                at = booked.window_end - 1
                _, missing = posting_terms(self._master, terms.entity, terms.currency, terms.product_id, at)
                found.update(one.cls for one in missing)
        return found

    def _post(
        self, customer_id: str, key: bytes, booking: WindowBooking, posted: Booked | None, cells: list[Cell],
        missing: set[str],
    ) -> int:  # fmt: skip
        """Post the difference of one window, if there is one, and remember what is posted now."""
        cover = booking.cover
        terms, lacking = posting_terms(
            self._master, cover.entity, cover.currency, cover.product_id, booking.window.end - 1
        )
        was = Amounts.read(posted.accounts, posted.functional) if posted else NOTHING
        held = bool(lacking) and bool(booking.events or booking.amount or was.accounts)
        if held:
            missing.update(one.cls for one in lacking)
            self._hold(customer_id, booking, lacking)
        if held or terms is None:
            wanted = was  # what is posted stays as it is until the master data is there
        else:
            wanted = terms.amounts(recognition(booking.after.revenue - booking.amount, booking.amount))
        movements = difference(wanted.accounts, was.accounts)
        functional = difference(wanted.functional, was.functional)
        moved = bool(movements or functional)
        revision = (posted.revision if posted else 0) + moved
        if moved and terms is not None:
            self._say(customer_id, booking, movements, functional, revision, terms, cells)
        record = _booked(booking, revision, wanted, held)
        if posted != record:
            self._store.put(key, codec.encode(record))
        if booking.unpriced and cells and not (posted is not None and posted.unpriced):
            self._report_unpriced(customer_id, booking, cells[-1].sources[-1])
        return int(moved)

    def _say(
        self, customer_id: str, booking: WindowBooking, movements: dict[str, int], functional: dict[str, int],
        revision: int, terms: PostingTerms, cells: list[Cell],
    ) -> None:  # fmt: skip
        dating = dated(booking.window.last_day, self._clock.closed(booking.cover.entity))
        decided = self._policies.policies.decided("usage_window", booking.window.start)[1]
        self._outbox.add(
            JOURNAL,
            usage_entry(customer_id, booking, movements, functional, revision, dating, terms, cells, decided),
        )

    def _hold(self, customer_id: str, booking: WindowBooking, lacking: Iterable[Missing]) -> None:
        cover = booking.cover
        for one in lacking:
            at = self._contracts.named_at(customer_id, cover, since_product=one.cls == "product_unmapped")
            self._holds.hold(
                customer_id, cover.contract_id, cover.line_id, one, at, booking.window.end,
                correlation_id=cover.correlation_id,
            )  # fmt: skip

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


def line_prefix(customer_id: str, line: Cover) -> bytes:
    """Where the windows of a line and meter are kept."""
    return keys.BOOKED + keys.name(customer_id, line.contract_id, line.line_id, line.rate.meter)


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


def _booked(booking: WindowBooking, revision: int, posted: Amounts, held: bool) -> Booked:
    after = booking.after
    accounts, functional = posted.written()
    return Booked(
        window_end=booking.window.end,
        revision=revision,
        accounts=accounts,
        billing_start=after.billing_start,
        units=b"" if after.units is None else codec.from_int(after.units.numerator),
        divisor=b"\x01" if after.units is None else codec.from_int(after.units.denominator),
        booked=codec.from_int(after.booked),
        revenue=codec.from_int(after.revenue),
        quantity=codec.from_int(booking.quantity),
        events=booking.events,
        version=booking.cover.version,
        unpriced=bool(booking.unpriced),
        functional=functional,
        held=held,
    )
