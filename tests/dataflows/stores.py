"""The parts of a shard, each on a real store of the test's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectors.record_rows import decoded
from dataflows.billing_table import BillingTable
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import Change, ContractTable
from dataflows.cut import Cut
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.master_data import MasterData, Restatement
from dataflows.outbox import Outbox
from dataflows.parking import Parking
from dataflows.policy_book import PolicyBook
from schemas.encode import encode
from schemas.topics import BILLING, CONTRACTS, EXCEPTIONS, REFERENCE
from state.store import ShardStore
from tests.support.billing import billing
from tests.support.driven import contract, flow_settings, reference
from tests.support.timeline import instant

SOURCES = ("contracts.events/0", "usage.events/0", "usage.events/1")


class Parts:
    """A store and what a shard builds on it."""

    def __init__(self, path: Path, at_home: bool = True, **settings: Any) -> None:
        self.path, self.at_home = path, at_home
        self.settings = flow_settings(**settings)
        self._open()

    def _open(self) -> None:
        self.store = ShardStore(self.path)
        self.outbox = Outbox(self.store, 3)
        self.desk = ExceptionDesk(self.store, self.outbox, self.settings)
        self.clock = BusinessClock(self.store, self.settings, SOURCES)
        self.policies = PolicyBook(self.store, self.settings)
        self.master = MasterData(self.store, self.desk, self.settings, self.at_home)
        self.desk.owner_of = self.master.owner
        self.contracts = ContractTable(self.store, self.desk, self.master, Cut(self.clock, self.settings))
        self.billing = BillingTable(self.store, self.desk, self.contracts)
        self.parking = Parking(self.store, self.contracts, self.clock, self.policies, self.desk, self.settings)

    def reopen(self) -> Parts:
        """What was committed, as the next process finds it."""
        self.store.close()
        self._open()
        return self

    def said(self, topic: str = EXCEPTIONS) -> list[dict[str, Any]]:
        """The records that were added since the last call."""
        return [json.loads(line) for item in self.outbox.take() if item.topic == topic for line in item.lines]

    def told(self) -> list[tuple[str, str]]:
        """Class and status of the exceptions since the last call."""
        return [(one["class"], one["status"]) for one in self.said()]

    def contract(self, offset: int = 0, at: str = "2025-01-01T00:00:00Z", **facts: str) -> Change | None:
        """Apply one contract version."""
        records, rejected = decoded(CONTRACTS, offset, [encode(contract(at, f"e{offset}", **facts))])
        assert not rejected
        return self.contracts.apply(CONTRACTS, 0, records[0])

    def bill(self, offset: int = 0, at: str = "2025-02-01", partition: int = 0, **facts: Any) -> set[str]:
        """Apply one billing event; gives the contracts whose facts change."""
        return set(self.billed_since(offset, at, partition, **facts))

    def billed_since(
        self, offset: int = 0, at: str = "2025-02-01", partition: int = 0, **facts: Any
    ) -> dict[str, int]:  # fmt: skip
        """The same, with the instant from which on."""
        line = encode(billing(instant(at), **{"event_id": f"b{offset}", **facts}))
        records, rejected = decoded(BILLING, offset, [line])
        assert not rejected, rejected
        return self.billing.apply(BILLING, partition, records[0])

    def reference(
        self, offset: int = 0, at: str = "2025-01-01", partition: int = 0, **facts: str
    ) -> Restatement | None:  # fmt: skip
        """Apply one master data record; `at` is its event_time, "" is none."""
        line = encode(reference(instant(at or "2025-01-01"), f"r{offset}", timed="yes" if at else "no", **facts))
        records, rejected = decoded(REFERENCE, offset, [line])
        assert not rejected, rejected
        return self.master.apply(records[0], REFERENCE, partition)


def place(offset: int, topic: str = REFERENCE, partition: int = 0) -> Coordinates:
    """Where a record stands."""
    return Coordinates(topic, partition, offset)
