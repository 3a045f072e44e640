"""The posted books of contracts: desired effects less posted ones, as time, contracts and billing go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import msgspec

from accounting.billing_fact import FX_RATE_MISSING
from accounting.booking import ServedLine
from accounting.calendar import start_of_day
from accounting.contract_ledger import BillingEffect
from accounting.coverage import ALWAYS, FOREVER
from accounting.journal import dated
from accounting.money import major_text
from accounting.position import recognition
from accounting.position_course import Movements, add
from accounting.recognition import RECOGNITION, Effect, next_effect
from accounting.trace import UNTRACED, Trace
from dataflows.billing_problems import BillingProblems
from dataflows.billing_table import Filed
from dataflows.business_clock import BusinessClock
from dataflows.contract_ledgers import ContractLedgers
from dataflows.contract_table import ContractTable
from dataflows.due_queue import DueQueue
from dataflows.entry import contract_entry, sources
from dataflows.exception_desk import Coordinates
from dataflows.holds import Holds
from dataflows.master_data import MasterData
from dataflows.outbox import Outbox
from dataflows.plan_book import PlanBook, Planned, version_name
from dataflows.policy_book import PolicyBook
from dataflows.posting_terms import NOTHING, Amounts, Missing, Movement, PostingTerms, posting_terms
from dataflows.recalculations import Recalculations
from dataflows.revisions import Revisions
from schemas.topics import JOURNAL
from state import codec, keys
from state.records import Posted, Source
from state.store import ShardStore

UNDECIDABLE = "treatment_undecidable"

_Missing = dict[str, set[str]]  # line -> classes of exceptions about it


class _Due(msgspec.Struct, array_like=True):
    """A contract that is posted up to `since` and has something due later."""

    customer_id: str
    contract_id: str
    since: int
    recognised: bytes  # minor units by then


class _Name(NamedTuple):
    """What is posted once: an effect of a line, or of a billing event."""

    instant: int
    kind: str
    line_id: str
    event: str = ""  # source and event_id of the billing event

    @property
    def key(self) -> bytes:
        """Its part of a key; a day may have recognition and a catch-up of one line."""
        parts = [self.line_id, self.kind, self.event] if self.event else [self.line_id, self.kind]
        if self.kind == RECOGNITION:
            parts = [self.line_id]
        return keys.number(self.instant) + "\x00".join(parts).encode()

    @classmethod
    def read(cls, part: bytes) -> _Name:
        """The name back."""
        line, _, rest = part[8:].decode().partition("\x00")
        kind, _, event = rest.partition("\x00")
        return cls(keys.from_number(part[:8]), kind or RECOGNITION, line, event)


@dataclass(frozen=True, slots=True)
class _Item:
    """What should be posted of one effect."""

    name: _Name
    day: date
    product_id: str
    version: int  # of the contract, that decided it
    rule: str
    amount: int  # minor units of revenue
    terms: PostingTerms
    wanted: Amounts
    at: Coordinates | None = None  # of the billing event; None: of the contract version
    trace: Trace = UNTRACED  # what the billing event was sent under


class ContractBooks:
    """Desired books minus posted books of one contract at a time: of its fixed lines, and of its billing."""

    def __init__(
        self,
        store: ShardStore,
        clock: BusinessClock,
        contracts: ContractTable,
        master: MasterData,
        policies: PolicyBook,
        outbox: Outbox,
        holds: Holds,
        plans: PlanBook,
        ledgers: ContractLedgers,
        problems: BillingProblems,
        recalculations: Recalculations,
    ) -> None:
        self._store, self._clock, self._contracts, self._outbox = store, clock, contracts, outbox
        self._master, self._policies, self._holds = master, policies, holds
        self._plans, self._ledgers, self._problems = plans, ledgers, problems
        self._revisions = Revisions(store)
        self._recalculations = recalculations
        self._touched: dict[tuple[str, str], _Due | int] = {}  # what is due, or from when on to look at it
        self._due = DueQueue(store, keys.SCHEDULE, _Due)
        self._waiting = DueQueue(store, keys.WAITING, _Due)  # billing that a clock which is to come puts in order

    def contract_changed(self, customer_id: str, contract_id: str, since: int) -> None:
        """The books of a contract have to be looked at again, from an instant on."""
        self._plans.forget(customer_id, contract_id)
        known = self._touched.get((customer_id, contract_id), since)
        self._touched[customer_id, contract_id] = min(since, known if isinstance(known, int) else known.since)
        for other in self._contracts.of(customer_id).together(contract_id):
            if other != contract_id:
                self._plans.forget(customer_id, other)
                self._recalculations.drawn_in(customer_id, other)
                # A version may decide what was agreed before it: a cancellation taken back, a group that could not begin.
                self.billing_changed(customer_id, other)
                self.billing_changed(customer_id, contract_id)

    def billing_changed(self, customer_id: str, contract_id: str) -> None:
        """All books of a contract have to be looked at again."""
        self._touched[customer_id, contract_id] = ALWAYS

    def drop(self, customer_id: str, contract_id: str) -> Iterator[int]:
        """Let what is posted of a contract go. Gives how many effects at a time."""
        self._plans.forget(customer_id, contract_id)
        self._problems.forget(customer_id, contract_id)
        for part in self._store.walk(keys.EFFECT + keys.name(customer_id, contract_id)):
            for key, _ in part:
                self._store.delete(key)
            yield len(part)

    def restate(self) -> None:
        """Master data or a policy changed."""
        self._plans.forget_all()
        for customer_id in sorted(self._contracts.customers()):
            for contract_id in self._contracts.of(customer_id).versions:
                self.billing_changed(customer_id, contract_id)

    def settle(self) -> int:
        """Compare what is due and touched, post the differences; gives the number of entries."""
        for _, _, due in self._due.pop(self._clock.furthest_due(), self._clock.due):
            self._touched.setdefault((due.customer_id, due.contract_id), due)
        known = max(self._clock.furthest(), self._clock.furthest_due()) if self._clock.awaits else FOREVER
        for _, _, due in self._waiting.pop(known, lambda entity: known):
            self.billing_changed(due.customer_id, due.contract_id)
        for name in self._ledgers.take_moved():
            self.billing_changed(*name)
        touched, self._touched = self._touched, {}
        return sum(self._compare(*name, due) for name, due in touched.items())

    # -- one contract

    def _compare(self, customer_id: str, contract_id: str, due: _Due | int) -> int:
        if contract_id not in self._contracts.of(customer_id).versions:
            return 0  # it has been let go
        contract = self._plans.of(customer_id, contract_id)
        plan, billed = contract.plan, self._ledgers.is_billed(customer_id, contract_id)
        since = due.since if isinstance(due, _Due) and not billed else ALWAYS
        until = self._clock.due(contract.first.entity)
        recognised, missing = codec.to_int(due.recognised) if isinstance(due, _Due) else plan.recognised, _Missing()
        if isinstance(due, int) and not billed and self._stands(contract, due):
            since = due - 1  # what is due at the start of that day may have a catch-up beside it
            recognised = plan.recognised_by(min(since, until))
        planned = plan.effects(since, until)
        posted = self._posted(contract, since)
        following = plan.next_effect(until)
        if billed:
            items, following = self._billed(contract, planned, until, missing, following)
        else:
            items, recognised = self._unbilled(contract, planned, recognised, missing)
            # Its last billing event may have turned out to be another contract's: nothing is wrong with it here any more.
            self._problems.settle(customer_id, contract_id, (), ())
        entries = sum(self._move(contract, item, posted.pop(item.name, None)) for item in items)
        for name in sorted(posted):
            entries += self._take_back(contract, name, posted[name])
        self._report(contract, missing, whole=since == ALWAYS)
        item = _Due(customer_id, contract_id, until, codec.from_int(recognised))
        self._due.replace(following, contract.name, contract.first.entity, item)
        return entries

    def _stands(self, contract: Planned, since: int) -> bool:
        """Whether what is posted of before an instant stands as it is, when versions changed from then on.

        A date of satisfaction reaches back, truncated amounts depend on there being no modification, and only a look at
        all effects tells that nothing is missing any more.
        """
        plan, contract_id = contract.plan, contract.first.contract_id
        return (
            since > ALWAYS
            and plan.undecidable is None
            and all(line.steps is None for line in plan.lines)
            and not any(decision.undecidable for decision in plan.decisions)
            and not plan.policies.course("residual")
            and not any(
                self._holds.is_held(contract.customer_id, contract_id, name)
                for name in ("", *(line.line_id for line in plan.lines))
            )
        )

    def _posted(self, contract: Planned, since: int) -> dict[_Name, Posted]:
        """What is posted after an instant."""
        start = keys.number(since + 1) if since > ALWAYS else b""
        found = self._store.scan(keys.EFFECT + contract.name, start)
        return {_Name.read(key[17:]): codec.decode(Posted, value) for key, value in found}

    def _unbilled(
        self, contract: Planned, planned: Sequence[Effect], recognised: int, missing: _Missing
    ) -> tuple[list[_Item], int]:
        """What the schedule posts where nothing is billed but an opening balance, and what is recognised by then."""
        items: list[_Item] = []
        unbilled = contract.plan.policies.value("unbilled", contract.first.start)
        for effect in planned:
            terms, wanted = self._lookup(contract, effect, missing), NOTHING
            # Without a rate nothing is posted until it is there, and the position shows what is posted.
            if terms.rate is not None:
                wanted = terms.amounts(recognition(recognised, effect.amount, contract.plan.billed, unbilled))
                recognised += effect.amount
            items.append(self._item(contract, effect, terms, wanted))
        return items, recognised

    def _billed(
        self, contract: Planned, planned: Sequence[Effect], until: int, missing: _Missing, following: int | None
    ) -> tuple[list[_Item], int | None]:
        """What schedule, usage and billing post together, and when something is due next."""
        filed, waits = self._ledgers.facts(contract)
        settled, exchange = self._ledgers.settle(contract, filed, planned, until)
        scheduled, recognised = set(map(_name, planned)), [one for one, _ in settled.recognitions]
        # What credits take, and what a cancellation leaves over, is of lines as well.
        others = [one for one in recognised if _name(one) not in scheduled and contract.plan.line(one.line_id)]
        unrated = set(map(_name, settled.unrated))
        for effect in (*planned, *others):
            self._lookup(contract, effect, missing, _name(effect) not in unrated)
        items: list[_Item] = []
        for effect, movements in settled.recognitions:
            terms, _ = self._terms(contract, _product(contract, effect), effect.day)
            terms = replace(terms, functional_currency=exchange.functional)
            items.append(self._item(contract, effect, terms, terms.exact(movements)))
        places = {(one.fact.source, one.fact.event_id): one for one in filed}
        for billing, movements in _by_event(settled.billing):
            one = places[billing.fact.source, billing.fact.event_id]
            items.append(self._billing_item(contract, billing, movements, one, exchange.functional))
        self._problems.settle(contract.customer_id, contract.first.contract_id, filed, settled.problems)
        wait = _Due(contract.customer_id, contract.first.contract_id, until, b"")
        self._waiting.replace(waits, contract.name, contract.first.entity, wait)
        overlaid = [next_effect(one, contract.zone, contract.plan.policies, until) for one in settled.overlays]
        return items, min((one for one in (following, *overlaid) if one is not None), default=None)

    def _item(self, contract: Planned, effect: Effect, terms: PostingTerms, wanted: Amounts) -> _Item:
        product_id = _product(contract, effect)
        amount = effect.amount if wanted is not NOTHING else 0
        return _Item(_name(effect), effect.day, product_id, effect.version, effect.rule, amount, terms, wanted)

    def _billing_item(
        self, contract: Planned, effect: BillingEffect, movements: Movements, filed: Filed, functional: str
    ) -> _Item:
        fact = effect.fact
        name = _Name(effect.at, effect.kind, effect.line_id, f"{fact.source}\x00{fact.event_id}")
        product_id = contract.product_of(effect.line_id)
        terms = replace(self._terms(contract, product_id, effect.day)[0], functional_currency=functional)
        version = max(one.version for one in contract.versions if one.version == 1 or one.effective_at <= effect.at)
        served = "; ".join(_served(one, contract.first.currency) for one in effect.lines)
        rule = f"{effect.rule} ({served})" if served else effect.rule
        return _Item(
            name, effect.day, product_id, version, rule, 0, terms, terms.exact(movements), filed.at, filed.trace
        )

    def _take_back(self, contract: Planned, name: _Name, posted: Posted) -> int:
        """What is posted and should not be: its reversal."""
        terms, _ = self._terms(contract, posted.product_id, posted.day)
        rule = f"taken back: no {'billing event' if name.event else 'version'} has the effect any more"
        version = contract.versions[-1].version
        return self._move(
            contract, _Item(name, posted.day, posted.product_id, version, rule, 0, terms, NOTHING), posted
        )

    def _move(self, contract: Planned, item: _Item, posted: Posted | None) -> int:
        """Take what is posted of an effect to what is wanted."""
        day, currency = (posted.day, posted.functional_currency) if posted else (item.day, "")
        was = Amounts.read(posted.accounts, posted.functional) if posted else NOTHING
        revision = first = max(posted.revision if posted else 0, self._revisions.of_contract(contract.name))
        entry_ids: list[str] = []
        for movement in item.terms.movements(item.wanted, was, currency, day != item.day):
            revision += 1
            on = day if movement.takes_back else item.day
            entry_ids.append(self._say(contract, item, revision, movement, on))
        if revision > first:
            record = Posted(
                revision, item.day, item.product_id, *item.wanted.written(), item.terms.functional_currency,
                codec.from_int(item.amount),
            )  # fmt: skip
            self._store.put(keys.EFFECT + contract.name + item.name.key, codec.encode(record))
            moved = item.amount - (codec.to_int(posted.amount) if posted else 0)
            self._recalculations.posted(
                contract.customer_id, contract.first.contract_id, item.name.line_id, (item.name.instant, item.day),
                moved, entry_ids, revised=bool(was.accounts),
            )  # fmt: skip
        return revision - first

    def _say(self, contract: Planned, item: _Item, revision: int, movement: Movement, day: date) -> str:
        first, name = contract.first, item.name
        at = item.at or self._contracts.position(contract.customer_id, first.contract_id, item.version)
        decided = None if item.at else self._policies.policies.decided("recognise", name.instant - 1)[1]
        lineage = {
            "contract_version": item.version,
            "policy_version": decided,
            "sources": sources([Source(at.topic, at.partition, at.offset, at.offset + 1)]),
            "rule": item.rule,
        }
        identity = (name.instant, revision, name.event) if name.event else (name.instant, revision)
        trace = item.trace.over(contract.versions[item.version - 1].trace)
        entry = contract_entry(
            contract.customer_id, first.contract_id, name.line_id, item.product_id, name.kind, identity, movement,
            dated(day, self._clock.closed(first.entity)), lineage, trace,
        )  # fmt: skip
        self._outbox.add(JOURNAL, entry)
        return str(entry["entry_id"])

    # -- what a person has to look at

    def _lookup(self, contract: Planned, effect: Effect, missing: _Missing, rated: bool = False) -> PostingTerms:
        """The terms of an effect; what they lack is raised. `rated`: it needs no rate of its own day."""
        product_id = _product(contract, effect)
        terms, lacking = self._terms(contract, product_id, effect.day)
        lacking = [one for one in lacking if not (rated and one.cls == FX_RATE_MISSING)]
        missing.setdefault(effect.line_id, set()).update(one.cls for one in lacking)
        for one in lacking:
            self._hold(contract, effect.line_id, product_id, one, effect)
        return terms

    def _hold(self, contract: Planned, line_id: str, product_id: str, one: Missing, effect: Effect) -> None:
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
        self, contract: Planned, line_id: str, one: Missing, at: Coordinates, since: int, severity: str = "error"
    ) -> None:
        first = contract.first
        self._holds.hold(contract.customer_id, first.contract_id, line_id, one, at, since, severity, first.trace)

    def _report(self, contract: Planned, missing: _Missing, whole: bool) -> None:
        """Raise what only a person decides; resolve what is not missing any more."""
        first, plan = contract.first, contract.plan
        name = (contract.customer_id, first.contract_id)
        for version, reason in plan.waiting:
            at = self._contracts.position(*name, version)
            severity = "error" if version in plan.skipped else "warning"
            self._raise(contract, version_name(version), Missing(UNDECIDABLE, reason), at, first.known_at, severity)
        if whole:  # only a look at all effects tells that nothing is missing
            waits = {version_name(version): {UNDECIDABLE} for version, _ in plan.waiting}
            for one in contract.subjects:
                if self._holds.is_held(*name, one):
                    self._holds.settle(*name, one, missing.get(one, set()) | waits.get(one, set()))

    def _terms(self, contract: Planned, product_id: str, day: date) -> tuple[PostingTerms, list[Missing]]:
        first = contract.first
        at = start_of_day(day + timedelta(days=1), contract.zone) - 1
        return posting_terms(self._master, first.entity, first.currency, product_id, at, contract.zone)


def _name(effect: Effect) -> _Name:
    return _Name(effect.instant, effect.kind, effect.line_id)


def _product(contract: Planned, effect: Effect) -> str:
    """The product of a line when it earned an effect: a later version may sell another one on it."""
    return effect.product_id or contract.product_of(effect.line_id)


def _by_event(found: Sequence[BillingEffect]) -> list[tuple[BillingEffect, Movements]]:
    """One effect of a kind for each billing event and line: two would be one entry."""
    merged: dict[tuple[str, str, str, str], tuple[BillingEffect, Movements]] = {}
    for one in found:
        name = (one.fact.source, one.fact.event_id, one.kind, one.line_id)
        _, movements = merged.setdefault(name, (one, {}))
        for account, amounts in one.movements.items():
            add(movements, account, *amounts)
    return list(merged.values())


def _served(line: ServedLine, currency: str) -> str:
    """What an event says of a line, as evidence."""
    parts = [f"line {line.line_id or 'none'}: net {major_text(line.net, currency)}"]
    if line.contra:
        parts.append(f"to the contra account {major_text(line.contra, currency)}")
    return ", ".join(parts)
