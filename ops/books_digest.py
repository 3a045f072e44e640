"""The digest of the books that a sink's journal adds up to."""

from __future__ import annotations

from pathlib import Path

from accounting.books import BookKey, Books
from accounting.contract import QUANTITY_SCALE
from accounting.currency import digits
from ops.show.entry import TOPIC, Entry
from ops.show.records import read_records
from schemas.decimals import scaled


def journal_books(sink: Path) -> Books:
    """The sums of every entry in a sink directory."""
    books = Books()
    for stored in read_records(sink, TOPIC, Entry):
        entry = stored.value
        places = digits(entry.currency)
        for line in entry.lines:
            minor = scaled(line.amount, QUANTITY_SCALE) // 10 ** (QUANTITY_SCALE - places)
            key = BookKey(
                entry.entity, entry.currency, entry.period, entry.origin_period or "", line.account,
                entry.customer_id or "", entry.contract_id or "", entry.line_id or "",
            )  # fmt: skip
            books.add(key, minor if line.side == "debit" else -minor)
    return books
