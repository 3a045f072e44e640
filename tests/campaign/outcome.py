"""What came of one run of the campaign: a line of its results."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. It passed when it has no problems."""

    ring: str  # R0 to R3, and what of it: "R2 kills"
    seed: int
    plan: str  # what the seed drew: workload, workers, batches
    faults: dict[str, int]  # how many of each kind were done to it
    events: int  # usage events of the input, redeliveries and bad ones included
    digest: str  # of the books
    recovery_s: tuple[float, ...]  # seconds from each fault to the first entry or step after it
    seconds: float
    problems: tuple[str, ...]  # each begins with the name of the invariant that does not hold
