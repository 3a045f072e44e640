"""A contract as a run's state has it: its plan, and its books as they should be, by the functions that book them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import msgspec

from accounting.calendar import local_date
from accounting.contract_ledger import Settled, settle_contract
from accounting.coverage import ALWAYS, FOREVER
from dataflows.billing_table import BillingTable
from dataflows.business_clock import BusinessClock
from dataflows.contract_ledgers import ContractLedgers
from dataflows.contract_table import ContractTable
from dataflows.cut import Cut
from dataflows.exception_desk import ExceptionDesk
from dataflows.master_data import MasterData
from dataflows.outbox import Outbox
from dataflows.plan_book import PlanBook, Planned
from dataflows.policy_book import PolicyBook
from dataflows.settings import FlowSettings
from ops.doctor.frozen_store import FrozenStore
from ops.doctor.state import IDENTITY, holder
from ops.job import Job
from ops.settings import SettingsWrong, load
from schemas.identity import customer_shard_of
from state.directory import FORMAT, Identity, shard_path
from state.errors import StateDamaged


@dataclass(frozen=True, slots=True)
class Standing:
    """One contract: what is known of it by an instant."""

    planned: Planned
    at: int  # schedules are due up to this instant; ALWAYS: no date has been reached
    settled: Settled  # what is due by then
    whole: Settled  # all there will be, in the contract's currency alone

    @property
    def currency(self) -> str:
        """The contract's."""
        return self.planned.first.currency

    @property
    def day(self) -> str | None:
        """The last day that is over by then, in the zone of the books; None: no date has been reached."""
        return None if self.at == ALWAYS else local_date(self.at - 1, self.planned.zone).isoformat()


class StateUnreadError(Exception):
    """The state does not tell about a contract; the message says why, and what to do."""


def standing(root: Path, customer_id: str, contract_id: str, as_of: int | None) -> Standing:
    """A contract by the state in a directory, which stays as it is; `as_of`: what was known by then.

    Raises StateUnreadError.
    """
    identity = _identity(root)
    try:
        settings = load(**identity.settings, shards=identity.shards)
    except SettingsWrong as error:
        raise StateUnreadError(str(error)) from error
    flow = Job.of(f"files:{root}", f"files:{root}", root, None, settings).flow_settings()
    try:
        with _store(root, customer_shard_of(customer_id, identity.shards)) as store:
            return _standing(store, flow, customer_id, contract_id, as_of)
    except StateDamaged as error:
        raise StateUnreadError(str(error)) from error


def _identity(root: Path) -> Identity:
    named = root / IDENTITY
    if not named.is_file():
        raise StateUnreadError(f"{root} holds no state: name the run's with --state DIR")
    if (held := holder(root)) is not None:
        raise StateUnreadError(f"the state {root} is in use by process {held.process}: look again when it has ended")
    try:
        identity = msgspec.json.decode(named.read_bytes(), type=Identity)
    except (OSError, msgspec.DecodeError) as error:
        raise StateUnreadError(f"{named} does not read ({error}): restore it, or rebuild the state") from error
    if identity.format != FORMAT:
        raise StateUnreadError(f"the state {root} has format {identity.format}, this program reads {FORMAT}")
    return identity


@contextmanager
def _store(root: Path, shard: int) -> Iterator[FrozenStore]:
    path = shard_path(root, shard)
    if not path.is_dir():
        raise StateUnreadError(f"the state {root} has no shard {shard}: nothing has been run so far")
    with FrozenStore(path) as store:
        yield store


def _standing(
    store: FrozenStore, settings: FlowSettings, customer_id: str, contract_id: str, as_of: int | None
) -> Standing:
    # The parts of a shard, as far as contracts and billing need them. What they would say is never written.
    desk = ExceptionDesk(store, Outbox(store, 0), settings)
    clock, policies = BusinessClock(store, settings, ()), PolicyBook(store, settings)
    master = MasterData(store, desk, settings, at_home=False)
    contracts = ContractTable(store, desk, master, Cut(clock, settings))
    plans = PlanBook(contracts, master, policies)
    billing = BillingTable(store, desk, contracts)
    ledgers = ContractLedgers(store, clock, contracts, plans, billing, master)
    if contract_id not in contracts.of(customer_id).versions:
        raise StateUnreadError(
            f"the state holds no version 1 of contract {contract_id}: it waits for one, or has let it go"
        )
    planned = plans.of(customer_id, contract_id)
    filed, _ = ledgers.facts(planned)
    at = clock.due(planned.first.entity)
    settled, exchange = ledgers.settle(planned, filed, planned.plan.effects(ALWAYS, at), at)
    usage = [one for one, _ in settled.usage]
    facts = [one.fact for one in filed]
    if as_of is not None:
        every = contracts.of(customer_id).versions
        known = {name: sum(1 for _ in takewhile(lambda one: one.known_at <= as_of, own)) for name, own in every.items()}
        known[contract_id] = max(known[contract_id], 1)
        versions = planned.versions[: known[contract_id]]
        planned = replace(planned, versions=versions, plan=plans.plan(customer_id, contract_id, known))
        facts = [one for one in facts if one.at <= as_of]
        usage = [one for one in usage if one.instant <= as_of]
        at = min(at, as_of)
        settled = settle_contract(planned.versions, planned.plan, facts, usage, exchange, at)
    whole = settle_contract(planned.versions, planned.plan, facts, usage, None, FOREVER)
    return Standing(planned, at, settled, whole)
