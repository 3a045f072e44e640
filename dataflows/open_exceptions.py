"""The exceptions that are open, counted by class, owner and the hours in which they were raised and fall due.

Counts by hour, not exceptions: a million of them that were raised in a month take some hundred counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from accounting.calendar import rfc3339
from state import keys
from state.store import ShardStore

_PREFIX = keys.META + b"open/"
_HOUR_CHARS = len("2025-01-31T23")

Owned = tuple[str, str]  # class, owner
Hours = tuple[str, str]  # of raised_at, of due_at: UTC, as text that sorts as time does
ByHours = Mapping[Hours, int]

_read_key = msgspec.msgpack.Decoder(tuple[str, str, str, str]).decode


def hour(text: str) -> str:
    """The hour of an RFC 3339 instant in UTC."""
    return text[:_HOUR_CHARS]


class OpenExceptions:
    """Those of one shard; kept in the state with the batch."""

    def __init__(self, store: ShardStore) -> None:
        self._counts: dict[Owned, dict[Hours, int]] = {}
        self._told: dict[Owned, ByHours] = {}  # copies for other threads, of what has not changed since
        self._changed: set[tuple[Owned, Hours]] = set()
        for key, value in store.scan(_PREFIX):
            cls, owner, raised, due = _read_key(key[len(_PREFIX) :])
            self._counts.setdefault((cls, owner), {})[raised, due] = int.from_bytes(value, "big")

    def note(self, record: Mapping[str, Any]) -> None:
        """A record of an exception, open or resolved, leaves the shard."""
        owned: Owned = (record["class"], record["owner"])
        hours: Hours = (hour(record["raised_at"]), hour(record["due_at"]))
        counts = self._counts.setdefault(owned, {})
        left = counts.get(hours, 0) + (1 if record["status"] == "open" else -1)
        if left > 0:
            counts[hours] = left
        elif hours in counts:
            del counts[hours]
        else:
            return  # raised before they were counted
        self._told.pop(owned, None)
        self._changed.add((owned, hours))

    def forget(self, before: int) -> None:
        """Count those no more that were raised in an hour before that of an instant: many are of records that nobody can
        settle, and would be counted for ever.
        """
        first = hour(rfc3339(before))
        for owned, counts in self._counts.items():
            for hours in [one for one in counts if one[0] < first]:
                del counts[hours]
                self._told.pop(owned, None)
                self._changed.add((owned, hours))

    def save(self, store: ShardStore) -> None:
        """Keep what has changed with the batch in hand."""
        for owned, hours in self._changed:
            key, count = _PREFIX + msgspec.msgpack.encode((*owned, *hours)), self._counts[owned].get(hours)
            if count is None:
                store.delete(key)
            else:
                store.put(key, count.to_bytes(8, "big"))
        self._changed.clear()

    def copy(self) -> Mapping[Owned, ByHours]:
        """As they are now."""
        for owned, counts in self._counts.items():
            if owned not in self._told:
                self._told[owned] = counts.copy()
        return self._told.copy()
