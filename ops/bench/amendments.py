"""The benchmark of contract amendments: the recalculation alone, all of an amendment, and what usage waits beside it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from accounting.contract import Line
from accounting.contract_plan import lay
from accounting.plan_course import Valuation
from accounting.policy import Policies
from accounting.schedule import Method
from connectors.batch import Batch, Emitted
from connectors.record_rows import decoded
from connectors.source import RECORDS
from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from dataflows.recalculations import version_record
from dataflows.shard import Shard
from dataflows.shard_context import ShardContext
from ops.bench.verdict import verdict
from ops.job import Job
from ops.settings import load
from schemas.topics import CONTRACTS, CONTROL, RECALCULATIONS, USAGE

LINES = 5
MONTHS = 36
USAGE_ROWS = 2_000
RISE = 500  # dollars of one line: the price change


@dataclass(slots=True)
class _Driven:
    """One shard, given what a source that follows would send it."""

    shard: Shard
    contracts: int = 0
    usage: int = 0

    def amend(self, lines: list[bytes], phase: int) -> list[Emitted]:
        """One batch of contract versions."""
        records, rejected = decoded(CONTRACTS, self.contracts, lines)
        end = self.contracts + len(lines)
        batch = Batch(CONTRACTS, 0, self.contracts, end, None, phase, None, records, rejected)
        self.contracts = end
        return self._give(batch)

    def meter(self, lines: list[bytes], phase: int) -> list[Emitted]:
        """One batch of usage."""
        lateness = Lateness(3_600_000_000, 35 * 86_400_000_000)
        batches = usage_batches(0, self.usage, lines, None, Timeline.of([]), lateness)
        self.usage += len(lines)
        return [said for batch in batches for said in self._give(replace(batch, phase=phase))]

    def clock(self, at: str) -> None:
        """A clock record, after which the partitions go on in the next phase."""
        records, _ = decoded(CONTROL, 0, [json.dumps({"kind": "clock", "event_time": at, "as_of": at}).encode()])
        for topic, end in ((CONTRACTS, self.contracts), (USAGE, self.usage)):
            self._give(Batch(topic, 0, end, end, None, 1))
        self._give(Batch(CONTROL, 0, 0, 1, None, 0, None, records))

    def _give(self, batch: Batch) -> list[Emitted]:
        said, _ = self.shard.on_batch([batch])
        self.shard.snapshot()
        return said


def bench_amendments(contracts: int, as_json: bool) -> int:
    """Run it; 0 when each amendment was recalculated rightly, 1 when not."""
    console = Console(highlight=False, stderr=as_json)
    root = Path(tempfile.mkdtemp(prefix="accrual-bench-"))
    try:
        console.print(f"{contracts:,} contracts of {LINES} lines over {MONTHS} months, each amended once in mid-term")
        driven = _Driven(_shard(root))
        for part in _parts(contracts, 1):
            driven.amend(part, 0)
        driven.clock("2026-06-15T00:00:00Z")
        alone = _longest(driven.meter(rows, 1) for rows in _usage(10))
        engine, recalculated = _recalculations(min(contracts, 1_000))
        usage, spent, wait, records = _usage(1_000_000), 0.0, 0.0, list[bytes]()
        for part in _parts(contracts, 2):
            begun = time.monotonic()
            since = time.process_time()
            said = driven.amend(part, 1)
            spent += time.process_time() - since
            records += [line for one in said if one.topic == RECALCULATIONS for line in one.lines]
            driven.meter(next(usage), 1)
            wait = max(wait, time.monotonic() - begun)
        figures: dict[str, Any] = {
            "engine_per_cpu_s": round(engine),
            "recalculations_per_cpu_s": round(recalculated),
            "amendments_per_cpu_s": round(contracts / spent),
            "usage_batch_s": {"alone": round(alone, 3), "beside": round(wait, 3)},
        }
        right = sum(rise(json.loads(record)) == RISE for record in records)
        _table(console, figures)
        wrongs = [f"{contracts:,} amendments, {right:,} of them with the delta they have"] * (right != contracts)
        return verdict(console, figures, wrongs, as_json)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _shard(root: Path) -> Shard:
    job = Job.of(f"files:{root}", f"files:{root}/out", root / "state", None, load())
    settings = job.flow_settings()
    (root / "state").mkdir()
    sources = (f"{CONTRACTS}/0", f"{USAGE}/0")
    one = replace(settings, shards=1)
    return Shard(ShardContext(one, lambda shard: root / "state" / str(shard), sources, None, following=True), 0)


def _parts(contracts: int, version: int) -> Iterator[list[bytes]]:
    for start in range(0, contracts, RECORDS):
        yield [
            json.dumps(fixed_contract(number, version)).encode()
            for number in range(start, min(start + RECORDS, contracts))
        ]


def fixed_contract(number: int, version: int) -> dict[str, Any]:
    """Version 2 raises the first line's price from a day after the clock on."""
    at = "2025-01-01T00:00:00Z" if version == 1 else "2026-06-20T00:00:00Z"
    lines = [
        {
            "line_id": f"line-{line}", "product_id": f"product-{line}", "kind": "ratable", "ssp": str(3_000 + 100 * line),
            "total": str(3_600 + 100 * line + number % 97 + (RISE if version == 2 and not line else 0)),
        }
        for line in range(LINES)
    ]  # fmt: skip
    return {
            "event_id": f"c-{number}-{version}", "source": "crm", "event_time": at, "contract_id": f"C-{number}",
            "version": version, "kind": "activated" if version == 1 else "amended", "effective_at": at,
            "customer_id": f"cust-{number}", "entity": "us", "currency": "USD", "start": "2025-01-01T00:00:00Z",
            "end": "2028-01-01T00:00:00Z", "lines": lines,
        }  # fmt: skip


def _usage(batches: int) -> Iterator[list[bytes]]:
    """Usage of customers without a contract: counted, kept and looked up as any other."""
    for batch in range(batches):
        yield [
            json.dumps(
                {
                    "event_id": f"u-{batch}-{row}", "source": "app", "customer_id": f"u-{row % 50}", "meter": "calls",
                    "quantity": "1", "event_time": "2026-06-15T00:00:00Z",
                }
            ).encode()
            for row in range(USAGE_ROWS)
        ]  # fmt: skip


def _longest(work: Iterator[Any]) -> float:
    """Seconds of the longest step."""
    longest, began = 0.0, time.monotonic()
    for _ in work:
        longest, began = max(longest, time.monotonic() - began), time.monotonic()
    return longest


def _recalculations(contracts: int) -> tuple[float, float]:
    """Per CPU second: decide on version 2 and rebuild the schedules of all lines, before and after by month; and with the
    record that says before, after and delta of each line and month.
    """
    pairs = [
        tuple(
            decoded(CONTRACTS, 0, [json.dumps(fixed_contract(number, version)).encode()])[0][0].model.to_version()
            for version in (1, 2)
        )
        for number in range(contracts)
    ]
    policies = Policies()
    engine = recording = 0.0
    for versions in pairs:
        began = time.process_time()
        laid = lay(versions[:1], "UTC", _value, lambda _at: (), policies)
        then = laid.then(versions[1]) or lay(versions, "UTC", _value, lambda _at: (), policies)
        before, after = laid.plan, then.plan
        schedules, caught_up = (before.by_month(), after.by_month()), after.caught_up(2)
        between = time.process_time()
        version_record(versions, versions[1], after, *schedules, caught_up)
        engine += between - began
        recording += time.process_time() - between
    return contracts / engine, contracts / (engine + recording)


def _value(line: Line, at: int) -> Valuation:
    return Valuation(line.ssp or 0, Method.DAILY)


def rise(recalculation: Mapping[str, Any]) -> Decimal:
    """The sum of its deltas."""
    return sum((Decimal(one["amount"]) for one in recalculation["delta"]), Decimal(0))


def _table(console: Console, figures: dict[str, Any]) -> None:
    table = Table("", "", box=None)
    table.add_row("decision and schedules alone", f"{figures['engine_per_cpu_s']:,} per CPU second")
    table.add_row("with the record of each month", f"{figures['recalculations_per_cpu_s']:,} per CPU second")
    table.add_row("record to state and outbox", f"{figures['amendments_per_cpu_s']:,} per CPU second")
    waits = figures["usage_batch_s"]
    table.add_row(
        f"a batch of {USAGE_ROWS:,} usage events",
        f"{waits['alone']:.2f} s alone, at most {waits['beside']:.2f} s beside",
    )
    console.print(table)
