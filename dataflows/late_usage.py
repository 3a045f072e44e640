"""Usage that comes too late to be booked: for a closed period, by policy, or for a time that is no longer kept."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from accounting.calendar import Period, rfc3339
from accounting.coverage import FOREVER, Cover
from dataflows.admission import usage_payload
from dataflows.business_clock import BusinessClock
from dataflows.contract_table import ContractTable
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.line_books import LineBooks
from dataflows.parking import parked_at, parked_payload
from dataflows.policy_book import PolicyBook
from state.records import ParkedUsage


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why usage is not taken: exception class, and the reason with its remedy."""

    cls: str
    reason: str


class LateUsage:
    """Refuses usage that came too late; one exception for each event."""

    def __init__(
        self, clock: BusinessClock, contracts: ContractTable, policies: PolicyBook, lines: LineBooks,
        desk: ExceptionDesk,
    ) -> None:  # fmt: skip
        self._clock, self._contracts, self._policies = clock, contracts, policies
        self._lines, self._desk = lines, desk

    def taken_from(self) -> int:
        """No usage of this instant or a later one is refused, whosever it is."""
        return FOREVER if self._policies.policies.course("late_usage") else self._contracts.cut.until

    def refusal(self, customer_id: str, cover: Cover, instant: int, phase: int) -> Refusal | None:
        """Why usage of an instant that came after `phase` control records is refused; None: it is taken."""
        if instant < self._contracts.cut.until and (refusal := self._bygone(customer_id, cover, instant)):
            return refusal
        return self._closed(cover, instant, phase)

    def _closed(self, cover: Cover, instant: int, phase: int) -> Refusal | None:
        """Policy `late_usage` = reject (accounting.md, rule 7)."""
        if not self._policies.policies.course("late_usage"):
            return None
        window = self._policies.windows(cover.zone).of(instant)
        if self._policies.policies.value("late_usage", window.end - 1) != "reject":
            return None
        period = Period.of_date(window.last_day)
        if not self._clock.was_closed(cover.entity, period, phase):
            return None
        return Refusal(
            "period_closed_rejected",
            f"period {period} was closed when the usage came, and policy late_usage is reject: book it by a correction",
        )

    def _bygone(self, customer_id: str, cover: Cover, instant: int) -> Refusal | None:
        """The books of that time have been let go: what is there cannot be compared any more."""
        cut = self._contracts.cut_of(customer_id, cover.contract_id)
        cut = max(cut, self._lines.floor(customer_id, cover))
        if instant >= cut:
            return None
        days = self._contracts.cut.days
        return Refusal(
            "beyond_retention",
            f"usage of before {rfc3339(cut)} is no longer kept for contract {cover.contract_id}, which has no end "
            f"(retention_days = {days}): post a manual correction",
        )

    def refuse_rows(self, rows: pl.DataFrame, origins: list[tuple[str, int]], refusal: Refusal) -> int:
        """One exception for each row; how many there are."""
        for row in rows.iter_rows(named=True):
            topic, partition = origins[row["origin"]]
            self._raise(
                Coordinates(topic, partition, row["offset"]), refusal, usage_payload(row), row["event_time"],
                row["customer_id"], row["contract_id"],
            )  # fmt: skip
        return rows.height

    def refuse(self, parked: ParkedUsage, refusal: Refusal) -> None:
        """The same for an event that waited for its contract."""
        self._raise(
            parked_at(parked), refusal, parked_payload(parked), parked.event_time, parked.customer_id,
            parked.contract_id,
        )  # fmt: skip

    def _raise(
        self, at: Coordinates, refusal: Refusal, payload: bytes, event_time: int, customer: str, contract: str | None
    ) -> None:
        self._desk.raise_one(
            refusal.cls, at, refusal.reason, payload, since=event_time, customer_id=customer, contract_id=contract
        )
