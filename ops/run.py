"""The launcher: one run of the main job in this process, or in one process per core."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bytewax.run import cli_main
from bytewax.testing import cluster_main

from accounting.require import InvariantBroken
from connectors.errors import AWAY, ConnectorError, SourceAway
from connectors.follow import Follow
from connectors.source import Progress
from dataflows import tally
from dataflows.main_job import main_job
from dataflows.tally import Tally
from ops.clock import writing
from ops.endpoint import listening, metrics_page, serving
from ops.failures import BROKERS_AWAY
from ops.health import live_page, ready_page
from ops.job import Job
from ops.settings import Settings
from state.directory import StateDirectory, shard_path
from state.errors import StateError, StateUnwritable
from state.records import Applied
from state.store import ShardStore

REST_S = 2  # between two attempts to take a service up again


class RunFailed(Exception):
    """A run stopped before its end; nothing is lost, and the same command takes it up again."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves behind."""

    tally: Tally  # of the state, all runs together
    generation: int
    seconds: float
    rows: int  # read in this run


def run(job: Job, show: Callable[[Progress], None] | None = None) -> Result:
    """Run to the end of the input. Raises ConnectorError, StateError, RunFailed or OSError, with what to do."""
    began = time.monotonic()
    with listening(job.settings.metrics_port, job.settings.workers) as listeners:
        job.check_places()
        directory = _acquired(job)
        try:
            job.check_sink()
            directory.note(job.topics(directory.identity.topics))
            progress = Progress()
            with stopped_by_signal(job.follow):
                if job.settings.workers == 1:
                    _embedded(job, progress, show, listeners[0] if listeners else None)
                else:
                    _steadily(job, lambda: _processes(job, directory.lock_number, listeners))
            job.source.done({name: at.offset for name, at in job.starts().items()})
            result = _result(job, directory.identity.generation, time.monotonic() - began, progress.rows_read)
        finally:
            directory.release()
    return result


def _served(job: Job, listener: socket.socket | None) -> AbstractContextManager[None]:
    """While the block runs, the run answers."""
    pages = {"/live": live_page(job.metrics.vitals), "/ready": ready_page(job.metrics.vitals)}
    return serving(listener, {"/metrics": metrics_page(job.metrics.registry), **pages})


def _acquired(job: Job) -> StateDirectory:
    try:
        return StateDirectory.acquire(job.state, job.settings.shards, job.settings.deciding())
    except OSError as error:
        raise StateUnwritable(
            f"the state directory {job.state} cannot be written: {error.strerror}; mend that, or name another --state"
        ) from error


def _embedded(
    job: Job, progress: Progress, show: Callable[[Progress], None] | None, listener: socket.socket | None
) -> None:
    with _shown(progress, show), _served(job, listener):
        _steadily(job, lambda: _flow(job, progress))


def _steadily(job: Job, work: Callable[[], None]) -> None:
    """Once the schema registry answers, with the clock records that the run writes itself."""
    if job.await_registry():
        with writing(job.clock_records()):
            _again_and_again(job, work)


def _again_and_again(job: Job, work: Callable[[], None]) -> None:
    """Once, to the end of the input; a service until it is told to stop: with partitions that are new, and with brokers
    that were away for a while. Each time it goes on where its state is.
    """
    follow = job.follow
    if follow is None:
        return work()
    while not follow.stopping:
        try:
            work()
        except AWAY as error:
            if follow.stopping:
                print(
                    f"accrual run: ended as asked; what is decided and not sent yet is sent at the next start: {error}",
                    file=sys.stderr,
                )
                return
            print(f"accrual run: {error}; it is taken up again in {REST_S} s", file=sys.stderr)
            follow.rest(REST_S)
        follow.regrouping = False


def _flow(job: Job, progress: Progress) -> None:
    found = job.plan()
    source = job.build_source(found, job.starts())
    source.progress = progress
    context = job.context(found)
    with _plain_failures():
        try:
            cli_main(main_job(source, job.build_sink(), context), epoch_interval=job.epoch, recovery_config=None)
        finally:
            context.close()
            found.close()


@contextmanager
def stopped_by_signal(follow: Follow | None) -> Iterator[None]:
    """While a source is followed, SIGTERM and SIGINT ask it to stop: what was read is booked and written first."""
    if follow is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, follow.stop) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


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


@contextmanager
def _plain_failures() -> Iterator[None]:
    """Bytewax wraps what a step raises: give the cause back."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ConnectorError | StateError | InvariantBroken | OSError):
                raise cause from None
            cause = cause.__cause__ or cause.__context__
        raise


# -- several processes


def _processes(job: Job, lock: int, listeners: list[socket.socket]) -> None:
    """One worker per process; when one of them dies, all are stopped: a rerun takes up where the state is."""
    count = job.settings.workers
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
    spec = {
        "source": job.source.uri,
        "sink": job.sink.uri,
        "state": str(job.state),
        "as_of": job.as_of,
        "follow": job.follow is not None,
        "settings": job.settings.model_dump(mode="json"),
        "starts": {name: [at.offset, at.newest, at.phase] for name, at in job.starts().items()},
        "addresses": addresses,
        "numbers": job.sink.numbers,
    }
    command = [sys.executable, "-m", "ops.worker"]
    # A worker answers on the port that the launcher took for it: nobody can take it in between.
    ports = [listeners[number].fileno() if listeners else None for number in range(count)]
    # A worker ends when its standard input does, so that none outlives a killed launcher; it inherits the lock, so that
    # the directory stays locked while one of them lives. What it says goes to standard error, also where Bytewax would
    # print it: standard output is the launcher's result.
    workers = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=2, pass_fds=(lock,) if port is None else (lock, port),
            env={**os.environ, "ACCRUAL_WORKER": json.dumps({**spec, "process": number, "listener": port})},
        )
        for number, port in enumerate(ports)
    ]  # fmt: skip
    try:
        _await(workers, job.follow)
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
            worker.wait()


def _await(workers: list[subprocess.Popen[bytes]], follow: Follow | None) -> None:
    asked = False
    while any(worker.poll() is None for worker in workers):
        if follow is not None and follow.stopping and not asked:
            asked = True
            for worker in workers:
                worker.terminate()
        failed = [number for number, worker in enumerate(workers) if worker.poll() not in (None, 0)]
        if any(workers[number].poll() == BROKERS_AWAY for number in failed):
            raise SourceAway("a worker process has lost the brokers, and the others were stopped")
        if failed:
            raise RunFailed(
                f"worker process {failed[0]} of {len(workers)} ended with status {workers[failed[0]].poll()}; the "
                "others were stopped; nothing is lost, run the same command again"
            )
        time.sleep(0.02)
    if any(worker.returncode for worker in workers):
        raise RunFailed("a worker process failed; nothing is lost, run the same command again")


def work(spec: dict[str, object]) -> None:
    """What a worker process does."""
    fields: dict[str, object] = dict(spec)
    settings = Settings.model_validate(fields["settings"])
    job = Job.of(
        str(fields["source"]), str(fields["sink"]), Path(str(fields["state"])),
        fields["as_of"], settings, bool(fields["follow"]),  # type: ignore[arg-type]
    )  # fmt: skip
    job.sink.know(fields["numbers"])  # type: ignore[arg-type]
    starts = {name: Applied(*at) for name, at in fields["starts"].items()}  # type: ignore[attr-defined]
    listener = None if fields["listener"] is None else socket.socket(fileno=fields["listener"])  # type: ignore[arg-type]
    with stopped_by_signal(job.follow), _served(job, listener), _plain_failures(), closing(job.plan()) as found:
        # The plan may wait for the schemas of control records.
        flow = main_job(job.build_source(found, starts), job.build_sink(), job.context(found))
        cluster_main(flow, fields["addresses"], fields["process"], epoch_interval=job.epoch, recovery_config=None)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _result(job: Job, generation: int, seconds: float, rows: int) -> Result:
    tallies = []
    for shard in range(job.settings.shards):
        if shard_path(job.state, shard).exists():
            store = ShardStore(shard_path(job.state, shard))
            tallies.append(tally.load(store))
            store.close()
    return Result(tally.total(tallies), generation, seconds, rows)


def as_json(result: Result, digest: str | None) -> dict[str, object]:
    """A result for programs."""
    counts = {name: getattr(result.tally, name) for name in result.tally.__struct_fields__}
    return {**counts, "generation": result.generation, "seconds": round(result.seconds, 3), "digest": digest}
