"""How long the steps of a run take and how long entries are on their way, by the run's own clock."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram

STEP_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
WAY_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


def standing() -> int:
    """The clock of a run that nobody measures."""
    return 0


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

    def __init__(self, registry: CollectorRegistry, clock: Callable[[], int] = standing) -> None:
        self.clock = clock
        steps = Histogram(
            "accrual_step_seconds",
            "Time that one step took: decode (read and decode a batch), split (a batch into its shards), apply (a "
            "shard's part of a batch, to the entries it causes), commit (one atomic write of a shard), sync (a shard "
            "made durable), write (a shard's records into the sink, made durable).",
            ["step"],
            registry=registry,
            buckets=STEP_SECONDS,
        )
        self.decode, self.split, self.apply, self.commit, self.sync, self.write = (
            Duration(steps.labels(step=name), clock) for name in ("decode", "split", "apply", "commit", "sync", "write")
        )
        self.to_journal = Duration(
            Histogram(
                "accrual_event_to_journal_seconds",
                "From the reading of a batch to its entries being durable in the journal; counted once for each shard "
                "and batch that caused entries.",
                registry=registry,
                buckets=WAY_SECONDS,
            ),
            clock,
        )


def unseen() -> Timings:
    """Timings that nobody looks at."""
    return Timings(CollectorRegistry())
