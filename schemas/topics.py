"""Topics: their names, their direction, their models and their Avro schemas."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from schemas.applied import ControlApplied
from schemas.billing import BillingEvent
from schemas.contracts import ContractEvent
from schemas.control import ControlEvent
from schemas.exceptions import ExceptionRecord
from schemas.fields import Record
from schemas.journal import JournalEntry
from schemas.postings import ErpPosting
from schemas.recalculations import Recalculation
from schemas.reference import ReferenceEvent
from schemas.usage import UsageEvent

USAGE = "usage.events"
CONTRACTS = "contracts.events"
BILLING = "billing.events"
REFERENCE = "reference.events"
CONTROL = "control.events"
POSTINGS = "erp.postings"
JOURNAL = "revenue.journal"
RECALCULATIONS = "revenue.recalculations"
EXCEPTIONS = "revenue.exceptions"
APPLIED = "control.applied"

TRACED = (CONTRACTS, BILLING, REFERENCE, CONTROL)  # few enough that each record may name what it was sent under
INPUTS = (USAGE, CONTRACTS, BILLING, REFERENCE, CONTROL, POSTINGS)
OUTPUTS = (JOURNAL, RECALCULATIONS, EXCEPTIONS, APPLIED)

AVRO = Path(__file__).parent / "avro"
RELEASED = Path(__file__).parent / "released"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: its name and the model of its records."""

    name: str
    model: type[Record]

    def avsc(self) -> dict[str, Any]:
        """The current Avro schema as parsed JSON, a new dict each time. OSError when its file is missing."""
        return dict(json.loads(_text(AVRO / f"{self.name}.avsc")))

    def released(self) -> dict[int, dict[str, Any]]:
        """Every released Avro schema by release number, ascending."""
        files = (RELEASED / self.name).glob("*.avsc")
        return {int(file.stem): json.loads(_text(file)) for file in sorted(files, key=_release_number)}


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _release_number(file: Path) -> int:
    return int(file.stem)


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(USAGE, UsageEvent),
        Topic(CONTRACTS, ContractEvent),
        Topic(BILLING, BillingEvent),
        Topic(REFERENCE, ReferenceEvent),
        Topic(CONTROL, ControlEvent),
        Topic(POSTINGS, ErpPosting),
        Topic(JOURNAL, JournalEntry),
        Topic(RECALCULATIONS, Recalculation),
        Topic(EXCEPTIONS, ExceptionRecord),
        Topic(APPLIED, ControlApplied),
    )
}
