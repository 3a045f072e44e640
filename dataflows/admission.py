"""Admission of usage: each event is counted once, is a duplicate, or conflicts with what was counted."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np
import polars as pl

from accounting.calendar import rfc3339
from connectors.batch import Batch
from dataflows.exception_desk import Coordinates, ExceptionDesk
from schemas.dimensions import dimension_pairs
from state import keys
from state.seen import ROW, Seen
from state.store import ShardStore

_POSITIONS = keys.META + b"positions"


class Admission:
    """The door of one shard."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk, horizon_us: int) -> None:
        self._store, self._desk = store, desk
        self._seen = Seen(store, horizon_us)
        self._horizon_us = horizon_us
        stored = store.get(_POSITIONS)
        self._names: list[str] = msgspec.msgpack.decode(stored) if stored else []

    def admit(self, batch: Batch, rows: pl.DataFrame) -> tuple[pl.DataFrame, int, int]:
        """(fresh rows, duplicates, conflicts). Each conflicting row becomes one exception."""
        asked = np.empty(rows.height, dtype=ROW)
        for name in ("high", "low", "print_high", "print_low"):
            asked[name] = rows[name].to_numpy()
        asked["partition"] = self._number(batch.source)
        asked["offset"] = rows["offset"].to_numpy()
        verdict = self._seen.admit(asked, batch.newest or 0)
        if verdict.conflict.any():
            self._conflicts(batch, rows.filter(verdict.conflict), verdict.first.values())
        fresh = rows if verdict.fresh.all() else rows.filter(verdict.fresh)
        return fresh, int(verdict.duplicate.sum()), int(verdict.conflict.sum())

    def forget(self, watermark: int) -> None:
        """Drop identities that are older than the horizon."""
        self._seen.forget(watermark - self._horizon_us)

    def __len__(self) -> int:
        return len(self._seen)

    def _conflicts(self, batch: Batch, rows: pl.DataFrame, first: Iterable[tuple[int, int]]) -> None:
        for row, (partition, offset) in zip(rows.iter_rows(named=True), first, strict=True):
            where = f"{self._names[partition]} offset {offset}"
            self._desk.raise_one(
                "identity_conflict",
                Coordinates(batch.topic, batch.partition, row["offset"]),
                f"event {row['event_id']} of {row['source']} was counted from {where} with other content, which holds: "
                "send a correction under an identity of its own",
                usage_payload(row),
                since=row["event_time"],
                customer_id=row["customer_id"],
                contract_id=row["contract_id"],
            )

    def _number(self, source: str) -> int:
        if source not in self._names:
            self._names.append(source)
            self._store.put(_POSITIONS, msgspec.msgpack.encode(self._names))
        return self._names.index(source)


def usage_payload(row: dict[str, object]) -> bytes:
    """A usage row as the JSON record it came from, in normal form."""
    dimensions = str(row["dimensions"])
    return msgspec.json.encode(
        {
            "event_id": row["event_id"],
            "source": row["source"],
            "customer_id": row["customer_id"],
            "contract_id": row["contract_id"],
            "meter": row["meter"],
            "quantity": str(row["quantity"]),
            "event_time": rfc3339(row["event_time"]),  # type: ignore[arg-type]
            "dimensions": [{"key": key, "value": value} for key, value in dimension_pairs(dimensions)],
        }
    )
