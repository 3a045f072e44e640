"""The reseller's usage as its file delivers it: each row once, before or after the close."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from ops.demo.charge import Charge
from ops.demo.delivery import MONTH, REPEATED
from ops.demo.price_list import priced_by

PARTITION = 1  # of the topics usage.events and contracts.events; partition 0 is the provider's bill


@dataclass(frozen=True, slots=True)
class Row:
    """One usage event, when it comes for the first time."""

    event_id: str
    meter: str
    day: str
    quantity: Decimal
    text: str  # the quantity, digit for digit
    after_close: bool

    @property
    def is_late(self) -> bool:
        """Whether it belongs to the closed month and came after the close."""
        return self.after_close and self.day.startswith(MONTH)


@dataclass(frozen=True, slots=True)
class Delivered:
    """All rows, how many came a second time, and the position of the first one after the close."""

    rows: tuple[Row, ...]
    repeated: int
    first_after_close: int

    def usage(self, meter: str, late: bool) -> dict[str, Decimal]:
        """Units of a meter by day; without the late rows where `late` is False."""
        by_day: dict[str, Decimal] = {}
        for row in self.rows:
            if row.meter == meter and (late or not row.is_late):
                by_day[row.day] = by_day.get(row.day, Decimal(0)) + row.quantity
        return by_day


def read_delivered(source_dir: Path) -> Delivered:
    """The reseller's usage in `source_dir`, around the one close that control.events holds."""
    (close,) = json_lines(source_dir / "control.events.jsonl")
    return deliver(json_lines(partition_path(source_dir, "usage.events", PARTITION)), close["event_time"])


def deliver(events: Iterable[dict[str, Any]], closed_at: str) -> Delivered:
    """The events as rows. A close applies before the first row that is newer than it (control.events, events.md)."""
    rows: dict[tuple[str, str], Row] = {}
    newest, first_after_close, count = "", -1, 0
    for offset, event in enumerate(events):
        newest = max(newest, event["event_time"])
        if newest > closed_at and first_after_close < 0:
            first_after_close = offset
        row = Row(
            event["event_id"], event["meter"], event["event_time"][:10], Decimal(event["quantity"]),
            event["quantity"], first_after_close >= 0,
        )  # fmt: skip
        rows.setdefault((event["source"], event["event_id"]), row)
        count += 1
    return Delivered(tuple(rows.values()), count - len(rows), count if first_after_close < 0 else first_after_close)


def undelivered(charges: Sequence[Charge], delivered: Delivered) -> list[str]:
    """A sentence for each row of the sample that the price list names and that is not delivered as it is, and back."""
    expected = {
        charge.charge_id: (service.line_id, charge.started[:10], charge.quantity)
        for charge in charges
        if (service := priced_by(charge)) is not None
    }
    found = {row.event_id: (row.meter, row.day, row.text) for row in delivered.rows if not _is_repeat(row)}
    return [
        f"row {charge_id}: the sample has {expected.get(charge_id)}, delivered is {found.get(charge_id)}"
        for charge_id in sorted(expected.keys() | found.keys())
        if expected.get(charge_id) != found.get(charge_id)
    ]


def _is_repeat(row: Row) -> bool:
    return row.event_id.startswith(REPEATED)


def partition_path(directory: Path, topic: str, partition: int) -> Path:
    """The file of one partition of a topic."""
    return directory / topic / f"{partition}.jsonl"


def json_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
