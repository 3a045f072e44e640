"""How long the steps of a run take and how long entries are on their way, by the run's own clock."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

from connectors.step import Steps, standing
from schemas.topics import JOURNAL, RECALCULATIONS

WAY_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Duration:
    """One histogram of durations."""

    def __init__(self, histogram: Histogram, clock: Callable[[], int]) -> None:
        self._histogram, self._clock = histogram, clock

    def since(self, began: int) -> None:
        """Something that began at a moment of the clock has ended."""
        self._histogram.observe((self._clock() - began) / 1_000_000)


class Timings:
    """The durations of one run.

    `clock` gives microseconds that never go back and are the same in every process of the run, so that a batch may be
    stamped in one process and written in another. It never touches the books.
    """

    def __init__(
        self, registry: CollectorRegistry, clock: Callable[[], int] = standing, cpu: Callable[[], int] = standing
    ) -> None:
        """`cpu`: see Steps."""
        self.clock = clock
        self.steps = Steps(registry, clock, cpu)
        self._ways = {
            JOURNAL: Duration(
                Histogram(
                    "accrual_event_to_journal_seconds",
                    "From the reading of a batch to its entries being durable in the journal; counted once for each shard "
                    "and batch that caused entries.",
                    registry=registry,
                    buckets=WAY_SECONDS,
                ),
                clock,
            ),
            RECALCULATIONS: Duration(
                Histogram(
                    "accrual_amendment_to_recalculation_seconds",
                    "From the reading of a batch of contract versions to what they recalculate being durable in the sink; "
                    "counted once for each shard and batch.",
                    registry=registry,
                    buckets=WAY_SECONDS,
                ),
                clock,
            ),
        }

    def arrived(self, topic: str, read_at: int | None) -> None:
        """Records are durable in the sink; `read_at`: when what caused them was read, None: unknown, nothing counts."""
        if read_at is not None and topic in self._ways:
            self._ways[topic].since(read_at)


def unseen() -> Timings:
    """Timings that nobody looks at."""
    return Timings(CollectorRegistry())
