"""Shards that keep sixty days: a story to forget, what they still have of it, and what they refuse."""

from __future__ import annotations

import json
from collections import Counter

from schemas.topics import EXCEPTIONS
from state import keys
from state.store import ShardStore
from tests.support.driven import HOUR_US, DrivenShard

DAYS_60 = 60 * 24 * HOUR_US
SHORT = {"retention_us": DAYS_60, "parked_us": DAYS_60}
# Parts of a story: a contract without an end, and its usage of half a year.
OPEN = "2025-01-01 contract price=2 end=-"
MONTHS = "\n".join(f"2025-{month:02d}-10 usage n=1" for month in range(1, 7))
BOOKS = (keys.CONTRACT, keys.FEED, keys.CELL, keys.BOOKED, keys.EFFECT, keys.BASE)


def kept(shard: DrivenShard) -> Counter[bytes]:
    """How many keys the tables of the books have."""
    shard.close()
    store = ShardStore(shard.state / "0")
    found = Counter({table: sum(1 for _ in store.scan(table)) for table in BOOKS})
    store.close()
    shard.reopen()
    return +found


def refused(shard: DrivenShard) -> list[dict[str, object]]:
    """The exceptions about what reaches behind the cut."""
    records = [json.loads(line) for line in shard.lines[EXCEPTIONS].values()]
    return [one for one in records if one["class"] == "beyond_retention"]


def counts(shard: DrivenShard) -> tuple[int, ...]:
    """(read, counted, rejected, parked, expired), which add up."""
    tally = shard.shard._tally
    assert (
        tally.read == tally.counted + tally.duplicates + tally.conflicts + tally.rejected + tally.parked + tally.expired
    )
    return tally.read, tally.counted, tally.rejected, tally.parked, tally.expired
