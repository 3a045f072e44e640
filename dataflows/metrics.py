"""What one run can be asked while it works; ops serves it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from connectors.timings import Timings, standing
from connectors.vitals import Vitals
from dataflows.shard_facts import ShardFactsCollector


class Metrics:
    """The registry of one run, so that runs in one process do not mix, and who fills it."""

    def __init__(self, clock: Callable[[], int] = standing) -> None:
        """`clock`: see Timings."""
        self.registry = CollectorRegistry()
        self.timings = Timings(self.registry, clock)
        self.vitals = Vitals(clock)
        self.shards = ShardFactsCollector(clock)
        self.registry.register(self.shards)
