"""Records of the low-volume topics, one by one, with the phase that their partition's prefix gives them."""

from __future__ import annotations

import numpy as np

from connectors.batch import Batch, Record, Rejected
from connectors.piece import Piece
from connectors.timeline import Timeline
from schemas.decode import Fault, decode


def record_batches(
    topic: str, partition: int, start: int, piece: Piece, newest: int | None, timeline: Timeline
) -> list[Batch]:
    """The records behind position `start` as one batch for each run of the same phase."""
    batches: list[Batch] = []
    source, at = f"{topic}/{partition}", start
    for row, (offset, one) in enumerate(zip(map(int, piece.offsets(start)), piece.outcomes(topic), strict=True)):
        records, rejected = judged(offset, one, piece.payload(row))
        if records and (time := records[0].model.event_time) is not None:
            newest = time if newest is None else max(newest, time)
        phase = 0
        if newest is not None:
            phase = int(timeline.phases(np.array([newest]), source, np.array([offset]))[0])
        if batches and batches[-1].phase == phase:
            last = batches.pop()
            at, records, rejected = last.start, last.records + records, last.rejected + rejected
        batches.append(Batch(topic, partition, at, offset + 1, newest, phase, None, records, rejected))
        at = offset + 1
    return batches


def decoded(topic: str, offset: int, lines: list[bytes]) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """Lines of a low-volume topic as typed records, and the faulty ones with their reason."""
    found = [judged(number, decode(topic, line), line) for number, line in enumerate(lines, start=offset)]
    return tuple(one for good, _ in found for one in good), tuple(one for _, bad in found for one in bad)


def judged(offset: int, one: object, payload: bytes) -> tuple[tuple[Record, ...], tuple[Rejected, ...]]:
    """What a line was decoded as, at its position: a record, or a faulty one with its reason."""
    if isinstance(one, Fault):
        return (), (Rejected(offset, one.cls, one.reason, payload, trace=one.trace),)
    return (Record(offset, one, payload),), ()
