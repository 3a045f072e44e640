"""The books as sums, and their digest: two runs have the same books exactly when their digests are equal."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field

from accounting.money import major_text


@dataclass(frozen=True, slots=True, order=True)
class BookKey:
    """What the books are summed by (architecture.md, "Time"). `origin_period` is "" where the effect is in its own."""

    entity: str
    currency: str
    period: str
    origin_period: str
    account: str
    customer_id: str
    contract_id: str
    line_id: str


@dataclass(slots=True)
class Books:
    """Signed sums in minor units, debits positive."""

    sums: defaultdict[BookKey, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, key: BookKey, amount: int) -> None:
        """Add one posting."""
        self.sums[key] += amount

    def digest(self) -> str:
        """SHA-256 over the sorted sums that are not zero, each as a JSON array of its key and the amount as text."""
        lines = [
            json.dumps(
                [
                    key.entity, key.currency, key.period, key.origin_period, key.account, key.customer_id,
                    key.contract_id, key.line_id, major_text(amount, key.currency),
                ],
                ensure_ascii=False, separators=(",", ":"),
            ).encode()
            for key, amount in self.sums.items()
            if amount
        ]  # fmt: skip
        return hashlib.sha256(b"\n".join(sorted(lines))).hexdigest()
