"""What is done to a machine while the program does not run."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.simulation.machine import Machine
from tests.simulation.store import Image

Undo = Callable[[], None] | None  # what takes it back


def older(machine: Machine, rng: random.Random, what: str, backup: dict[Path, Image]) -> Undo:
    """Restore a backup ("old state"), some shards of it ("old shard"), or delete the stores ("no state")."""
    now = machine.disk.backup()
    for path in list(machine.disk.images):
        if what == "no state" or path not in backup:
            del machine.disk.images[path]
            shutil.rmtree(path, ignore_errors=True)
        elif what == "old state" or rng.random() < 0.5:
            machine.disk.images[path] = backup[path].copy()

    def undo() -> None:
        machine.disk.images.update(now)
        for path in now:
            path.mkdir(exist_ok=True)

    return undo


def cut_sink(machine: Machine, rng: random.Random) -> Undo:
    """The last records of a partition are lost; None where there are none."""
    found = [place for place, lines in machine.lines().items() if lines]
    if not found:
        return None
    topic, shard = rng.choice(found)
    if machine.kafka:
        slots = machine.broker.partitions[topic, shard]
        kept = list(slots)
        del slots[rng.randrange(len(slots)) :]
        return lambda: slots.__setitem__(slice(None), kept)
    path = machine.sink / topic / f"{shard}.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: rng.randrange(len(whole))])

    def undo() -> None:
        path.write_bytes(whole)

    return undo
