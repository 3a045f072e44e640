"""The posted books of usage lines: what each window says, and the entry that takes it to what it should say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from accounting.aggregation import Reading, UsageCell
from accounting.billing_fact import FX_RATE_MISSING
from accounting.calendar import local_date
from accounting.contract_ledger import UsageRevenue
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.journal import dated
from accounting.position import recognition
from accounting.rating import Units
from accounting.usage import CoveredCell, Meter, WindowBooking, bookings
from accounting.window import Window
from dataflows.business_clock import BusinessClock
from dataflows.contract_ledgers import ContractLedgers, Windows, line_prefix
from dataflows.contract_table import ContractTable
from dataflows.entry import usage_entry
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.holds import Holds
from dataflows.master_data import MasterData
from dataflows.outbox import Outbox
from dataflows.policy_book import PolicyBook
from dataflows.posting_terms import NOTHING, Amounts, Missing, Movement, PostingTerms, posting_terms
from dataflows.recalculations import Recalculations
from dataflows.recent import Recent
from dataflows.revisions import Revisions
from dataflows.usage_cells import OpenCell
from schemas.topics import JOURNAL
from state import codec, keys
from state.records import Booked, LineBase, Source
from state.store import ShardStore

CACHED_LINES = 20_000
ESTIMATE_MISSING = Missing(
    "estimate_missing",
    "its billing period lies in several accounting months, and its volume tiers may change the price of earlier units: "
    "amend the contract with a variable amount for the line and the line's quantity",
)


@dataclass(slots=True)
class _Step:
    """One window that is compared with what is posted."""

    key: bytes
    booking: WindowBooking
    posted: Booked | None
    terms: PostingTerms
    lacking: list[Missing]  # without which nothing is posted

    @property
    def was(self) -> Amounts:
        """What is posted."""
        return Amounts.read(self.posted.accounts, self.posted.functional) if self.posted else NOTHING

    @property
    def held(self) -> bool:
        """Whether there is something that cannot be posted."""
        return bool(self.lacking) and bool(self.booking.events or self.booking.amount or self.was.accounts)


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last window of a line that is kept."""

    start: int = ALWAYS
    booked: Booked | None = None  # None: there is no window


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
        ledgers: ContractLedgers,
        recalculations: Recalculations,
    ) -> None:
        self._store, self._clock, self._contracts, self._outbox = store, clock, contracts, outbox
        self._master, self._policies, self._desk, self._holds = master, policies, desk, holds
        self._ledgers, self._recalculations = ledgers, recalculations
        self._revisions = Revisions(store)
        self._tails = Recent(CACHED_LINES, self._tail)

    def book(
        self,
        customer_id: str,
        terms: Cover,
        covers: list[Cover],
        cells: list[tuple[CoveredCell, OpenCell]],
        since: int,
        until: int,
    ) -> tuple[int, bool]:
        """Post the differences of a line's windows in [since, until), both boundaries of windows.

        `terms` names the line, `covers` are its spans in time order, `cells` the usage they take there. Gives (entries,
        whether windows after `until` were booked on another standing of the meter than the one it has now).
        """
        prefix = line_prefix(customer_id, terms)
        windows = self._policies.windows(terms.zone)
        tail, posted = self._tails.of(prefix), dict[int, Booked]()
        last: Booked | LineBase | None = tail.booked
        if tail.booked is not None and since <= tail.start:
            for key, value in self._store.scan(prefix, keys.number(since), keys.number(until)):
                posted[keys.from_number(key[17:])] = codec.decode(Booked, value)
            before = self._store.last_before(prefix, keys.number(since))
            last = codec.decode(Booked, before[1]) if before else None
        last = last or self._base(prefix)
        meter = _meter(last) if last is not None else None
        # The position shows what is posted: what is held is not recognised in it yet.
        withheld = codec.to_int(last.withheld) if last is not None else 0
        wanted = bookings(
            covers, [covered for covered, _ in cells], windows, since, until, meter, self._policies.policies
        )
        if not wanted and not posted:
            return 0, False
        was = (_meter(posted[max(posted)]), codec.to_int(posted[max(posted)].withheld)) if posted else (meter, withheld)
        desired = {booking.window.start: booking for booking in wanted}
        content: dict[int, list[OpenCell]] = {}
        for covered, cell in cells:
            content.setdefault(windows.start(covered.usage.start), []).append(cell)
        steps: list[_Step] = []
        for start in sorted(desired.keys() | posted.keys()):
            booking = desired.get(start)
            if booking is None:  # all usage was taken away from it, or time is cut into other windows now
                end = posted[start].window_end
                window = Window(start, end, posted[start].day or local_date(end - 1, terms.zone))
                booking = WindowBooking(window, 0, 0, 0, terms, meter or Meter(posted[start].billing_start))
            steps.append(self._step(prefix + keys.number(start), booking, posted.get(start)))
            meter = booking.after
        entries, missing = 0, set[str]()
        withheld_before = withheld
        for step, amounts, withheld in self._wanted(customer_id, terms, steps, withheld_before, since, until):
            entries += self._post(customer_id, step, amounts, withheld, content.get(step.booking.window.start, []))
            if step.held:
                missing.update(one.cls for one in step.lacking)
                self._hold(customer_id, step.booking, step.lacking)
            if step.booking.estimate_missing:
                self._hold(customer_id, step.booking, [ESTIMATE_MISSING], "warning")
        if any(cover.lacks_estimate for cover in covers):
            missing.add(ESTIMATE_MISSING.cls)
        if self._holds.is_held(customer_id, terms.contract_id, terms.line_id):
            missing |= self._missing_elsewhere(prefix, since, until, terms)
        self._holds.settle(customer_id, terms.contract_id, terms.line_id, missing)
        return entries, (meter, withheld) != was and self._tails.of(prefix).start >= until

    def _missing_elsewhere(self, prefix: bytes, since: int, until: int, terms: Cover) -> set[str]:
        """What windows outside [since, until) still lack."""
        ends: list[int] = []
        if (base := self._base(prefix)) is not None and base.held > ALWAYS:
            ends.append(base.held)
        for key, value in self._store.scan(prefix):
            booked, start = codec.decode(Booked, value), keys.from_number(key[17:])
            if booked.held and not since <= start < until:
                ends.append(booked.window_end)
        found: set[str] = set()
        for end in ends:
            _, missing = posting_terms(
                self._master, terms.entity, terms.currency, terms.product_id, end - 1, terms.zone
            )
            found.update(one.cls for one in missing)
        return found

    # -- what is let go (dataflows/retention.py)

    def floor(self, customer_id: str, line: Cover) -> int:
        """Nothing that ended by then is booked anew: it was let go, or before the first version was taken up."""
        base = self._base(line_prefix(customer_id, line))
        cuts = self._contracts.of(customer_id).cuts.get(line.contract_id)
        return max(base.floor if base is not None else ALWAYS, cuts[0] if cuts else ALWAYS)

    def trim(self, customer_id: str, line: Cover, floor: int) -> Iterator[int]:
        """Let the windows before `floor` go; the meter that rating goes on from stays. Gives how many it looked at."""
        prefix = line_prefix(customer_id, line)
        before = self._store.last_before(prefix, keys.number(floor))
        if before is None:
            return
        last, base = codec.decode(Booked, before[1]), self._base(prefix)
        held, posted = (base.held, base.posted) if base is not None else (ALWAYS, list[tuple[int, bytes]]())
        for part in self._store.walk(prefix, keys.number(floor)):
            gone = [codec.decode(Booked, value) for _, value in part]
            for key, _ in part:
                self._store.delete(key)
            held = max([held, *(booked.window_end for booked in gone if booked.held)])
            posted = self._ledgers.condensed(customer_id, line, posted, gone)
            # With each part, so that a stop in between leaves nothing behind that could be booked anew.
            kept = LineBase(
                floor, last.billing_start, last.units, last.divisor, last.booked, last.revenue, held, last.withheld,
                posted,
            )  # fmt: skip
            self._store.put(keys.BASE + prefix[1:], codec.encode(kept))
            self._tails.forget(prefix)
            yield len(part)

    def drop(self, customer_id: str, line: Cover) -> Iterator[int]:
        """Let all windows of a line go. Gives how many at a time."""
        prefix = line_prefix(customer_id, line)
        for part in self._store.walk(prefix):
            for key, _ in part:
                self._store.delete(key)
            self._tails.forget(prefix)
            yield len(part)
        if self._base(prefix) is not None:
            self._store.delete(keys.BASE + prefix[1:])

    def _tail(self, prefix: bytes) -> _Tail:
        last = self._store.last_before(prefix, keys.number(FOREVER))
        return _Tail(keys.from_number(last[0][17:]), codec.decode(Booked, last[1])) if last else _Tail()

    def _base(self, prefix: bytes) -> LineBase | None:
        stored = self._store.get(keys.BASE + prefix[1:])
        return codec.decode(LineBase, stored) if stored else None

    # -- one window

    def _step(self, key: bytes, booking: WindowBooking, posted: Booked | None) -> _Step:
        cover = booking.cover
        terms, lacking = posting_terms(
            self._master, cover.entity, cover.currency, cover.product_id, booking.window.end - 1, cover.zone
        )
        return _Step(key, booking, posted, terms, lacking)

    def _wanted(
        self, customer_id: str, line: Cover, steps: list[_Step], withheld: int, since: int, until: int
    ) -> Iterator[tuple[_Step, Amounts, int]]:
        """Step by step: what should be posted, and minor units of the line that are withheld up to and with it."""
        billed = self._billed(customer_id, line, steps, since, until)
        for step in steps:
            booking, wanted = step.booking, NOTHING
            if step.held:
                withheld += booking.amount
            elif not step.lacking and billed is not None:
                wanted = billed[step.key]
            elif not step.lacking:  # else nothing is posted until the master data is there
                recognised = booking.after.revenue - booking.amount - withheld
                wanted = step.terms.amounts(recognition(recognised, booking.amount))
            yield step, wanted, withheld

    def _billed(
        self, customer_id: str, line: Cover, steps: list[_Step], since: int, until: int
    ) -> dict[bytes, Amounts] | None:
        """What the windows of a billed contract move: its position depends on when what was billed."""
        if not steps or not self._ledgers.is_billed(customer_id, line.contract_id):
            return None
        # A rate may be missing where all of it was billed ahead: the position knows.
        able = [step for step in steps if all(one.cls == FX_RATE_MISSING for one in step.lacking)]
        revenue = [
            UsageRevenue(line.line_id, step.booking.window.end, step.booking.window.last_day, step.booking.amount)
            for step in able
        ]
        fresh = Windows(line_prefix(customer_id, line), since, until, revenue)
        movements, exchange = self._ledgers.windows(customer_id, line, fresh)
        found: dict[bytes, Amounts] = {}
        for step, moved in zip(able, movements, strict=True):
            step.terms = replace(step.terms, functional_currency=exchange.functional)
            if moved is not None:
                step.lacking = []
            elif not step.lacking:  # an earlier day's, on which the position depends
                step.lacking = [Missing(FX_RATE_MISSING, "its position lacks a rate: send an fx_rate record")]
            found[step.key] = step.terms.exact(moved or {})
        return found

    def _post(self, customer_id: str, step: _Step, wanted: Amounts, withheld: int, cells: list[OpenCell]) -> int:
        """Post the difference of one window, if there is one, and remember what is posted now; gives the entries."""
        booking, posted, terms = step.booking, step.posted, step.terms
        revision = first = max(posted.revision if posted else 0, self._revisions.of_window(step.key))
        day = booking.window.last_day
        before, currency = (posted.day or day, posted.functional_currency) if posted else (day, "")
        entry_ids: list[str] = []
        for movement in terms.movements(wanted, step.was, currency, before != day):
            revision += 1
            on = before if movement.takes_back else day
            entry_ids.append(self._say(customer_id, booking, movement, revision, cells, on))
        record = _booked(step, revision, wanted, withheld)
        if entry_ids:
            moved = codec.to_int(record.amount) - (codec.to_int(posted.amount) if posted else 0)
            # Usage of a closed period comes late, whether or not anything was posted there.
            is_late = dated(day, self._clock.closed(booking.cover.entity)).origin_period is not None
            self._recalculations.posted(
                customer_id, booking.cover.contract_id, booking.cover.line_id, (booking.window.start, day), moved,
                entry_ids, revised=bool(step.was.accounts) or is_late, metered=True,
            )  # fmt: skip
        if posted != record:
            self._store.put(step.key, codec.encode(record))
            if booking.window.start >= self._tails.of(step.key[:17]).start:
                self._tails.note(step.key[:17], _Tail(booking.window.start, record))
        if booking.unpriced and cells and not (posted is not None and posted.unpriced):
            self._report_unpriced(customer_id, booking, cells[-1].sources[-1])
        return revision - first

    def _say(
        self,
        customer_id: str,
        booking: WindowBooking,
        movement: Movement,
        revision: int,
        cells: list[OpenCell],
        day: date,
    ) -> str:
        dating = dated(day, self._clock.closed(booking.cover.entity))
        decided = self._policies.policies.decided("usage_window", booking.window.start)[1]
        entry = usage_entry(customer_id, booking, movement, revision, dating, cells, decided)
        self._outbox.add(JOURNAL, entry)
        return str(entry["entry_id"])

    def _hold(
        self, customer_id: str, booking: WindowBooking, lacking: Iterable[Missing], severity: str = "error"
    ) -> None:
        cover = booking.cover
        for one in lacking:
            at = self._contracts.named_at(customer_id, cover, since_product=one.cls != "fx_rate_missing")
            self._holds.hold(
                customer_id, cover.contract_id, cover.line_id, one, at, booking.window.end, severity,
                cover.trace,
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
            trace=booking.cover.trace,
        )


def usage_cell(start: int, cell: OpenCell) -> UsageCell:
    """A cell as the rules see it."""
    last = Reading(cell.last_time, cell.last_position, cell.last_quantity)
    return UsageCell(
        start, cell.quantity, cell.events, cell.largest, last, cell.moment, frozenset(cell.distinct)
    )  # fmt: skip


def _meter(booked: Booked | LineBase) -> Meter:
    units: Units | None = None
    if booked.units:
        fraction = Fraction(codec.to_int(booked.units), codec.to_int(booked.divisor))
        units = fraction.numerator if fraction.denominator == 1 else fraction
    return Meter(booked.billing_start, units, codec.to_int(booked.booked), codec.to_int(booked.revenue))


def _booked(step: _Step, revision: int, posted: Amounts, withheld: int) -> Booked:
    booking, after = step.booking, step.booking.after
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
        held=step.held,
        functional_currency=step.terms.functional_currency,
        day=booking.window.last_day,
        withheld=codec.from_int(withheld),
        amount=codec.from_int(0 if step.lacking else booking.amount),
    )
