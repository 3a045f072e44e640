"""A worker is started before there is work for it: it waits, takes work of any size, and none outlives its launcher."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.worker_process import WorkerProcess, end, processes, waiting
from tests.campaign.disturbed import children, gone
from tests.connectors.test_files_follow import USAGE, day
from tests.ops.test_endpoint import Watched
from tests.support.process import accrual, environment, finish, start

LAUNCHER = "from ops.worker_process import waiting\nwith waiting(2):\n    print('', flush=True)\n    input()"
PATIENCE_S = 30


@pytest.fixture
def worker() -> Iterator[WorkerProcess]:
    """One that waits."""
    with waiting(1) as [one]:
        yield one


def end_of(worker: WorkerProcess) -> int:
    """Its exit status, once it has ended."""
    until = time.monotonic() + PATIENCE_S
    while (status := worker.ended()) is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    return status


@pytest.mark.parametrize(("workers", "follow", "expected"), [(1, False, 0), (2, False, 2), (1, True, 1), (2, True, 2)])
def test_only_a_run_by_one_worker_to_the_end_of_its_input_has_no_process(workers, follow, expected) -> None:
    assert expected == processes(workers, follow)


def test_work_is_taken_whole_and_refused_where_its_launcher_is_another(worker: WorkerProcess) -> None:
    with open(os.devnull) as file:
        worker.give({"launcher": 1, "much": "x" * 3_000_000}, [file.fileno(), file.fileno()])
    assert 1 == end_of(worker)


def test_a_worker_that_dies_while_it_waits_is_given_work_in_vain(worker: WorkerProcess) -> None:
    worker.kill()
    assert -signal.SIGKILL == end_of(worker)
    with open(os.devnull) as file:
        worker.give({"launcher": os.getpid(), "much": "x" * 3_000_000}, [file.fileno()])


def test_one_that_ends_by_itself_is_ended_once_more_without_harm(worker: WorkerProcess) -> None:
    worker.terminate()
    end([worker])
    assert worker.ended() in (-signal.SIGTERM, -signal.SIGKILL)


def test_workers_that_wait_end_with_a_killed_launcher() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    workers = children(process)
    assert 2 == len(workers)
    process.kill()
    gone(workers)
    process.communicate()


def test_an_interruption_while_they_wait_is_the_launchers_affair() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    workers = children(process)
    for worker in workers:
        while not ignores(worker, signal.SIGINT):
            time.sleep(0.01)
        os.kill(worker, signal.SIGINT)
    _, said = process.communicate("\n")
    gone(workers)
    assert (0, "") == (process.returncode, said)


def ignores(process: int, number: int) -> bool:
    """Whether a process ignores a signal."""
    [line] = [one for one in Path(f"/proc/{process}/status").read_text().splitlines() if one.startswith("SigIgn:")]
    return bool(int(line.split()[1], 16) >> number - 1 & 1)


def test_a_refused_service_leaves_no_worker(tmp_path: Path) -> None:
    words = ["run", "--source", "files:nowhere", "--sink", "files:out", "--follow", "--workers", "2"]
    ended = accrual(*words, cwd=tmp_path)  # it returns when nobody has its standard error any more
    assert (2, 1) == (ended.code, ended.said.count("\n")), ended.said


@pytest.mark.parametrize("workers", [1, 2])
def test_the_death_of_a_worker_that_waits_is_a_death_like_another(tmp_path: Path, workers: int) -> None:
    watched = Watched(tmp_path, workers)
    watched.add(USAGE, day(1, "a"), day(2, "b"))
    words = watched.words("--follow", "--metrics-port", str(watched.port), "--workers", str(workers))
    watched.process = start(*words, cwd=tmp_path, env=environment(ACCRUAL_POLL_MS="20", ACCRUAL_SHARDS="2"))
    while len(found := children(watched.process)) < workers:
        assert watched.process.poll() is None
    os.kill(found[-1], signal.SIGKILL)
    watched.until("01.1")
    watched.process.send_signal(signal.SIGTERM)
    ended = finish(watched.process)
    told = "was ended by signal 9 (SIGKILL); all workers are started again in "
    assert (0, 1) == (ended.code, ended.said.count(told)), ended.said
