"""A run by hand: topic files in a directory, the command over them, and what its journal and exceptions say."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.process import Ended, here
from tests.support.timeline import instant

Record = dict[str, Any]


class Books:
    """Source, sink and state in one directory. Times are dates, or the beginning of times of day, in UTC."""

    def __init__(self, root: Path) -> None:
        self.root, self.source, self.sink = root, root / "in", root / "out"
        self.source.mkdir()
        self._count = 0

    # -- what goes in

    def send(self, topic: str, *records: Record | bytes) -> Books:
        """Append records to a topic; bytes as they are."""
        with (self.source / f"{topic}.events.jsonl").open("ab") as file:
            for record in records:
                self._count += 1
                made = record if isinstance(record, bytes) else json.dumps(self._stamped(record)).encode()
                file.write(made + b"\n")
        return self

    def _stamped(self, record: Record) -> Record:
        return {"event_id": f"e{self._count}", "source": "test", **record}

    def reference(self, kind: str, at: str | None = "2000-01-01", **facts: Any) -> Books:
        """One record of master data; `at` None: without an event_time."""
        dates = {name: instant(facts[name]) for name in ("effective_from", "as_of") if name in facts}
        time = {"event_time": instant(at)} if at else {}
        return self.send("reference", {**time, "kind": kind, **facts, **dates})

    def contract(self, *lines: Record, start: str, end: str, version: int = 1, **facts: Any) -> Books:
        """One version of contract k of customer c with entity us in USD, signed and effective at its start."""
        record = {
            "event_time": start, "contract_id": "k", "version": version, "effective_at": start,
            "kind": "activated" if version == 1 else "amended", "customer_id": "c", "entity": "us", "currency": "USD",
            "start": start, "end": end, "lines": list(lines), **facts,
        }  # fmt: skip
        times = {name: instant(record[name]) for name in ("event_time", "effective_at", "start", "end")}
        return self.send("contracts", record | times)

    def usage(self, at: str, quantity: str, **facts: Any) -> Books:
        """One event of customer c and meter m."""
        return self.send(
            "usage", {"customer_id": "c", "meter": "m", "quantity": quantity, "event_time": instant(at), **facts}
        )  # fmt: skip

    def control(self, kind: str, at: str, **facts: Any) -> Books:
        """One control record; a clock reaches its own time."""
        dates = {name: instant(facts[name]) for name in ("effective_from",) if name in facts}
        return self.send("control", {"kind": kind, "event_time": instant(at), "as_of": instant(at), **facts, **dates})

    def policy(self, key: str, value: str, since: str = "2000-01-01", at: str = "2000-01-01") -> Books:
        """A policy in force since a day, known long before or since `at`."""
        return self.control("policy", at, key=key, value=value, effective_from=since)

    # -- the run

    def run(self, as_of: str | None, *more: str, **settings: str) -> Ended:
        """Run it through the command line; it ends well."""
        clock = ["--as-of", instant(as_of)] if as_of else []
        places = [
            "--source",
            f"files:{self.source}",
            "--sink",
            f"files:{self.sink}",
            "--state",
            str(self.root / "state"),
        ]
        given = {"ACCRUAL_SHARDS": "2", **settings}  # the books do not depend on it, and the time to open them does
        ended = here("run", *places, *clock, "--json", *more, cwd=self.root, **given)
        assert ended.code == 0, ended.said
        return ended

    # -- what comes out

    def records(self, topic: str) -> list[Record]:
        """The records of an output topic."""
        lines = [path.read_bytes().splitlines() for path in sorted((self.sink / f"revenue.{topic}").glob("*.jsonl"))]
        return [json.loads(line) for one in lines for line in one]

    def sums(self, *by: str, account: str | None = "revenue", amount: str = "amount") -> dict[Any, str]:
        """Sums that are not zero by fields of the entry, of one account or (None) by account too; revenue and deferred
        revenue count as credits, everything else as debits."""
        found: dict[Any, Decimal] = {}
        for entry in self.records("journal"):
            for one in entry["lines"]:
                if account not in (None, one["account"]):
                    continue
                names = [*(entry[name] for name in by), *([one["account"]] if account is None else [])]
                key = names[0] if len(names) == 1 else tuple(names)
                credits = one["account"] in ("revenue", "deferred_revenue")
                sign = 1 if (one["side"] == "credit") == credits else -1
                found[key] = found.get(key, Decimal(0)) + sign * Decimal(one[amount])
        return {key: str(total) for key, total in sorted(found.items(), key=str) if total}

    def exceptions(self) -> list[Record]:
        """The exception records, with their payload as bytes."""
        return [{**one, "payload": base64.b64decode(one["payload"])} for one in self.records("exceptions")]

    def open(self) -> list[tuple[str, str, int]]:
        """(class, topic, offset) of the exceptions that are not resolved."""
        found: dict[str, tuple[str, str, int]] = {}
        for one in self.records("exceptions"):
            at = one["source"]
            found[one["exception_id"]] = one["class"], at["topic"].partition(".")[0], at["offset"]
            if one["status"] == "resolved":
                del found[one["exception_id"]]
        return sorted(found.values())


def fixed(line_id: str, total: str, kind: str = "ratable", **terms: Any) -> Record:
    """A line of fixed consideration."""
    dates = {name: instant(terms[name]) for name in ("start", "end", "satisfied_at") if terms.get(name)}
    return {"line_id": line_id, "product_id": line_id, "kind": kind, "total": total, **terms, **dates}


def delivered(line_id: str, total: str, at: str | None, **terms: Any) -> Record:
    """A line that is satisfied at a point in time."""
    return fixed(line_id, total, "point_in_time", satisfied_at=at, **terms)


def measured(line_id: str, total: str, incurred: str, expected: str, **terms: Any) -> Record:
    """A line by progress."""
    return fixed(line_id, total, "milestone", progress={"incurred": incurred, "expected": expected}, **terms)


def metered(line_id: str = "u", price: str = "1", **rate: Any) -> Record:
    """A usage line for meter m at so much for each unit."""
    rate = {"meter": "m", "model": "per_unit", "unit_price": price, **rate}
    return {"line_id": line_id, "product_id": line_id, "kind": "usage", "rate": rate}
