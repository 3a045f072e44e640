"""Letting go of what lies behind the cut: a pass over the shard for each month, a little with every batch.

Whatever a customer has behind the cut is let go before anything looks there again (`reach`, `finish`), so that the books
do not depend on how far a pass has come. Nothing is said by it, and a pass that was cut short is begun anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import msgspec

from accounting.coverage import ALWAYS, FOREVER, Cover
from accounting.retention import rateable_from
from connectors.batch import Record
from connectors.crash_point import crash_point
from dataflows import first_revenue
from dataflows.beyond_retention import holds_from
from dataflows.billing_table import BillingTable
from dataflows.bookkeeping import first_position
from dataflows.contract_books import ContractBooks
from dataflows.contract_table import ContractTable, CustomerContracts
from dataflows.exception_desk import ExceptionDesk
from dataflows.holds import Holds
from dataflows.line_books import LineBooks
from dataflows.parking import Parking
from dataflows.policy_book import PolicyBook
from dataflows.usage_cells import OpenCell, UsageCells
from schemas.billing import BillingEvent
from schemas.contracts import ContractEvent
from schemas.control import ControlEvent
from schemas.reference import ReferenceEvent
from state import codec, keys
from state.records import FeedRecord, StoredContract
from state.store import ShardStore

KEYS = 200  # looked at with one batch: a millisecond or two
KEYS_AT_THE_END = 50_000  # with one write, when all input is applied and nobody waits
LOST = ("contract_unknown", "meter_unmapped", "contract_ambiguous")  # what counted usage without a line is raised as
_DONE = keys.META + b"retention"

_Line = tuple[str, str]  # contract, line


class _Named(msgspec.Struct):
    """Whose contract a record is."""

    customer_id: str


_customer = msgspec.json.Decoder(_Named)


class Retention:
    """Takes out of the state of one shard what its settings no longer keep."""

    def __init__(
        self,
        store: ShardStore,
        contracts: ContractTable,
        cells: UsageCells,
        parking: Parking,
        policies: PolicyBook,
        lines: LineBooks,
        fixed: ContractBooks,
        billing: BillingTable,
        desk: ExceptionDesk,
        holds: Holds,
    ) -> None:
        self._store, self._contracts, self._cells, self._parking = store, contracts, cells, parking
        self._policies, self._lines, self._fixed, self._desk, self._holds = policies, lines, fixed, desk, holds
        self._billing, self._cut = billing, contracts.cut
        self._done = (store.get(_DONE) or b"").decode()
        self._read: int | None = None  # when it was last told
        self._pass: Iterator[int] = iter(())
        self._at: tuple[str, Iterator[int]] = "", iter(())  # the customer at whom the pass is

    @property
    def rests(self) -> bool:
        """Whether there is nothing to let go."""
        return self._done == self._cut.name

    def keep_up(self, read: int) -> None:
        """A part of the pass with the batch in hand; `read`: usage events ever read, of which each makes a key or two."""
        fresh = read - (read if self._read is None else self._read)
        self._read = read
        self.work(KEYS + 2 * fresh)

    def work(self, keys_most: int) -> None:
        """Look at about so many keys of the pass; after everything that has closed is posted."""
        if self.rests:
            return
        self._cells.flush()
        for looked_at in self._pass:
            keys_most -= looked_at
            if keys_most <= 0:
                crash_point("retention-worked")
                return
        self._pass = iter(()) if self.rests else self._over_all()
        crash_point("retention-worked")

    def finish(self) -> None:
        """All of it now: boundaries are about to move, or all books are looked at again."""
        while not self.rests:
            self.work(KEYS_AT_THE_END)

    def reach(self, customer_id: str) -> None:
        """All of one customer now: what is known of the customer is about to change."""
        if self.rests:
            return
        self._cells.flush()
        at, rest = self._at
        for _ in chain(rest if at == customer_id else (), self._of_customer(customer_id)):
            pass

    def before(self, record: Record) -> None:
        """A contract, master data or control record is about to be applied."""
        match record.model:
            case ContractEvent(customer_id=customer_id) | BillingEvent(customer_id=customer_id):
                self.reach(customer_id)
            case ControlEvent(kind="correction", postings=postings):
                for customer_id in sorted({one.customer_id for one in postings}):
                    self.reach(customer_id)
            case ControlEvent(kind="policy"):
                self.finish()  # boundaries of windows may move
            case ReferenceEvent() as event if holds_from(event) < self._cut.until:
                self.finish()

    # -- the pass

    def _over_all(self) -> Iterator[int]:
        name = self._cut.name
        last = b""
        for part in self._store.walk(keys.CONTRACT):
            yield len(part)
            for key, value in part:
                customer, stored = key[1:17], codec.decode(StoredContract, value)
                if customer == last or not self._concerns(stored):
                    continue
                last = customer
                customer_id = _customer.decode(stored.payload).customer_id
                yield from self._visit(customer_id, self._of_customer(customer_id))
        for part in self._store.walk(keys.FEED):
            yield len(part)
            for key, value in part:
                if not self._store.any_from(keys.CONTRACT + key[1:17], b""):
                    record = codec.decode(FeedRecord, value)
                    rest = self._feed(key[17:], record, self._contracts.of(record.customer_id), {})
                    yield from self._visit(record.customer_id, rest)
        yield from self._parking.expire(self._cut.parked)
        self._done = name
        self._store.put(_DONE, name.encode())

    def _visit(self, customer_id: str, work: Iterator[int]) -> Iterator[int]:
        """What `reach` has to bring to an end before the customer changes: it goes by what was known when it began."""
        self._at = customer_id, work
        yield from work
        self._at = "", iter(())

    def _concerns(self, stored: StoredContract) -> bool:
        """Whether a contract with this version may have something behind the cut; most have not."""
        if stored.until is None or stored.until == FOREVER or stored.cut > ALWAYS:
            return True
        return stored.until <= self._cut.start("UTC")

    def _of_customer(self, customer_id: str) -> Iterator[int]:
        """Everything of a customer; the contracts last, so that a pass that was cut short still finds what was theirs."""
        customer, ended = self._contracts.of(customer_id), self._contracts.ended(customer_id)
        floors = self._floors(customer_id, customer, ended)
        # The books before the usage: from then on nothing looks at usage that may be gone.
        for meter, lines in customer.lines.items():
            for line, terms in lines.items():
                floor = floors[meter, line]
                if floor == FOREVER:
                    yield from self._lines.drop(customer_id, terms)
                elif floor > ALWAYS:
                    yield from self._lines.trim(customer_id, terms, floor)
        for feed, record in self._cells.feeds_of(customer_id):
            yield from self._feed(feed, record, customer, floors)
        for contract_id in ended:
            yield from self._fixed.drop(customer_id, contract_id)
            yield from self._billing.drop(customer_id, contract_id)
            self._holds.forget(customer_id, contract_id)
            self._contracts.drop(customer_id, contract_id)
            first_revenue.forget(self._store, customer_id, contract_id)
        self._contracts.trim_edges(customer_id)
        yield from self._parking.expire(self._cut.parked, customer_id)

    def _floors(
        self, customer_id: str, customer: CustomerContracts, ended: list[str]
    ) -> dict[tuple[str, _Line], int]:  # fmt: skip
        """Since when each line is kept, by meter: FOREVER is not at all, ALWAYS as a whole."""
        found: dict[tuple[str, _Line], int] = {}
        for meter, lines in customer.lines.items():
            for line, terms in lines.items():
                found[meter, line] = FOREVER if line[0] in ended else self._floor(customer_id, customer, meter, terms)
        return found

    def _floor(self, customer_id: str, customer: CustomerContracts, meter: str, terms: Cover) -> int:
        cut = self._contracts.cut_of(customer_id, terms.contract_id)
        if cut == ALWAYS:
            return ALWAYS
        course = customer.courses[meter][terms.contract_id, terms.line_id]
        windows = self._policies.windows(terms.zone)
        wanted = rateable_from(course.covers, windows, cut, self._policies.policies)
        return max(wanted, self._lines.floor(customer_id, terms))

    # -- usage

    def _feed(
        self, feed: bytes, record: FeedRecord, customer: CustomerContracts, floors: dict[tuple[str, _Line], int]
    ) -> Iterator[int]:
        """The cells of a feed that no line keeps; those without a line stay while a term runs that may take them."""
        covers = customer.by_meter.get(record.meter, [])
        kept = {line: floor for (meter, line), floor in floors.items() if meter == record.meter}
        running = any(floor == ALWAYS or customer.ends[line[0]] < FOREVER > floor for line, floor in kept.items())
        unclaimed = ALWAYS if running else self._cut.start("UTC")
        ends = [one.end for one in covers if kept[one.contract_id, one.line_id] == FOREVER]
        stop = max(unclaimed, *ends, *(floor for floor in kept.values() if floor < FOREVER), ALWAYS)

        def goes(cell: OpenCell) -> bool:
            taking = [
                kept[one.contract_id, one.line_id]
                for one in covers
                if one.start <= cell.start < one.end and cell.contract_id in ("", one.contract_id)
            ]
            # What two contracts take goes with the first of them: the other one was never given it.
            if cell.start >= min(taking, default=unclaimed) and FOREVER not in taking:
                return False
            if len(taking) != 1:
                for cls in LOST:
                    self._desk.forget(cls, first_position(cell))
            return True

        if stop > ALWAYS:
            yield from self._cells.trim(feed, stop, goes)
            self._cells.drop_empty(feed, record)
