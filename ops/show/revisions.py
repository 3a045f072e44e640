"""The entries of one line and window, or of one line and period: what each changed, and what stood after it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ops.show.entry import Entry
from ops.show.ledger import ZERO
from ops.show.records import Stored, StoredTopic, needle
from ops.show.text import in_currency, side


class Revision(msgspec.Struct, frozen=True):
    """One entry, and the sums after it by account, debits positive."""

    entry: Entry
    after: dict[str, Decimal]

    @property
    def words(self) -> str:
        """Its postings, one a line."""
        return "\n".join(f"{one.account} {one.amount:,f} {one.side[0].upper()}r" for one in self.entry.lines)

    @property
    def total(self) -> str:
        """The sums after it, one a line."""
        currency = self.entry.currency
        return "\n".join(f"{account} {side(in_currency(amount, currency))}" for account, amount in self.after.items())


def revisions(journal: StoredTopic, entry: Entry) -> list[Revision]:
    """The entry among those of its line and window; without a window, of its line, kind and period."""
    needles = [found for name in (entry.customer_id, entry.contract_id, entry.line_id, entry.kind)
               if name and (found := needle(name))]  # fmt: skip
    every = [one.value for one in journal.records(Entry, needles) if _key(one.value) == _key(entry)]
    running: dict[str, Decimal] = {}
    result = []
    for one in sorted(every, key=_order):
        for posting in one.lines:
            signed = posting.amount if posting.side == "debit" else -posting.amount
            running[posting.account] = running.get(posting.account, ZERO) + signed
        result.append(Revision(one, dict(running)))
    return result


def find(journal: StoredTopic, prefix: str, most: int) -> list[Stored[Entry]]:
    """Entries whose id begins with a text, up to `most`; one whose id is that text stands alone."""
    found: list[Stored[Entry]] = []
    name = needle(prefix)
    for stored in journal.records(Entry, [name] if name else []):
        if stored.value.entry_id == prefix:
            return [stored]
        if stored.value.entry_id.startswith(prefix) and len(found) < most:
            found.append(stored)
    return found


def _key(entry: Entry) -> tuple[str | None, ...]:
    window = entry.window
    of = (None, None, None) if window is None else (window.meter, window.start, window.end)
    period = (entry.origin_period or entry.period) if window is None else None
    return (entry.customer_id, entry.contract_id, entry.line_id, entry.kind, entry.entity, entry.currency, period, *of)


def _order(entry: Entry) -> tuple[int, int, int]:
    return 0 if entry.window is None else entry.window.revision, entry.shard, entry.sequence
