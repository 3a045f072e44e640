"""What the driver takes for granted of Bytewax: seen to hold of Bytewax itself, with one worker and with three, and of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bytewax.testing import cluster_main

from connectors.kafka.sink import KafkaSinkPartition
from connectors.source import ControlPartition, TopicPartition
from dataflows.main_job import OpenedShard
from state.directory import StateDirectory
from tests.campaign.simulation import in_memory
from tests.simulation.judge import judged
from tests.simulation.life import Worker
from tests.simulation.log import log_of
from tests.simulation.plan import LifePlan, Plan, draw, peaceful
from tests.simulation.simulation import Simulation

Call = tuple[str, Any]


@dataclass
class Watch:
    """The calls, in the order in which they came, and who of the partitions has ended."""

    calls: list[Call] = field(default_factory=list)

    def put_on(self, patch: pytest.MonkeyPatch) -> Watch:
        """Over the classes that Bytewax, or the driver, calls."""
        for kind in (ControlPartition, TopicPartition):
            patch.setattr(kind, "next_batch", self._noted("asked", kind.next_batch, ends=True))
            patch.setattr(kind, "snapshot", self._noted("closed", kind.snapshot))
        patch.setattr(OpenedShard, "on_batch", self._noted("kept", OpenedShard.on_batch))
        patch.setattr(OpenedShard, "snapshot", self._noted("synced", OpenedShard.snapshot))
        patch.setattr(KafkaSinkPartition, "write_batch", self._noted("written", KafkaSinkPartition.write_batch))
        patch.setattr(KafkaSinkPartition, "snapshot", self._noted("committed", KafkaSinkPartition.snapshot))
        return self

    def _noted(self, name: str, right: Callable[..., Any], ends: bool = False) -> Callable[..., Any]:
        def call(one: Any, *words: Any) -> Any:
            self.calls.append((name, one))
            try:
                return right(one, *words)
            except StopIteration:
                self.calls.append(("ended", one))
                raise

        return call

    def broken(self) -> Iterator[str]:
        """What is not as the driver takes it to be."""
        parts = {one for name, one in self.calls if name == "asked"}
        closed, awake, synced, written, committed, ended = (set[Any]() for _ in range(6))
        for number, (name, one) in enumerate(self.calls):
            # Who waits is not asked, and closes its epochs all the same.
            if name in ("asked", "closed") and one in closed:
                if not (parts <= closed | ended and awake <= synced and written <= committed):
                    yield f"call {number}: a partition goes on before its epoch is done everywhere"
                for found in (closed, awake, synced, written, committed):
                    found.clear()
            match name:
                case "closed":
                    closed.add(one)
                case "ended":
                    ended.add(one)
                case "kept":
                    awake.add(one)
                    if one in synced or committed:
                        yield f"call {number}: a shard is given something of an epoch after its snapshot"
                case "synced":
                    synced.add(one)
                    if not parts <= closed | ended:
                        yield f"call {number}: a shard's snapshot is asked for while a partition is in the epoch"
                case "written":
                    written.add(one)
                    if {part for part in committed if part._transactions is one._transactions}:
                        # The first one closes the epoch for all of its process.
                        yield f"call {number}: a sink is given something of an epoch after a snapshot in its process"
                case "committed":
                    committed.add(one)
                    if not (parts <= closed | ended and awake <= synced):
                        yield f"call {number}: a sink's snapshot is asked for before a shard's"
        if not (awake <= synced and written <= committed):
            yield "the last epoch is not closed"


def plan_of(seed: int, life: LifePlan) -> Plan:
    """A small plan with one life on Kafka."""
    return replace(draw(seed), kafka=True, shards=3, batch_rows=7, lives=(life,))


LIVES = {
    "the driver, one worker": LifePlan(closing=0.3),
    "the driver, three workers": LifePlan(workers=3, closing=0.3),
    "the driver, an epoch for each batch": LifePlan(workers=2, closing=1.0),
    "bytewax, an epoch for each batch": LifePlan(bytewax=True, closing=0.05),
    "bytewax, epochs by time": LifePlan(bytewax=True, closing=0.5),
}


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("name", LIVES)
def test_the_order_of_calls_is_the_one_that_is_promised(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch().put_on(monkeypatch)
    plan = plan_of(seed, LIVES[name])
    feed = plan.feed()
    with in_memory() as root:
        told = Simulation(plan, root, log_of(feed), feed.as_of).run()
    assert told.lines
    assert {"asked", "closed", "ended", "kept", "synced", "written", "committed"} == {name for name, _ in watch.calls}
    assert [] == list(watch.broken())


@pytest.mark.parametrize("seed", range(1, 4))
def test_bytewax_with_three_workers_keeps_the_order_and_gives_the_same_books(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch().put_on(monkeypatch)

    def run(simulation: Simulation, job: Any, life: LifePlan, starts: Any) -> None:
        worker = Worker.of(job, job.plan(), starts, simulation.machine.clock)
        try:
            cluster_main(
                worker.flow, [], 0, epoch_interval=timedelta(milliseconds=2), worker_count_per_proc=3
            )  # fmt: skip
        finally:
            worker.context.close()

    monkeypatch.setattr(Simulation, "_by_bytewax", run)
    plan = plan_of(seed, LifePlan(bytewax=True))
    feed = plan.feed()
    log = log_of(feed)
    with in_memory() as root:
        told = Simulation(plan, root / "three", log, feed.as_of).run()
        assert [] == list(watch.broken())
        peace = Simulation(peaceful(plan), root / "peace", log, feed.as_of).run()
    assert [] == judged(told, peace, log)


def test_the_watch_sees_a_broken_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of the calls out of its order."""
    a, b, shard, sink = "a", "b", "shard", "sink"
    well = [
        ("asked", a), ("asked", b), ("closed", a), ("kept", shard), ("closed", b), ("written", sink), ("synced", shard),
        ("committed", sink), ("asked", a), ("ended", a), ("closed", a), ("ended", b), ("closed", b),
    ]  # fmt: skip
    assert [] == list(Watch(well).broken())
    for moved, to in ((8, 7), (6, 4), (7, 6), (3, 7), (5, 8)):
        calls = list(well)
        calls.insert(to, calls.pop(moved))
        assert list(Watch(calls).broken()), (moved, to)


def test_a_second_run_on_the_same_state_is_refused_while_the_first_one_lives(tmp_path: Path) -> None:
    """The lock of the state directory is the real one in the simulation, too."""
    plan = plan_of(1, LifePlan())
    feed = plan.feed()
    simulation = Simulation(plan, tmp_path, log_of(feed), feed.as_of)
    simulation.machine.root.mkdir(exist_ok=True)
    with simulation.machine.entered():
        held = StateDirectory.acquire(simulation.machine.state, 3, {})
        with pytest.raises(Exception, match="in use by process"):
            StateDirectory.acquire(simulation.machine.state, 3, {})
        held.release()
