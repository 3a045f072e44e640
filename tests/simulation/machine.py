"""The world in which the program runs: disk, sink, clock, and the moments at which a process may die."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import connectors.crash_point
import connectors.files.sink
import connectors.kafka.sink
import dataflows.shard
import ops.job
import state.directory
from connectors.kafka.written import Written
from schemas.topics import OUTPUTS
from tests.simulation.broker import Broker
from tests.simulation.plan import Death
from tests.simulation.store import Disk, MemoryStore

Place = tuple[str, int]  # topic, shard


class Crash(BaseException):
    """A process has died. No handler of the product may see it."""


@dataclass
class Armed:
    """A death that is to come."""

    death: Death
    left: int

    def reaches(self, name: str) -> bool:
        """Whether this is the passing."""
        if self.death.moment not in ("", name):
            return False
        self.left -= 1
        return self.left == 0


class Machine:
    """One seed's world."""

    def __init__(self, seed: int, root: Path, kafka: bool) -> None:
        self.rng = random.Random(f"machine {seed}")
        self.root, self.kafka = root, kafka
        self.disk = Disk()
        self.broker = Broker(random.Random(f"broker {seed}"))
        self.sink, self.state = root / "out", root / "state"
        self.now_us = 1_750_000_000_000_000
        self.armed: Armed | None = None
        self.faults: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self._synced: dict[Path, int] = {}

    def clock(self) -> int:
        """The wall clock: it goes on with every look."""
        self.now_us += 1_000
        return self.now_us

    # -- what is there

    def lines(self) -> dict[Place, list[bytes]]:
        """Every whole record that a reader of the sink can see."""
        if self.kafka:
            return {place: self.broker.lines(*place) for place in sorted(self.broker.partitions)}
        found = {}
        for topic in OUTPUTS:
            for path in sorted((self.sink / topic).glob("*.jsonl")):
                found[topic, int(path.stem)] = path.read_bytes().split(b"\n")[:-1]
        return found

    # -- dying

    def reach(self, name: str) -> None:
        """Somebody comes to a moment, or to a named point of the product."""
        self.passed[name] += 1
        if self.armed is not None and self.armed.reaches(name):
            raise Crash(name)

    def awaits(self, name: str) -> bool:
        """Whether whoever comes to a named point next dies there: then it leaves its work half done."""
        armed = self.armed
        return armed is not None and armed.left == 1 and armed.death.moment in ("", name)

    def crash(self, power: bool) -> None:
        """Everybody is dead; without power the disk may have lost what was not synced."""
        self.armed = None
        lost = self.disk.crash(self.rng if power else None)
        self.faults["power cut" if power else "kill"] += 1
        self.faults["commits lost"] += lost
        if self.kafka:
            if self.rng.random() < 0.5:
                self.broker.settle()  # the broker gets round to what it was asked for
            return
        for path in sorted(self.sink.rglob("*.jsonl")) if power else ():
            size, synced = path.stat().st_size, self._synced.get(path, 0)
            if size > synced:
                keep = self.rng.randint(synced, size)
                self.faults["torn file"] += keep < size
                os.truncate(path, keep)

    # -- what the product's modules find in place of the real thing

    def open_store(self, path: Path) -> MemoryStore:
        """In place of ShardStore."""
        self.reach("store opens")
        return Store(path, self)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """While the block runs the product works in this world."""
        files = _Os(self, self._note_synced)
        with (
            patch.object(dataflows.shard, "ShardStore", self.open_store),
            patch.object(state.directory, "ShardStore", self.open_store),
            patch.object(ops.job, "ShardStore", self.open_store),
            patch.object(state.directory, "os", _Os(self, lambda number: None)),
            patch.object(connectors.files.sink, "os", files),
            patch.object(connectors.kafka.sink, "OutputWriter", _Plain),
            patch.object(connectors.crash_point, "armed", self),
        ):
            yield

    def _note_synced(self, number: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{number}"))
        if path.suffix == ".jsonl":
            self._synced[path] = os.fstat(number).st_size
            self.reach("file synced")

    def forget_files(self) -> None:
        """The sink is emptied."""
        self._synced = {}


@contextmanager
def quiet() -> Iterator[None]:
    """Bytewax prints what it passes on."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class Store(MemoryStore):
    """A store whose process may die."""

    def __init__(self, path: Path, machine: Machine) -> None:
        super().__init__(path, machine.disk)
        self._machine = machine

    def commit(self) -> None:
        self._machine.reach("before commit")
        super().commit()
        self._machine.reach("after commit")

    def sync(self) -> None:
        self._machine.reach("before sync")
        super().sync()
        self._machine.reach("after sync")


class _Os:
    """The module os, with another fsync."""

    def __init__(self, machine: Machine, fsync: Any) -> None:
        self._machine, self.fsync = machine, fsync

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class _Plain:
    """Records as the lines they are: that they are Avro on a real broker is tested there."""

    def __init__(self, topic: str, numbers: object) -> None:
        """Nothing is asked of a registry."""

    def message(self, line: bytes) -> Written:
        return Written(None, line, {})
