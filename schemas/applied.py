"""Where in the input each control record took effect, so that a replay can hold the same line."""

from __future__ import annotations

from schemas.control import PartitionEnd
from schemas.fields import Count, Number, Partition, Record, Text


class Said(Record):
    """The last record of an output topic that a shard had decided."""

    topic: Text
    sequence: Number


class ControlApplied(Record):
    """One record of control.applied: a shard had applied each input partition up to `ends` when the control record at
    `offset` took effect in it.

    Only a run that follows its input writes it: which rows precede a control record is then a matter of when they came,
    where the record does not name the ends itself. `said`: with the last record of each output topic by then, so that what
    was posted up to here can be told from what came after.
    """

    shard: Partition
    sequence: Number
    offset: Count
    ends: tuple[PartitionEnd, ...] = ()
    said: tuple[Said, ...] = ()
