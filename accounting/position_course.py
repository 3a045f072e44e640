"""One position as time goes on: what is billed ahead, invoice by invoice, or earned ahead, at historical rates.

Rule 1 and rule 8 of accounting.md: revenue that was billed ahead is released at the rates of its invoices, first in first
out; what is earned before it is billed carries the rate of its date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from accounting.exchange import Rate, Used, convert
from accounting.position import DEFERRED_REVENUE, REVENUE, UNBILLED_RECEIVABLE
from accounting.schedule import round_share

Movements = dict[str, tuple[int, int]]  # account -> minor units, functional minor units; debits are positive


def add(movements: Movements, account: str, amount: int, functional: int) -> None:
    """Add one movement; an account that does not move is left out."""
    before = movements.get(account)
    if before is not None:
        amount, functional = amount + before[0], functional + before[1]
    if amount or functional:
        movements[account] = (amount, functional)
    else:
        movements.pop(account, None)


@dataclass(slots=True)
class Layer:
    """A part of a position that arose at once."""

    invoice_id: str  # "": no invoice
    amount: int  # minor units, > 0
    functional: int
    rate: Rate | None  # None: several, carried together


class Shifted(NamedTuple):
    """What a change of a position did to its two accounts; debits are positive."""

    unbilled: int
    unbilled_functional: int
    deferred: int
    deferred_functional: int

    @property
    def functional(self) -> int:
        """Both accounts together."""
        return self.unbilled_functional + self.deferred_functional


class PositionCourse:
    """The layers of one position: all of them deferred, or all of them unbilled."""

    __slots__ = ("deferred", "layered", "unbilled", "unbilled_account")

    def __init__(self, unbilled_account: str = UNBILLED_RECEIVABLE, layered: bool = True) -> None:
        """`unbilled_account`: where R > B is shown (policy `unbilled`).

        `layered` = False: nothing bills it, and every posting takes the rate of its own day, whatever else is billed.
        """
        self.unbilled_account, self.layered = unbilled_account, layered
        self.deferred: list[Layer] = []
        self.unbilled: list[Layer] = []

    @property
    def owed(self) -> int:
        """B - R: what is billed less what is recognised, in minor units."""
        return sum(layer.amount for layer in self.deferred) - sum(layer.amount for layer in self.unbilled)

    def recognise(self, amount: int, rate: Rate) -> Movements:
        """Recognise `amount` (below zero: take it back); revenue takes what the position gives."""
        layer = self.deferred[0] if self.deferred else None
        # Nearly always: a part of what is billed ahead.
        if layer is not None and self.layered and 0 < amount < layer.amount:
            worth = round_share(layer.functional, amount, layer.amount)
            layer.amount -= amount
            layer.functional -= worth
            return {DEFERRED_REVENUE: (amount, worth), REVENUE: (-amount, -worth)}
        shifted = self.shift(-amount, rate, "", set())
        if not self.layered:
            shifted = Shifted(
                shifted.unbilled, convert(shifted.unbilled, rate), shifted.deferred, convert(shifted.deferred, rate)
            )
        movements = self._moved(shifted)
        if amount or shifted.functional:
            movements[REVENUE] = (-amount, -shifted.functional)
        return movements

    def _moved(self, shifted: Shifted) -> Movements:
        unbilled, unbilled_functional, deferred, deferred_functional = shifted
        movements: Movements = {}
        if unbilled or unbilled_functional:
            movements[self.unbilled_account] = (unbilled, unbilled_functional)
        if deferred or deferred_functional:
            movements[DEFERRED_REVENUE] = (deferred, deferred_functional)
        return movements

    def record(self, shifted: Shifted, movements: Movements) -> None:
        """Write a change down under the accounts of the position."""
        for account, amounts in self._moved(shifted).items():
            add(movements, account, *amounts)

    def shift(
        self, change: int, rate: Rate, invoice_id: str, used: Used, functional: int | None = None, several: bool = False
    ) -> Shifted:
        """Change B - R by `change`: first against what there is on the other side, the rest is new at `rate`.

        Below zero, the layers of `invoice_id` go before the others. `functional` is what the whole change is worth where
        all of it is at one rate: then the new layer takes what rounding leaves; `several`: it came about at more than one.
        The rates go to `used`.
        """
        if change > 0:
            taken, worth = _take(self.unbilled, change, "", used)
            rest, value = change - taken, 0
            if rest:
                used.add(rate)
                alike = functional is not None and used == {rate}
                value = max((functional or 0) - worth, 0) if alike else convert(rest, rate)
                carried: Rate | None = rate
                if functional is not None and not taken:
                    value, carried = functional, None if several else rate
                _put(self.deferred, invoice_id, rest, value, carried)
            return Shifted(-taken, -worth, -rest, -value)
        taken, worth = _take(self.deferred, -change, invoice_id, used)
        rest, value = -change - taken, 0
        if rest:
            used.add(rate)
            value = convert(rest, rate)
            _put(self.unbilled, "", rest, value, rate)
        return Shifted(rest, value, taken, worth)

    def absorb(self, functional: int) -> str | None:
        """Take what rounding left of an entry, a debit above zero, into the newest layer: its account, None if empty."""
        if self.unbilled:
            self.unbilled[-1].functional += functional
            return self.unbilled_account
        if self.deferred:
            self.deferred[-1].functional -= functional
            return DEFERRED_REVENUE
        return None


def _put(layers: list[Layer], invoice_id: str, amount: int, functional: int, rate: Rate | None) -> None:
    last = layers[-1] if layers else None
    if last is not None and last.invoice_id == invoice_id and last.rate == rate:
        last.amount += amount
        last.functional += functional
    else:
        layers.append(Layer(invoice_id, amount, functional, rate))


def _take(layers: list[Layer], wanted: int, own: str, used: Used) -> tuple[int, int]:
    """Take up to `wanted` out of the layers, those of `own` first, then first in first out: amount and functional."""
    if not layers or not wanted:
        return 0, 0
    taken = functional = 0
    order = layers
    if own and layers[0].invoice_id != own:
        order = sorted(layers, key=lambda layer: layer.invoice_id != own)
    emptied = 0
    for layer in order:
        if taken == wanted:
            break
        part = min(layer.amount, wanted - taken)
        worth = round_share(layer.functional, part, layer.amount)  # of the last part: all that is left
        layer.amount -= part
        layer.functional -= worth
        emptied += not layer.amount
        taken += part
        functional += worth
        used.add(layer.rate)
    if emptied:
        layers[:] = [layer for layer in layers if layer.amount]
    return taken, functional
