"""A service goes on when its workers die, hang or are stopped; it ends when it is told to, and when no restart helps."""

from __future__ import annotations

import os
import signal
import time
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.campaign.disturbed import all_children, gone
from tests.connectors.test_files_follow import USAGE, day, shrink
from tests.ops.test_endpoint import PATIENCE_S, Watched
from tests.support.process import environment, finish, start


class Served(Watched):
    """A followed directory under a supervisor with settings of the test's."""

    settings: dict[str, str]

    def alive(self) -> list[int]:
        """The worker processes."""
        return all_children(self.process, self.workers)

    def others(self, before: list[int]) -> list[int]:
        """The workers that have taken the places of some."""
        gone(before)
        while set(before) & set(found := self.alive()):  # one that has ended is listed until the launcher has seen it
            time.sleep(0.01)
        return found

    def log(self) -> str:
        """What it has said so far."""
        return (self.root / "log").read_text()

    def begin(self, **settings: str) -> None:
        """Start it, with a log that can be read meanwhile."""
        env = environment(ACCRUAL_POLL_MS="20", ACCRUAL_EPOCH_MS="20", ACCRUAL_SHARDS="2", **settings)
        words = self.words("--follow", "--metrics-port", str(self.port), "--workers", str(self.workers))
        self.process = start(*words, cwd=self.root, env=env)

    def stop_by(self, *signals: int) -> float:
        """Ask for the end; it ends well. The seconds that it took."""
        began = time.monotonic()
        for number in signals:
            self.process.send_signal(number)
        self.ended = finish(self.process)
        assert self.ended.code == 0, self.ended.said
        return time.monotonic() - began


def test_a_service_goes_on_after_each_death_of_a_worker(served: Served) -> None:
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin()
    workers = served.alive()
    for number in range(3):
        served.until(*(f"{one:02d}.1" for one in range(1, number + 2)))
        os.kill(workers[number % served.workers], signal.SIGKILL)
        workers = served.others(workers)
        served.add(USAGE, day(number + 3, f"c{number}"))
    served.until("01.1", "02.1", "03.1", "04.1")
    now = served.scraped_when(served.all_applied)
    assert {("died",): 3, ("hung",): 0, ("away",): 0} == now.by("accrual_restarts_total", "cause")
    assert served.stop_by(signal.SIGTERM) < 10
    told = "was ended by signal 9 (SIGKILL); all workers are started again in "
    assert 3 == served.ended.said.count(told), served.ended.said
    assert 5 == served.ended.result.tally.counted
    assert 4 == served.ended.result.generation  # one for each group of workers


def test_a_worker_that_is_stopped_is_ended_and_started_again(served: Served) -> None:
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin(ACCRUAL_HANG_S="4")
    served.until("01.1")
    workers = served.alive()
    os.kill(workers[-1], signal.SIGSTOP)
    served.others(workers)
    served.add(USAGE, day(3, "c"))
    served.until("01.1", "02.1")
    served.scraped_when(served.all_applied)
    assert served.scrape().by("accrual_restarts_total", "cause")[("hung",)] >= 1
    served.stop_by(signal.SIGTERM)
    assert "hangs: it has told nothing for " in served.ended.said


def test_a_flow_that_stands_still_is_ended_and_started_again(served: Served) -> None:
    """It waits for the other end of a pipe, which a test can put in the place of a file."""
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin(ACCRUAL_HANG_S="4")
    served.until("01.1")
    workers = served.alive()
    for shard in range(2):
        pipe = served.sink / "revenue.exceptions" / f"{shard}.jsonl"
        assert not pipe.exists()
        pipe.parent.mkdir(exist_ok=True)
        os.mkfifo(pipe)
    served.write(USAGE, b"no json\n")  # an exception, which nobody reads there
    served.others(workers)
    for shard in range(2):
        (served.sink / "revenue.exceptions" / f"{shard}.jsonl").unlink()
    served.add(USAGE, day(3, "c"))
    served.until("01.1", "02.1")
    served.stop_by(signal.SIGTERM)
    assert "hangs: no step for " in served.ended.said
    assert [("undecodable", 2)] == served.exceptions()


def test_a_refusal_ends_the_service_with_its_reason(served: Served) -> None:
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin()
    served.until("01.1")
    shrink(served.source / USAGE)
    ended = finish(served.process)
    assert 2 == ended.code
    assert ended.told.startswith(f"accrual run: {served.source / USAGE}")
    assert ended.told.endswith("restore it, or start with an empty --state and --sink")


def test_deaths_without_progress_come_to_an_end(served: Served) -> None:
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin(ACCRUAL_RESTARTS="2")
    served.until("01.1")
    workers = served.alive()
    for number in range(3):
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        if number < 2:
            workers = served.others(workers)
    ended = finish(served.process)
    assert 1 == ended.code
    told = "the workers have died 3 times in a row without getting any further: "
    assert told in ended.told, ended.said
    assert f"{USAGE.removesuffix('.jsonl')}/0 is applied up to 2" in ended.told
    assert ended.told.endswith("mend it and run the same command again")
    served.begin()
    served.add(USAGE, day(3, "c"))
    served.until("01.1", "02.1")
    served.stop_by(signal.SIGTERM)


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM)])
def test_it_ends_well_also_in_the_middle_of_a_restart(served: Served, signals: tuple[int, ...]) -> None:
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin()
    served.until("01.1")
    workers = served.alive()
    os.kill(workers[0], signal.SIGKILL)
    gone(workers)
    if len(signals) > 1:  # among the others that have just begun
        served.others(workers)
    assert served.stop_by(*signals) < 10
    served.begin()
    served.add(USAGE, day(3, "c"))
    served.until("01.1", "02.1")
    assert served.stop_by(*signals) < 10


def test_a_next_start_follows_a_killed_launcher_at_once_also_where_its_workers_are_stopped(served: Served) -> None:
    served.add(USAGE, day(1, "a"), day(2, "b"))
    served.begin()
    served.until("01.1")
    workers = served.alive()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    served.process.kill()
    served.process.wait()
    served.begin()
    served.add(USAGE, day(3, "c"))
    served.until("01.1", "02.1")
    gone(workers)
    served.stop_by(signal.SIGTERM)


def test_the_first_port_is_ready_when_every_worker_is(tmp_path: Path) -> None:
    served = Served(tmp_path, 2)
    served.add(USAGE, day(1, "a"), day(2, "b"))
    with served.served():
        served.until("01.1")
        end = time.monotonic() + PATIENCE_S
        while True:
            connection = HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE_S)
            connection.request("GET", "/ready")
            answer = connection.getresponse()
            text = answer.read().decode()
            connection.close()
            if answer.status == 200:
                break
            assert time.monotonic() < end, text
        assert "ready: what was there at the start is booked, of 2 partitions\n" == text
        assert 0 == served.stop().code
