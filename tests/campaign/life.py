"""A sink and its state from nothing to their end, over any number of deaths of the processes that work on them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.campaign.disturbed import LOOK_S, Disturbed, children, ended_within, gone, size
from tests.campaign.left import Reading
from tests.support.process import finish

# Whether it dies now, by its age and by its age when something new was in the sink (None: not yet), in seconds.
Moment = Callable[[float, float | None], bool]


@dataclass
class Life:
    """What was done to it so far, and what was read of the sink after each death."""

    case: Disturbed
    out: Path
    rng: random.Random
    readings: list[Reading] = field(default_factory=list)
    recovery_s: list[float] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)

    def goes_on(self, moment: Moment | None = None, crash_at: str = "") -> tuple[str, ...] | None:
        """One process from its start to its death, None; or to its end, what does not hold then.

        It is killed at a `moment`, or dies by itself where `crash_at` says (name:n).
        """
        had, began, died_before = size(self.out), time.monotonic(), bool(self.readings)
        process = self.case.start(self.out, crash_at=crash_at)
        grown: float | None = None
        while not ended_within(process, LOOK_S):
            now = time.monotonic() - began
            if grown is None and size(self.out) > had:
                grown = now
            if moment is not None and moment(now, grown):
                self._kill(process)
                if died_before and grown is not None:
                    self.recovery_s.append(grown)
                return None
        took = time.monotonic() - began
        ended = finish(process)
        if crash_at and ended.code != 0:
            if ended.code != -signal.SIGKILL and self.case.plan.workers == 1:
                return (f"it heals by itself: CRASH_AT={crash_at} ended with {ended.code}: {ended.said[-500:]}",)
            self._died(crash_at.partition(":")[0])
            return None
        if died_before:
            self.recovery_s.append(took if grown is None else grown)
        return self.case.problems(self.out, ended, tuple(self.readings), tuple(self.recovery_s))

    def _kill(self, process: subprocess.Popen[str]) -> None:
        workers = children(process) if self.case.plan.workers > 1 else []
        who = "kill of a worker" if workers and self.rng.random() < 0.5 else "kill"
        if who == "kill":
            process.kill()
        else:
            os.kill(self.rng.choice(workers), signal.SIGKILL)
        finish(process)
        gone(workers)
        self._died(who)

    def _died(self, fault: str) -> None:
        self.faults[fault] = self.faults.get(fault, 0) + 1
        self.readings.append(Reading.of(self.out))
