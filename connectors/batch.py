"""What flows: columnar batches in, numbered records out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from accounting.trace import UNTRACED, Trace

ENDED = 2**62  # the phase of a partition that has no more rows


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that cannot be processed, with its bytes and the reason: it becomes one exception."""

    offset: int
    cls: str
    reason: str
    payload: bytes
    event_time: int | None = None  # microseconds, where it is known
    customer_id: str | None = None
    contract_id: str | None = None
    trace: Trace = UNTRACED


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a low-volume topic: its typed model and its bytes."""

    offset: int
    model: Any
    payload: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive positions [start, end) of one source partition, all of one phase.

    `phase` is the number of control records that apply before these rows; `newest` the running maximum of event_time
    after them (None: no valid row yet), from which the partition's watermark follows. Usage comes as `rows` (columns:
    offset, event_id, source, customer_id, contract_id, meter, event_time in microseconds, quantity Decimal(38,18),
    dimensions, late, and MARKS of schemas.identity), every other topic as `records`.
    """

    topic: str
    partition: int
    start: int
    end: int
    newest: int | None
    phase: int
    rows: pl.DataFrame | None = None
    records: tuple[Record, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    read_at: int | None = None  # when its reading began, by the run's own clock (connectors.timings)
    span: str | None = None  # the traceparent of its span, where spans are sent

    @property
    def source(self) -> str:
        """The partition's name."""
        return f"{self.topic}/{self.partition}"

    def only(self, rows: pl.DataFrame | None, records: tuple[Record, ...], rejected: tuple[Rejected, ...]) -> Batch:
        """The same positions with a shard's part of the content."""
        return replace(self, rows=rows, records=records, rejected=rejected)


@dataclass(frozen=True, slots=True)
class Emitted:
    """Consecutive records of one output topic and shard: sequence numbers first, first + 1, ..."""

    shard: int
    topic: str
    first: int
    lines: tuple[bytes, ...]
    read_at: int | None = None  # of the batch that caused them; None: said again after a restart
    new: bool = field(default=False, compare=False)  # never sent before: no sink holds them

    def known(self, place: str) -> str:
        """What is to be said of a sink that holds records which are new."""
        return (
            f"{place} holds record {self.first} already, and this run says it for the first time: another run writes there "
            "with a copy of this state; stop one of the two, and go on with the state that goes with the sink"
        )

    def other(self, place: str, sequence: int) -> str:
        """What is to be said of a sink that holds another record than the one that is said again under its number."""
        return (
            f"{place} holds another record {sequence} than this state has said: another run has written there with a copy of "
            "this state; stop one of the two, and go on with the state that goes with the sink"
        )
