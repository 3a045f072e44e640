"""A seed from its plan to its end: life after life, what is done to the machine in between, and what is seen on the way."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from bytewax.testing import run_main

from connectors.errors import SinkAway, SinkUnusable
from connectors.source import CONTROL_SOURCE
from dataflows.metrics import Metrics
from dataflows.tally import Tally, load, total
from ops.job import Job
from ops.settings import Settings
from ops.settings import load as settings_of
from schemas.instants import parse_instant
from state import codec, keys
from state.directory import StateDirectory, last_sequences, shard_path
from state.directory import applied as positions
from state.errors import StateBehind
from state.records import Cell
from tests.simulation.broker import OUTCOMES
from tests.simulation.growth import Growth
from tests.simulation.life import Group, Worker
from tests.simulation.log import Log, following
from tests.simulation.machine import Armed, Crash, Machine, Place, quiet
from tests.simulation.mischief import Undo, cut_sink, older
from tests.simulation.places import LogInput, sink_place
from tests.simulation.plan import LifePlan, Plan
from tests.simulation.store import MemoryStore

STEPS = 20_000  # a life that does so many hangs


class Stuck(AssertionError):
    """A run does not come to its end."""


@dataclass
class Told:
    """What came of a seed."""

    lines: dict[Place, list[bytes]]
    tally: Tally
    cells: int  # the exclusive or of the identities of all usage that was counted
    applied: dict[int, dict[str, int]]  # by shard: how far each partition is applied
    said: dict[Place, int]  # the last sequence of every topic and shard
    writers: dict[Place, list[int]]  # the generation that wrote each record, where that can be seen
    faults: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    steps: int = 0


@lru_cache(maxsize=64)
def _settings(shards: int, batch_rows: int) -> Settings:
    return settings_of(shards=shards, batch_rows=batch_rows)


class Simulation:
    """A plan in its world."""

    def __init__(self, plan: Plan, root: Path, log: Log, as_of: str | None) -> None:
        self.plan = plan
        self.machine = Machine(plan.seed, root, plan.kafka)
        self.rng = random.Random(f"lives {plan.seed}")
        self.as_of = parse_instant(as_of) if as_of else None
        self.log = log
        log.all_there()
        self._metrics = Metrics()
        self._growth: Growth | None = None
        if any(life.follow or life.grow < 1 for life in plan.lives):
            job = self._job(LifePlan(), 0)
            lateness = job.build_source(job.plan(), {}).lateness
            self._growth = Growth(self.log, lateness, random.Random(f"growth {plan.seed}"))
        self.problems: list[str] = []
        self.seen: dict[Place, list[bytes]] = {}  # what somebody has read
        self._whole: dict[Path, Any] = {}
        self._backups: list[dict[Path, Any]] = []
        self._starts: list[dict[str, Any]] = []
        # Whether there was a state or a process that the sink may turn out to be ahead of: a commit in flight, and one that
        # hangs, are only seen when the run writes itself, and are refused then.
        self._excused = False
        # The sink holds what the state has not said: whoever looks after it finds the right state.
        self._foreign = False
        self._zombie: Group | None = None
        self._zombie_disk: Any = None
        self.steps = self._commits = 0

    # -- the whole

    def run(self) -> Told:
        """To the end."""
        self.machine.root.mkdir(parents=True, exist_ok=True)
        with self.machine.entered():
            for number, life in enumerate(self.plan.lives):
                ahead = self.plan.lives[number + 1 : number + 2]
                well = self._live(life, keeps_a_zombie=any(one.zombie for one in ahead))
            for _ in range(3):  # what a zombie has stopped is started again
                if well:
                    break
                well = self._live(replace(life, zombie=0, before="nothing"), keeps_a_zombie=False)
            return self._told()

    def _live(self, life: LifePlan, keeps_a_zombie: bool) -> bool:
        """One run of the program; whether it has come to its end."""
        machine = self.machine
        if self._growth is not None:
            self._growth.to(life.grow)
        machine.now_us += life.jump_us
        machine.faults["clock jump"] += bool(life.jump_us)
        self._backups.append(machine.disk.backup())
        directory = self._begin(life)
        machine.armed = Armed(life.death, life.death.passing) if life.death else None
        group: Group | None = None
        try:
            job = self._checked(life, directory.identity.generation)
            starts = self._starting(job, life)
            if life.bytewax:
                self._by_bytewax(job, life, starts)
            else:
                group = self._group(job, life, starts)
                self._steps(group, life)
            return True
        except Crash as death:
            # Who dies in the middle of a step cannot go on with it later.
            self._died(life, group, keeps_a_zombie and str(death) == "step")
        except SinkUnusable as error:
            self._stopped(group, error)
        finally:
            machine.armed = None
            directory.release()
            self._look()
        return False

    def _stopped(self, group: Group | None, error: SinkUnusable) -> None:
        """The program has ended by itself, with an error that has a reason."""
        machine = self.machine
        if not isinstance(error, SinkAway):
            if not self._excused:
                raise error
            machine.faults["stopped by what another run has written"] += 1
            self._zombie, self._foreign = None, True
        else:
            machine.faults["sink away"] += 1
        if group is not None:
            group.close()
        machine.disk.crash(None)

    def _died(self, life: LifePlan, group: Group | None, keeps_a_zombie: bool) -> None:
        machine = self.machine
        assert life.death is not None, "nobody dies by himself"
        machine.armed = None
        self._look()
        if keeps_a_zombie and group is not None and group.epochs:
            # The others believe that it is dead; it only hangs, with its own copy of everything.
            machine.faults["zombie"] += 1
            self._excused = True
            self._zombie, self._zombie_disk = group, machine.disk
            machine.disk = machine.disk.copy()
            return
        if group is not None and not life.death.power:
            group.stepping.alive = False
            with suppress(SinkUnusable):
                for _ in range(life.death.survivors):  # who do not know yet
                    if not group.step():
                        break
            self._look()
        machine.crash(life.death.power)

    # -- how it begins

    def _job(self, life: LifePlan, generation: int) -> Job:
        machine, plan = self.machine, self.plan
        whole = life.grow >= 1.0 and not life.follow
        sink = sink_place(machine, plan.shards, generation, lambda: self._outcome(life), self._reach)
        return Job(
            LogInput(self.log), sink, machine.state, self.as_of if whole else None,
            _settings(plan.shards, plan.batch_rows), following() if life.follow else None,
            metrics=self._metrics,
        )  # fmt: skip

    def _reach(self, name: str) -> None:
        self.machine.reach(name)

    def _outcome(self, life: LifePlan) -> str | None:
        """Of a commit."""
        self._commits += 1
        if life.unknown is None or self._commits != life.unknown:
            return None
        outcome = self.rng.choice(OUTCOMES)
        self.machine.faults[f"commit {outcome}"] += 1
        return outcome

    def _begin(self, life: LifePlan) -> StateDirectory:
        """What was done to the machine is refused or does no harm; then it is taken back."""
        self._commits = 0
        machine, settings = self.machine, _settings(self.plan.shards, self.plan.batch_rows)
        if life.before not in ("nothing", "rewind"):
            undo = self._disturb(life.before)
            machine.faults[life.before] += 1
            directory = StateDirectory.acquire(machine.state, self.plan.shards, settings.deciding())
            refused = self._refused(life, directory.identity.generation)
            if undo is None or not refused:
                self._excused = self._excused or undo is not None
                return directory
            machine.faults[f"{life.before} refused"] += 1
            directory.release()
            undo()
        return StateDirectory.acquire(machine.state, self.plan.shards, settings.deciding())

    def _refused(self, life: LifePlan, generation: int) -> bool:
        try:
            self._job(life, generation).check_sink()
        except (StateBehind, SinkUnusable):
            return True
        return False

    def _checked(self, life: LifePlan, generation: int) -> Job:
        job = self._job(life, generation)
        try:
            job.check_sink()
            behind = False
        except StateBehind:
            if not self._excused:
                raise
            behind = True
        if behind or self._foreign:
            self._foreign = False
            self._find_state(job)
        return job

    def _find_state(self, job: Job) -> None:
        """The sink is rightly called newer than the state: the state that goes with it, or else, as the message says, an
        empty state and an empty sink.
        """
        machine = self.machine
        if self._zombie_disk is not None:
            # The one that was taken for dead has written.
            machine.disk, self._zombie, self._zombie_disk = self._zombie_disk, None, None
            machine.disk.crash(None)
            with suppress(StateBehind, SinkUnusable):
                job.check_sink()
                machine.faults["state of the zombie"] += 1
                return
        machine.faults["rebuilt"] += 1
        self._empty()

    def _empty(self) -> None:
        """A new state and a new sink."""
        machine = self.machine
        for path in machine.disk.images:
            shutil.rmtree(path, ignore_errors=True)
        machine.disk.images.clear()
        shutil.rmtree(machine.sink, ignore_errors=True)
        machine.broker.clear()
        machine.forget_files()
        self.seen, self._backups, self._starts = {}, [machine.disk.backup()], []

    def _disturb(self, what: str) -> Undo:
        """Gives what takes it back; None: nobody can tell, it goes on from there."""
        if what == "all new":
            self._empty()
            return None
        if what == "sink cut":
            return cut_sink(self.machine, self.rng)
        return older(self.machine, self.rng, what, self.rng.choice(self._backups))

    def _starting(self, job: Job, life: LifePlan) -> dict[str, Any]:
        """Where reading begins."""
        starts: dict[str, Any] = dict(job.starts())
        if life.before == "rewind":
            self.machine.faults["rewind"] += 1
            for name in sorted(starts):
                earlier = [
                    one.get(name)
                    for one in self._starts
                    if one.get(name) is None or one[name].offset <= starts[name].offset
                ]
                if earlier and self.rng.random() < 0.7 and name != CONTROL_SOURCE:
                    old = self.rng.choice(earlier)
                    starts.pop(name) if old is None else starts.update({name: old})
        self._starts.append(starts)
        return starts

    # -- how it goes on

    def _group(self, job: Job, life: LifePlan, starts: dict[str, Any]) -> Group:
        workers = []
        job.sink.fence(self.plan.shards)
        for _ in range(life.workers):
            follow = following() if life.follow else None
            own = replace(job, follow=follow)
            workers.append(Worker.of(own, own.plan(), starts, self.machine.clock))
        return Group(workers, random.Random(self.rng.random()), life.closing)

    def _steps(self, group: Group, life: LifePlan) -> None:
        left = life.zombie
        for _ in range(STEPS):
            self.machine.reach("step")
            if left and self._zombie is not None and self.rng.random() < 0.5:
                left -= 1
                self._zombie_step()
            if life.follow and (group.idle or self.rng.random() < 0.05) and not self._grows(life) and group.idle:
                group.stop()
            if group.ended:
                if len(group.workers) == 1:
                    group.workers[0].context.ended()
                group.close()
                return
            self.steps += 1
            if not group.step():
                raise Stuck(f"no step is possible after {self.steps}")
        raise Stuck(f"a run does not end in {STEPS} steps")

    def _grows(self, life: LifePlan) -> bool:
        assert self._growth is not None
        room = self._growth.left(life.grows_to)
        return room > 0 and self._growth.on(self.rng.randint(1, room))

    def _by_bytewax(self, job: Job, life: LifePlan, starts: dict[str, Any]) -> None:
        self.machine.faults["run by bytewax"] += 1
        if job.follow is not None:
            job.follow.stop()  # it says that it has begun, and ends
        worker = Worker.of(job, job.plan(), starts, self.machine.clock)
        try:
            with quiet():
                run_main(worker.flow, epoch_interval=timedelta(milliseconds=0 if life.closing > 0.1 else 5))
                worker.context.ended()
        except BaseException as error:
            cause: BaseException | None = error
            while cause is not None and not isinstance(cause, Crash | SinkAway):
                cause = cause.__cause__ or cause.__context__
            if cause is None:
                raise
            raise cause from None
        finally:
            worker.context.close()

    def _zombie_step(self) -> None:
        """The old group does a step, in its own world: only the sink is the same."""
        machine, group = self.machine, self._zombie
        assert group is not None
        disk, armed = machine.disk, machine.armed
        machine.disk, machine.armed = self._zombie_disk, None
        try:
            if not group.step():
                self._zombie = None
        except SinkUnusable:
            machine.faults["zombie fenced"] += 1
            self._zombie = None
        finally:
            machine.disk, machine.armed = disk, armed

    # -- what is seen

    def _look(self) -> None:
        """Somebody reads the sink: what was read once stays."""
        now = self.machine.lines()
        for place, lines in self.seen.items():
            there = now.get(place, [])
            # A reader may be ahead of a power cut, or of a sink that lost something: it is said again, the same.
            shared = min(len(lines), len(there))
            if lines[:shared] != there[:shared]:
                self.problems.append(f"what was read stays: {place} changed what was read")
        for place, lines in now.items():
            if len(lines) > len(self.seen.get(place, [])):
                self.seen[place] = lines

    def _told(self) -> Told:
        machine = self.machine
        self._look()
        now = machine.lines()
        for place, lines in self.seen.items():
            if now.get(place, [])[: len(lines)] != lines:
                self.problems.append(f"what was read stays: {place} has lost what was read")
        tallies, digest = [], 0
        applied: dict[int, dict[str, int]] = {}
        said: dict[Place, int] = {}
        for shard in range(self.plan.shards):
            path = shard_path(machine.state, shard)
            if path in machine.disk.images:
                store = MemoryStore(path, machine.disk)
                tallies.append(load(store))  # type: ignore[arg-type]
                digest ^= counted(store)
                applied[shard] = {name: one.offset for name, one in positions(store).items()}  # type: ignore[arg-type]
                said |= {(topic, shard): last for topic, last in last_sequences(store).items()}  # type: ignore[arg-type]
                store.close()
        faults = {name: count for name, count in sorted(machine.faults.items()) if count}
        writers = {
            place: [slot.writer for slot in slots if slot.line is not None]
            for place, slots in machine.broker.partitions.items()
        }
        return Told(now, total(tallies), digest, applied, said, writers, faults, self.problems, self.steps)


def counted(store: MemoryStore) -> int:
    """The exclusive or of all identities in a store's cells."""
    digest = 0
    for _, value in store.scan(keys.CELL):
        digest ^= int.from_bytes(codec.decode(Cell, value).digest, "big")
    return digest
