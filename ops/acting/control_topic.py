"""What the control topic of a source says so far: the date it has reached and the periods it has closed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from accounting.calendar import Period
from connectors.batch import Batch
from connectors.errors import SourceUnusable
from connectors.files.controls import Controls
from connectors.files.layout import partitions
from schemas.control import ControlEvent
from schemas.topics import CONTROL


@dataclass(frozen=True, slots=True)
class Noted:
    """A control record and its number in the topic, counted from 1."""

    number: int
    event: ControlEvent


@dataclass(slots=True)
class ControlTopic:
    """The control records in their order, as a run applies them."""

    place: str
    count: int = 0  # records, those that cannot be read included
    furthest: Noted | None = None  # the record that has taken the business date furthest
    closed: dict[tuple[str, Period], Noted] = field(default_factory=dict)
    changes: int = 0  # closes and reopenings that took effect

    @classmethod
    def read(cls, root: Path) -> ControlTopic:
        """Read all of it; SourceUnusable when it has another shape."""
        found = partitions(root, CONTROL)
        if strays := [str(root / CONTROL / str(number)) for number in found if number]:
            raise SourceUnusable(
                f"{', '.join(strays)}: {CONTROL} has one partition, 0, so that its order is one: put all its records there"
            )
        controls = Controls(found.get(0, ()))
        try:
            return cls.of(controls.place, controls.since(0))
        finally:
            controls.close()

    @classmethod
    def of(cls, place: str, batches: list[Batch]) -> ControlTopic:
        """From a batch for each record."""
        topic = cls(place)
        for batch in batches:
            topic.count += 1
            for record in batch.records:
                topic._add(Noted(topic.count, record.model))
        return topic

    def _add(self, noted: Noted) -> None:
        event = noted.event
        if self.furthest is None or event.reaches > self.furthest.event.reaches:
            self.furthest = noted
        if event.kind not in ("period_close", "period_reopen"):
            return
        try:
            key = event.entity or "", Period.parse(event.period or "")
        except ValueError:
            return  # a month of year 0000 or 9999: the run makes an exception of it
        if event.kind == "period_close" and key not in self.closed:
            self.closed[key] = noted
            self.changes += 1
        elif event.kind == "period_reopen" and self.closed.pop(key, None) is not None:
            self.changes += 1
