"""The posted books of fixed contract lines: desired effects less posted ones, as time and contracts go on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import msgspec

from accounting.allocation import SspRange
from accounting.calendar import start_of_day
from accounting.contract import ContractVersion, Line
from accounting.contract_plan import ContractPlan, contract_plan
from accounting.coverage import ALWAYS
from accounting.currency import digits
from accounting.journal import Dating, dated
from accounting.plan_course import Valuation
from accounting.position import recognition
from accounting.recognition import RECOGNITION, Effect
from accounting.schedule import Method
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import ContractTable
from dataflows.due_queue import DueQueue
from dataflows.entry import contract_entry, sources
from dataflows.exception_desk import Coordinates
from dataflows.holds import Holds
from dataflows.master_data import MasterData
from dataflows.outbox import Outbox
from dataflows.policy_book import PolicyBook
from dataflows.posting_terms import NOTHING, Amounts, Missing, Movement, PostingTerms, posting_terms
from schemas.line import estimate
from schemas.topics import JOURNAL
from state import codec, keys
from state.records import Posted, Source
from state.store import ShardStore

CACHED_PLANS = 20_000
UNDECIDABLE = "treatment_undecidable"

_Missing = dict[str, set[str]]  # line -> classes of exceptions about it


class _Due(msgspec.Struct, array_like=True):
    """A contract that is posted up to `since` and has something due later."""

    customer_id: str
    contract_id: str
    since: int
    recognised: bytes  # minor units by then


@dataclass(frozen=True, slots=True)
class _Contract:
    """A contract whose books are compared."""

    customer_id: str
    versions: list[ContractVersion]
    zone: str
    plan: ContractPlan

    @property
    def first(self) -> ContractVersion:
        return self.versions[0]

    @property
    def name(self) -> bytes:
        return keys.name(self.customer_id, self.first.contract_id)


class ContractBooks:
    """Desired books minus posted books of one contract at a time."""

    def __init__(
        self,
        store: ShardStore,
        clock: BusinessClock,
        contracts: ContractTable,
        master: MasterData,
        policies: PolicyBook,
        outbox: Outbox,
        holds: Holds,
    ) -> None:
        self._store, self._clock, self._contracts, self._outbox = store, clock, contracts, outbox
        self._master, self._policies, self._holds = master, policies, holds
        self._touched: dict[tuple[str, str], _Due | None] = {}  # None: look at all of it
        self._due = DueQueue(store, keys.SCHEDULE, _Due)
        self._plans: OrderedDict[tuple[str, str], _Contract] = OrderedDict()

    def contract_changed(self, customer_id: str) -> None:
        """All books of a customer's contracts have to be looked at again."""
        for contract_id in self._contracts.of(customer_id).versions:
            self._plans.pop((customer_id, contract_id), None)
            self._touched[customer_id, contract_id] = None

    def drop(self, customer_id: str, contract_id: str) -> Iterator[int]:
        """Let what is posted of a contract go. Gives how many effects at a time."""
        self._plans.pop((customer_id, contract_id), None)
        for part in self._store.walk(keys.EFFECT + keys.name(customer_id, contract_id)):
            for key, _ in part:
                self._store.delete(key)
            yield len(part)

    def restate(self) -> None:
        """Master data or a policy changed."""
        self._plans.clear()
        for customer_id in sorted(self._contracts.customers()):
            self.contract_changed(customer_id)

    def settle(self) -> int:
        """Compare what is due and touched, post the differences; gives the number of entries."""
        for _, _, due in self._due.pop(self._clock.furthest_due(), self._clock.due):
            self._touched.setdefault((due.customer_id, due.contract_id), due)
        touched, self._touched = self._touched, {}
        return sum(self._compare(*name, due) for name, due in touched.items())

    # -- one contract

    def _compare(self, customer_id: str, contract_id: str, due: _Due | None) -> int:
        contract = self._contract(customer_id, contract_id)
        plan, since = contract.plan, due.since if due is not None else ALWAYS
        prefix = keys.EFFECT + contract.name
        posted = {
            (keys.from_number(key[17:25]), *_named(key[25:])): codec.decode(Posted, value)
            for key, value in self._store.scan(prefix, keys.number(since + 1) if since > ALWAYS else b"")
        }
        until = self._clock.due(contract.first.entity)
        wanted = plan.effects(since, until)
        if not wanted and not posted and plan.undecidable is None and not plan.lines:
            return 0
        recognised = codec.to_int(due.recognised) if due is not None else plan.recognised
        entries, missing, left = 0, _Missing(), set(posted)
        for effect in wanted:
            name = (effect.instant, effect.kind, effect.line_id)
            left.discard(name)
            movements = recognition(recognised, effect.amount, plan.billed)
            count, held = self._post(contract, effect, movements, posted.get(name), missing)
            entries += count
            if not held:  # the position shows what is posted
                recognised += effect.amount
        for name in sorted(left):
            entries += self._take_back(contract, *name, posted[name])
        self._report(contract, missing, whole=due is None)
        item = _Due(customer_id, contract_id, until, codec.from_int(recognised))
        self._due.replace(plan.next_effect(until), contract.name, contract.first.entity, item)
        return entries

    def _post(
        self, contract: _Contract, effect: Effect, movements: dict[str, int], posted: Posted | None, missing: _Missing
    ) -> tuple[int, bool]:
        """Post the difference of one effect, if there is one; (entries, whether it is held)."""
        product_id = contract.plan.product_of(effect.line_id)
        terms, lacking = self._terms(contract, product_id, effect.day)
        missing.setdefault(effect.line_id, set()).update(one.cls for one in lacking)
        for one in lacking:
            self._hold(contract, effect.line_id, product_id, one, effect)
        # Without a rate nothing is posted until it is there; an unknown product has the default accounts.
        wanted = NOTHING if terms.rate is None else terms.amounts(movements)
        return self._move(contract, effect, product_id, terms, wanted, posted), terms.rate is None

    def _take_back(self, contract: _Contract, instant: int, kind: str, line_id: str, posted: Posted) -> int:
        """An effect that is posted and should not be: its reversal."""
        terms, _ = self._terms(contract, posted.product_id, posted.day)
        version = contract.versions[-1].version
        rule = "taken back: no version has the effect any more"
        effect = Effect(instant, posted.day, line_id, 0, version, rule, kind)
        return self._move(contract, effect, posted.product_id, terms, NOTHING, posted)

    def _move(
        self, contract: _Contract, effect: Effect, product_id: str, terms: PostingTerms, wanted: Amounts,
        posted: Posted | None,
    ) -> int:  # fmt: skip
        """Take what is posted for an effect to what is wanted."""
        day, currency = (posted.day, posted.functional_currency) if posted else (effect.day, "")
        revision = first = posted.revision if posted else 0
        for movement in terms.movements(wanted, _was(posted), currency, day != effect.day):
            revision += 1
            dating = dated(day if movement.takes_back else effect.day, self._clock.closed(contract.first.entity))
            self._say(contract, effect, product_id, revision, movement, dating)
        if revision > first:
            key = keys.EFFECT + contract.name + keys.number(effect.instant) + _key_part(effect)
            record = Posted(revision, effect.day, product_id, *wanted.written(), terms.functional_currency)
            self._store.put(key, codec.encode(record))
        return revision - first

    def _say(
        self, contract: _Contract, effect: Effect, product_id: str, revision: int, movement: Movement, dating: Dating
    ) -> None:
        first = contract.first
        at = self._contracts.position(contract.customer_id, first.contract_id, effect.version)
        decided = self._policies.policies.decided("recognise", effect.instant - 1)[1]
        lineage = {
            "contract_version": effect.version,
            "policy_version": decided,
            "sources": sources([Source(at.topic, at.partition, at.offset, at.offset + 1)]),
            "rule": effect.rule,
        }
        correlation_id = contract.versions[effect.version - 1].correlation_id
        self._outbox.add(
            JOURNAL,
            contract_entry(
                contract.customer_id, first.contract_id, effect.line_id, product_id, effect.kind,
                (effect.instant, revision), movement, dating, lineage, correlation_id,
            ),
        )  # fmt: skip

    # -- what a person has to look at

    def _hold(self, contract: _Contract, line_id: str, product_id: str, one: Missing, effect: Effect) -> None:
        number = effect.version
        if one.cls == "product_unmapped":
            number = next(
                version.version
                for version in contract.versions
                for line in version.lines
                if line.line_id == line_id and line.product_id == product_id
            )
        at = self._contracts.position(contract.customer_id, contract.first.contract_id, number)
        severity = "warning" if one.cls == "product_unmapped" else "error"
        self._raise(contract, line_id, one, at, effect.instant, severity)

    def _raise(
        self, contract: _Contract, line_id: str, one: Missing, at: Coordinates, since: int, severity: str = "error"
    ) -> None:
        first = contract.first
        self._holds.hold(
            contract.customer_id, first.contract_id, line_id, one, at, since, severity, first.correlation_id
        )

    def _report(self, contract: _Contract, missing: _Missing, whole: bool) -> None:
        """Raise what only a person decides; resolve what is not missing any more."""
        first, plan = contract.first, contract.plan
        if plan.undecidable is not None:
            version, reason = plan.undecidable
            at = self._contracts.position(contract.customer_id, first.contract_id, version)
            self._raise(contract, "", Missing(UNDECIDABLE, f"version {version}: {reason}"), at, first.known_at)
        if whole:  # only a look at all effects tells that nothing is missing
            for line_id in ("", *(line.line_id for line in plan.lines)):
                if self._holds.is_held(contract.customer_id, first.contract_id, line_id):
                    waits = {UNDECIDABLE} if plan.undecidable is not None else set[str]()
                    still = missing.get(line_id, set()) if line_id else waits
                    self._holds.settle(contract.customer_id, first.contract_id, line_id, still)

    # -- the plan

    def _contract(self, customer_id: str, contract_id: str) -> _Contract:
        known = self._plans.get((customer_id, contract_id))
        if known is None:
            customer = self._contracts.of(customer_id)
            versions, zone = customer.versions[contract_id], customer.zones[contract_id]
            first = versions[0]
            plan = contract_plan(
                versions, zone, partial(self._value, first), self._master.bundles(first.currency, first.start),
                self._policies.policies,
            )  # fmt: skip
            known = self._plans[customer_id, contract_id] = _Contract(customer_id, versions, zone, plan)
            if len(self._plans) > CACHED_PLANS:
                self._plans.popitem(last=False)
        return known

    def _value(self, first: ContractVersion, line: Line, at: int) -> Valuation:
        """A line's SSP: its own, the product's, else its total; its method: its own, the product's, else by days."""
        product = self._master.product(line.product_id, line.start)
        method = line.method or (product.default_method if product else None) or Method.DAILY
        listed = self._master.ssp(line.product_id, first.currency, at)
        ssp = line.ssp if line.ssp is not None else listed if listed is not None else line.total or 0
        sold = self._master.product(line.product_id, at)
        residual = None
        if sold is not None and sold.highly_variable and line.ssp is None and listed is None:
            places = digits(first.currency)
            residual = SspRange(estimate(sold.ssp_low, places), estimate(sold.ssp_high, places))
        return Valuation(ssp, Method(method), residual)

    def _terms(self, contract: _Contract, product_id: str, day: date) -> tuple[PostingTerms, list[Missing]]:
        first = contract.first
        at = start_of_day(day + timedelta(days=1), contract.zone) - 1
        return posting_terms(self._master, first.entity, first.currency, product_id, at, contract.zone)


def _key_part(effect: Effect) -> bytes:
    """A line and what kind of effect it is: a day may have recognition and a catch-up of one line."""
    suffix = b"" if effect.kind == RECOGNITION else b"\x00" + effect.kind.encode()
    return effect.line_id.encode() + suffix


def _named(part: bytes) -> tuple[str, str]:
    """(kind, line) back."""
    line, _, kind = part.decode().partition("\x00")
    return kind or RECOGNITION, line


def _was(posted: Posted | None) -> Amounts:
    return Amounts.read(posted.accounts, posted.functional) if posted else NOTHING
