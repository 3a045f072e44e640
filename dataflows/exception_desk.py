"""Exceptions as data: raised once with class, owner, due time and coordinates, and resolved by what comes later."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from accounting.calendar import rfc3339
from accounting.journal import entry_id
from accounting.trace import UNTRACED, Trace
from dataflows.outbox import Outbox
from dataflows.settings import FlowSettings
from schemas.topics import EXCEPTIONS
from state import keys
from state.store import ShardStore

# An error needs somebody before the books are right; a warning is booked, and somebody should look.
SEVERITY = {"too_early": "warning", "reference_conflict": "warning"}


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Where the record that caused it stands."""

    topic: str
    partition: int
    offset: int


class ExceptionDesk:
    """The exceptions of one shard."""

    def __init__(self, store: ShardStore, outbox: Outbox, settings: FlowSettings) -> None:
        self._store, self._outbox, self._settings = store, outbox, settings
        # Whether any may be open. It stays when the last one is resolved, so that it never says too little.
        self.may_have_open = store.any_from(keys.OPEN, b"")
        self.owner_of: Callable[[str, int], tuple[str, int]] = lambda cls, at: (settings.owner, settings.sla_us)

    def raise_one(
        self,
        cls: str,
        at: Coordinates,
        reason: str,
        payload: bytes,
        *,
        since: int | None,
        customer_id: str | None = None,
        contract_id: str | None = None,
        trace: Trace = UNTRACED,
        resolvable: bool = False,
        subject: str = "",
        severity: str | None = None,
    ) -> str:
        """Say it once; gives its id. `since` is the event time that the due time counts from (None: the wall clock).

        A `resolvable` one is remembered until `resolve`. `subject` tells exceptions of one class and record apart, `trace`
        is what that record was sent under.
        """
        began = self._settings.clock() if since is None else since
        owner, sla_us = self.owner_of(cls, began)
        record: dict[str, Any] = {
            "exception_id": exception_id(cls, at, subject),
            "class": cls,
            "severity": severity or SEVERITY.get(cls, "error"),
            "owner": owner,
            "due_at": rfc3339(began + sla_us),
            "status": "open",
            "source": {"topic": at.topic, "partition": at.partition, "offset": at.offset},
            "customer_id": customer_id,
            "contract_id": contract_id,
            "reason": reason,
            "payload": base64.b64encode(payload).decode(),
            **trace._asdict(),
            "raised_at": rfc3339(began),
            "resolution": None,
        }
        self._outbox.add(EXCEPTIONS, record)
        if resolvable:
            self.may_have_open = True
            self._store.put(keys.OPEN + record["exception_id"].encode(), msgspec.json.encode(record))
        return str(record["exception_id"])

    def resolve(self, cls: str, at: Coordinates, resolution: str, subject: str = "") -> bool:
        """Say that an open exception is settled, and how; False, and nothing is said, where none is open."""
        key = keys.OPEN + exception_id(cls, at, subject).encode()
        stored = self._store.get(key)
        if stored is None:
            return False
        record = msgspec.json.decode(stored)
        self._outbox.add(EXCEPTIONS, {**record, "status": "resolved", "resolution": resolution})
        self._store.delete(key)
        return True

    def forget(self, cls: str, at: Coordinates, subject: str = "") -> None:
        """Nothing can settle it any more: it stays open, and the topic is its record."""
        key = keys.OPEN + exception_id(cls, at, subject).encode()
        if self._store.get(key) is not None:
            self._store.delete(key)

    def is_open(self, cls: str, at: Coordinates, subject: str = "") -> bool:
        """Whether it was raised and not resolved."""
        return self._store.get(keys.OPEN + exception_id(cls, at, subject).encode()) is not None


def exception_id(cls: str, at: Coordinates, subject: str = "") -> str:
    """Content-derived, so that a replay gives the same one."""
    return entry_id("exception", cls, at.topic, at.partition, at.offset, *([subject] if subject else []))
