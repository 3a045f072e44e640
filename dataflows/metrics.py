"""What one run can be asked while it works; ops serves it."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from connectors.step import standing
from connectors.timings import Timings
from connectors.vitals import Vitals
from dataflows.breakdown import Breakdown
from dataflows.erp_metrics import ErpCollector
from dataflows.input_lag import InputLag
from dataflows.shard_facts import ShardFactsCollector
from state.store import ShardStore


class Metrics:
    """The registry of one run, so that runs in one process do not mix, and who fills it."""

    def __init__(
        self, clock: Callable[[], int] = standing, cpu: Callable[[], int] = standing, wall: Callable[[], int] = standing
    ) -> None:
        """`clock`: see Timings; `cpu`: see Steps; `wall`: microseconds since 1970, it tells what is past due."""
        self.registry = CollectorRegistry()
        self.timings = Timings(self.registry, clock, cpu)
        self.vitals = Vitals(clock)
        self.shards = ShardFactsCollector(clock, wall)
        self.registry.register(self.shards)
        self.erp = ErpCollector()
        self.registry.register(self.erp)
        self.registry.register(InputLag(self.vitals, self.shards))

    def kept(self, store: ShardStore) -> Breakdown:
        """What a shard counts, from its state."""
        return Breakdown(store)
