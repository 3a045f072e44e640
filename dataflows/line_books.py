"""The posted books of usage lines: what each window says, and the entry that takes it to what it should say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from accounting.billing_fact import FX_RATE_MISSING
from accounting.calendar import local_date
from accounting.contract_ledger import UsageRevenue
from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.journal import Dating, dated
from accounting.line_course import LineCourse
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
from dataflows.posting_terms import NOTHING, Amounts, Missing, Movement, PostingTerms, TermsBook, posting_terms
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
class LineCells:
    """Usage that a line takes, in time order: with what takes it, for the rules; and alone."""

    covered: list[CoveredCell] = field(default_factory=list)
    cells: list[OpenCell] = field(default_factory=list)

    def add(self, cell: OpenCell, cover: Cover) -> None:
        """One more, which `cover` takes."""
        self.covered.append(CoveredCell(cell, cover))
        self.cells.append(cell)


@dataclass(slots=True)
class _Step:
    """One window that is compared with what is posted."""

    key: bytes
    booking: WindowBooking
    posted: Booked | None
    cells: list[OpenCell]  # of which its usage is made
    terms: PostingTerms
    lacking: Sequence[Missing]  # without which nothing is posted

    @property
    def was(self) -> Amounts:
        """What is posted."""
        return Amounts.read(self.posted.accounts, self.posted.functional) if self.posted else NOTHING

    @property
    def held(self) -> bool:
        """Whether there is something that cannot be posted."""
        return bool(self.lacking) and bool(self.booking.events or self.booking.amount or self.was.accounts)


class _Tail(NamedTuple):
    """The last window of a line that is kept, and where the line stands after it; without one, where its books begin."""

    start: int  # ALWAYS: there is no window
    meter: Meter | None
    withheld: int  # minor units: the position shows what is posted, so that what is held is not recognised in it yet


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
        self._revisions, self._terms = Revisions(store), TermsBook(master)
        self._tails = Recent(CACHED_LINES, self._tail)

    def book(
        self,
        customer_id: str,
        terms: Cover,
        course: LineCourse,
        cells: LineCells,
        since: int,
        until: int,
    ) -> tuple[int, bool]:
        """Post the differences of a line's windows in [since, until), both boundaries of windows.

        `terms` names the line, `cells` is the usage that it takes there. Gives (entries, whether windows after `until` were
        booked on another standing of the meter than the one it has now).
        """
        prefix = line_prefix(customer_id, terms)
        windows = self._policies.windows(terms.zone)
        tail, posted = self._tails.of(prefix), dict[int, Booked]()
        meter, withheld = tail.meter, tail.withheld
        if ALWAYS < tail.start >= since:
            for key, value in self._store.scan(prefix, keys.number(since), keys.number(until)):
                posted[keys.from_number(key[17:])] = codec.decode(Booked, value)
            before = self._standing(prefix, since)
            meter, withheld = before.meter, before.withheld
        wanted = bookings(course, cells.covered, windows, since, until, meter, self._policies.policies)
        if not wanted and not posted:
            return 0, False
        was = _stands(posted[max(posted)]) if posted else (meter, withheld)
        steps = self._steps(prefix, terms, wanted, cells.cells, posted, meter)
        meter, entries, missing = steps[-1].booking.after, 0, set[str]()
        withheld_before = withheld
        for step, amounts, withheld in self._wanted(customer_id, terms, steps, withheld_before, since, until):
            entries += self._post(customer_id, step, amounts, withheld)
            if step.held:
                missing.update(one.cls for one in step.lacking)
                self._hold(customer_id, step.booking, step.lacking)
            if step.booking.estimate_missing:
                self._hold(customer_id, step.booking, [ESTIMATE_MISSING], "warning")
        if (last := steps[-1].booking.window.start) >= tail.start:
            self._tails.note(prefix, _Tail(last, meter, withheld))
        if course.lacks_estimate:
            missing.add(ESTIMATE_MISSING.cls)
        if self._holds.is_held(customer_id, terms.contract_id, terms.line_id):
            missing |= self._missing_elsewhere(prefix, since, until, terms)
        self._holds.settle(customer_id, terms.contract_id, terms.line_id, missing)
        return entries, tail.start >= until and (meter, withheld) != was

    def _steps(
        self, prefix: bytes, line: Cover, wanted: list[WindowBooking], cells: list[OpenCell],
        posted: dict[int, Booked], meter: Meter | None,
    ) -> list[_Step]:  # fmt: skip
        """All windows that are wanted or posted, in time order; `meter`: where it stands before them."""
        desired = {booking.window.start: booking for booking in wanted}
        found, taken = list[_Step](), 0
        for start in sorted(desired.keys() | posted.keys()):
            booking, known = desired.get(start), posted.get(start)
            if booking is None:  # all usage was taken away from it, or time is cut into other windows now
                end = posted[start].window_end
                window = Window(start, end, posted[start].day or local_date(end - 1, line.zone))
                booking = WindowBooking(window, 0, 0, 0, line, meter or Meter(posted[start].billing_start))
            content, taken = cells[taken : taken + booking.taken], taken + booking.taken
            cover, end = booking.cover, booking.window.end
            terms, lacking = self._terms.of(cover.entity, cover.currency, cover.product_id, end - 1, cover.zone)
            found.append(_Step(prefix + keys.number(start), booking, known, content, terms, lacking))
            meter = booking.after
        return found

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
            self._tails.forget(prefix)

    def _tail(self, prefix: bytes) -> _Tail:
        return self._standing(prefix, FOREVER)

    def _standing(self, prefix: bytes, at: int) -> _Tail:
        """The last window that begins before an instant."""
        last = self._store.last_before(prefix, keys.number(at))
        if last is not None:
            return _Tail(keys.from_number(last[0][17:]), *_stands(codec.decode(Booked, last[1])))
        base = self._base(prefix)
        return _Tail(ALWAYS, None, 0) if base is None else _Tail(ALWAYS, *_stands(base))

    def _base(self, prefix: bytes) -> LineBase | None:
        stored = self._store.get(keys.BASE + prefix[1:])
        return codec.decode(LineBase, stored) if stored else None

    # -- one window

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

    def _post(self, customer_id: str, step: _Step, wanted: Amounts, withheld: int) -> int:
        """Post the difference of one window, if there is one, and remember what is posted now; gives the entries."""
        booking, posted, terms = step.booking, step.posted, step.terms
        revision = first = max(posted.revision if posted else 0, self._revisions.of_window(step.key))
        day = booking.window.last_day
        before, currency = (posted.day or day, posted.functional_currency) if posted else (day, "")
        closed = self._clock.closed(booking.cover.entity)
        dating, was = dated(day, closed), step.was
        entry_ids: list[str] = []
        for movement in terms.movements(wanted, was, currency, before != day):
            revision += 1
            on = dated(before, closed) if movement.takes_back else dating
            entry_ids.append(self._say(customer_id, step, movement, revision, on))
        amount = 0 if step.lacking else booking.amount
        if entry_ids:
            moved = amount - (codec.to_int(posted.amount) if posted else 0)
            # Usage of a closed period comes late, whether or not anything was posted there.
            is_late = dating.origin_period is not None
            self._recalculations.posted(
                customer_id, booking.cover.contract_id, booking.cover.line_id, (booking.window.start, day), moved,
                entry_ids, revised=bool(was.accounts) or is_late, metered=True,
            )  # fmt: skip
        record = _booked(step, revision, wanted, withheld, amount)
        if posted != record:
            self._store.put(step.key, codec.encode(record))
        if booking.unpriced and step.cells and not (posted is not None and posted.unpriced):
            self._report_unpriced(customer_id, booking, step.cells[-1].sources[-1])
        return revision - first

    def _say(self, customer_id: str, step: _Step, movement: Movement, revision: int, dating: Dating) -> str:
        booking = step.booking
        decided = self._policies.policies.decided("usage_window", booking.window.start)[1]
        entry = usage_entry(customer_id, booking, movement, revision, dating, step.cells, decided)
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


def _stands(booked: Booked | LineBase) -> tuple[Meter, int]:
    """Where a line stands after a window: the meter, and what is withheld."""
    number = codec.to_int
    units: Units | None = None
    if booked.units:
        fraction = Fraction(number(booked.units), number(booked.divisor))
        units = fraction.numerator if fraction.denominator == 1 else fraction
    meter = Meter(booked.billing_start, units, number(booked.booked), number(booked.revenue))
    return meter, number(booked.withheld)


def _booked(step: _Step, revision: int, posted: Amounts, withheld: int, amount: int) -> Booked:
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
        amount=codec.from_int(amount),
    )
