"""One run of the program: workers, what travels between them, and epochs, step by step in a drawn order.

What Bytewax promises, and no more (bytewax.md; test_contract.py looks): a partition that has closed its epoch is not asked
again before all of that epoch is done everywhere; a batch is split where it was read; what one worker sends another arrives
in its order; values of a key come to its logic together, as many as have arrived; a shard is asked to snapshot when every
partition has closed the epoch and nothing is on its way, a sink partition when every shard has been and nothing is on its
way to it, only those that something came to in the epoch; then the next epoch begins. Workers' calls interleave freely.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from bytewax.dataflow import Dataflow

from connectors.batch import Batch, Emitted
from connectors.source import TopicSource
from dataflows.main_job import main_job
from dataflows.shard import ShardContext
from dataflows.shard_names import shard_names
from ops.job import Job
from tests.simulation.log import LogPlan

Item = tuple[str, Any]  # with its key


@dataclass
class Worker:
    """A process."""

    job: Job
    plan: LogPlan
    source: TopicSource
    context: ShardContext
    flow: Dataflow
    parts: dict[str, Any] = field(default_factory=dict)  # of the source, those that have not ended
    shards: dict[str, Any] = field(default_factory=dict)
    sinks: dict[str, Any] = field(default_factory=dict)
    alive: bool = True

    @classmethod
    def of(cls, job: Job, plan: LogPlan, starts: dict[str, Any], clock: Callable[[], int]) -> Worker:
        """As ops.run makes one."""
        context = job.context(plan)
        context = replace(context, settings=replace(context.settings, clock=clock))
        source = job.build_source(plan, starts)
        return cls(job, plan, source, context, main_job(source, job.build_sink(), context))

    @property
    def steps(self) -> dict[str, Any]:
        """The dataflow's steps."""
        return {step.step_id.partition(".")[2]: step for step in self.flow.substeps}

    def close(self) -> None:
        """As a flow that ends, well or not."""
        for one in [*self.parts.values(), *self.sinks.values()]:
            one.close()
        self.context.close()
        self.plan.close()


class Group:
    """The workers of a run."""

    def __init__(self, workers: list[Worker], rng: random.Random, closing: float) -> None:
        """`closing`: the chance that an epoch of a partition ends with its batch; 0: one epoch, and nothing is drawn."""
        self.workers, self._rng, self._closing = workers, rng, closing
        self.names = shard_names(workers[0].context.settings.shards)
        count = len(workers)
        self._home = {name: rng.randrange(count) for name in self.names}
        self._sink_home = {name: rng.randrange(count) for name in self.names}
        self._open: list[tuple[int, str]] = []  # partitions that have not closed the epoch
        self._closed: list[tuple[int, str]] = []
        self._inbox: list[list[deque[Item]]] = [[deque() for _ in workers] for _ in workers]  # to, from
        self._to_sink: list[list[deque[Item]]] = [[deque() for _ in workers] for _ in workers]
        self._awake: list[list[str]] = [[] for _ in workers]
        self._written: list[list[str]] = [[] for _ in workers]
        self._snapped = self._done = 0  # workers whose shards, and whose sinks, have closed the epoch
        self._dry: set[str] = set()
        self.stepping = workers[0]  # the last one that did something
        self.epochs = 0  # that are done everywhere
        for name in workers[0].source.list_parts():
            at = rng.randrange(count)
            workers[at].parts[name] = workers[at].source.build_part("accrual.read_the_topics", name, None)
            self._open.append((at, name))
        self._mappers = [worker.steps["split_by_customer"].mapper for worker in workers]
        self._builders = [worker.steps["keep_the_books"].builder for worker in workers]
        self._sinks = [worker.steps["write_the_journal"].sink for worker in workers]

    # -- steps

    @property
    def ended(self) -> bool:
        """All input has ended, and the last epoch is closed."""
        return not (self._open or self._closed) and self._done == len(self.workers)

    @property
    def idle(self) -> bool:
        """No partition has had anything since the last batch, and nothing is on its way."""
        there = {name for _, name in (*self._open, *self._closed)}
        return there <= self._dry and not any(map(_waiting, (*self._inbox, *self._to_sink)))

    def stop(self) -> None:
        """Every process is told to."""
        for worker in self.workers:
            if worker.job.follow is not None:
                worker.job.follow.stop()

    def step(self) -> bool:
        """One of the calls that may come now; False where none can come while some of the workers are dead."""
        found = list(self._possible())
        if not found:
            return False
        call, at, *words = found[self._rng.randrange(len(found)) if self._closing else 0]
        self.stepping = self.workers[at]
        call(at, *words)
        return True

    def _possible(self) -> Iterator[tuple[Any, ...]]:
        live = [number for number, worker in enumerate(self.workers) if worker.alive]
        for at, name in self._open:
            if self.workers[at].alive:
                yield self._read, at, name
        for at in live:
            if _waiting(self._inbox[at]):
                yield self._keep, at
            if _waiting(self._to_sink[at]):
                yield self._write, at
        if self._open or any(map(_waiting, self._inbox)):
            return
        # Only when all workers have come here: what is on its way to one of them holds the others back.
        if self._snapped < len(self.workers):
            yield from ((self._snap, at) for at in live if self._awake[at] is not None)
        elif not any(map(_waiting, self._to_sink)):
            yield from ((self._close, at) for at in live if self._written[at] is not None)

    def _read(self, at: int, name: str) -> None:
        worker = self.workers[at]
        part = worker.parts[name]
        self._open.remove((at, name))
        self._open.append((at, name))
        try:
            batches, ended = part.next_batch(), False
        except StopIteration:
            batches, ended = [], True
        if batches:
            self._dry.clear()
        else:
            self._dry.add(name)
        self._split(at, batches)
        if ended or self._rng.random() < self._closing:
            part.snapshot()
            self._open.remove((at, name))
            if not ended:
                self._closed.append((at, name))
        if ended:
            worker.parts.pop(name).close()

    def _split(self, at: int, batches: list[Batch]) -> None:
        for batch in batches:
            for key, item in self._mappers[at](batch):
                self._inbox[self._home[key]][at].append((key, item))

    def _taken(self, queues: list[deque[Item]]) -> dict[str, list[Any]]:
        """Some of what has come, by key."""
        full = [queue for queue in queues if queue]
        if not self._closing:
            return _by_key([queue.popleft() for queue in full for _ in range(len(queue))])
        found: list[Item] = []
        for queue in self._rng.sample(full, self._rng.randint(1, len(full))):
            many = len(queue) if self._rng.random() < 0.6 else self._rng.randint(1, len(queue))
            found += [queue.popleft() for _ in range(many)]
        return _by_key(found)

    def _keep(self, at: int) -> None:
        worker = self.workers[at]
        for key, values in self._taken(self._inbox[at]).items():
            if key not in worker.shards:
                worker.shards[key] = self._builders[at](None)
            if key not in self._awake[at]:
                self._awake[at].append(key)
            said, gone = worker.shards[key].on_batch(values)
            assert not gone
            for item in said:
                self._to_sink[self._sink_home[key]][at].append((key, item))

    def _write(self, at: int) -> None:
        worker, sink = self.workers[at], self._sinks[at]
        for key, items in self._taken(self._to_sink[at]).items():
            name = sorted(sink.list_parts())[sink.part_fn(key)]  # the order in which Bytewax counts them
            if name not in worker.sinks:
                worker.sinks[name] = sink.build_part("accrual.write_the_journal", name, None)
            if name not in self._written[at]:
                self._written[at].append(name)
            assert all(isinstance(item, Emitted) for item in items)
            worker.sinks[name].write_batch(items)

    def _snap(self, at: int) -> None:
        for key in self._awake[at]:
            self.workers[at].shards[key].snapshot()
        self._awake[at] = None  # type: ignore[call-overload]
        self._snapped += 1

    def _close(self, at: int) -> None:
        for name in self._written[at]:
            self.workers[at].sinks[name].snapshot()
        self._written[at] = None  # type: ignore[call-overload]
        self._done += 1
        if self._done < len(self.workers):
            return
        self.epochs += 1
        if self._closed:
            self._open, self._closed = self._closed, []
            self._awake, self._written = [[] for _ in self.workers], [[] for _ in self.workers]
            self._snapped = self._done = 0

    def close(self) -> None:
        """All processes end, in whatever state."""
        for worker in self.workers:
            worker.close()


def _by_key(items: list[Item]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for key, item in items:
        found.setdefault(key, []).append(item)
    return found


def _waiting(queues: list[deque[Item]]) -> bool:
    return any(queues)
