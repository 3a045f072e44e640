"""The effective-dated contract table of a shard: every version stored, and what of a customer's usage they cover."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec

from accounting.calendar import DAY_US, local_date, start_of_day
from accounting.combination import linked
from accounting.contract import ContractVersion, LineKind, VersionKind
from accounting.coverage import ALWAYS, FOREVER, Cover, covers, in_force
from accounting.line_course import LineCourse
from accounting.require import require
from accounting.retention import over, term_end
from connectors.batch import Record
from dataflows.contract_reach import ContractReach, before, within_reach
from dataflows.cut import Cut
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.master_data import MasterData
from dataflows.recent import Recent
from schemas.contracts import ContractEvent
from schemas.decode import decode
from schemas.topics import CONTRACTS
from schemas.trace import trace_of, untraced
from state import codec, keys
from state.records import StoredContract
from state.store import ShardStore

CACHED_CUSTOMERS = 20_000
CACHED_VERSIONS = 4_096
QUARTER_US = 15 * 60 * 1_000_000
_EDGES = keys.META + b"edges"


class _Named(msgspec.Struct):
    """Whose contract a record is."""

    customer_id: str


_customer = msgspec.json.Decoder(_Named)


@dataclass(slots=True)
class CustomerContracts:
    """What is known of one customer."""

    versions: dict[str, list[ContractVersion]] = field(default_factory=dict)  # contract -> 1..n
    by_meter: dict[str, list[Cover]] = field(default_factory=dict)
    # Every line that any version has, by meter, contract and line, with its latest terms; its span says nothing. What a
    # later version took away may still be booked.
    lines: dict[str, dict[tuple[str, str], Cover]] = field(default_factory=dict)
    # When they take usage, by meter and in the order of contract and line.
    courses: dict[str, dict[tuple[str, str], LineCourse]] = field(default_factory=dict)
    zones: dict[str, str] = field(default_factory=dict)  # contract -> the zone of its books
    ends: dict[str, int] = field(default_factory=dict)  # contract, also one that waits -> end of its term
    cuts: dict[str, list[int]] = field(default_factory=dict)  # contract -> the cut when each version was taken up
    kept: dict[str, int] = field(default_factory=dict)  # contract -> a cut up to this instant does not concern it
    combined: dict[str, str] = field(default_factory=dict)  # contract -> the other one that it was agreed together with

    def together(self, contract_id: str) -> list[str]:
        """The contracts that are there and that a contract names or is named by, itself included, by id."""
        if not self.combined:
            return [contract_id]
        pairs = [(one, other) for one, other in self.combined.items() if other in self.versions]
        return linked(pairs, contract_id)


@dataclass(frozen=True, slots=True)
class Uncovered:
    """Why no line takes a customer's usage: exception class, reason, and whose time closes its window."""

    cls: str
    reason: str
    entity: str | None  # of the contract in force, None: there is none
    zone: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a contract record changes: from `since` on the customer's books have to be looked at again."""

    customer_id: str
    since: int
    contract_id: str = ""
    known: int = 0  # versions before


class ContractTable:
    """Contracts by customer, read from the store when they are needed."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk, master: MasterData, cut: Cut) -> None:
        self._store, self._desk, self._master, self.cut = store, desk, master, cut
        self._reach = ContractReach(desk, cut)
        self._recent = Recent(CACHED_CUSTOMERS, self._load)
        self._versions = Recent(CACHED_VERSIONS, _version)  # read again whenever the customer's contracts change
        stored = store.get(_EDGES)
        # Instants off the quarter hour at which a customer's cover changes: usage cells are cut there.
        self.edges: dict[str, list[int]] = msgspec.msgpack.decode(stored) if stored else {}

    def of(self, customer_id: str) -> CustomerContracts:
        """A customer's contracts; empty when there is none."""
        return self._recent.of(customer_id)

    def covering(self, customer_id: str, contract_id: str | None, meter: str, instant: int) -> list[Cover]:
        """The covers that take a customer's usage at an instant: exactly one is the good case."""
        return [
            cover
            for cover in self._recent.of(customer_id).by_meter.get(meter, ())
            if cover.start <= instant < cover.end and (not contract_id or cover.contract_id == contract_id)
        ]

    def why_not(self, customer_id: str, contract_id: str | None, instant: int) -> Uncovered:
        """Why no line covers usage at an instant."""
        named = f"contract {contract_id}" if contract_id else "a contract"
        customer = self.of(customer_id)
        for contract, versions in customer.versions.items():
            if contract_id and contract != contract_id:
                continue
            if any(_runs(span.version, span.start, span.end, instant) for span in in_force(versions)):
                reason = f"contract {contract} has no usage line for this meter at that time"
                return Uncovered("meter_unmapped", reason, versions[0].entity, customer.zones[contract])
        reason = f"customer {customer_id} has not {named} in force at that time"
        # Whose midnight ends its window: that of the contract it names, else of any there is.
        zones = customer.zones
        zone = zones.get(contract_id or "") or next((zones[name] for name in sorted(zones)), None)
        return Uncovered("contract_unknown", reason, None, zone)

    def named_at(self, customer_id: str, line: Cover, since_product: bool) -> Coordinates:
        """The record of the version in force, or of the first one that has the product on the line."""
        number = line.version
        versions = self.of(customer_id).versions[line.contract_id]
        if since_product:
            number = next(
                version.version
                for version in versions
                for one in version.lines
                if one.line_id == line.line_id and one.product_id == line.product_id
            )
        return self.position(customer_id, line.contract_id, number)

    def position(self, customer_id: str, contract_id: str, version: int) -> Coordinates:
        """Where the record of a version stands."""
        stored = self._store.get(_key(customer_id, contract_id, version))
        require(stored is not None, "a version in force is stored", contract=contract_id, version=version)
        found = codec.decode(StoredContract, stored or b"")
        return Coordinates(found.topic, found.partition, found.offset)

    def cut_of(self, customer_id: str, contract_id: str) -> int:
        """A contract keeps no usage of before this instant. A term that is known is kept as a whole: ALWAYS."""
        customer = self.of(customer_id)
        known, kept = customer.cuts[contract_id], customer.kept.get(contract_id, ALWAYS)
        moving = self.cut.start(customer.zones[contract_id]) if customer.ends[contract_id] == FOREVER else ALWAYS
        return max(*known, moving if moving > kept else ALWAYS)

    def ended(self, customer_id: str) -> list[str]:
        """The contracts of a customer whose terms ended before the cut."""
        customer, cut = self.of(customer_id), self.cut.start("UTC")
        ended = {name for name, end in customer.ends.items() if end <= cut}
        # Without one of them, what the others have posted would be allocated in another way.
        return [name for name in customer.ends if name in ended and ended.issuperset(customer.together(name))]

    def drop(self, customer_id: str, contract_id: str) -> None:
        """Forget a contract; the rest of it has been let go."""
        for key, value in self._store.scan(keys.CONTRACT + keys.name(customer_id) + keys.name(contract_id)):
            stored = codec.decode(StoredContract, value)
            self._desk.forget("version_gap", Coordinates(stored.topic, stored.partition, stored.offset))
            self._store.delete(key)
        self._recent.forget(customer_id)

    def trim_edges(self, customer_id: str) -> None:
        """Forget where usage of before the cut was divided, but for what contracts still divide there."""
        self._note_edges(customer_id, self.of(customer_id), since=self.cut.start("UTC"))

    def _position_of(self, version: ContractVersion | ContractEvent) -> Coordinates:
        return self.position(version.customer_id, version.contract_id, version.version)

    def customers(self) -> set[str]:
        """Everybody who has a contract record."""
        found = self._store.scan(keys.CONTRACT)
        return {_customer.decode(codec.decode(StoredContract, value).payload).customer_id for _, value in found}

    def zones_changed(self) -> None:
        """Boundaries of days and months have moved: every cover is another one."""
        self._recent.forget_all()
        for customer_id in sorted(self.customers()):
            self._note_edges(customer_id, self.of(customer_id))

    def apply(self, topic: str, partition: int, record: Record) -> Change | None:
        """Store a contract version. Gives what changes, None when nothing does (a repetition, a version that waits)."""
        event: ContractEvent = record.model
        at = Coordinates(topic, partition, record.offset)
        key = _key(event.customer_id, event.contract_id, event.version)
        stored = self._store.get(key)
        if stored is not None:
            self._repeated(event, at, record, codec.decode(StoredContract, stored))
            return None
        version = event.to_version()
        until = over(version)
        known = self.of(event.customer_id)
        if event.contract_id not in known.ends and self._reach.bygone(event, until, at, record):
            return None
        have = len(known.versions.get(event.contract_id, ()))
        cut = self.cut_of(event.customer_id, event.contract_id) if have else ALWAYS
        known = known if self.cut.month is None else self._load(event.customer_id)  # a zone may be about to move
        self._store.put(key, codec.encode(StoredContract(record.payload, topic, partition, record.offset, until)))
        self._versions.note(record.payload, version)
        self._recent.forget(event.customer_id)
        self._unsupported(event, at, record)
        if event.version == have + 1 and self._other_currency(event, at, record):
            return None
        if event.version != have + 1:
            self._desk.raise_one(
                "version_gap", at,
                f"contract {event.contract_id} version {event.version} waits for version {have + 1}: send that one"
                + ("" if have else self._reach.or_gone(event)),
                record.payload, since=event.event_time, customer_id=event.customer_id,
                contract_id=event.contract_id, trace=trace_of(event), resolvable=True,
            )  # fmt: skip
            return None
        return self._advance(event, have, cut, known)

    def _unsupported(self, event: ContractEvent, at: Coordinates, record: Record) -> None:
        """Lines that nothing recognises yet must not vanish without a word."""
        names = [line.line_id for line in event.lines if line.kind == LineKind.CREDITS]
        if names:
            self._desk.raise_one(
                "unsupported", at,
                f"contract {event.contract_id} version {event.version}: prepaid credits are not recognised yet "
                f"({', '.join(names)}); recognise them elsewhere", record.payload, since=event.event_time,
                customer_id=event.customer_id, contract_id=event.contract_id, trace=trace_of(event),
            )  # fmt: skip

    def _other_currency(self, event: ContractEvent, at: Coordinates, record: Record) -> bool:
        """A contract does not change its currency: such a version is not taken up."""
        versions = self.of(event.customer_id).versions.get(event.contract_id, ())
        if not versions or versions[0].currency == event.currency:
            return False
        self._desk.raise_one(
            "currency_mismatch", at,
            f"contract {event.contract_id} version {event.version} is in {event.currency}, version 1 in "
            f"{versions[0].currency}: end the contract and begin another one", record.payload, since=event.event_time,
            customer_id=event.customer_id, contract_id=event.contract_id, trace=trace_of(event),
        )  # fmt: skip
        return True

    def _advance(self, event: ContractEvent, have: int, cut: int, known: CustomerContracts) -> Change:
        """Take up the new version and those that waited for it; `cut`: the contract's, `known`: what was known before."""
        customer = self.of(event.customer_id)
        fresh = customer.versions[event.contract_id][have:]
        for number in range(event.version + 1, fresh[-1].version + 2):
            stored = self._store.get(_key(event.customer_id, event.contract_id, number))
            if stored is None:
                continue
            waiting = codec.decode(StoredContract, stored)
            at = Coordinates(waiting.topic, waiting.partition, waiting.offset)
            self._desk.resolve("version_gap", at, f"version {event.version} arrived")
            if number > fresh[-1].version:
                record = Record(waiting.offset, decode(CONTRACTS, waiting.payload), waiting.payload)
                self._other_currency(record.model, at, record)
        customer = self._take_up(event, fresh, cut, known)
        if self.cut.month is not None:
            cuts = {contract_id: self.cut_of(event.customer_id, contract_id) for contract_id in customer.cuts}
            self._reach.contests(event, known.by_meter, customer.by_meter, cuts, self._position_of)
        self._note_edges(event.customer_id, customer)
        zone = customer.zones[event.contract_id]
        # A price holds from the start of the local day of its effective_at.
        since = min(
            ALWAYS if version.version == 1 else start_of_day(local_date(version.effective_at, zone), zone)
            for version in fresh
        )
        return Change(event.customer_id, since, event.contract_id, have)

    def _take_up(
        self, event: ContractEvent, fresh: list[ContractVersion], cut: int, known: CustomerContracts
    ) -> CustomerContracts:
        """Note with the new versions how far back they may reach, and say where they ask for more."""
        customer_id, contract_id = event.customer_id, event.contract_id
        asked = self.of(customer_id)
        unending, kept = asked.ends[contract_id] == FOREVER, ALWAYS
        if fresh[0].version == 1:
            cut = self.cut.start(asked.zones[contract_id]) if unending else ALWAYS
        elif unending and known.ends[contract_id] != FOREVER:
            kept = self.cut.until  # all of it is there yet
        if max(cut, kept) == ALWAYS:
            return asked
        for version in fresh:
            key = _key(customer_id, contract_id, version.version)
            stored = codec.decode(StoredContract, self._store.get(key) or b"")
            self._store.put(key, codec.encode(msgspec.structs.replace(stored, cut=cut, kept=kept)))
        self._recent.forget(customer_id)
        given = self.of(customer_id)
        wanted, left = (before(one.by_meter, contract_id, cut) for one in (asked, given))
        if fresh[0].version == 1 or wanted != left:
            self._reach.back(fresh, cut, self._position_of)
        return given

    def _repeated(self, event: ContractEvent, at: Coordinates, record: Record, stored: StoredContract) -> None:
        first = decode(CONTRACTS, stored.payload)
        if isinstance(first, ContractEvent) and untraced(first) == untraced(event):
            return  # the same record again: versions are idempotent
        self._desk.raise_one(
            "version_conflict", at,
            f"contract {event.contract_id} version {event.version} differs from the one at {stored.topic}/"
            f"{stored.partition} offset {stored.offset}, which holds: send the change as version {event.version + 1}",
            record.payload, since=event.event_time, customer_id=event.customer_id,
            contract_id=event.contract_id, trace=trace_of(event),
        )  # fmt: skip

    def _load(self, customer_id: str) -> CustomerContracts:
        waiting: dict[str, dict[int, ContractVersion]] = {}
        cuts: dict[tuple[str, int], tuple[int, int]] = {}
        for _, value in self._store.scan(keys.CONTRACT + keys.name(customer_id)):
            stored = codec.decode(StoredContract, value)
            version = self._versions.of(stored.payload)
            if version is not None:
                waiting.setdefault(version.contract_id, {})[version.version] = version
                cuts[version.contract_id, version.version] = stored.cut, stored.kept
        customer = CustomerContracts()
        for contract_id, numbered in waiting.items():
            versions: list[ContractVersion] = []
            while (version := numbered.get(len(versions) + 1)) is not None:
                if versions and version.currency != versions[0].currency:
                    break
                versions.append(version)
            left = [version for number, version in numbered.items() if number > len(versions)]
            customer.ends[contract_id] = term_end(versions, left)
            if versions:
                noted = [cuts[contract_id, version.version] for version in versions]
                customer.cuts[contract_id] = [cut for cut, _ in noted]
                customer.kept[contract_id] = max(kept for _, kept in noted)
                # What a version changes is posted before anything of it goes, even where its term was over long ago.
                customer.ends[contract_id] = max(customer.ends[contract_id], max(cut for cut, _ in noted) + DAY_US)
                self._enter(customer, contract_id, versions)
        for meter, lines in customer.lines.items():
            covering = sorted(customer.by_meter.get(meter, ()), key=lambda cover: cover.start)
            customer.courses[meter] = {
                name: LineCourse([one for one in covering if (one.contract_id, one.line_id) == name], terms.zone)
                for name, terms in sorted(lines.items())
            }
        return customer

    def _enter(self, customer: CustomerContracts, contract_id: str, versions: list[ContractVersion]) -> None:
        zone = self._master.zone(versions[0].entity, versions[0].start)
        customer.versions[contract_id], customer.zones[contract_id] = versions, zone
        if versions[0].combined_with is not None:
            customer.combined[contract_id] = versions[0].combined_with
        for cover in covers(within_reach(versions, customer.cuts[contract_id]), zone):
            customer.by_meter.setdefault(cover.rate.meter, []).append(cover)
        for version in versions:
            for cover in covers([replace(version, version=1, kind=VersionKind.ACTIVATED)], zone):
                named = customer.lines.setdefault(cover.rate.meter, {})
                named[cover.contract_id, cover.line_id] = replace(cover, version=version.version)

    def _note_edges(self, customer_id: str, customer: CustomerContracts, since: int = ALWAYS) -> None:
        """Remember where usage is cut; what no cover has any more only from `since` on."""
        edges = {
            instant
            for found in customer.by_meter.values()
            for cover in found
            for instant in (cover.start, cover.end)
            if instant % QUARTER_US and instant != FOREVER
        }
        known = set(self.edges.get(customer_id, ()))
        edges |= {instant for instant in known if instant >= since}
        if edges != known:
            self.edges[customer_id] = sorted(edges)
            if not edges:
                del self.edges[customer_id]
            self._store.put(_EDGES, msgspec.msgpack.encode(self.edges))


def _version(payload: bytes) -> ContractVersion | None:
    """A stored version."""
    event = decode(CONTRACTS, payload)
    return event.to_version() if isinstance(event, ContractEvent) else None


def _runs(version: ContractVersion, start: int, end: int, instant: int) -> bool:
    """Whether a version is the contract at an instant of its term."""
    last = version.end if version.end is not None else FOREVER
    if version.kind == "cancelled":
        last = min(last, version.effective_at)
    return start <= instant < end and version.start <= instant < last


def _key(customer_id: str, contract_id: str, version: int) -> bytes:
    return keys.CONTRACT + keys.name(customer_id) + keys.name(contract_id) + keys.number(version)
