"""Messages in the Confluent wire format (magic 0, four bytes of schema number, one Avro record), many at once.

Messages with one schema are decoded together, each within its own bytes: what is wrong with one is no matter of its
neighbours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from accounting.trace import UNTRACED, Trace
from connectors.avro_form import AvroForm
from connectors.errors import RegistryUnreachable
from connectors.kafka.forms import Forms
from connectors.piece import Offsets
from schemas.fault import Fault
from schemas.fields import Record
from schemas.native import heads
from schemas.topics import USAGE
from schemas.trace import sent_under
from schemas.usage_columns import NOTHING, UsageColumns, merged

ASKED_AT_ONCE = 100  # schemas of one piece that are asked for before one of them has come
MAGIC = 0
HEAD_BYTES = 5  # the magic and the schema's number


class Messages:
    """Consecutive messages of one topic (a connectors.piece.Piece); None: a message without a value."""

    def __init__(
        self,
        values: list[bytes | None],
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
        waiting = 0
        first = len(self)
        for head, row in self._heads:
            try:
                self._form(head)
            except RegistryUnreachable:
                first = min(first, row)
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
        record = form.record(value[HEAD_BYTES:])
        if isinstance(record, Fault):
            return replace(record, trace=trace)
        return form, record if trace is UNTRACED else sent_under(record, trace)

    def columns(self) -> UsageColumns:
        """All of them as usage."""
        if len(self._heads) == 1:
            return self._of(self._heads[0][0], self._values)
        parts = ((rows, list(map(self._values.__getitem__, rows)), head) for head, rows in self._by_head())
        return merged([(rows, self._of(head, values)) for rows, values, head in parts])

    def _of(self, head: bytes, values: list[bytes | None]) -> UsageColumns:
        """What messages are that begin so."""
        form = self._form(head)
        if isinstance(form, Fault):
            return UsageColumns(NOTHING, [(row, form) for row in range(len(values))])
        return form.columns(values, head)  # type: ignore[arg-type]  # whoever has a form has a head

    def _by_head(self) -> Iterator[tuple[bytes, NDArray[np.int64]]]:
        """Each schema's rows."""
        heads = pl.Series("head", [(value or b"")[:HEAD_BYTES] for value in self._values], dtype=pl.Binary)
        for head, rows in pl.DataFrame([heads]).with_row_index("row").group_by("head").agg("row").iter_rows():
            yield head, np.array(rows)

    @cached_property
    def _heads(self) -> list[tuple[bytes, int]]:
        """What they begin with, each once, and the first that does."""
        return heads(self._values, HEAD_BYTES)

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
