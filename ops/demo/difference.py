"""One reason why what a provider billed is not what was booked, with how often and how much."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(slots=True)
class Difference:
    """A growing sum of one reason; `counted` names what its count counts."""

    reason: str
    counted: str = "rows"
    count: int = 0
    amount: Fraction = field(default_factory=Fraction)  # part of BilledCost that is not booked revenue

    @property
    def cases(self) -> str:
        """The count in words: "1 row", "2 rows"."""
        return f"{self.count:,} {self.counted if self.count != 1 else self.counted.removesuffix('s')}"

    def add(self, amount: Fraction) -> None:
        """Take one more case into account."""
        self.count += 1
        self.amount += amount


class Differences:
    """The differences of a tie-out by reason, in the order in which a reader wants them."""

    ROUNDING = "rounding to cents (exact usage × price less booked)"
    PROVIDER_ROUNDING = "provider's own rounding of usage × price"
    DISCOUNT = "discount (list cost not billed: savings plan)"
    FREE_TIER = "free tier (list price 0)"
    MISSING_QUANTITY = "usage without a quantity"
    UNEXPLAINED = "unexplained"

    def __init__(self) -> None:
        self._by_reason = {
            self.ROUNDING: Difference(self.ROUNDING, "lines"),
            self.PROVIDER_ROUNDING: Difference(self.PROVIDER_ROUNDING),
            self.DISCOUNT: Difference(self.DISCOUNT),
            self.FREE_TIER: Difference(self.FREE_TIER),
        }
        self.unexplained = Difference(self.UNEXPLAINED, "cases")
        self.details: list[str] = []  # one sentence for each unexplained case

    def add(self, reason: str, amount: Fraction) -> None:
        """Explain one more part of the difference."""
        self._by_reason.setdefault(reason, Difference(reason)).add(amount)

    def leave_open(self, amount: Fraction, detail: str) -> None:
        """Record what no reason explains."""
        self.unexplained.add(amount)
        self.details.append(detail)

    @property
    def explained(self) -> list[Difference]:
        """The reasons that occurred."""
        return [difference for difference in self._by_reason.values() if difference.count]
