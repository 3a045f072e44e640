"""Usage lines to rows with everything that depends on their partition's prefix alone: watermark, lateness, phase."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from accounting.calendar import DAY_US, rfc3339
from connectors.batch import Batch, Rejected
from connectors.piece import Lines, Piece
from connectors.step import UNSEEN, Steps
from connectors.timeline import BEFORE_ALL, Timeline
from schemas.identity import identified
from schemas.topics import USAGE
from schemas.usage_columns import UsageColumns

EARLIEST_US = 946_684_800_000_000  # 2000-01-01
LATEST_US = 4_102_444_800_000_000  # 2100-01-01


@dataclass(frozen=True, slots=True)
class Lateness:
    """How far out of order usage may come, in microseconds."""

    allowed_us: int  # behind the newest event time: the watermark
    horizon_us: int  # behind the watermark: beyond that identities are forgotten, so usage is refused


def usage_batches(
    partition: int,
    start: int,
    lines: list[bytes] | Piece,
    newest: int | None,
    timeline: Timeline,
    lateness: Lateness,
    steps: Steps = UNSEEN,
) -> list[Batch]:
    """The records behind position `start` as one batch for each phase they touch."""
    piece = Lines(lines) if isinstance(lines, list) else lines
    with steps.decode:
        columns = piece.columns()
    with steps.identify:
        return _identified(partition, start, piece, columns, newest, timeline, lateness)


def _identified(
    partition: int,
    start: int,
    piece: Piece,
    columns: UsageColumns,
    newest: int | None,
    timeline: Timeline,
    lateness: Lateness,
) -> list[Batch]:
    places = np.asarray(piece.offsets(start), dtype=np.int64)
    rejected = [
        Rejected(int(places[row]), fault.cls, fault.reason, piece.payload(row)) for row, fault in columns.faults
    ]
    rows = columns.rows
    times = rows["event_time"].to_numpy()
    for strange, reason in _strange(times, rows, piece):
        rejected += _refused(rows.filter(strange), places, piece, "too_early", reason)
        rows = rows.filter(~strange)
        times = rows["event_time"].to_numpy()
    running = np.maximum(
        np.maximum.accumulate(times) if len(times) else times, BEFORE_ALL if newest is None else newest
    )
    before = np.concatenate(([BEFORE_ALL if newest is None else newest], running[:-1])).astype(np.int64)
    known = before > BEFORE_ALL
    # Lateness is judged by what came before a row in its own partition, never by the wall clock.
    behind = np.where(known, before - lateness.allowed_us - times, 0)
    too_late = behind > lateness.horizon_us
    rows = identified(rows).hstack([
        pl.Series("offset", places[rows["row"].to_numpy()]), pl.Series("late", behind > 0),
    ])  # fmt: skip
    if too_late.any():
        reason = _TOO_LATE.format(days=lateness.horizon_us / 86_400_000_000)
        rejected += _refused(rows.filter(too_late), places, piece, "too_late", reason)
        keep = ~too_late
        rows, running = rows.filter(keep), running[keep]
    end = int(places[-1]) + 1 if len(places) else start
    return _by_phase(partition, start, end, rows, running, rejected, newest, timeline)


def _strange(times: NDArray[np.int64], rows: pl.DataFrame, piece: Piece) -> Iterator[tuple[NDArray[np.bool_], str]]:
    """What must never move a watermark, and why; each mask is of the rows that the one before it has left."""
    absurd = (times < EARLIEST_US) | (times >= LATEST_US)
    if absurd.any():
        yield absurd, _TOO_EARLY
    written = piece.written()
    if written is None:
        return
    stamps = written[rows["row"].to_numpy()]
    ahead = (stamps >= 0) & (times > stamps + DAY_US)
    if absurd.any():
        ahead = ahead[~absurd]
    if ahead.any():
        yield ahead, _AHEAD


_AHEAD = (
    "event_time {time} is more than a day after the message was written: correct the producer's clock and send it again"
)
_TOO_EARLY = "event_time {time} is outside 2000-01-01 to 2100-01-01: correct the producer's clock and send it again"
_TOO_LATE = (
    "event_time {{time}} is more than {days:g} days older than the partition's watermark: book it by a correction"
)


def _refused(rows: pl.DataFrame, places: NDArray[np.int64], piece: Piece, cls: str, reason: str) -> list[Rejected]:
    return [
        Rejected(int(places[row]), cls, reason.format(time=rfc3339(time)), piece.payload(row), time, customer, contract)
        for row, time, customer, contract in rows.select("row", "event_time", "customer_id", "contract_id").iter_rows()
    ]


def _by_phase(
    partition: int,
    start: int,
    end: int,
    rows: pl.DataFrame,
    running: NDArray[np.int64],
    rejected: list[Rejected],
    newest: int | None,
    timeline: Timeline,
) -> list[Batch]:
    """Cut where the phase changes. A rejected line belongs to the phase of the row before it."""
    offsets = rows["offset"].to_numpy()
    source = f"{USAGE}/{partition}"
    first_phase = 0
    if newest is not None:
        first_phase = int(timeline.phases(np.array([newest]), source, np.array([start]))[0])
    phases = timeline.phases(running, source, offsets)
    cuts = np.flatnonzero(np.diff(np.concatenate(([first_phase], phases))))
    edges = [start, *(int(offsets[cut]) for cut in cuts), end]
    edge_phases = [first_phase, *(int(phases[cut]) for cut in cuts)]
    rejected.sort(key=lambda one: one.offset)
    batches = []
    for low, high, phase in zip(edges, edges[1:], edge_phases, strict=False):
        if low == high:
            continue
        first, last = np.searchsorted(offsets, [low, high])
        if last > first:
            newest = int(running[last - 1])
        part = rows.slice(first, last - first)
        bad = tuple(one for one in rejected if low <= one.offset < high)
        batches.append(Batch(USAGE, partition, low, high, newest, phase, part, (), bad))
    return batches
