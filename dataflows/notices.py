"""What the shards of a process have to tell those who watch it: exceptions that were raised, periods that were closed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from connectors.batch import Batch, Emitted
from dataflows.split import home_shard
from schemas.control import ControlEvent
from schemas.topics import APPLIED, CONTROL, EXCEPTIONS

PERIODS = ("period_close", "period_reopen")


class Place(msgspec.Struct, frozen=True):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Raised(msgspec.Struct, frozen=True):
    """What is told of an exception record: nothing of what the record that caused it holds."""

    exception_id: str
    cls: str = msgspec.field(name="class")
    severity: str
    owner: str
    status: str
    shard: int
    source: Place | None = None
    correlation_id: str | None = None
    traceparent: str | None = None


class Kinds(NamedTuple):
    """Exceptions that are told together."""

    cls: str
    owner: str
    topic: str


class PeriodTurn(NamedTuple):
    """A period was closed or opened again."""

    kind: str
    entity: str
    period: str
    actor: str | None
    offset: int
    correlation_id: str | None
    traceparent: str | None


class Heard(NamedTuple):
    """What became durable in one shard since it last told: exceptions by kind, the first of each and how many, and periods."""

    exceptions: dict[Kinds, tuple[Raised, int]]
    periods: list[PeriodTurn]


class _Offset(msgspec.Struct):
    offset: int


_raised = msgspec.json.Decoder(Raised)
_offset = msgspec.json.Decoder(_Offset)


class Notices:
    """Gathered with each activation, told once the state is durable."""

    def __init__(self, tell: Callable[[Heard], None], shards: int) -> None:
        self._tell = tell
        self._home = home_shard(CONTROL, 0, shards)  # control records come to every shard: one of them tells
        self._waiting: dict[int, Heard] = {}
        self._turns: dict[int, PeriodTurn] = {}  # by offset: read, and not in effect yet

    def come(self, shard: int, batches: Iterable[Batch]) -> None:
        """A shard is given these."""
        if shard != self._home:
            return
        for record in (one for batch in batches if batch.topic == CONTROL for one in batch.records):
            model = record.model
            if isinstance(model, ControlEvent) and model.kind in PERIODS:
                self._turns[record.offset] = PeriodTurn(
                    model.kind, model.entity or "", model.period or "", model.actor, record.offset, model.correlation_id,
                    model.traceparent,
                )  # fmt: skip

    def said(self, shard: int, emitted: Iterable[Emitted]) -> None:
        """A shard has decided to say these; what it says again after a restart was told before."""
        heard = self._waiting.setdefault(shard, Heard({}, []))
        for one in emitted:
            if one.new and one.topic == EXCEPTIONS:
                self._exceptions(heard, one)
            elif one.new and one.topic == APPLIED and shard == self._home:
                offsets = [_offset.decode(line).offset for line in one.lines]
                heard.periods.extend(turn for at in offsets if (turn := self._turns.pop(at, None)) is not None)

    def durable(self, shard: int) -> None:
        """What a shard has said by now is in its state."""
        heard = self._waiting.pop(shard, None)
        if heard is not None and (heard.exceptions or heard.periods):
            self._tell(heard)

    def _exceptions(self, heard: Heard, emitted: Emitted) -> None:
        for one in map(_raised.decode, emitted.lines):
            if one.status != "open":
                continue
            kind = Kinds(one.cls, one.owner, one.source.topic if one.source is not None else "")
            first, count = heard.exceptions.get(kind, (one, 0))
            heard.exceptions[kind] = first, count + 1
