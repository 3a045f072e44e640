"""Whether a benchmark's books are right: a fast run of wrong ones is worth nothing."""

from __future__ import annotations

from pathlib import Path

from accounting.position import REVENUE
from ops.bench.feed import Expected
from ops.books_digest import journal_books


def wrong(sink: Path, expected: Expected, counted: int, duplicates: int) -> list[str]:
    """What differs from what the feed must give; `sink` is a directory."""
    pairs = {
        "events counted": (expected.events, counted),
        "duplicates": (expected.duplicates, duplicates),
        "revenue in cents": (expected.revenue_cents, booked_cents(sink)),
    }
    return [f"{name}: expected {want:,}, was {was:,}" for name, (want, was) in pairs.items() if want != was]


def booked_cents(sink: Path) -> int:
    """The revenue of the journal in a directory."""
    return -sum(amount for key, amount in journal_books(sink).sums.items() if key.account == REVENUE)
