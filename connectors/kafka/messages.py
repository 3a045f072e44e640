"""Messages in the Confluent wire format (magic 0, four bytes of schema number, one Avro record), many at once.

Messages with one schema are decoded as one block. Whether each of them is exactly one record is told by its length; a
block in which one is not is halved until what is wrong is alone, so that its neighbours are read as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from accounting.trace import UNTRACED, Trace
from connectors.avro_form import AvroForm
from connectors.errors import RegistryUnreachable
from connectors.kafka.forms import Forms
from schemas.avro_lengths import encoded_lengths
from schemas.fault import Fault
from schemas.fields import Record
from schemas.topics import USAGE
from schemas.trace import sent_under
from schemas.usage_avro import usage_columns, usage_fields
from schemas.usage_columns import SCHEMA, UsageColumns, decode_usage

MAGIC = 0
HEAD_BYTES = 5  # the magic and the schema's number
ASKED_AT_ONCE = 100  # schemas of one piece that are asked for before one of them has come
_body = itemgetter(slice(HEAD_BYTES, None))
_NOTHING = pl.DataFrame(schema=SCHEMA)


class Messages:
    """Consecutive messages of one topic (a connectors.piece.Piece); None: a message without a value."""

    def __init__(
        self,
        values: Sequence[bytes | None],
        forms: Forms,
        offsets: Sequence[int] = (),
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
        self._heads: list[bytes] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def part(self, start: int, stop: int | None = None) -> Messages:
        return Messages(
            self._values[start:stop], self._forms, self._offsets[start:stop],
            None if self._written is None else self._written[start:stop], self._traces[start:stop], self._found,
        )  # fmt: skip

    def readable(self) -> int:
        """How many of the first can be judged; the schema of the one behind them is asked for, and not there yet."""
        heads = self._headed()
        waiting = 0
        first = len(heads)
        for head in dict.fromkeys(heads):
            try:
                self._form(head)
            except RegistryUnreachable:
                first = min(first, heads.index(head))
                waiting += 1
                if waiting == ASKED_AT_ONCE:
                    break
        return first

    def offsets(self, start: int) -> Sequence[int]:
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
            frames.append(part.rows.with_columns(pl.Series("row", rows[part.rows["row"].to_numpy()], dtype=pl.UInt32)))
            faults += [(int(rows[at]), fault) for at, fault in part.faults]
        return UsageColumns(pl.concat([_NOTHING, *frames]).sort("row"), sorted(faults, key=itemgetter(0)))

    def _parts(self) -> Iterator[tuple[Any, UsageColumns]]:
        """Rows of one schema, and what they are."""
        values: list[bytes] = [value or b"" for value in self._values]
        heads = pl.Series("head", self._headed(), dtype=pl.Binary)
        groups = pl.DataFrame([heads]).with_row_index("row").group_by("head", maintain_order=True).agg("row")
        for head, rows in groups.iter_rows():
            form = self._form(head)
            if isinstance(form, Fault):
                yield np.array(rows), UsageColumns(_NOTHING, [(at, form) for at in range(len(rows))])
                continue
            bodies = list(map(_body, map(values.__getitem__, rows)))
            yield from _decoded(form, np.array(rows), bodies)

    def _headed(self) -> list[bytes]:
        """The first bytes of each."""
        if self._heads is None:
            self._heads = [(value or b"")[:HEAD_BYTES] for value in self._values]
        return self._heads

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


def _decoded(form: AvroForm, rows: Any, bodies: list[bytes]) -> Iterator[tuple[Any, UsageColumns]]:
    """Usage of one schema; rows that cannot be read in a block are read by themselves."""
    if form.columnar and (frame := _block(form, bodies)) is not None:
        yield rows, usage_columns(usage_fields(frame))
    elif len(bodies) == 1 or not form.columnar:
        yield rows, _singly(form, bodies)
    else:
        half = len(bodies) // 2
        yield from _decoded(form, rows[:half], bodies[:half])
        yield from _decoded(form, rows[half:], bodies[half:])


def _block(form: AvroForm, bodies: list[bytes]) -> pl.DataFrame | None:
    """The fields of a block, None unless every message is exactly one record of it."""
    frame = form.rows([(len(bodies), b"".join(bodies))])
    if frame is None or frame.height != len(bodies):
        return None
    lengths = encoded_lengths(form.schema, frame)
    return frame if lengths is not None and np.array_equal(lengths, list(map(len, bodies))) else None


def _singly(form: AvroForm, bodies: list[bytes]) -> UsageColumns:
    records = [_read(form, body) for body in bodies]
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
