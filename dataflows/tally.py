"""Counts of a shard, kept with its state, so that they are exact over restarts."""

from __future__ import annotations

import msgspec

from state import codec, keys
from state.store import ShardStore

_KEY = keys.META + b"tally"


class Tally(msgspec.Struct, array_like=True):
    """What has become of the usage events; read = counted + duplicates + conflicts + rejected + parked + expired."""

    read: int = 0
    counted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0
    parked: int = 0
    late: int = 0
    entries: int = 0
    unplaced: int = 0  # counted, but a later contract change left them without a line
    expired: int = 0  # parked for longer than they are kept


def load(store: ShardStore) -> Tally:
    """A shard's counts."""
    stored = store.get(_KEY)
    return codec.decode(Tally, stored) if stored else Tally()


def save(store: ShardStore, tally: Tally) -> None:
    """Keep them with the batch in hand."""
    store.put(_KEY, codec.encode(tally))


def total(tallies: list[Tally]) -> Tally:
    """The counts of all shards."""
    return Tally(*(sum(getattr(one, name) for one in tallies) for name in Tally.__struct_fields__))
