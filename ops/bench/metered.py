"""What the metrics' own calls cost inside a run: no second run to compare with, of which no two take the same time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from connectors.step import Step
from connectors.timings import Timings
from dataflows.breakdown import Breakdown
from dataflows.shard_facts import ShardFactsCollector

# Everything that a flow calls for metrics' sake alone.
CALLED: tuple[tuple[type, tuple[str, ...]], ...] = (
    (Breakdown, ("note", "refuse", "awaits", "said", "save", "copy")),
    (Step, ("begins", "ends")),
    (ShardFactsCollector, ("tell",)),
    (Timings, ("arrived",)),
)


class Meter:
    """CPU nanoseconds of those calls, the reading of the clock included: it is rather too much than too little."""

    def __init__(self) -> None:
        self.calls = self.spent = 0

    def over(self, called: Callable[..., Any]) -> Callable[..., Any]:
        """It, metered. None of the calls is made by another one of them."""

        def metered(*given: Any, **named: Any) -> Any:
            began = time.thread_time_ns()
            try:
                return called(*given, **named)
            finally:
                self.spent += time.thread_time_ns() - began
                self.calls += 1

        return metered


@contextmanager
def metered() -> Iterator[Meter]:
    """Meter the calls of this process while the block runs."""
    meter = Meter()
    before = [(owner, name, owner.__dict__[name]) for owner, names in CALLED for name in names]
    for owner, name, called in before:
        setattr(owner, name, meter.over(called))
    try:
        yield meter
    finally:
        for owner, name, called in before:
            setattr(owner, name, called)
