"""Messages in the Confluent wire format (magic 0, four bytes of schema number, one Avro record), many at once.

Messages with one schema are decoded as one block. Whether each of them is exactly one record is told by its length; a
block in which one is not is halved until what is wrong is alone, so that its neighbours are read as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from accounting.trace import UNTRACED, Trace
from connectors.avro_form import HEAD, AvroForm
from connectors.errors import RegistryUnreachable
from connectors.kafka.forms import Forms
from connectors.kafka.joined import HEAD_BYTES, MAGIC, Joined, joined
from connectors.piece import Offsets
from schemas.avro_lengths import encoded_lengths
from schemas.fault import Fault
from schemas.fields import Record
from schemas.topics import USAGE
from schemas.trace import sent_under
from schemas.usage_avro import usage_columns, usage_fields
from schemas.usage_columns import SCHEMA, UsageColumns, decode_usage

ASKED_AT_ONCE = 100  # schemas of one piece that are asked for before one of them has come
_NOTHING = pl.DataFrame(schema=SCHEMA)


class Messages:
    """Consecutive messages of one topic (a connectors.piece.Piece); None: a message without a value."""

    def __init__(
        self,
        values: Sequence[bytes | None],
        forms: Forms,
        offsets: Offsets = (),
        written: NDArray[np.int64] | None = None,
        traces: Sequence[Trace] = (),
        found: dict[bytes, AvroForm | Fault] | None = None,
    ) -> None:
        """`offsets`: where they stand; a partition may have gaps, of compaction and of transactions. `written`: when, of
        usage; `traces`: what each was sent under, none of usage.

        `found`: the form of each head, asked for once, so that all that is said about a message goes together.
        """
        self._values, self._forms, self._offsets = values, forms, offsets
        self._written, self._traces = written, traces
        self._found: dict[bytes, AvroForm | Fault] = {} if found is None else found

    def __len__(self) -> int:
        return len(self._values)

    def part(self, start: int, stop: int | None = None) -> Messages:
        return Messages(
            self._values[start:stop], self._forms, self._offsets[start:stop],
            None if self._written is None else self._written[start:stop], self._traces[start:stop], self._found,
        )  # fmt: skip

    def readable(self) -> int:
        """How many of the first can be judged; the schema of the one behind them is asked for, and not there yet."""
        heads = [self._whole.head] if self._whole else self._heads
        waiting = 0
        first = len(self)
        for head in dict.fromkeys(heads):
            try:
                self._form(head)
            except RegistryUnreachable:
                first = min(first, heads.index(head))
                waiting += 1
                if waiting == ASKED_AT_ONCE:
                    break
        return first

    def offsets(self, start: int) -> Offsets:
        return self._offsets

    def written(self) -> NDArray[np.int64] | None:
        return self._written

    def payload(self, row: int) -> bytes:
        """The record as JSON, as it would be in a file; the bytes as they came where they are no record."""
        opened = self._opened(row)
        if isinstance(opened, Fault):
            return self._values[row] or b""
        form, record = opened
        return form.line(record) if form.topic == USAGE else form.judged(record)[1]

    def outcomes(self, topic: str) -> list[Record | Fault]:
        """Each of them as a record of a low-volume topic."""
        opened = [self._opened(row) for row in range(len(self))]
        return [one if isinstance(one, Fault) else one[0].judged(one[1])[0] for one in opened]

    def _opened(self, row: int) -> tuple[AvroForm, dict[str, Any]] | Fault:
        value, trace = self._values[row] or b"", self._traces[row] if self._traces else UNTRACED
        form = self._form(value[:HEAD_BYTES])
        if isinstance(form, Fault):
            return replace(form, trace=trace)
        record = _read(form, value[HEAD_BYTES:])
        if isinstance(record, Fault):
            return replace(record, trace=trace)
        return form, record if trace is UNTRACED else sent_under(record, trace)

    def columns(self) -> UsageColumns:
        """All of them as usage."""
        frames: list[pl.DataFrame] = []
        faults: list[tuple[int, Fault]] = []
        for rows, part in self._parts():
            if len(rows) == len(self):
                return part
            frames.append(part.rows.with_columns(pl.Series("row", rows[part.rows["row"].to_numpy()], dtype=pl.UInt32)))
            faults += [(int(rows[at]), fault) for at, fault in part.faults]
        return UsageColumns(pl.concat([_NOTHING, *frames]).sort("row"), sorted(faults, key=itemgetter(0)))

    def _parts(self) -> Iterator[tuple[Any, UsageColumns]]:
        """Rows of one schema, and what they are."""
        values: Sequence[bytes] = self._values if self._whole else [value or b"" for value in self._values]  # type: ignore[assignment]
        for head, rows in self._by_head():
            form = self._form(head)
            if isinstance(form, Fault):
                yield rows, UsageColumns(_NOTHING, [(at, form) for at in range(len(rows))])
            elif self._whole:
                yield from _decoded(form, rows, values, self._whole)
            else:
                yield from _decoded(form, rows, list(map(values.__getitem__, rows)))

    def _by_head(self) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
        """Each schema's rows."""
        if self._whole:
            yield self._whole.head, np.arange(len(self))
            return
        heads = pl.DataFrame([pl.Series("head", self._heads, dtype=pl.Binary)]).with_row_index("row")
        for head, rows in heads.group_by("head", maintain_order=True).agg("row").iter_rows():
            yield head, np.array(rows)

    @cached_property
    def _whole(self) -> Joined | None:
        """All of them as one, where they have one schema."""
        return joined(self._values)

    @cached_property
    def _heads(self) -> list[bytes]:
        """The first bytes of each."""
        return [(value or b"")[:HEAD_BYTES] for value in self._values]

    def _form(self, head: bytes) -> AvroForm | Fault:
        found = self._found.get(head)
        if found is None:
            found = self._found[head] = self._asked(head)
        return found

    def _asked(self, head: bytes) -> AvroForm | Fault:
        if len(head) < HEAD_BYTES or head[0] != MAGIC:
            if not head:
                return Fault("undecodable", "the message has no value: send the record itself")
            return Fault(
                "undecodable",
                f"the message begins with {head.hex(' ')}, not with 00 and a schema's number: produce it with an Avro "
                "serializer of the Confluent wire format",
            )
        return self._forms.of(int.from_bytes(head[1:], "big"))


def _decoded(
    form: AvroForm, rows: NDArray[np.int64], values: Sequence[bytes], whole: Joined | None = None
) -> Iterator[tuple[Any, UsageColumns]]:
    """Usage of one schema; rows that cannot be read in a block are read by themselves."""
    if form.columnar and (frame := _block(form, whole or joined(values))) is not None:
        yield rows, usage_columns(usage_fields(frame))
    elif len(values) == 1 or not form.columnar:
        yield rows, _singly(form, values)
    else:
        half = len(values) // 2
        yield from _decoded(form, rows[:half], values[:half])
        yield from _decoded(form, rows[half:], values[half:])


def _block(form: AvroForm, whole: Joined | None) -> pl.DataFrame | None:
    """The fields of a block, None unless every message is exactly one record of it."""
    if whole is None:
        return None
    frame = form.rows([(len(whole.lengths), whole.data)], head_bytes=HEAD_BYTES)
    if frame is None or frame.height != len(whole.lengths):
        return None
    if whole.heads_tell and (frame[HEAD] == pl.Series([whole.head])).all():
        return None if isinstance(_read(form, whole.last), Fault) else frame
    lengths = encoded_lengths(form.schema, frame)
    return frame if lengths is not None and np.array_equal(lengths + HEAD_BYTES, whole.lengths) else None


def _singly(form: AvroForm, values: Sequence[bytes]) -> UsageColumns:
    records = [_read(form, value[HEAD_BYTES:]) for value in values]
    faults = [(at, one) for at, one in enumerate(records) if isinstance(one, Fault)]
    good = [at for at, one in enumerate(records) if not isinstance(one, Fault)]
    found = decode_usage([form.line(one) for one in records if not isinstance(one, Fault)])
    places = np.array(good, dtype=np.int64)
    rows = found.rows.with_columns(pl.Series("row", places[found.rows["row"].to_numpy()], dtype=pl.UInt32))
    return UsageColumns(rows, sorted([*faults, *((good[at], fault) for at, fault in found.faults)], key=itemgetter(0)))


def _read(form: AvroForm, body: bytes) -> dict[str, Any] | Fault:
    """The record that a message's body is, all of it."""
    file = io.BytesIO(body)
    try:
        record = form.read_one(file)
    except Exception as error:  # whatever damaged bytes make the decoder say
        return Fault("undecodable", f"its {len(body)} bytes are no record of the schema that it names: {error!r}")
    if file.tell() != len(body):
        return Fault("undecodable", f"{len(body) - file.tell()} of its {len(body)} bytes are left after the record")
    return record
