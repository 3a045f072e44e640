"""Master data of a shard: products, bundles, accounts, entities, FX rates and owners, each effective-dated.

Every shard has all of it. Without any, an entity's zone is the one of the settings, its functional currency the
contract's, accounts keep their names and every product is known (events.md, reference.events).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from dataclasses import dataclass
from fractions import Fraction

from accounting.allocation import Bundle
from accounting.coverage import ALWAYS
from accounting.currency import digits
from connectors.batch import Record
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.roles import Roles
from dataflows.settings import FlowSettings
from schemas.decode import decode
from schemas.line import estimate
from schemas.reference import ReferenceEvent
from schemas.topics import REFERENCE
from schemas.trace import trace_of, untraced
from state import codec, keys
from state.records import StoredReference
from state.store import ShardStore


@dataclass(frozen=True, slots=True)
class Restatement:
    """What a master data record changes: the books from an instant on, and whether zones move boundaries."""

    since: int
    zones: bool = False


@dataclass(frozen=True, slots=True)
class _Dated:
    """A record, since when it holds, and where it stands."""

    since: int
    at: Coordinates
    event: ReferenceEvent

    def yields_to(self, event: ReferenceEvent, at: Coordinates) -> bool:
        """Whether another record of the same date holds: the later event_time, else the later position."""
        if self.is_timed_against(event):
            return (self.event.event_time or 0) < (event.event_time or 0)
        return _place(self.at) < _place(at)

    def is_timed_against(self, event: ReferenceEvent) -> bool:
        """Whether their times tell which one is the later."""
        return None not in (self.event.event_time, event.event_time) and self.event.event_time != event.event_time


ROLES = keys.META + b"roles"
_Identity = tuple[str, str, str]  # kind, id, entity (of accounts)


class MasterData:
    """Looks master data up as it was in force at an instant."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk, settings: FlowSettings, at_home: bool) -> None:
        """`at_home`: this shard speaks for the records, so that it is said once."""
        self._store, self._desk, self._settings, self._at_home = store, desk, settings, at_home
        self._known: dict[_Identity, list[_Dated]] = {}
        self._bundling: dict[str, set[_Identity]] = {}  # product -> bundles that listed it at some time
        self._functional: set[str] = set()  # currencies that some entity keeps its books in at some time
        self.roles = Roles.read(store.get(ROLES))  # of accounts
        self.changes = 0  # how many records have been taken in: what was looked up before one may be something else now
        self.has_products = False  # from the first product record on, every product has to have one
        for _, value in store.scan(keys.REFERENCE):
            stored = codec.decode(StoredReference, value)
            event = decode(REFERENCE, stored.payload)
            if isinstance(event, ReferenceEvent):
                self._take(event, Coordinates(stored.topic, stored.partition, stored.offset))

    # -- changes

    def apply(self, record: Record, topic: str, partition: int) -> Restatement | None:
        """Take a record in; gives what it changes, None when nothing does."""
        event: ReferenceEvent = record.model
        at = Coordinates(topic, partition, record.offset)
        rival, governed = self._same_date(event), self.has_products
        before = self._in_force(event.subject, _since(event))
        if rival is not None:
            same = _content(rival.event) == _content(event)
            if not same and not rival.is_timed_against(event):
                self._contradiction(event, sorted((rival.at, at), key=_place), record.payload)
            if not rival.yields_to(event, at):
                return None
            if rival.is_timed_against(event):
                self._desk.resolve("reference_conflict", rival.at, "a record with a later event_time holds")
            self._known[event.subject].remove(rival)
        self._store.put(_key(event), codec.encode(StoredReference(record.payload, topic, partition, record.offset)))
        self._take(event, at)
        if rival is not None and same:
            return None  # only its time and place are others: what comes between them does not hold
        return self._restatement(event, before, governed)

    def _take(self, event: ReferenceEvent, at: Coordinates) -> None:
        identity = event.subject
        self.changes += 1
        if (roles := self.roles.with_record(event)) is not self.roles:
            self.roles = roles
            self._store.put(ROLES, roles.written())
        insort(self._known.setdefault(identity, []), _Dated(_since(event), at, event), key=lambda one: one.since)
        if event.kind == "product":
            self.has_products = True
        if event.kind == "entity" and event.functional_currency:
            self._functional.add(event.functional_currency)
        for product in event.products if event.kind == "bundle" else ():
            self._bundling.setdefault(product, set()).add(identity)

    def _same_date(self, event: ReferenceEvent) -> _Dated | None:
        known = self._known.get(event.subject, ())
        return next((one for one in known if one.since == _since(event)), None)

    def _contradiction(self, event: ReferenceEvent, places: list[Coordinates], payload: bytes) -> None:
        """Two records that cannot both hold, and no time to tell which came later: the later position does."""
        if not self._at_home:
            return
        first, later = places
        if self._desk.is_open("reference_conflict", later):
            return
        self._desk.raise_one(
            "reference_conflict", later,
            f"{event.kind} {event.id} has two records for one effective date that differ: the one at {first.topic}/"
            f"{first.partition} offset {first.offset} does not hold any more; send a correction with a later event_time",
            payload, since=event.event_time, trace=trace_of(event), resolvable=True,
        )  # fmt: skip

    def _restatement(self, event: ReferenceEvent, before: ReferenceEvent | None, governed: bool) -> Restatement | None:
        """What a record changes; `before`: the one that was in force at its date."""
        since = _since(event)
        match event.kind:
            case "exception_owner":
                return None
            case "entity":
                moved = event.time_zone != (before.time_zone if before else None)
                return Restatement(ALWAYS if moved else since, moved)
            case "product":
                # Terms of allocation hold from a contract's start on: what changes them may change all of it.
                return Restatement(ALWAYS if not governed or _allocates(event, before) else since)
            case "bundle":
                return Restatement(ALWAYS)
            case "fx_rate" if self._functional.isdisjoint((event.base, event.quote)):
                return None  # most rates of a daily list concern nobody
            case _:
                return Restatement(since)

    # -- look-ups

    def zone(self, entity: str, at: int) -> str:
        """The time zone of an entity."""
        found = self._in_force(("entity", entity, ""), at)
        return (found.time_zone if found else None) or self._settings.zone

    def functional_currency(self, entity: str, at: int) -> str | None:
        """The currency an entity keeps its books in, None where nobody said."""
        found = self._in_force(("entity", entity, ""), at)
        return found.functional_currency if found else None

    def product(self, product_id: str, at: int) -> ReferenceEvent | None:
        """The product's record."""
        return self._in_force(("product", product_id, ""), at)

    def knows(self, product_id: str, at: int) -> bool:
        """Whether a product may be booked: it has a record or is sold in a bundle then; without any record all may."""
        if not self.has_products or self.product(product_id, at) is not None:
            return True
        bundles = [self._in_force(one, at) for one in self._bundling.get(product_id, ())]
        return any(product_id in bundle.products for bundle in bundles if bundle is not None)

    def account(self, entity: str, name: str, at: int) -> str:
        """The ERP number of an account, or its name where nobody mapped it."""
        found = self._in_force(("account", name, entity), at) or self._in_force(("account", name, ""), at)
        return (found.number if found else None) or name

    def rate(self, base: str, quote: str, at: int) -> Fraction | None:
        """Units of `quote` for one unit of `base`: the latest record, of the pair or else of its inverse."""
        found = self._in_force(("fx_rate", f"{base}/{quote}", ""), at)
        if found is not None and found.rate is not None:
            return Fraction(found.rate)
        inverse = self._in_force(("fx_rate", f"{quote}/{base}", ""), at)
        return None if inverse is None or inverse.rate is None else 1 / Fraction(inverse.rate)

    def ssp(self, product_id: str, currency: str, at: int) -> int | None:
        """The product's stand-alone selling price in minor units of `currency`, None where it has none in it."""
        found = self.product(product_id, at)
        if found is None or found.currency not in (None, currency):
            return None
        return estimate(found.ssp, digits(currency))

    def bundles(self, currency: str, at: int) -> list[Bundle]:
        """Every bundle that is sold in a currency."""
        found = [self._in_force(identity, at) for identity in sorted(self._known) if identity[0] == "bundle"]
        return [
            Bundle(one.products, estimate(one.price, digits(currency)) or 0)
            for one in found
            if one is not None and one.currency in (None, currency)
        ]

    def owner(self, cls: str, at: int) -> tuple[str, int]:
        """(owner, SLA in microseconds) of an exception class."""
        found = self._in_force(("exception_owner", cls, ""), at)
        if found is None:
            return self._settings.owner, self._settings.sla_us
        seconds = found.sla_s()
        return found.owner or self._settings.owner, self._settings.sla_us if seconds is None else seconds * 1_000_000

    def _in_force(self, identity: _Identity, at: int) -> ReferenceEvent | None:
        known = self._known.get(identity)
        index = bisect_right(known, at, key=lambda one: one.since) if known else 0
        return known[index - 1].event if known and index else None


def _since(event: ReferenceEvent) -> int:
    return ALWAYS if event.effective_at is None else event.effective_at


def _place(at: Coordinates) -> tuple[str, int, int]:
    return at.topic, at.partition, at.offset


def _content(event: ReferenceEvent) -> ReferenceEvent:
    """What a record says, whoever sent it when."""
    return untraced(event).model_copy(update={"event_id": None, "source": None, "event_time": None})


def _allocates(event: ReferenceEvent, before: ReferenceEvent | None) -> bool:
    names = ("default_method", "ssp", "ssp_low", "ssp_high", "highly_variable", "currency")
    plain = ReferenceEvent(kind="product", id=event.id)
    return any(getattr(event, name) != getattr(before or plain, name) for name in names)


def _key(event: ReferenceEvent) -> bytes:
    return keys.REFERENCE + keys.name(*event.subject) + keys.number(_since(event))
