"""Line terms: one performance obligation as a contract version states it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import model_validator

from accounting.contract import QUANTITY_SCALE, Line, LineKind
from schemas.decimals import rounded, scaled
from schemas.fault import shown
from schemas.fields import Amount, Flag, Instant, Quantity, Record, Text, broken, check_minor_units
from schemas.rate import RateTerms

Method = Literal["daily", "monthly", "monthly_prorated_ends", "month_fraction", "exact"]


class Progress(Record):
    """An exact ratio: cost incurred over expected, or units delivered over ordered."""

    incurred: Quantity
    expected: Quantity

    @model_validator(mode="after")
    def _is_a_ratio(self) -> Self:
        if self.expected <= 0 or self.incurred < 0:
            raise broken("progress needs incurred >= 0 and expected > 0")
        return self


class LineTerms(Record):
    """One line of a contract version (events.md, lines[]); amounts in the contract's major unit.

    `start` and `end` None: the contract's. `product_id` None: the line is a product of its own, named by
    `line_id`. `method` None: the product's default method, else daily. `ssp` None: the reference SSP, else
    `total`. `distinct` is true unless stated, for a milestone false.
    """

    line_id: Text
    product_id: Text | None = None
    kind: Literal["ratable", "usage", "point_in_time", "milestone", "credits"]
    start: Instant | None = None
    end: Instant | None = None
    quantity: Quantity | None = None
    total: Amount | None = None
    ssp: Amount | None = None
    distinct: Flag = True
    method: Method | None = None
    satisfied_at: Instant | None = None
    progress: Progress | None = None
    rate: RateTerms | None = None

    @model_validator(mode="before")
    @classmethod
    def _milestones_are_not_distinct(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("distinct") is None:
            return {**data, "distinct": data.get("kind") != "milestone"}
        return data

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.kind == "usage" and self.rate is None:
            raise broken("a usage line needs rate")
        if self.kind == "ratable" and self.total is None:
            raise broken("a ratable line needs total")
        return self

    def check_term(self, start: int, end: int | None) -> None:
        """Raise the error of a line that does not lie inside its contract's term [start, end)."""
        first = start if self.start is None else self.start
        last = end if self.end is None else self.end
        if first < start or (end is not None and last is not None and last > end):
            raise broken(f"line {shown(self.line_id)} must lie inside the contract's start and end")
        if last is not None and first >= last:
            raise broken(f"line {shown(self.line_id)} must start before it ends")

    def check_currency(self, currency_digits: int) -> None:
        """Raise the error of an amount finer than the currency's minor unit; a selling price is an estimate."""
        check_minor_units(currency_digits, total=self.total)
        if self.rate is not None:
            self.rate.check_currency(currency_digits)

    def to_line(self, start: int, end: int | None, currency_digits: int) -> Line:
        """The line in scaled integers; `start` and `end` are its contract's, in microseconds UTC."""
        progress = self.progress
        return Line(
            line_id=self.line_id,
            product_id=self.line_id if self.product_id is None else self.product_id,
            kind=LineKind(self.kind),
            start=start if self.start is None else self.start,
            end=end if self.end is None else self.end,
            quantity=None if self.quantity is None else scaled(self.quantity, QUANTITY_SCALE),
            total=minor_units(self.total, currency_digits),
            ssp=estimate(self.ssp, currency_digits),
            distinct=self.distinct,
            method=self.method,
            satisfied_at=self.satisfied_at,
            progress=None
            if progress is None
            else (scaled(progress.incurred, QUANTITY_SCALE), scaled(progress.expected, QUANTITY_SCALE)),
            rate=None if self.rate is None else self.rate.to_rate(currency_digits),
        )


def estimate(amount: Decimal | None, currency_digits: int) -> int | None:
    """An estimated amount in minor units, rounded half to even, None for None."""
    return None if amount is None else rounded(amount, currency_digits)


def minor_units(amount: Decimal | None, currency_digits: int) -> int | None:
    """An amount in minor units, None for None."""
    return None if amount is None else scaled(amount, currency_digits)
