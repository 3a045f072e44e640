"""What a run leaves behind, as files: its input, its sink, what it said, and what was read of the sink on the way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from dataflows.tally import Tally
from schemas.topics import OUTPUTS
from tests.campaign.schedules import schedules
from tests.oracle import Books, Journal, compute, number
from tests.oracle.compute import Log
from tests.oracle.control import Controls
from tests.oracle.topic import read
from tests.support.judged import roundings


def whole_lines(out: Path) -> dict[str, bytes]:
    """What a reader of the sink may have read: its files up to their last whole line."""
    found = {}
    for topic in OUTPUTS:
        for path in (out / topic).glob("*.jsonl"):
            text = path.read_bytes()
            found[f"{topic}/{path.name}"] = text[: text.rfind(b"\n") + 1]
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """The sink as it was read after a death, and the generation that had died."""

    generation: int
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, out: Path, state: Path | None = None) -> Reading:
        """As it is now."""
        named = (state or out / ".state") / "accrual-state.json"
        generation = json.loads(named.read_bytes())["generation"] if named.exists() else 0
        return cls(generation, whole_lines(out))


@dataclass
class Left:
    """A run that has come to its end, after whatever was done to it."""

    source: Path  # DIR of files:DIR
    out: Path
    as_of: str | None
    tally: Tally | None = None  # what it said that became of the usage; None: it does not say
    digest: str | None = None  # of the books, as it said
    peace: str | None = None  # the digest of an undisturbed run
    readings: tuple[Reading, ...] = ()  # in their order
    recovery_s: tuple[float, ...] = ()  # seconds from each fault until it went on
    state: Path | None = None  # None: beside the sink; where there is no such directory nothing is looked up there
    exact: bool = True  # whether the digest is the oracle's too: with billing the order of some roundings is free
    expected: Books = field(default=None, repr=False)  # type: ignore[assignment]  # computed when it is not given

    def __post_init__(self) -> None:
        if self.expected is None:
            self.expected = compute(str(self.source), self.as_of)
        if self.state is None:
            self.state = self.out / ".state"

    @cached_property
    def journal(self) -> Journal:
        """The sums of the entries, and what is wrong with them."""
        return Journal.read(str(self.out), self.expected.functional_currency)

    @cached_property
    def said(self) -> dict[str, list[tuple[str, bytes, dict[str, Any]]]]:
        """Of every output topic (file, line, record) in the order of the files; a line that is no JSON is left out."""
        found: dict[str, list[tuple[str, bytes, dict[str, Any]]]] = {topic: [] for topic in OUTPUTS}
        for topic, records in found.items():
            for path in sorted((self.out / topic).glob("*.jsonl")):
                for line in path.read_bytes().split(b"\n")[:-1]:
                    try:
                        records.append((path.name, line, json.loads(line)))
                    except ValueError:
                        continue
        return found

    def records(self, topic: str) -> Iterator[dict[str, Any]]:
        """The records of an output topic."""
        return (record for _, _, record in self.said[topic])

    @cached_property
    def input_lines(self) -> dict[tuple[str, int], list[bytes]]:
        """The lines of every input partition."""
        found = {}
        for path in sorted([*self.source.glob("*.jsonl"), *self.source.glob("*/*.jsonl")]):
            name = (path.stem, 0) if path.parent == self.source else (path.parent.name, int(path.stem))
            found[name] = path.read_bytes().split(b"\n")[:-1]
        return found

    @cached_property
    def versions(self) -> list[Any]:
        """The contract versions that the oracle reads."""
        return list(Log(self.source).versions)

    @cached_property
    def fixed_lines(self) -> set[tuple[str, str, str]]:
        """(customer, contract, line) of all lines that are no usage."""
        return {
            (version.customer, version.contract, line.line_id)
            for version in self.versions
            for line in version.lines
            if line.kind != "usage"
        }

    @cached_property
    def billed_contracts(self) -> set[tuple[str, str]]:
        """(customer, contract) of all that a billing event may concern: those of its customers."""
        billed = set()
        for (topic, _), lines in self.input_lines.items():
            for line in lines if topic == "billing.events" else ():
                try:
                    billed.add(json.loads(line)["customer_id"])
                except (ValueError, KeyError, TypeError):
                    continue
        return {(one.customer, one.contract) for one in self.versions if one.customer in billed}

    def tolerance(self, customer: str, contract: str, line: str) -> Decimal:
        """Major units that the order of roundings leaves open in a schedule."""
        currency = next((one.currency for one in self.versions if one.contract == contract), "USD")
        minor = roundings(self.source)((None,) * 5 + (customer, contract, line))
        return Decimal(number.major_text(minor, currency))

    @cached_property
    def schedules(self) -> dict[tuple[str, str, str, str], Decimal]:
        """What the oracle says that fixed lines will have earned by (customer, contract, line, month of its nature)."""
        return schedules(self.source, self.as_of)

    @cached_property
    def cuts(self) -> list[Any]:
        """The closes and reopens that the oracle knows, in their order."""
        return list(Controls(read(self.source, "control.events")).cuts)
