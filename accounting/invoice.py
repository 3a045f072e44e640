"""An invoice as its facts go on: what is open of it, what can still be credited, and what came in after a write-off."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from accounting.billing_fact import BillingFact
from accounting.exchange import Holding
from accounting.require import require
from accounting.service_terms import Service

if TYPE_CHECKING:
    from accounting.credit import Credit


def pro_rata(amount: int, weights: list[int]) -> list[int]:
    """`amount` in parts by `weights`, which sum to it; what rounding leaves goes to the largest remainders, ties first.

    Weights may be below zero, as the lines of an invoice may. The parts of the weights' own sum are the weights. Weights
    that sum to zero say nothing: the first takes all.
    """
    total = sum(weights)
    if not total:
        require(bool(weights), "an amount needs somewhere to go", amount=amount)
        return [amount, *[0] * (len(weights) - 1)]
    size, whole, sign = abs(amount), abs(total), -1 if total < 0 else 1
    divided = [divmod(size * weight * sign, whole) for weight in weights]
    parts = [quotient for quotient, _ in divided]
    left = size - sum(parts)
    if left:
        # sorted() is stable: of equal remainders the first one comes first.
        for index in sorted(range(len(parts)), key=lambda index: -divided[index][1])[:left]:
            parts[index] += 1
    return [-part for part in parts] if amount < 0 else parts


def within(amount: int, limit: int) -> bool:
    """Whether an amount lies between zero and a limit, which may be below zero."""
    return 0 <= amount <= limit or limit <= amount <= 0


def only(names: set[str]) -> str:
    """The one line that an entry concerns, "" if there are several."""
    return next(iter(names)) if len(names) == 1 else ""


def portion(wanted: int, there: int) -> int:
    """As much of what there is as is wanted; of amounts on different sides of zero nothing."""
    return max(min(wanted, there), 0) if there > 0 else min(max(wanted, there), 0)


@dataclass(slots=True)
class Piece:
    """A line of an invoice for one service period."""

    service: Service
    net: int  # minor units
    left: int  # of it, not credited


@dataclass(slots=True)
class Recovery:
    """What a payment brought in of a write-off and is not credited since."""

    contra: int  # minor units: the part that was revenue
    tax: int
    rest: int  # shown as recoverables
    held: Holding  # the recoverables

    @property
    def amount(self) -> int:
        """All of it."""
        return self.contra + self.tax + self.rest


@dataclass(slots=True)
class Invoice:
    """The state of one invoice, in minor units of the contract's currency."""

    fact: BillingFact  # its finalisation; of credits that name no invoice, the first of them
    amount: int
    tax: int
    pieces: list[Piece]
    named: bool = True  # False: credits that name no invoice; nothing limits them
    open: int = 0  # accounts receivable; below zero it is owed to the customer
    live: int = 0  # never credited, with tax
    live_tax: int = 0
    recoveries: list[Recovery] = field(default_factory=list)
    write_offs: list[Credit] = field(default_factory=list)
    disputes: list[Credit] = field(default_factory=list)
    receivable: Holding = field(default_factory=Holding)
    taxed: Holding = field(default_factory=Holding)

    def __post_init__(self) -> None:
        self.open, self.live, self.live_tax = self.amount, self.amount, self.tax

    @property
    def line_id(self) -> str:
        """The line that is billed, "" if there are several."""
        return only({one.service[0] for one in self.pieces})

    @property
    def recovered(self) -> int:
        """What came in after write-offs and is not credited since."""
        return sum(one.amount for one in self.recoveries)

    @property
    def creditable(self) -> int:
        """What can still be credited."""
        return self.live + self.recovered

    @property
    def written_off(self) -> int:
        """What was written off and has not come in."""
        return sum(one.amount for one in self.write_offs)

    def piece(self, service: Service) -> Piece | None:
        """The piece that a credited service belongs to: the same one, else one of the same line."""
        same = [one for one in self.pieces if one.service[0] == service[0]]
        return next((one for one in same if one.service == service), same[0] if same else None)
