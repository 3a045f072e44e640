"""`accrual run --follow` on a Kafka as a process, what is sent to it and what it has said."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

from connectors.kafka.client import Brokers
from tests.support import kafka
from tests.support.kafka_feed import message, said


class Service:
    """One deployment: its state outlives its processes."""

    def __init__(self, brokers: Brokers, state: Path, shards: int, **settings: object) -> None:
        self.brokers, self.shards, self.state = brokers, shards, state
        named = {"shards": shards, "epoch_ms": 100, "poll_ms": 50, **settings}
        self.environment = {**os.environ, **{f"ACCRUAL_{name.upper()}": str(value) for name, value in named.items()}}
        self._log = state.with_suffix(".log")
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        """A process of it; the one before must have ended."""
        command = [Path(sys.executable).with_name("accrual"), "run", "--source", str(self.brokers), "--sink",
                   str(self.brokers), "--state", str(self.state), "--follow"]  # fmt: skip
        with open(self._log, "ab") as log:
            started = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log)
        self.processes.append(started)
        return started

    @property
    def told(self) -> str:
        """What its processes have said so far."""
        return self._log.read_text()

    def end(self) -> None:
        """Nothing of it runs any more."""
        for one in self.processes:
            one.kill()
            one.wait()

    def send(self, topic: str, *records: dict[str, object], partition: int = 0) -> None:
        """Records, as its producers do; all of them are acknowledged."""
        values = [message(topic, json.dumps(one).encode()) for one in records]
        kafka.sent(self.brokers, topic, *values, partition=partition)

    def said(self, topic: str) -> list[dict[str, object]]:
        """What is committed in a topic; the sequences of each shard have no gap."""
        found = [[json.loads(line) for line in lines] for lines in said(self.brokers, topic, self.shards)]
        for lines in found:
            assert list(range(1, len(lines) + 1)) == [one["sequence"] for one in lines]
        return [one for lines in found for one in lines]

    def amounts(self) -> list[tuple[str, Decimal]]:
        """Date and amount of the journal's entries."""
        found = self.said("revenue.journal")
        return sorted((one["accounting_date"], Decimal(one["lines"][0]["amount"])) for one in found)


def ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends by itself in that time."""
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


@contextmanager
def serviced(brokers: Brokers, state: Path, shards: int, **settings: object) -> Iterator[Service]:
    """A deployment whose processes are all ended."""
    service = Service(brokers, state, shards, **settings)
    try:
        yield service
    finally:
        service.end()


CONTRACT = {
    "event_id": "c1", "source": "crm", "event_time": "2026-01-01T00:00:00Z", "contract_id": "K", "version": 1,
    "kind": "activated", "effective_at": "2026-01-01T00:00:00Z", "customer_id": "c", "entity": "us", "currency": "USD",
    "start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00Z",
    "lines": [{"line_id": "u", "kind": "usage", "rate": {
        "meter": "m", "aggregation": "sum", "billing_period": "month", "model": "per_unit", "unit_price": "1"}}],
}  # fmt: skip


def usage(name: str, at: str, quantity: str = "1") -> dict[str, object]:
    """An event of the contract's meter."""
    return {"event_id": name, "source": "app", "customer_id": "c", "meter": "m", "quantity": quantity, "event_time": at}


def clock(at: str) -> dict[str, object]:
    """A clock record without `ends`."""
    return {"kind": "clock", "as_of": at, "event_time": at}
