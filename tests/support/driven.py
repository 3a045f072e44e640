"""One shard, driven with the batches of a timeline: the real step on a real store, without Bytewax."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from accounting.window import WindowSize
from connectors.batch import ENDED, Batch, Emitted
from connectors.record_rows import decoded
from connectors.timeline import Timeline
from connectors.usage_rows import Lateness, usage_batches
from dataflows.settings import FlowSettings
from dataflows.shard import Shard
from dataflows.shard_context import ShardContext
from schemas.instants import parse_instant
from schemas.topics import (
    BILLING,
    CONTRACTS,
    CONTROL,
    EXCEPTIONS,
    JOURNAL,
    OUTPUTS,
    POSTINGS,
    RECALCULATIONS,
    REFERENCE,
    USAGE,
)
from tests.support.billing import billing
from tests.support.timeline import Step, booked, instant, timeline

HOUR_US = 3_600_000_000
CONTROLS = {"clock": "clock", "close": "period_close", "reopen": "period_reopen", "policy": "policy"}
QUARTER = "2025-01-01 contract fixed=a:90 end=2025-04-01"  # of a story: a dollar a day


def flow_settings(**changes: Any) -> FlowSettings:
    """Settings as they are by default, with one shard and a clock that stands still."""
    given: dict[str, Any] = {
        "shards": 1,
        "lateness_us": HOUR_US,
        "horizon_us": 35 * 24 * HOUR_US,
        "retention_us": 400 * 24 * HOUR_US,
        "parked_us": 400 * 24 * HOUR_US,
        "window": WindowSize.DAY,
        "zone": "UTC",
        "owner": "revenue-operations",
        "sla_us": 24 * HOUR_US,
        "clock": lambda: 0,
    }
    return FlowSettings(**{**given, **changes})


class DrivenShard:
    """A shard and everything it has said."""

    def __init__(
        self, state: Path, story: str, as_of: str | None = None, following: bool = False, **settings: Any
    ) -> None:
        """`following`: the partitions do not look ahead, as those of a run that follows; there is no end of input."""
        self.state, self.as_of, self.settings = state, as_of, settings
        self.lines: dict[str, dict[int, bytes]] = {topic: {} for topic in OUTPUTS}
        self.following = following
        self.activations = (_Followed if following else _Arrivals)(timeline(story)).activations
        self.sources = sorted({batch.source for given in self.activations for batch in given} - {f"{CONTROL}/0"})
        self._open()

    def _open(self) -> None:
        as_of = None if self.as_of is None else parse_instant(instant(self.as_of))
        self.context = ShardContext(
            flow_settings(**self.settings), lambda shard: self.state / str(shard), tuple(self.sources), as_of,
            following=self.following,
        )  # fmt: skip
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
    def entries(self) -> list[dict[str, Any]]:
        """The records of revenue.journal."""
        return [json.loads(line) for line in self.lines[JOURNAL].values()]

    @property
    def exceptions(self) -> list[str]:
        """Class, position and status of every exception, in the order in which they were said."""
        records = [json.loads(line) for line in self.lines[EXCEPTIONS].values()]
        return [
            f"{one['class']} {one['source']['topic'].partition('.')[0]} {one['source']['offset']} {one['status']}"
            for one in records
        ]

    @property
    def recalculations(self) -> list[dict[str, Any]]:
        """The records of revenue.recalculations."""
        return [json.loads(line) for line in self.lines[RECALCULATIONS].values()]

    @property
    def open(self) -> list[str]:
        """Class and position of the exceptions that are not resolved."""
        found = Counter(one.rpartition(" ")[0] for one in self.exceptions if one.endswith(" open"))
        found -= Counter(one.rpartition(" ")[0] for one in self.exceptions if one.endswith(" resolved"))
        return sorted(found.elements())

    def balances(self, by: str = "account", amount: str = "amount") -> dict[str, Decimal]:
        """Signed sums that are not zero, debits positive, by account or by a field of the entry and account."""
        sums: Counter[str] = Counter()
        for entry in self.entries:
            for one in entry["lines"]:
                name = one["account"] if by == "account" else f"{entry[by]} {one['account']}"
                sums[name] += Decimal(one[amount]) * (1 if one["side"] == "debit" else -1)  # type: ignore[assignment]
        return {name: Decimal(amount) for name, amount in sorted(sums.items()) if amount}


class _Arrivals:
    """The batches of a timeline, as sources that look ahead send them: each says which phase it will be in next."""

    def __init__(self, story: list[list[Step]]) -> None:
        self.activations: list[list[Batch]] = [[] for _ in story]
        controls = [step for steps in story for step in steps if step.verb in CONTROLS]
        self._timeline = Timeline.of([parse_instant(step.at) for step in controls])
        self._events = 0
        self._control(controls)
        for source in sorted(
            {(CONTRACTS, 0), (USAGE, 0), *(_place(step) for given in story for step in given)} - {None}
        ):
            self._partition(*source, story)

    def _control(self, controls: list[Step]) -> None:
        first = self.activations[0]
        first.append(Batch(CONTROL, 0, 0, 0, None, 0))
        first += [self._control_batch(offset, step) for offset, step in enumerate(controls)]
        first.append(Batch(CONTROL, 0, len(controls), len(controls), None, ENDED))

    def _control_batch(self, offset: int, step: Step) -> Batch:
        facts = {name: instant(value) if name == "effective_from" else value for name, value in step.facts.items()}
        line = json.dumps({"kind": CONTROLS[step.verb], "event_time": step.at, "as_of": step.at, **facts})
        records, rejected = decoded(CONTROL, offset, [line.encode()])
        return Batch(CONTROL, 0, offset, offset + 1, None, offset, None, records, rejected)

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
            times = [record.model.event_time for record in records if record.model.event_time is not None]
            newest = max([*times, *([] if newest is None else [newest])], default=None)
            phase = 0 if newest is None else int(self._timeline.phases(np.array([newest]))[0])
            batches.append(Batch(topic, partition, at, at + 1, newest, phase, None, records, rejected))
        return batches

    def _line(self, step: Step) -> bytes:
        self._events += 1
        make = {"usage": usage, "contract": contract, "reference": reference, "bill": bill, "answer": answer}[step.verb]
        name = step.facts.get("event", f"e{self._events}")
        facts = {key: value for key, value in step.facts.items() if key != "event"}
        return json.dumps(make(step.at, name, **facts)).encode()


class _Followed(_Arrivals):
    """The same as sources that follow send them: each says after every activation how far it has come."""

    def __init__(self, story: list[list[Step]]) -> None:
        self.activations = [[] for _ in story]
        self._timeline, self._events = Timeline.of([]), 0
        self._ends: dict[tuple[str, int], tuple[int, int | None]] = {}
        self._told = 0
        places = {(REFERENCE, 0), (CONTRACTS, 0), (USAGE, 0), *(_place(step) for given in story for step in given)}
        self.activations[0].append(Batch(CONTROL, 0, 0, 0, None, 0))
        for number, steps in enumerate(story):
            for place in sorted(places - {None}):
                self._piece(*place, number, [self._line(step) for step in steps if _place(step) == place])
            for step in (step for step in steps if step.verb in CONTROLS):
                self.activations[number].append(self._control_batch(self._told, step))
                self._told += 1
            for topic, partition in sorted(places - {None}):
                end, newest = self._ends.get((topic, partition), (0, None))
                self.activations[number].append(Batch(topic, partition, end, end, newest, self._told))

    def _piece(self, topic: str, partition: int, number: int, lines: list[bytes]) -> None:
        if lines:
            end, newest = self._ends.get((topic, partition), (0, None))
            for batch in self._batches(topic, partition, end, lines, newest):
                self.activations[number].append(replace(batch, phase=self._told))
                self._ends[topic, partition] = batch.end, batch.newest


def _place(step: Step) -> tuple[str, int] | None:
    """Topic and partition of a step that is no control record."""
    if step.verb in CONTROLS:
        return None
    topics = {"usage": USAGE, "contract": CONTRACTS, "reference": REFERENCE, "bill": BILLING, "answer": POSTINGS}
    topic = topics[step.verb]
    return topic, int(step.facts.get("on", 0))


def usage(
    at: str, event_id: str, *, n: str, id: str | None = None, customer: str = "c", meter: str = "m",
    contract: str | None = None, on: str = "0",
) -> dict[str, Any]:  # fmt: skip
    """A usage record: n units."""
    return {
        "event_id": id or event_id, "source": "s", "customer_id": customer, "contract_id": contract,
        "meter": meter, "quantity": n, "event_time": at,
    }  # fmt: skip


def answer(
    at: str, event_id: str, *, id: str, status: str = "posted", amount: str | None = None, customer: str | None = None,
    reason: str | None = None, on: str = "0",
) -> dict[str, Any]:  # fmt: skip
    """What the ERP says of an entry."""
    return {
        "entry_id": id, "status": status, "erp_id": f"doc-{event_id}", "posted_at": at, "amount": amount,
        "reason": reason, "customer_id": customer,
    }  # fmt: skip


def bill(at: str, event_id: str, *, net: str = "", on: str = "0", **facts: str) -> dict[str, Any]:
    """A billing event, see `billing`: `net` are its lines, as `a:100,b:20`, of its whole amount if that is not given."""
    lines = [one.split(":") for one in net.split(",") if one]
    amounts = {"amount": str(sum(Decimal(amount) for _, amount in lines))} if lines and "amount" not in facts else {}
    return billing(
        at, event_id, lines=[{"line_id": name, "amount": amount} for name, amount in lines], **amounts, **facts
    )


DATES = {"effective_from", "as_of"}


def reference(at: str, event_id: str, *, on: str = "0", timed: str = "yes", **facts: str) -> dict[str, Any]:
    """A master data record; `timed=no` leaves out its event_time, lists are separated by commas, flags are yes."""
    found: dict[str, Any] = {"event_id": event_id, "source": "mdm"} | ({"event_time": at} if timed == "yes" else {})
    for name, value in facts.items():
        found[name] = instant(value) if name in DATES else value == "yes" if name == "highly_variable" else value
    if "products" in found:
        found["products"] = found["products"].split(",")
    if "dimensions" in found:
        pairs = [pair.split(":") for pair in found["dimensions"].split(",")]
        found["dimensions"] = [{"key": key, "value": value} for key, value in pairs]
    return found


def contract(
    at: str, event_id: str, *, price: str | None = None, tiers: str | None = None, k: str = "k",
    version: str = "1", kind: str | None = None, effective: str = "2025-01-01", start: str = "2025-01-01",
    end: str = "2026-01-01", line: str = "l", meter: str = "m", customer: str = "c", entity: str = "us",
    currency: str = "USD", product: str = "p", fixed: str | None = None, opening: str | None = None,
    aggregation: str = "sum", minimum: str | None = None, billing: str = "month",
    with_: str | None = None, **sent: str,
) -> dict[str, Any]:  # fmt: skip
    """A contract version with one usage line: `price` per unit, or `tiers` as up_to:price,..., the last one -:price; or
    with `fixed` lines, see `fixed_lines`; end=- is none. `opening` is as_of/recognised/billed,
    `with_` the contract it is combined with, `sent` what it was sent under."""
    rate: dict[str, Any] = {"meter": meter, "model": "per_unit", "unit_price": price}
    if tiers:
        parts = [tier.split(":") for tier in tiers.split(",")]
        listed = [{"up_to": None if up_to == "-" else up_to, "unit_price": unit} for up_to, unit in parts]
        rate = {"meter": meter, "model": "graduated", "tiers": listed}
    rate |= {"aggregation": aggregation, "minimum": minimum, "billing_period": billing}
    lines = fixed_lines(fixed) if fixed else []
    if line != "-" and (price or tiers or not fixed):
        lines.append({"line_id": line, "product_id": product, "kind": "usage", "rate": rate})
    found = {
        "event_id": event_id, "source": "s", "event_time": at, "contract_id": k, "version": int(version),
        "kind": kind or ("activated" if version == "1" else "amended"), "effective_at": instant(effective),
        "customer_id": customer, "entity": entity, "currency": currency, "start": instant(start),
        "end": None if end == "-" else instant(end), "lines": lines, **sent,
    }  # fmt: skip
    if with_:
        found["combined_with"] = with_
    if opening:
        as_of, recognised, billed = opening.split("/")
        found["opening"] = {"as_of": instant(as_of), "recognised": recognised, "billed": billed}
    return found


def fixed_lines(text: str) -> list[dict[str, Any]]:
    """Lines separated by commas, each `id total`, with marks: `a:120` is ratable, `a:120@2025-02-01` delivered then and
    `a:120@-` not yet, `a:120#1/4` a milestone; `~exact` is its method, `$30` its SSP, `=p` its product (else its id)."""
    found = []
    for one in text.split(","):
        parts = re.fullmatch(
            r"(\w+):(-?[\d.]+)(?:@([\w:-]+))?(?:#(\d+)/(\d+))?(?:~(\w+))?(?:\$([\d.]+))?(?:=(\w+))?", one
        )
        assert parts is not None, one
        name, total, satisfied, incurred, expected, method, ssp, product = parts.groups()
        line: dict[str, Any] = {"line_id": name, "product_id": product or name, "total": total, "ssp": ssp}
        if satisfied is not None:
            line |= {"kind": "point_in_time", "satisfied_at": None if satisfied == "-" else instant(satisfied)}
        elif incurred is not None:
            line |= {"kind": "milestone", "progress": {"incurred": incurred, "expected": expected}}
        else:
            line |= {"kind": "ratable", "method": method}
        found.append(line)
    return found
