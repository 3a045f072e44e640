"""A recalculation as it stands in a sink: what a change did to the revenue of a contract, and why."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ops.show.records import StoredTopic, needle
from ops.show.sink import require_output, sink_directory
from schemas.topics import RECALCULATIONS

ZERO = Decimal(0)
AMENDMENT = "amendment"

Cell = tuple[str, str]  # line, period
Change = tuple[Decimal, Decimal, Decimal]  # before, after, delta; major units


class Input(msgspec.Struct, frozen=True):
    """One named input of a test, as text."""

    key: str
    value: str


class Finding(msgspec.Struct, frozen=True):
    """One test, with its inputs and its result."""

    test: str
    inputs: list[Input] = []
    result: str = ""

    def given(self, key: str, otherwise: str = "") -> str:
        """The value of an input."""
        return next((one.value for one in self.inputs if one.key == key), otherwise)


class LineAmount(msgspec.Struct, frozen=True):
    """Revenue of a line in a period, major units."""

    line_id: str
    period: str
    amount: Decimal


class Recalculation(msgspec.Struct, frozen=True):
    """One record of revenue.recalculations."""

    recalculation_id: str
    contract_id: str
    cause: str
    effective_at: str
    shard: int = 0
    sequence: int = 0
    from_version: int | None = None
    to_version: int | None = None
    treatment: str | None = None
    evidence: list[Finding] = []
    before: list[LineAmount] = []
    after: list[LineAmount] = []
    delta: list[LineAmount] = []
    catch_up: Decimal = ZERO
    entry_ids: list[str] = []
    correlation_id: str | None = None
    customer_id: str | None = None
    traceparent: str | None = None

    @property
    def is_version(self) -> bool:
        """Whether a version of the contract is the cause; from and to the same one: another contract's it is combined with."""
        return self.cause == AMENDMENT and self.to_version is not None and self.from_version != self.to_version

    @property
    def versions(self) -> str:
        """The step from version to version, for people."""
        if self.from_version is None or self.from_version == self.to_version:
            return "-" if self.to_version is None else str(self.to_version)
        return f"{self.from_version} → {self.to_version}"

    @property
    def zero(self) -> Decimal:
        """Nothing, with the fraction digits of the contract's currency."""
        return abs(self.catch_up) * 0

    @property
    def changed(self) -> Decimal:
        """What it changes of revenue in all."""
        return sum((one.amount for one in self.delta), self.zero)

    def changes(self) -> dict[Cell, Change]:
        """Before, after and delta of every line and period, also where nothing changes."""
        before, after, delta = (
            {(one.line_id, one.period): one.amount for one in rows} for rows in (self.before, self.after, self.delta)
        )
        return {
            cell: (before.get(cell, self.zero), after.get(cell, self.zero), delta.get(cell, self.zero))
            for cell in sorted(before.keys() | after.keys() | delta.keys())
        }

    @property
    def order(self) -> tuple[str, str, int, int, int]:
        """Its place in a list: by the date from which on it changes the books."""
        return self.effective_at, self.contract_id, self.to_version or 0, self.shard, self.sequence


def open_recalculations(sink: str) -> StoredTopic:
    """The recalculations of a sink; UsageError when nothing has been run into it."""
    directory = sink_directory(sink)
    require_output(directory, RECALCULATIONS)
    return StoredTopic(directory, RECALCULATIONS)


def recalculations_of(topic: StoredTopic, contract_id: str, customer_id: str | None) -> dict[int, Recalculation]:
    """What was said of each version of a contract when it was taken up."""
    name = needle(contract_id)
    return {
        stored.value.to_version or 0: stored.value
        for stored in topic.records(Recalculation, [name] if name else [])
        if stored.value.is_version
        and stored.value.contract_id == contract_id
        and customer_id in (None, stored.value.customer_id)
    }
