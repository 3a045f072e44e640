"""Aggregation: the usage of a billing period as one number of units.

Units are in 1e-18. Source: events.md (line.rate; fine print on weighted_sum, last and unique).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple, Protocol

from accounting.contract import QUANTITY_SCALE, Aggregation
from accounting.rating import Units
from accounting.require import require

ONE = 10**QUANTITY_SCALE


class Reading(NamedTuple):
    """One event's moment and quantity; ordered by time, then by position."""

    time: int
    position: tuple[str, int, int]  # topic, partition, offset
    quantity: int

    @property
    def moment(self) -> tuple[int, tuple[str, int, int]]:
        """What decides which reading is the last."""
        return self.time, self.position


class UsageCell(Protocol):
    """Usage of a short span, summed so that every aggregation can be had from it. The rules only read it."""

    @property
    def start(self) -> int:
        """Its first instant."""

    @property
    def quantity(self) -> int:
        """The sum, 1e-18."""

    @property
    def events(self) -> int:
        """How many there were."""

    @property
    def largest(self) -> int:
        """The largest quantity, 1e-18."""

    @property
    def last(self) -> Reading:
        """The last one."""

    @property
    def moment(self) -> int:
        """The sum of quantity x (event time - start), 1e-18 x microseconds."""

    @property
    def distinct(self) -> Collection[bytes]:
        """Hashes of the values of the unique key."""


@dataclass(slots=True)
class Aggregate:
    """The running aggregate of one billing period [start, end)."""

    kind: Aggregation
    end: int
    length: int
    units: Units | None = None  # None: no usage yet
    distinct: set[bytes] | None = None
    last: Reading | None = None
    running: int = 0  # of a weighted sum: the value that extends to the end, 1e-18

    @property
    def value(self) -> Units:
        """The units so far; zero without usage."""
        return 0 if self.units is None else self.units

    def carry(self, before: Aggregate) -> None:
        """Begin with the last value of the billing period before (policy `carry`)."""
        if before.units is None:
            return
        if self.kind is Aggregation.LAST:
            self.last, self.units = before.last, before.units
        else:
            self.running = before.running
            self.units = Fraction(before.running)  # as if it had been there from the first instant on

    def add(self, cell: UsageCell) -> None:
        """Take in one cell; cells come in time order."""
        so_far = self.value
        match self.kind:
            case Aggregation.SUM:
                self.units = so_far + cell.quantity
            case Aggregation.COUNT:
                self.units = so_far + cell.events * ONE
            case Aggregation.MAX:
                self.units = cell.largest if self.units is None else max(self.units, cell.largest)
            case Aggregation.LAST:
                if self.last is None or cell.last.moment > self.last.moment:
                    self.last, self.units = cell.last, cell.last.quantity
            case Aggregation.UNIQUE:
                self.distinct = (self.distinct or set()).union(cell.distinct)
                self.units = len(self.distinct) * ONE
            case _:  # weighted_sum
                # Each event's quantity counts from its time to the billing period's end: the last value extends to it.
                require(self.length > 0, "a billing period has a length", end=self.end)
                weighted = cell.quantity * (self.end - cell.start) - cell.moment
                self.units = so_far + Fraction(weighted, self.length)
                self.running += cell.quantity
