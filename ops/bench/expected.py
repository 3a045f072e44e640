"""Whether a benchmark's books are right: a fast run of wrong ones is worth nothing."""

from __future__ import annotations

from pathlib import Path

from accounting.position import REVENUE
from ops.bench.feed import Expected
from ops.books_digest import journal_books


def wrong(sink: Path, expected: Expected, counted: int, duplicates: int, contracts: str = "") -> list[str]:
    """What differs from what the feed must give; `sink` is a directory, `contracts` as in `booked_cents`."""
    pairs = {
        "events counted": (expected.events, counted),
        "duplicates": (expected.duplicates, duplicates),
        "revenue in cents": (expected.revenue_cents, booked_cents(sink, contracts)),
    }
    return [f"{name}: expected {want:,}, was {was:,}" for name, (want, was) in pairs.items() if want != was]


def booked_cents(sink: Path, contracts: str = "") -> int:
    """The revenue of the journal in a directory, of contracts whose ids begin so."""
    sums = journal_books(sink).sums.items()
    return -sum(amount for key, amount in sums if key.account == REVENUE and key.contract_id.startswith(contracts))
