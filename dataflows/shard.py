"""The shard step: admit, park or count, join, rate, compare with what is posted, and say the difference.

All that a batch changes (identities, cells, contracts, posted books, applied offsets, outbox, sequences) is one atomic
write: at every instant the state, the input position and the pending output agree. What is sent before the write is
nothing, what is written but not sent is sent again after a restart, and the sink drops what it has.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import msgspec
import polars as pl

from accounting.calendar import DAY_US
from accounting.coverage import ALWAYS, Cover
from accounting.require import require
from connectors.batch import ENDED, Batch, Emitted, Record
from connectors.crash_point import crash_point
from connectors.source import CONTROL_SOURCE
from dataflows import tally
from dataflows.admission import Admission, Admitted
from dataflows.beyond_retention import BeyondRetention
from dataflows.billing_problems import BillingProblems
from dataflows.billing_table import BillingTable
from dataflows.bookkeeping import Bookkeeper
from dataflows.business_clock import BusinessClock
from dataflows.changes import Changes
from dataflows.contract_books import ContractBooks
from dataflows.contract_ledgers import ContractLedgers
from dataflows.contract_table import ContractTable
from dataflows.control import Control
from dataflows.corrections import Corrections
from dataflows.cut import Cut
from dataflows.erp_postings import ErpPostings
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.holds import Holds
from dataflows.late_usage import LateUsage, Refusal
from dataflows.line_books import LineBooks
from dataflows.line_said import say_line
from dataflows.master_data import MasterData
from dataflows.outbox import Outbox
from dataflows.parking import Parking
from dataflows.plan_book import PlanBook
from dataflows.policy_book import PolicyBook
from dataflows.read_at import ReadAt
from dataflows.recalculations import Recalculations
from dataflows.retention import KEYS_AT_THE_END, Retention
from dataflows.settings import FlowSettings
from dataflows.shard_context import ShardContext
from dataflows.shard_facts import ShardFacts
from dataflows.split import home_shard
from dataflows.usage_cells import Usage, UsageCells
from dataflows.usage_sums import UsageSums
from schemas.topics import BILLING, CONTRACTS, CONTROL, POSTINGS, REFERENCE, USAGE
from schemas.trace import trace_of
from state import codec, keys
from state.directory import applied
from state.records import Applied
from state.store import ShardStore

# The order inside a phase: what comes later finds what it refers to, so that nothing is an exception in between.
RANK = {REFERENCE: 0, CONTRACTS: 1, BILLING: 2, USAGE: 3, POSTINGS: 4}


class Shard:
    """One shard: it is given its batches, is told when an epoch closes, and Bytewax keeps nothing of it."""

    def __init__(self, context: ShardContext, shard: int) -> None:
        self._context, self._shard = context, shard
        settings = context.settings
        self._store = ShardStore(context.store_path(shard))
        context.opened.append(self._store)
        context.at_end.append(self.ended)
        self._breakdown = context.metrics.kept(self._store)
        self._outbox = Outbox(self._store, shard, self._breakdown.note)
        self._outbox.in_sink(context.in_sink.get(shard, {}))
        self._steps = context.metrics.timings.steps
        self._build(settings)
        self._tally = tally.load(self._store)
        self._applied = applied(self._store)
        for source, position in self._applied.items():
            self._clock.saw(source, position.newest)
        self._line = context.held(shard)
        self._reached = dict.fromkeys(context.sources, -1)
        self._held: deque[Batch] = deque()
        self._controls: deque[Batch] = deque()
        self._arrived: list[tuple[Batch, pl.DataFrame]] = []
        self._greeted, self._forgot = False, ALWAYS
        self._as_of_done = context.as_of is None
        self._clock.awaits = not self._as_of_done
        self._read_at = ReadAt(self._breakdown)
        self._tell()

    def _build(self, settings: FlowSettings) -> None:
        """The parts of the shard, all on its one store."""
        store, outbox = self._store, self._outbox
        at_home = home_shard(CONTROL, 0, settings.shards) == self._shard  # who speaks for what comes to every shard
        self._desk = desk = ExceptionDesk(store, outbox, settings)
        self._clock = clock = BusinessClock(store, settings, self._context.sources)
        self._policies = policies = PolicyBook(store, settings)
        self._master = master = MasterData(store, desk, settings, at_home)
        desk.owner_of = master.owner
        awaited = self._breakdown.first_revenue
        awaited.role_of, awaited.zone_of = lambda entity, account: master.roles.of(entity, account), master.zone
        self._contracts = contracts = ContractTable(store, desk, master, cut := Cut(clock, settings))
        self._erp = ErpPostings(store, desk, clock, cut, self._shard, settings.shards, self._context.replaying)
        outbox.tells(self._erp.note)
        self._cells = UsageCells(store)
        self._parking = Parking(store, contracts, clock, policies, desk, settings)
        self._admission = Admission(store, desk, settings.horizon_us)
        self._billing = billing = BillingTable(store, desk, contracts)
        holds, plans = Holds(store, desk), PlanBook(contracts, master, policies)
        ledgers = ContractLedgers(store, clock, contracts, plans, billing, master)
        self._recalculations = recalculations = Recalculations(store, outbox, contracts, plans, ledgers)
        lines = LineBooks(store, clock, contracts, master, policies, outbox, desk, holds, ledgers, recalculations)
        self._late = late = LateUsage(clock, contracts, policies, lines, desk)
        self._books = books = Bookkeeper(store, contracts, self._cells, clock, policies, desk, lines)
        self._fixed = fixed = ContractBooks(
            store, clock, contracts, master, policies, outbox, holds, plans, ledgers, BillingProblems(store, desk),
            recalculations,
        )  # fmt: skip
        self._retention = retention = Retention(
            store, contracts, self._cells, self._parking, policies, lines, fixed, billing, desk, holds)  # fmt: skip
        self._beyond = BeyondRetention(contracts, master, desk)
        self._changes = changes = Changes(
            clock, contracts, billing, self._parking, late, books, fixed, retention, recalculations, self._place,
            self._refused,
        )  # fmt: skip
        corrections = Corrections(
            store, outbox, desk, clock, books, fixed, recalculations, self._settle, self._shard, settings.shards, at_home
        )  # fmt: skip
        # A replay books what the input says by itself, to be compared with what is posted, corrections included.
        correct = corrections.pass_over if self._context.replaying else corrections.apply
        self._control = Control(clock, desk, master, policies, self._settle, changes.policy, correct, at_home)

    # -- what Bytewax calls

    def on_batch(self, values: list[Batch]) -> tuple[list[Emitted], bool]:
        """Apply what has come, as far as the order of control records allows; gives what is to be said."""
        said = [] if self._greeted else self._outbox.unsent()
        self._greeted = True
        self._read_at.begins()
        self._outbox.epoch_begins()
        for batch in values:
            self._receive(batch)
        while self._step():
            pass
        self._settle()
        self._commit()
        return said + self._read_at.stamped(self._outbox.take(), values), False

    def snapshot(self) -> None:
        """The epoch closes: the state becomes durable before the sink writes what was said."""
        with self._steps.sync:
            self._store.sync()
        self._outbox.epoch_closes()
        self._context.metrics.vitals.opens()
        self._tell()

    def ended(self) -> None:
        """The flow has ended well."""
        self._outbox.ended()
        self._store.commit()
        self._store.sync()
        self._tell()

    def _tell(self) -> None:
        """What is durable now, for whoever looks at the metrics."""
        self._context.metrics.shards.tell(
            ShardFacts(
                self._shard, self._store.path, msgspec.structs.replace(self._tally),
                self._breakdown.copy(self._master.roles), self._outbox.last, self._outbox.depth(), self._applied.copy(),
                self._context.settings.lateness_us, self._clock.business_date,
            )
        )  # fmt: skip
        self._context.metrics.erp.tell(self._erp.facts())

    # -- the order of things

    def _receive(self, batch: Batch) -> None:
        if batch.topic == CONTROL:
            self._controls.append(batch)
        else:
            if self._line is not None:
                batch = replace(batch, phase=self._line.phase(batch))
            self._reached[batch.source] = max(self._reached[batch.source], batch.phase)
            self._held.append(batch)

    def _step(self) -> bool:
        """Apply the batches whose turn it is, then one control record if all that precedes it has been applied."""
        waiting: deque[Batch] = deque()
        held, moved = len(self._held), False
        for batch in sorted(self._held, key=lambda one: RANK[one.topic]):
            # Nothing overtakes an earlier batch of its own partition.
            if self._is_due(batch) and not any(one.source == batch.source for one in waiting):
                self._apply(batch)
            else:
                waiting.append(batch)
        self._held, moved = waiting, len(waiting) < held
        self._count()
        return self._step_control() or moved

    @property
    def _phase(self) -> int:
        """How many control records have been applied: the position in their topic."""
        position = self._applied.get(CONTROL_SOURCE)
        return position.offset if position else 0

    def _is_due(self, batch: Batch) -> bool:
        if batch.phase == ENDED:
            return True
        if batch.phase > self._phase:
            return False
        if self._context.following:
            return True
        return all(
            phase > batch.phase
            for source, phase in self._reached.items()
            if RANK[source.rpartition("/")[0]] < RANK[batch.topic]
        )

    def _step_control(self) -> bool:
        if not self._controls:
            return False
        batch = self._controls[0]
        if batch.phase == ENDED:
            return self._step_as_of()
        if batch.start == batch.end or batch.start < self._phase:  # the greeting, or a replay of what is applied
            self._controls.popleft()
            return True
        if any(phase <= batch.start for phase in self._reached.values()):
            return False
        require(
            all(one.phase > batch.start for one in self._held), "what precedes a control record is applied",
            control=batch.start, phase=self._phase,
        )  # fmt: skip
        self._controls.popleft()
        self._settle()
        for record in batch.records:
            self._retention.before(record)
            self._control.apply(record)
            self._beyond.decided(record)
        self._reject(batch)
        self._note(batch)
        if self._context.following:
            self._settle()  # all that it causes is posted before the line
            say_line(self._outbox, batch.start, self._applied)
        return True

    @property
    def _ended(self) -> bool:
        """All input has ended and is applied."""
        return not self._held and all(phase == ENDED for phase in self._reached.values())

    def _step_as_of(self) -> bool:
        """The virtual clock record."""
        if not self._ended:
            return False
        self._controls.clear()
        if self._as_of_done or self._context.as_of is None:
            return False
        self._as_of_done = True
        self._settle()
        self._clock.awaits = False
        self._clock.advance(self._context.as_of)
        self._settle()
        return True

    # -- applying

    def _apply(self, batch: Batch) -> None:
        position = self._applied.get(batch.source, Applied(0, None, 0))
        source, applied_to = batch.source, position.offset
        require(batch.start <= applied_to, "positions have no gap", source=source, applied=applied_to, next=batch.start)
        self._read_at.applied(batch)
        if batch.phase == ENDED:
            if not self._context.goes_on:
                self._clock.ended(batch.source)
            return
        if batch.end <= position.offset:
            return  # a replay of what is applied
        rows = batch.rows
        if rows is not None and batch.start < position.offset:
            rows = rows.filter(pl.col("offset") >= position.offset)
        records = [record for record in batch.records if record.offset >= position.offset]
        if rows is not None and rows.height:
            self._arrived.append((batch, rows))
        for record in records:
            self._apply_record(batch, record)
        self._reject(batch, position.offset)
        self._note(batch)

    def _apply_record(self, batch: Batch, record: Record) -> None:
        self._retention.before(record)
        if batch.topic == CONTRACTS:
            change = self._contracts.apply(batch.topic, batch.partition, record)
            if change is not None:
                if not change.known:
                    self._breakdown.awaits(change.customer_id, change.contract_id, record.model.event_time)
                self._changes.contract(change)
        elif batch.topic == BILLING:
            self._changes.billing(batch.topic, batch.partition, record)
        elif batch.topic == REFERENCE:
            restated = self._master.apply(record, batch.topic, batch.partition)
            if restated is not None:
                self._beyond.restated(record, Coordinates(batch.topic, batch.partition, record.offset))
                self._changes.master_data(restated, trace_of(record.model))
        elif batch.topic == POSTINGS:
            self._erp.apply(record, batch.partition)

    def _note(self, batch: Batch) -> None:
        """This far the partition is applied, with the same write as its effect."""
        position = Applied(batch.end, batch.newest, self._phase)
        self._applied[batch.source] = position
        self._store.put(keys.APPLIED + batch.source.encode(), codec.encode(position))
        self._clock.saw(batch.source, batch.newest)

    def _count(self) -> None:
        """Admit the usage of all batches at once and sum it into cells; park what no line takes."""
        self._changes.take_effect()
        if self._arrived:
            with self._steps.admit:
                came = self._admit()
            if came.fresh.any():
                with self._steps.sum:
                    self._sum(came)

    def _admit(self) -> Admitted:
        """All of it, and which of it is counted."""
        arrived, self._arrived = self._arrived, []
        came = self._admission.admit(arrived)
        self._tally.read += came.rows.height
        self._tally.duplicates += came.duplicates
        self._tally.conflicts += came.conflicts
        self._tally.late += int((came.rows["late"].to_numpy() & came.fresh).sum())
        return came

    def _sum(self, came: Admitted) -> None:
        origins, cut, taken_from = self._admission.origins, self._contracts.cut.until, self._late.taken_from()
        sums = UsageSums(came.rows, came.fresh, self._contracts.edges, origins)
        unplaced, refused = list[int](), dict[Refusal, list[int]]()
        for number, usage in enumerate(sums):
            customer, contract, meter, start = usage.customer_id, usage.contract_id, usage.meter, usage.cell
            if start < cut:
                self._retention.reach(customer)
            covering = self._contracts.covering(customer, contract, meter, start)
            if len(covering) != 1:
                unplaced.append(number)
            elif start < taken_from and (refusal := self._late.refusal(customer, covering[0], start, self._phase)):
                refused.setdefault(refusal, []).append(number)
            else:
                self._place(usage, covering[0])
        if unplaced:
            self._parking.park(sums.rows_of(unplaced), origins, self._phase)
        for refusal, numbers in refused.items():
            self._refused(refusal.cls, self._late.refuse_rows(sums.rows_of(numbers), origins, refusal))

    def _place(self, usage: Usage, cover: Cover) -> None:
        feed = self._cells.add(usage)
        self._books.usage_arrived(feed, usage.customer_id, usage.meter, usage.cell, cover)
        self._tally.counted += usage.events

    def _refused(self, cls: str, events: int) -> None:
        self._tally.rejected += events
        self._breakdown.refuse(cls, events)

    def _reject(self, batch: Batch, from_offset: int = 0) -> None:
        for one in batch.rejected:
            if one.offset < from_offset:
                continue
            if batch.topic == USAGE:
                self._tally.read += 1
                self._refused(one.cls, 1)
            since = one.event_time if one.event_time is not None else batch.newest
            self._desk.raise_one(
                one.cls, Coordinates(batch.topic, batch.partition, one.offset), one.reason, one.payload,
                since=since, customer_id=one.customer_id, contract_id=one.contract_id, trace=one.trace,
            )  # fmt: skip

    # -- closing windows and the batch

    def _settle(self) -> None:
        """Close the windows that time has passed and post every difference."""
        self._count()
        with self._steps.book:
            self._cells.flush()
            self._tally.entries += self._books.settle() + self._fixed.settle()
            self._recalculations.say()
            self._parking.close_windows()
            self._erp.judge()

    def _commit(self) -> None:
        watermark = self._clock.watermark()
        if watermark > ALWAYS and watermark // DAY_US > self._forgot:
            self._forgot = watermark // DAY_US
            self._admission.forget(watermark)
            self._breakdown.open.forget(watermark - self._context.settings.retention_us)
        self._tally.unplaced += self._books.unplaced
        self._books.unplaced = 0
        self._retention.keep_up(self._tally.read)
        self._erp.keep_up()
        self._write()
        while not (self._retention.rests and self._erp.rests) and self._ended and not self._controls:
            self._retention.work(KEYS_AT_THE_END)
            self._erp.keep_up(KEYS_AT_THE_END)
            self._write()

    def _write(self) -> None:
        self._tally.expired += self._parking.expired
        self._tally.parked, self._parking.expired = self._parking.count, 0
        tally.save(self._store, self._tally)
        self._breakdown.save()
        self._erp.save()
        crash_point("batch-applied")
        with self._steps.commit:
            self._store.commit()
        crash_point("batch-written")
        self._context.metrics.vitals.steps()
