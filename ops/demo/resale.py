"""All that the demo knows of its second part: the price list, the rows, and the journal set against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.demo import price_list
from ops.demo.charge import Charge
from ops.demo.closed_month import ClosedMonth, closed_month
from ops.demo.delivered import PARTITION, Delivered, json_lines, partition_path, read_delivered, undelivered
from ops.demo.delivery import MONTH
from ops.demo.reconciliation import Reconciliation, recompute, reconcile
from ops.demo.terms import Terms
from ops.show.entry import Entry


@dataclass(frozen=True, slots=True)
class Resale:
    """The reseller's month: what was delivered, what it comes to, and how the close went."""

    delivered: Delivered
    reconciled: Reconciliation
    closed: ClosedMonth
    entries: tuple[Entry, ...]
    undelivered: tuple[str, ...]  # a sentence for each row that differs from the sample


def resale(source_dir: Path, charges: Sequence[Charge], journal: Sequence[Entry], until: str) -> Resale:
    """Read the input in `source_dir` again and set the reseller's entries of `journal` against it.

    `until` is the day up to which the books were run.
    """
    (contract,) = json_lines(partition_path(source_dir, "contracts.events", PARTITION))
    delivered = read_delivered(source_dir)
    entries = tuple(entry for entry in journal if entry.entity == price_list.ENTITY)
    lines = [recompute(Terms.of(line), delivered, until) for line in contract["lines"]]
    return Resale(
        delivered=delivered,
        reconciled=reconcile(lines, delivered, entries),
        closed=closed_month(entries, MONTH, delivered.first_after_close),
        entries=entries,
        undelivered=tuple(undelivered(charges, delivered)),
    )
