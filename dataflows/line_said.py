"""Where a shard stands in its input and in its output when a control record has taken effect (topic control.applied)."""

from __future__ import annotations

from collections.abc import Mapping

from dataflows.outbox import Outbox
from schemas.topics import APPLIED, CONTROL
from state.records import Applied


def say_line(outbox: Outbox, offset: int, applied: Mapping[str, Applied]) -> None:
    """Say it of the record at an offset. Of an input that does not end, which rows came before a control record is no
    matter of the input alone: a replay holds this line.
    """
    parts = [(*source.rpartition("/"), at.offset) for source, at in sorted(applied.items())]
    ends = [
        {"topic": topic, "partition": int(number), "offset": end} for topic, _, number, end in parts if topic != CONTROL
    ]
    said = [{"topic": topic, "sequence": sequence} for topic, sequence in sorted(outbox.last.items())]
    outbox.add(APPLIED, {"offset": offset, "ends": ends, "said": said})
