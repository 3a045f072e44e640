"""The benchmark of recovery: a service with millions of identities is killed again and again, and the time is taken until it
has written the first entry after that; its books are right at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from ops.bench.expected import booked_cents
from ops.bench.feed import DAYS, METERS, PARTITIONS, PRICE_MILLIS, START, contract, half_even
from ops.bench.process import COMMAND
from ops.bench.usage_lines import usage_lines
from ops.bench.verdict import verdict
from schemas.topics import CONTRACTS, CONTROL, JOURNAL, USAGE

CUSTOMERS = 100
AT_ONCE = 500_000
LATE_UNITS = 100_000  # of the event after each kill
CLOSED = "2025-01-05T00:00:00Z"
LOOK_S, PATIENCE_S, BUILD_S = 0.01, 120, 3_600
WHO = ("service", "worker")  # of which one dies: the launcher with all, as a machine does, or one process


def bench_recovery(identities: int, kills: int, as_json: bool) -> int:
    """Build the state by a real run, then kill so many times; 0 when each was followed by its entry and the books are right."""
    console = Console(highlight=False, stderr=as_json)
    root = Path(tempfile.mkdtemp(prefix="accrual-bench-"))
    try:
        began = time.monotonic()
        _write(root / "in", identities)
        console.print(f"{identities:,} usage events written in {time.monotonic() - began:.0f} s")
        service = _Service(root)
        began = time.monotonic()
        service.start()
        try:
            service.until(CUSTOMERS * METERS * DAYS, BUILD_S)
            console.print(
                f"booked in {time.monotonic() - began:.0f} s; state {_bytes(root / 'out' / '.state') >> 20:,} MB"
            )
            took: dict[str, list[float]] = {who: [] for who in WHO}
            for number in range(kills):
                who = WHO[number % len(WHO)]
                took[who].append(service.recovered(who, number))
                console.print(f"{who} killed: {took[who][-1]:.2f} s")
            figures = {
                who: _figures(seconds)
                for who, seconds in {**took, "both": [one for found in took.values() for one in found]}.items()
                if seconds
            }
        finally:
            service.end()
        _table(console, figures)
        want, was = _expected_cents(identities, kills), booked_cents(root / "out")
        console.print(f"revenue in cents: expected {want:,}, was {was:,}")
        told = {"identities": identities, "kills": kills, "revenue_cents": was, **figures}
        return verdict(console, told, ["the revenue is not that of the events"] * (want != was), as_json)
    finally:
        shutil.rmtree(root, ignore_errors=True)


class _Service:
    """`accrual run --follow` on files."""

    def __init__(self, root: Path) -> None:
        self._root, self._log = root, open(root / "log", "wb")  # noqa: SIM115
        self._entries = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [COMMAND, "run", "--source", f"files:{self._root}/in",
                   "--sink", f"files:{self._root}/out", "--follow"]  # fmt: skip
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)

    def until(self, entries: int, seconds: float) -> None:
        """The journal has so many entries. OSError when it does not get there."""
        end = time.monotonic() + seconds
        while (found := self._count()) < entries:
            if time.monotonic() > end or self._process is None or self._process.poll() is not None:
                told = (self._root / "log").read_text()[-500:]
                raise OSError(f"the service did not come to {entries} entries, but to {found}: {told}")
            time.sleep(LOOK_S)
        self._entries = found

    def recovered(self, who: str, number: int) -> float:
        """Seconds from a kill to the entry of an event that is sent at that moment: late for a window that is posted."""
        assert self._process is not None
        with self._waiting():
            began = time.monotonic()
            if who == "worker":
                children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
                os.kill(int(children[0]), signal.SIGKILL)
            else:
                self._process.kill()
                self._process.wait()
                self.start()
            customer = number % CUSTOMERS
            _append(self._root / "in" / USAGE / f"{customer % PARTITIONS}.jsonl", {
                "event_id": f"late-{number}", "source": "meter-a", "customer_id": f"cust-{customer}", "contract_id": None,
                "meter": "api0", "quantity": str(LATE_UNITS), "event_time": "2025-01-02T00:00:00Z",
            })  # fmt: skip
            self.until(self._entries + 1, PATIENCE_S)
            return time.monotonic() - began

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """What was said before is all there: the next entry is the one that is waited for."""
        settled = self._count()
        time.sleep(0.5)
        while (now := self._count()) != settled:
            settled = now
            time.sleep(0.5)
        self._entries = settled
        yield

    def _count(self) -> int:
        return sum(path.read_bytes().count(b"\n") for path in (self._root / "out" / JOURNAL).glob("*.jsonl"))

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        self._log.close()


def _write(root: Path, identities: int) -> None:
    """Unique usage of three days, a contract for each customer, and the clock record behind all."""
    (root / USAGE).mkdir(parents=True)
    (root / f"{CONTRACTS}.jsonl").write_text("".join(json.dumps(contract(one)) + "\n" for one in range(CUSTOMERS)))
    step_us = DAYS * 86_400_000_000 // identities
    files = [open(root / USAGE / f"{number}.jsonl", "w") for number in range(PARTITIONS)]  # noqa: SIM115
    for first in range(0, identities, AT_ONCE):
        numbers = pl.int_range(first, min(first + AT_ONCE, identities), eager=True)
        lines = usage_lines(numbers, CUSTOMERS, START, step_us)
        for number, file in enumerate(files):
            file.write("\n".join(lines.filter(numbers % CUSTOMERS % PARTITIONS == number)) + "\n")
    for file in files:
        file.close()
    _append(root / f"{CONTROL}.jsonl", {"kind": "clock", "as_of": CLOSED, "event_time": CLOSED})


def _expected_cents(identities: int, kills: int) -> int:
    """The revenue of every event, and of one late event for each kill."""
    numbers = pl.int_range(0, identities, eager=True).to_frame("n")
    hundredths = numbers.group_by(customer=pl.col("n") % CUSTOMERS, meter=pl.col("n") % METERS).agg(
        total=(pl.col("n") % 50 * 100 + 50).sum()
    )
    totals = Counter({(customer, meter): total for customer, meter, total in hundredths.iter_rows()})
    for number in range(kills):
        totals[number % CUSTOMERS, 0] += LATE_UNITS * 100
    return sum(half_even(total * PRICE_MILLIS, 1000) for total in totals.values())


def _append(path: Path, record: dict[str, Any]) -> None:
    with open(path, "a") as file:
        file.write(json.dumps(record) + "\n")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    at = {"p50": 0.5, "p99": 0.99}
    found = {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in at.items()}
    return {name: round(one, 3) for name, one in {**found, "max": ordered[-1]}.items()}


def _table(console: Console, figures: dict[str, dict[str, float]]) -> None:
    table = Table("killed", "p50", "p99", "max", box=None)
    for who, found in figures.items():
        table.add_row(who, *(f"{one:.2f} s" for one in found.values()))
    console.print(table)
