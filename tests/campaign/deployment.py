"""A service on a Kafka behind a proxy, and everything that is done to it: ring R3's faults."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition

from connectors.crash_point import POINTS
from connectors.kafka.client import Brokers
from connectors.kafka.control_writer import ControlWriter
from connectors.kafka.registry import FileRegistry
from ops.broker.apache import ApacheKafka
from tests.campaign.disturbed import children, gone
from tests.campaign.kafka_plan import SHARDS, Messages, Plan
from tests.support import kafka, scraped
from tests.support.kafka_feed import awaited
from tests.support.proxy import Proxy
from tests.support.service import Service, ended_within

GROUP = "accrual"
PATIENCE_S = 90
HANG_S = 10
FENCED = ("another process writes for shard", "another process has gone on from a copy of it")
CRASH_POINTS = tuple(
    name for name in POINTS if not name.startswith(("file-", "retention-", "run-", "generation-", "sink-"))
)


class Deployment:
    """A service behind a proxy, and everything that is done to it."""

    def __init__(self, root: Path, server: ApacheKafka, proxy: Proxy, plan: Plan, rng: random.Random) -> None:
        self._root, self._server, self._proxy, self._rng = root, server, proxy, rng
        self.brokers = Brokers(f"127.0.0.1:{proxy.port}")
        self._plan, self._workers = plan, plan.workers
        self._states = itertools.count()
        self._zombies: list[Service] = []
        self._ports: dict[Path, int] = {}  # by state
        self.state = root / "state-0"
        next(self._states)
        self.service = self._serves(self.state)
        self.problems: list[str] = []
        self._consumer = Consumer(self.brokers.client(group_id=GROUP, enable_auto_commit=False))
        self._ends: dict[tuple[str, int], int] = {}

    def _serves(self, state: Path, **more: object) -> Service:
        self._ports[state] = scraped.ports_in_a_row(self._workers)
        named = {
            **self._plan.settings,
            "workers": self._workers,
            "hang_s": HANG_S,
            "restarts": 20,
            "metrics_port": self._ports[state],
        }
        return Service(self.brokers, state, SHARDS, **named, **more)

    def start(self, crash_at: str = "") -> None:
        """A launcher."""
        if crash_at:
            self.service.environment["CRASH_AT"] = crash_at
        self.running, self._armed = self.service.start(), bool(crash_at)
        self.service.environment.pop("CRASH_AT", None)

    def send(self, left: Messages, share: float) -> None:
        """The next part of what every partition has left."""
        for (topic, partition), messages in left.items():
            count = len(messages) if share >= 1 else round(len(messages) * share)
            if count:
                kafka.sent(self.brokers, topic, *messages[:count], partition=partition)
                del messages[:count]
                self._ends[topic, partition] = self._ends.get((topic, partition), 0) + count

    def lag(self) -> int:
        """Records that are sent and that the group has not told to be done."""
        asked = [TopicPartition(topic, partition) for topic, partition in self._ends]
        try:
            told = self._consumer.committed(asked, 10)
        except KafkaException:
            return -1
        return sum(self._ends[one.topic, one.partition] - max(one.offset, 0) for one in told)

    def healed(self) -> float:
        """Seconds until nothing is left to do."""
        began = time.monotonic()
        while (lag := self.lag()) != 0:
            if self.running.poll() is not None and not self._yields():
                raise AssertionError(f"it ended with {self.running.returncode}")
            if time.monotonic() - began > PATIENCE_S:
                self.problems.append(f"it heals by itself: lag {lag} after {PATIENCE_S} s: {self.service.told[-600:]}")
                break
            time.sleep(0.05)
        return time.monotonic() - began

    def up(self) -> list[int]:
        """The workers, once they are there."""
        end = time.monotonic() + PATIENCE_S
        while len(found := living(children(self.running))) < self._workers:
            if self.running.poll() is not None or time.monotonic() > end:
                return found
            time.sleep(0.02)
        return found

    def ready(self) -> None:
        """Until all workers have caught up, by what the first port says."""
        end = time.monotonic() + PATIENCE_S
        while self.running.poll() is None and time.monotonic() < end:
            with suppress(OSError, HTTPException):
                connection = HTTPConnection("127.0.0.1", self._ports[self.service.state], timeout=2)
                connection.request("GET", "/ready")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"it is not ready: {self.service.told[-600:]}")

    # -- faults

    def suffer(self, fault: str) -> None:
        """One of them, to its end."""
        getattr(self, "_" + fault.replace(" ", "_"))()

    def _kill_of_a_worker(self) -> None:
        workers = self.up()
        if workers:
            os.kill(self._rng.choice(workers), signal.SIGKILL)

    def _stopped_worker(self) -> None:
        workers = self.up()
        os.kill(self._rng.choice(workers), signal.SIGSTOP)
        gone(workers)  # the supervisor ends them all

    def _kill(self) -> None:
        workers = living(children(self.running))
        self.running.kill()
        self.running.wait()
        gone(workers)
        self.start()

    def _rescale(self) -> None:
        self._ends_well()
        self._workers = self._rng.choice([one for one in (1, 2, 4) if one != self._workers])
        self.service = self._serves(self.state)
        self.start()

    def _ends_well(self, met: bool = False) -> None:
        began = time.monotonic()
        if self.running.poll() is not None:
            self._yields()
        self.running.terminate()
        ended = ended_within(self.running, PATIENCE_S)
        code = self.running.returncode
        if (self._armed and code == -signal.SIGKILL) or (code == -signal.SIGTERM and not met):
            self.start()  # it has come to its crash point now, on its way out; or Python itself had not begun
            self.ready()
            self._ends_well(met=True)
        elif not ended or self.running.returncode or time.monotonic() - began > 10:
            self.problems.append(
                f"it heals by itself: SIGTERM gave {self.running.returncode} after {time.monotonic() - began:.1f} s"
            )

    def _crash_point(self) -> None:
        self._ends_well()
        self.start(f"{self._rng.choice(CRASH_POINTS)}:{self._rng.randint(1, 4)}")

    def _bounce(self) -> None:
        self._server.stop()
        self._server.start()

    def _kill_of_the_broker(self) -> None:
        self._server.kill()
        self._server.start()

    def _pause(self, seconds: float | None = None) -> None:
        self._server.pause()
        time.sleep(seconds or self._rng.uniform(0.5, 6))
        self._server.resume()

    def _long_pause(self) -> None:
        self._pause(65)  # longer than a transaction may take

    def _for_a_while(self, what: Callable[[], None]) -> None:
        what()
        time.sleep(self._rng.uniform(0.2, 4))
        self._proxy.heal()

    def _cut(self) -> None:
        self._for_a_while(self._proxy.cut)

    def _stall(self) -> None:
        self._for_a_while(self._proxy.stall)

    def _slow(self) -> None:
        self._for_a_while(lambda: self._proxy.slow(self._rng.uniform(0.01, 0.1)))

    def _reset(self) -> None:
        self._proxy.reset()

    def _reset_at_commit(self) -> None:
        """It stays armed until the round is over: the next commit meets it."""
        self._proxy.reset_at_commit(self._rng.choice(("before", "after")))

    def _zombie(self) -> None:
        """All processes are stopped, a copy of their state is taken up by others, then they go on."""
        self.up()
        old, process = self.service, self.running
        everyone = [process.pid, *living(children(process))]
        for pid in everyone:
            os.kill(pid, signal.SIGSTOP)
        self.state = self._root / f"state-{next(self._states)}"
        shutil.copytree(old.state, self.state)
        self.service = self._serves(self.state)
        self.start()
        self.ready()  # it has their transactional ids: before, theirs is the newer state and the copy is refused
        for pid in everyone:
            os.kill(pid, signal.SIGCONT)
        self._zombies.append(old)

    def _yields(self) -> bool:
        """A zombie with nothing to say is not fenced off; started again by its supervisor it takes over what nobody has
        written to since the copy. Then ours has ended by name, and the other one is the service.
        """
        taker = next((one for one in self._zombies if one.processes[-1].poll() is None), None)
        if taker is None or self.running.returncode != 1 or FENCED[0] not in self.service.told[-600:]:
            return False
        self._zombies.remove(taker)
        self._zombies.append(self.service)
        self.service, self.running, self.state = taker, taker.processes[-1], taker.state
        return True

    def reap(self) -> None:
        """What woke up in a world that had gone on has been fenced off by its name, or had nothing to say."""
        for zombie in self._zombies:
            process = zombie.processes[-1]
            if not ended_within(process, 10):
                process.kill()
                process.wait()
            elif process.returncode == 0 or not any(sign in zombie.told for sign in FENCED):
                self.problems.append(
                    f"it heals by itself: a zombie ended with {process.returncode}: {zombie.told[-500:]}"
                )
        self._zombies.clear()

    def settled(self, as_of: str) -> None:
        """The clock record behind everything is applied, and the service ends as it is asked."""
        end = ControlWriter(self.brokers, FileRegistry())
        end.write({"kind": "clock", "as_of": as_of, "event_time": as_of})
        awaited(self.brokers, "control.applied", SHARDS, SHARDS, PATIENCE_S)
        self._ends_well()

    def told(self) -> str:
        """The last words of the service, and of zombies that nobody has reaped yet."""
        zombies = [f"a zombie ({one.processes[-1].poll()}): {one.told[-1500:]}" for one in self._zombies]
        return "; ".join([self.service.told[-600:], *zombies])

    def end(self) -> None:
        """Nothing of it runs any more."""
        for one in (self.service, *self._zombies):
            one.end()
        self._consumer.close()


def living(pids: list[int]) -> list[int]:
    """Those that have not ended."""
    found = []
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if status != "Z":
            found.append(pid)
    return found
