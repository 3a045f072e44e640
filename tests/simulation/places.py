"""Source and sink of a run in the simulated world, as ops.job wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.follow import Follow
from ops.places.files import FileOutput
from ops.places.kafka import KafkaOutput
from ops.places.place import SinkPlace
from ops.places.registry import Schemas
from tests.simulation.broker import Clients
from tests.simulation.log import Log, LogPlan
from tests.simulation.machine import Machine

_SCHEMAS = Schemas()


@dataclass(frozen=True, slots=True)
class LogInput:
    """The log."""

    log: Log
    uri: str = "memory:"

    def check(self) -> None:
        """It is there."""

    def same(self, known: Mapping[str, str], applied: Callable[[], Mapping[str, int]]) -> dict[str, str]:
        """Always the same one."""
        return {}

    def await_registry(self, follow: Follow | None) -> None:
        """There is none."""

    def plan(self, follow: Follow | None) -> LogPlan:
        """What there is to read."""
        return LogPlan(self.log, follow)

    def done(self, positions: Mapping[str, int]) -> None:
        """Nobody watches."""


def sink_place(
    machine: Machine, shards: int, generation: int, fault: Callable[[], str | None], reach: Callable[[str], None]
) -> SinkPlace:
    """The product's own: on files below the machine's root, or on its broker as a run of a generation."""
    if not machine.kafka:
        return FileOutput(machine.sink)
    clients = Clients(machine.broker, generation, fault, reach)
    return KafkaOutput(clients, "sim", shards, _SCHEMAS)  # type: ignore[arg-type]
