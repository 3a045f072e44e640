"""One shard, driven with the batches of a timeline: the real step on a real store, without Bytewax."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from accounting.window import WindowSize
from connectors.batch import ENDED, Batch, Emitted
from connectors.files.source import decoded
from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from dataflows.settings import FlowSettings
from dataflows.shard import Shard, ShardContext
from schemas.instants import parse_instant
from schemas.topics import CONTRACTS, CONTROL, EXCEPTIONS, JOURNAL, USAGE
from tests.support.timeline import Step, booked, instant, timeline

HOUR_US = 3_600_000_000
CONTROLS = {"clock": "clock", "close": "period_close", "reopen": "period_reopen", "policy": "policy"}


def flow_settings(**changes: Any) -> FlowSettings:
    """Settings as they are by default, with one shard and a clock that stands still."""
    given: dict[str, Any] = {
        "shards": 1,
        "lateness_us": HOUR_US,
        "horizon_us": 35 * 24 * HOUR_US,
        "window": WindowSize.DAY,
        "zone": "UTC",
        "owner": "revenue-operations",
        "sla_us": 24 * HOUR_US,
        "clock": lambda: 0,
    }
    return FlowSettings(**{**given, **changes})


class DrivenShard:
    """A shard and everything it has said."""

    def __init__(self, state: Path, story: str, as_of: str | None = None, **settings: Any) -> None:
        self.state, self.story, self.as_of, self.settings = state, story, as_of, settings
        self.lines: dict[str, dict[int, bytes]] = {JOURNAL: {}, EXCEPTIONS: {}}
        self.activations = _Arrivals(timeline(story)).activations
        self.sources = sorted({batch.source for given in self.activations for batch in given} - {f"{CONTROL}/0"})
        self._open()

    def _open(self) -> None:
        as_of = None if self.as_of is None else parse_instant(instant(self.as_of))
        self.context = ShardContext(
            flow_settings(**self.settings), lambda shard: self.state / str(shard), tuple(self.sources), as_of
        )
        self.shard = Shard(self.context, 0)

    def play(self, start: int = 0, stop: int | None = None) -> DrivenShard:
        """Give the activations from `start` up to `stop`, an epoch each."""
        for batches in self.activations[start:stop]:
            self.give(batches)
            self.shard.snapshot()
        return self

    def give(self, batches: list[Batch]) -> list[Emitted]:
        """One activation; what is said twice must be the same, and sequences have no gap."""
        said, _ = self.shard.on_batch(batches)
        for item in said:
            known = self.lines[item.topic]
            for sequence, line in enumerate(item.lines, start=item.first):
                assert sequence <= len(known) + 1, "a sequence is left out"
                assert known.setdefault(sequence, line) == line, "a sequence was said with other content"
        return said

    def reopen(self) -> DrivenShard:
        """Stop and start on the same store."""
        self.close()
        self._open()
        return self

    def close(self) -> None:
        """Give the store back."""
        self.context.close()

    # -- what it has said

    @property
    def journal(self) -> list[str]:
        """The ledger."""
        return [booked(line) for line in self.lines[JOURNAL].values()]

    @property
    def exceptions(self) -> list[str]:
        """Class, position and status of every exception, in the order in which they were said."""
        records = [json.loads(line) for line in self.lines[EXCEPTIONS].values()]
        return [
            f"{one['class']} {one['source']['topic'].partition('.')[0]} {one['source']['offset']} {one['status']}"
            for one in records
        ]

    def balances(self, by: str = "account") -> dict[str, Decimal]:
        """Signed sums that are not zero, debits positive, by account or by a field of the entry."""
        sums: Counter[str] = Counter()
        for line in self.lines[JOURNAL].values():
            entry = json.loads(line)
            for one in entry["lines"]:
                name = one["account"] if by == "account" else f"{entry[by]} {one['account']}"
                sums[name] += Decimal(one["amount"]) * (1 if one["side"] == "debit" else -1)  # type: ignore[assignment]
        return {name: Decimal(amount) for name, amount in sorted(sums.items()) if amount}


class _Arrivals:
    """The batches of a timeline, as sources that look ahead send them: each says which phase it will be in next."""

    def __init__(self, story: list[list[Step]]) -> None:
        self.activations: list[list[Batch]] = [[] for _ in story]
        controls = [step for steps in story for step in steps if step.verb in CONTROLS]
        self._timeline = Timeline.of([parse_instant(step.at) for step in controls])
        self._events = 0
        self._control(controls)
        for source in sorted({(CONTRACTS, 0), (USAGE, 0), *((_place(s)) for given in story for s in given)} - {None}):
            self._partition(*source, story)

    def _control(self, controls: list[Step]) -> None:
        first = self.activations[0]
        first.append(Batch(CONTROL, 0, 0, 0, None, 0))
        for offset, step in enumerate(controls):
            line = json.dumps({"kind": CONTROLS[step.verb], "event_time": step.at, "as_of": step.at, **step.facts})
            records, rejected = decoded(CONTROL, offset, [line.encode()])
            first.append(Batch(CONTROL, 0, offset, offset + 1, None, offset, None, records, rejected))
        first.append(Batch(CONTROL, 0, len(controls), len(controls), None, ENDED))

    def _partition(self, topic: str, partition: int, story: list[list[Step]]) -> None:
        offset, newest, told, told_in = 0, None, -1, 0
        for number, steps in enumerate(story):
            lines = [self._line(step) for step in steps if _place(step) == (topic, partition)]
            if not lines:
                continue
            for batch in self._batches(topic, partition, offset, lines, newest):
                if batch.phase > told:
                    self.activations[told_in].append(
                        Batch(topic, partition, batch.start, batch.start, newest, batch.phase)
                    )
                self.activations[number].append(batch)
                offset, newest, told, told_in = batch.end, batch.newest, batch.phase, number
        self.activations[told_in].append(Batch(topic, partition, offset, offset, newest, ENDED))

    def _batches(self, topic: str, partition: int, offset: int, lines: list[bytes], newest: int | None) -> list[Batch]:
        if topic == USAGE:
            lateness = Lateness(HOUR_US, 35 * 24 * HOUR_US)
            return usage_batches(partition, offset, lines, newest, self._timeline, lateness)
        batches = []
        for at, line in enumerate(lines, start=offset):
            records, rejected = decoded(topic, at, [line])
            times = [record.model.event_time for record in records]
            newest = max([*times, *([] if newest is None else [newest])], default=None)
            phase = 0 if newest is None else int(self._timeline.phases(np.array([newest]))[0])
            batches.append(Batch(topic, partition, at, at + 1, newest, phase, None, records, rejected))
        return batches

    def _line(self, step: Step) -> bytes:
        self._events += 1
        make = usage if step.verb == "usage" else contract
        return json.dumps(make(step.at, f"e{self._events}", **step.facts)).encode()


def _place(step: Step) -> tuple[str, int] | None:
    """Topic and partition of a step that is no control record."""
    if step.verb in CONTROLS:
        return None
    return (USAGE, int(step.facts.get("on", 0))) if step.verb == "usage" else (CONTRACTS, 0)


def usage(
    at: str, event_id: str, *, n: str, id: str | None = None, customer: str = "c", meter: str = "m",
    contract: str | None = None, on: str = "0",
) -> dict[str, Any]:  # fmt: skip
    """A usage record: n units."""
    return {
        "event_id": id or event_id, "source": "s", "customer_id": customer, "contract_id": contract,
        "meter": meter, "quantity": n, "event_time": at,
    }  # fmt: skip


def contract(
    at: str, event_id: str, *, price: str | None = None, tiers: str | None = None, k: str = "k",
    version: str = "1", kind: str | None = None, effective: str = "2025-01-01", start: str = "2025-01-01",
    end: str = "2026-01-01", line: str = "l", meter: str = "m", customer: str = "c", entity: str = "us",
) -> dict[str, Any]:  # fmt: skip
    """A contract version with one usage line: `price` per unit, or `tiers` as up_to:price,..., the last one -:price."""
    rate: dict[str, Any] = {"meter": meter, "billing_period": "month", "model": "per_unit", "unit_price": price}
    if tiers:
        parts = [tier.split(":") for tier in tiers.split(",")]
        listed = [{"up_to": None if up_to == "-" else up_to, "unit_price": unit} for up_to, unit in parts]
        rate = {"meter": meter, "billing_period": "month", "model": "graduated", "tiers": listed}
    return {
        "event_id": event_id, "source": "s", "event_time": at, "contract_id": k, "version": int(version),
        "kind": kind or ("activated" if version == "1" else "amended"), "effective_at": instant(effective),
        "customer_id": customer, "entity": entity, "currency": "USD", "start": instant(start),
        "end": instant(end),
        "lines": [{"line_id": line, "product_id": "p", "kind": "usage", "rate": rate}] if line != "-" else [],
    }  # fmt: skip
