"""Journal entries: balanced, immutable, and how one comes about."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from accounting.calendar import Period
from accounting.require import require


class Posting(NamedTuple):
    """One side of an entry. Amounts are in minor units: positive = debit, negative = credit."""

    account: str
    amount: int
    functional: int  # in the functional currency; never on the other side than `amount`
    product_id: str

    @property
    def side(self) -> str:
        """Debit or credit."""
        return "debit" if (self.amount or self.functional) > 0 else "credit"


def postings(movements: Mapping[str, int], functional: Mapping[str, int], product_id: str) -> tuple[Posting, ...]:
    """Signed movements as postings, debits first; InvariantBroken unless they balance in both currencies."""
    require(sum(movements.values()) == 0, "debits equal credits", movements=movements)
    if functional is movements:  # one currency
        found = [Posting(account, amount, amount, product_id) for account, amount in movements.items() if amount]
    else:
        require(sum(functional.values()) == 0, "debits equal credits in the functional currency", movements=functional)
        found = [
            one
            for account in movements.keys() | functional.keys()
            for one in sides(account, movements.get(account, 0), functional.get(account, 0), product_id)
        ]
    return tuple(sorted(found, key=lambda one: (one.side == "credit", one.account, one.amount == 0)))


def sides(account: str, amount: int, functional: int, product_id: str) -> list[Posting]:
    """What one account moves by, in minor units: one posting mostly, none where nothing moves."""
    if (amount < 0 < functional) or (functional < 0 < amount):
        # A corrected rate may move the one up and the other down: a side holds for both amounts of a posting.
        return [Posting(account, amount, 0, product_id), Posting(account, 0, functional, product_id)]
    return [Posting(account, amount, functional, product_id)] if amount or functional else []


class Dating(NamedTuple):
    """The accounting period an effect lands in, its day there, and the period it belongs to when that one is closed."""

    period: Period
    accounting_date: date
    origin_period: Period | None


def dated(day: date, closed: frozenset[Period] | set[Period]) -> Dating:
    """Date an effect of `day`: its own period, else the first open one after it (accounting.md, rule 6).

    In a later period it is dated on the first day and carries its origin_period (events.md, fine print).
    """
    own = Period.of_date(day)
    if not closed or own not in closed:
        return Dating(own, day, None)
    period = own
    while period in closed:
        period = period.next
    return Dating(period, period.first_day, own)


def entry_id(*parts: str | int | None) -> str:
    """A content-derived identifier, stable under replay: 128 bits over the length-prefixed parts, as hex."""
    return hashlib.blake2b(b"".join(map(_prefixed, parts)), digest_size=16).hexdigest()


@lru_cache(maxsize=16_384, typed=True)  # customers, lines and windows are named again and again
def _prefixed(part: str | int | None) -> bytes:
    if part is None:
        return b"-"
    text = str(part).encode()
    return b"%d:%b" % (len(text), text)
