"""What the flow needs to know of its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from accounting.window import WindowSize


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Values that decide what the books say, so that they belong to a run as a whole."""

    shards: int
    lateness_us: int  # allowed out-of-orderness
    horizon_us: int  # how long identities are remembered
    retention_us: int  # how long usage is kept beyond its contract's term; of a contract without an end: at all
    parked_us: int  # how long parked usage is kept
    window: WindowSize
    zone: str  # of entities without reference data
    owner: str  # of exception classes without reference data
    sla_us: int
    clock: Callable[[], int]  # the one place that tells the wall-clock time, microseconds; it never touches the books
