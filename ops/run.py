"""The launcher: one run of the main job, in this process to the end of its input, else in worker processes."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from connectors.crash_point import arm, crash_point
from connectors.source import Progress
from dataflows import erp_counts, tally
from dataflows.erp_counts import Totals
from dataflows.tally import Tally
from ops.clock import writing
from ops.collector import leave_alone
from ops.endpoint import entrance, listening
from ops.flow import plain_failures, served, stopped_by_signal
from ops.job import Job
from ops.log import note, works_in
from ops.places.awaited import reached
from ops.standing import Standing
from ops.supervisor import Supervisor
from ops.version import product
from ops.worker_process import WorkerProcess, processes
from state.directory import StateDirectory, shard_path
from state.errors import StateLocked, StateUnwritable
from state.store import ShardStore

LEAVING_S, LEAVING_STEP_S = 10, 0.05  # in which the workers of a launcher that is gone end


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves behind."""

    tally: Tally  # of the state, all runs together
    generation: int
    seconds: float
    rows: int  # read in this run
    cpu_s: dict[str, float] = field(default_factory=dict)  # by step, where the run worked in this process
    erp: Totals = field(default_factory=Totals)  # of the state, too


def run(job: Job, show: Callable[[Progress], None] | None = None, waiting: Sequence[WorkerProcess] = ()) -> Result:
    """Run to the end of the input. Raises ConnectorError, StateError, RunFailed or OSError, with what to do. `waiting`: as many
    workers as it needs, or none.
    """
    arm(os.environ)
    began = time.monotonic()
    with (
        stopped_by_signal(job.follow),
        listening(entrance(job.settings), job.settings.workers) as listeners,
    ):
        there = reached(job.follow, job.check_places)
        directory = _acquired(job)
        try:
            _note_start(job, directory)
            rows = 0
            if there and reached(job.follow, lambda: _check(job, directory)):
                crash_point("sink-checked")
                rows = _work(job, directory, listeners, show, waiting)
                job.source.done({name: at.offset for name, at in job.starts().items()})
            result = _result(job, directory.identity.generation, time.monotonic() - began, rows)
            crash_point("run-ended")
        finally:
            directory.release()
    return result


def _check(job: Job, directory: StateDirectory) -> None:
    """State, sink and topics belong together."""
    job.check_sink()
    directory.note(job.topics(directory.identity.topics))


def _note_start(job: Job, directory: StateDirectory) -> None:
    """What runs, with which settings; of librdkafka's options the names."""
    works_in(directory.identity.generation)
    settings = {**job.settings.model_dump(mode="json"), "kafka_client": sorted(job.settings.kafka_client)}
    note("start", version=product(), source=job.source.uri, sink=job.sink.uri, state=str(job.state), settings=settings)


def _work(
    job: Job,
    directory: StateDirectory,
    listeners: list[socket.socket],
    show: Callable[[Progress], None] | None,
    waiting: Sequence[WorkerProcess],
) -> int:
    """Once the schema registry answers, with the clock records that the run writes itself; the rows that were read."""
    if not job.await_registry():
        return 0
    if not processes(job.settings.workers, job.follow is not None):
        return _embedded(
            job, show, listeners[0] if listeners else None, Standing(generation=directory.identity.generation)
        )
    supervisor = Supervisor(job, directory, listeners, show, waiting)
    with writing(job.clock_records()):
        supervisor.run()
    return supervisor.rows


def _acquired(job: Job) -> StateDirectory:
    until = time.monotonic() + LEAVING_S
    crash_point("generation-to-write")
    while True:
        try:
            directory = StateDirectory.acquire(job.state, job.settings.shards, job.settings.deciding())
            crash_point("generation-written")
            return directory
        except StateLocked as error:
            # The workers of a launcher that was killed hold the lock for as long as it takes them to end.
            if error.owner is None or _lives(error.owner) or time.monotonic() > until:
                raise
            time.sleep(LEAVING_STEP_S)
        except OSError as error:
            raise StateUnwritable(
                f"the state directory {job.state} cannot be written: {error.strerror}; mend that, or name another --state"
            ) from error


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True


def _embedded(
    job: Job, show: Callable[[Progress], None] | None, listener: socket.socket | None, standing: Standing
) -> int:
    # Where worker processes do the work, the launcher needs nothing of it.
    from bytewax.run import cli_main

    from dataflows.main_job import main_job

    progress = Progress()
    with _shown(progress, show), served(job, listener, standing):
        job.sink.fence(job.settings.shards)
        found = job.plan()
        source = job.build_source(found, job.starts())
        source.progress = progress
        context = job.context(found)
        with plain_failures():
            try:
                flow = main_job(source, job.build_sink(), context)
                leave_alone()
                cli_main(flow, epoch_interval=job.epoch, recovery_config=None)
                context.ended()
            finally:
                context.close()
                found.close()
    return progress.rows_read


@contextmanager
def _shown(progress: Progress, show: Callable[[Progress], None] | None) -> Iterator[None]:
    """Call `show` a few times a second while the block runs."""
    if show is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            show(progress)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        show(progress)


def _result(job: Job, generation: int, seconds: float, rows: int) -> Result:
    tallies, answers = [], []
    for shard in range(job.settings.shards):
        if shard_path(job.state, shard).exists():
            store = ShardStore(shard_path(job.state, shard))
            tallies.append(tally.load(store))
            answers.append(erp_counts.load(store))
            store.close()
    spent = {name: one for name, one in job.metrics.timings.steps.cpu_seconds().items() if one}
    return Result(tally.total(tallies), generation, seconds, rows, spent, erp_counts.total(answers))


def as_json(result: Result, digest: str | None) -> dict[str, object]:
    """A result for programs."""
    counts = {name: getattr(result.tally, name) for name in result.tally.__struct_fields__}
    return {
        **counts,
        "generation": result.generation,
        "seconds": round(result.seconds, 3),
        "digest": digest,
        "erp": asdict(result.erp),
        "cpu_s": {name: round(spent, 3) for name, spent in result.cpu_s.items()},
    }
