"""Exchange rates as integers, and amounts that are carried at the rates at which they arose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import cast

from accounting.currency import digits
from accounting.require import require
from accounting.schedule import round_share

Rate = tuple[int, int]  # so many functional minor units for so many of the contract's, in lowest terms
ONE: Rate = (1, 1)
Used = set[Rate | None]  # the rates that took part in an entry; None: several, carried together


def convert(amount: int, rate: Rate) -> int:
    """Minor units of the contract's currency in functional minor units, rounded half to even."""
    number, whole = rate
    return amount if number == whole else round_share(amount, number, whole)


class Exchange:
    """The rates between a contract's currency and the functional currency of its entity (accounting.md, rule 8)."""

    def __init__(
        self, currency: str, functional: str | None = None, rate_of: Callable[[date], Fraction | None] | None = None
    ) -> None:
        """`rate_of` gives the functional units for one unit of `currency` on a day, None where nobody knows it.

        `functional` None: the contract's currency.
        """
        self.currency, self.functional = currency, functional or currency
        self._scale = Fraction(10 ** digits(self.functional), 10 ** digits(currency))
        self._rate_of = rate_of
        self._known: dict[date, Rate | None] = {}

    def on(self, day: date, stated: Fraction | None = None) -> Rate | None:
        """The rate of a day; one that an event states wins over master data. None: it is not known."""
        if self.functional == self.currency:
            return ONE
        if stated is not None:
            return self._scaled(stated)
        if day not in self._known:
            found = self._rate_of(day) if self._rate_of else None
            self._known[day] = None if found is None else self._scaled(found)
        return self._known[day]

    def known(self, day: date, stated: Fraction | None = None) -> Rate:
        """The rate of what is booked: what has none has been put aside before."""
        found = self.on(day, stated)
        require(found is not None, "what is booked has its rate", day=day)
        return cast(Rate, found)

    def _scaled(self, rate: Fraction) -> Rate:
        require(rate > 0, "a rate is greater than zero", currency=self.currency, functional=self.functional)
        scaled = rate * self._scale
        return scaled.numerator, scaled.denominator


@dataclass(slots=True)
class Holding:
    """A signed amount with its functional amount, such as what is open of an invoice."""

    amount: int = 0
    functional: int = 0
    rate: Rate | None = None  # at which all of it arose; None: at several

    def move(self, amount: int, rate: Rate, used: Used) -> int:
        """Change it by `amount`; gives the functional amount of the change.

        What is taken out leaves at the rates at which it came in, and the last of it takes what is left; what is put in,
        or taken beyond what there is, moves at `rate`.
        """
        held, functional, rest = self.amount, 0, amount
        opposite = bool(held and amount) and (held > 0) is not (amount > 0)
        if opposite:
            used.add(self.rate)
            if abs(amount) >= abs(held):
                functional, rest = -self.functional, amount + held
            else:
                functional, rest = -round_share(self.functional, abs(amount), abs(held)), 0
        if rest:
            used.add(rate)
            functional += convert(rest, rate)
            if opposite or not held:
                self.rate = rate
            elif self.rate != rate:
                self.rate = None
        self.amount += amount
        self.functional += functional
        return functional
