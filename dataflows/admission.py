"""Admission of usage: each event is counted once, is a duplicate, or conflicts with what was counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from accounting.calendar import rfc3339
from connectors.batch import Batch
from dataflows.exception_desk import Coordinates, ExceptionDesk
from schemas.dimensions import dimension_pairs
from state import keys
from state.seen import ROW, Seen
from state.store import ShardStore

_POSITIONS = keys.META + b"positions"
_COLUMNS = {**{name: name for name in ROW.names or ()}, "partition": "origin"}  # where the fields of a ROW come from


@dataclass(frozen=True, slots=True)
class Admitted:
    """The rows of some batches in their order, with `origin`, and which of them are fresh."""

    rows: pl.DataFrame
    fresh: NDArray[np.bool_]
    duplicates: int
    conflicts: int


class Admission:
    """The door of one shard."""

    def __init__(self, store: ShardStore, desk: ExceptionDesk, horizon_us: int) -> None:
        self._store, self._desk = store, desk
        self._seen = Seen(store, horizon_us)
        self._horizon_us = horizon_us
        stored = store.get(_POSITIONS)
        self._names: list[str] = msgspec.msgpack.decode(stored) if stored else []

    @property
    def origins(self) -> list[tuple[str, int]]:
        """Topic and partition by their number in the column `origin`."""
        return [(topic, int(number)) for topic, _, number in (name.rpartition("/") for name in self._names)]

    def admit(self, arrived: list[tuple[Batch, pl.DataFrame]]) -> Admitted:
        """What has come, judged at once: what it costs hardly hangs on how many rows it is. A conflict becomes one exception."""
        heights = [rows.height for _, rows in arrived]
        parts = [rows.hstack([self._origin(batch.source, rows.height)]) for batch, rows in arrived]
        rows = pl.concat(parts)
        asked = np.empty(rows.height, dtype=ROW)
        for name, column in _COLUMNS.items():
            asked[name] = rows[column].to_numpy()
        fresh, duplicates, conflicts = [], 0, 0
        for part, newest in self._stretches(arrived, heights):
            verdict = self._seen.admit(asked[part], newest)
            if verdict.conflict.any():
                self._conflicts(rows[part].filter(verdict.conflict), verdict.first.values())
            fresh.append(verdict.fresh)
            duplicates += int(verdict.duplicate.sum())
            conflicts += int(verdict.conflict.sum())
        return Admitted(rows, np.concatenate(fresh), duplicates, conflicts)

    def _stretches(self, arrived: list[tuple[Batch, pl.DataFrame]], heights: list[int]) -> Iterator[tuple[slice, int]]:
        """Neighbours that are kept in one stretch of event time, and a watermark that names it: as if each came alone."""
        start = end = 0
        named = arrived[0][0].newest or 0
        for (batch, _), height in zip(arrived, heights, strict=True):
            newest = batch.newest or 0
            if self._seen.stretch(newest) != self._seen.stretch(named):
                yield slice(start, end), named
                start, named = end, newest
            end += height
        yield slice(start, end), named

    def forget(self, watermark: int) -> None:
        """Drop identities that are older than the horizon."""
        self._seen.forget(watermark - self._horizon_us)

    def __len__(self) -> int:
        return len(self._seen)

    def _conflicts(self, rows: pl.DataFrame, first: Iterable[tuple[int, int]]) -> None:
        origins = self.origins
        for row, (partition, offset) in zip(rows.iter_rows(named=True), first, strict=True):
            where = f"{self._names[partition]} offset {offset}"
            topic, number = origins[row["origin"]]
            self._desk.raise_one(
                "identity_conflict",
                Coordinates(topic, number, row["offset"]),
                f"event {row['event_id']} of {row['source']} was counted from {where} with other content, which holds: "
                "send a correction under an identity of its own",
                usage_payload(row),
                since=row["event_time"],
                customer_id=row["customer_id"],
                contract_id=row["contract_id"],
            )

    def _origin(self, source: str, height: int) -> pl.Series:
        if source not in self._names:
            self._names.append(source)
            self._store.put(_POSITIONS, msgspec.msgpack.encode(self._names))
        return pl.Series("origin", np.full(height, self._names.index(source), dtype=np.uint32))


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
