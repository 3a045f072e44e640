"""A small world: one customer's contract and usage in a directory, the product run on it, the oracle's judgement."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tests.oracle.scenario import Scenario
from tests.support.judged import problems
from tests.support.process import Ended, accrual, as_result, environment, here

AS_OF = "2025-02-01T00:00:00Z"
START, END = "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"


def line(name: str, meter: str, price: str = "2") -> dict[str, Any]:
    """A usage line at a price per unit."""
    return {
        "line_id": name,
        "product_id": f"p-{meter}",
        "kind": "usage",
        "start": START,
        "end": END,
        "rate": {
            "meter": meter,
            "aggregation": "sum",
            "billing_period": "month",
            "model": "per_unit",
            "unit_price": price,
        },
    }


def usage(name: str, day: int, **changes: Any) -> dict[str, Any]:
    """One usage record of customer c, contract k, meter m: 3 units in January 2025."""
    record = {
        "event_id": name,
        "source": "test",
        "customer_id": "c",
        "contract_id": "k",
        "meter": "m",
        "quantity": "3",
        "event_time": f"2025-01-{day:02d}T10:00:00Z",
        "dimensions": [],
    }
    return {**record, **changes}


class World:
    """Source, sink and state in one directory."""

    def __init__(self, root: Path) -> None:
        self.root, self.source, self.sink, self.state = root, root / "in", root / "out", root / "state"
        self.source.mkdir()
        self.scenario = Scenario(self.source)

    def contract(self, *lines: dict[str, Any], version: int = 1, **changes: Any) -> World:
        """One version of contract k of customer c."""
        self.scenario.contract(list(lines) or [line("l", "m")], START, END, version, **changes)
        return self

    def send(self, *records: dict[str, Any] | bytes, partition: int = 0) -> World:
        """Append usage."""
        self.scenario.write("usage.events", *records, partition=partition)
        return self

    def days(self, first: int = 1, last: int = 9) -> World:
        """A contract and one event a day."""
        return self.contract().send(*(usage(f"u{day}", day) for day in range(first, last + 1)))

    def words(self, *more: str, as_of: str | None = AS_OF) -> list[str]:
        """The words of the command."""
        places = ["--source", f"files:{self.source}", "--sink", f"files:{self.sink}"]
        clock = ["--as-of", as_of] if as_of else []
        return ["run", *places, "--state", str(self.state), *clock, "--json", *more]

    def run(self, *more: str, as_of: str | None = AS_OF, **settings: str) -> Ended:
        """Run it through the command line, in this process."""
        return here(*self.words(*more, as_of=as_of), cwd=self.root, **settings)

    def process(self, *more: str, as_of: str | None = AS_OF, largest_file: int | None = None, **settings: str) -> Ended:
        """Run it as a process of its own."""
        env = environment(**settings)
        return accrual(*self.words(*more, as_of=as_of), cwd=self.root, env=env, largest_file=largest_file)

    def problems(self, ended: Ended, as_of: str | None = AS_OF) -> list[str]:
        """Everything in which a finished run differs from the oracle."""
        assert ended.code == 0, ended.said
        return problems(self.source, self.sink, as_of, as_result(json.loads(ended.printed)))

    def booked_right(self, *more: str, as_of: str | None = AS_OF, **settings: str) -> Ended:
        """Run it; it ends well, and the books and exceptions are the oracle's."""
        ended = self.run(*more, as_of=as_of, **settings)
        assert self.problems(ended, as_of) == []
        return ended

    def lines(self, topic: str) -> dict[str, bytes]:
        """The files of an output topic."""
        return {path.name: path.read_bytes() for path in sorted((self.sink / topic).glob("*.jsonl"))}

    def records(self, topic: str) -> list[dict[str, Any]]:
        """The records of an output topic."""
        return [json.loads(one) for text in self.lines(topic).values() for one in text.splitlines()]

    def exceptions(self) -> list[dict[str, Any]]:
        """The exception records, with their payload as bytes."""
        found = self.records("revenue.exceptions")
        return [{**one, "payload": base64.b64decode(one["payload"])} for one in found]

    def revenue(self) -> str:
        """What the journal says was earned, in USD."""
        total = 0
        for entry in self.records("revenue.journal"):
            for one in entry["lines"]:
                if one["account"] == "revenue":
                    minor = int(one["amount"].replace(".", ""))
                    total += minor if one["side"] == "credit" else -minor
        return f"{total // 100}.{total % 100:02d}"
