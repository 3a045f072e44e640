"""The close of a month in the journal: what stood when it was frozen, and what was posted since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ops.demo.delivered import PARTITION
from ops.demo.reconciliation import EFFECTS, Effect
from ops.show.entry import Entry, Lineage

ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Posted:
    """Entries of one effect, before the close and since."""

    effect: Effect
    entries_before: int
    before: Decimal
    entries_since: int
    since: Decimal


@dataclass(frozen=True, slots=True)
class ClosedMonth:
    """The journal around a close: `late` are the entries that carry the closed month as their origin period."""

    posted: tuple[Posted, ...]
    late: tuple[Entry, ...]
    thawed: tuple[Entry, ...]  # entries of the closed month that came after its close: there must be none


def closed_month(entries: Sequence[Entry], month: str, first_after_close: int) -> ClosedMonth:
    """Split the journal of one customer, in journal order, at the first entry that a row after the close can have caused.

    `first_after_close` is that row's position in the customer's partition.
    """
    ordered = sorted(entries, key=lambda entry: (entry.shard, entry.sequence))
    at = next(
        (index for index, entry in enumerate(ordered) if _is_after(entry, first_after_close)),
        len(ordered),
    )
    before, since = ordered[:at], ordered[at:]
    posted = [
        Posted(effect, len(was), _revenue(was), len(now), _revenue(now))
        for effect in EFFECTS
        for was, now in [(_of(effect, before), _of(effect, since))]
    ]
    late = tuple(entry for entry in ordered if entry.origin_period == month)
    return ClosedMonth(tuple(posted), late, tuple(entry for entry in since if entry.period == month))


def _is_after(entry: Entry, first_after_close: int) -> bool:
    sources = (entry.lineage or Lineage()).sources
    return entry.origin_period is not None or any(
        source.partition == PARTITION and (source.stop or 0) > first_after_close for source in sources
    )


def _of(effect: Effect, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if (entry.period, entry.origin_period) == effect]


def _revenue(entries: Sequence[Entry]) -> Decimal:
    return sum((entry.revenue for entry in entries), ZERO)
