"""Late usage for a closed period under the policy `late_usage` = reject (accounting.md, rule 7)."""

from __future__ import annotations

import polars as pl

from accounting.calendar import Period
from accounting.coverage import Cover
from dataflows.admission import usage_payload
from dataflows.business_clock import BusinessClock
from dataflows.exception_desk import Coordinates, ExceptionDesk
from dataflows.parking import parked_at, parked_payload
from dataflows.policy_book import PolicyBook
from state.records import ParkedUsage


class LateUsage:
    """Refuses usage that came after the close of its period, where the policy says so; else it is booked later."""

    def __init__(self, clock: BusinessClock, policies: PolicyBook, desk: ExceptionDesk) -> None:
        self._clock, self._policies, self._desk = clock, policies, desk

    def closed_for(self, cover: Cover, instant: int, phase: int) -> Period | None:
        """The period that refuses usage of an instant which came after `phase` control records; None: it is taken."""
        if not self._policies.policies.course("late_usage"):
            return None
        window = self._policies.windows(cover.zone).of(instant)
        if self._policies.policies.value("late_usage", window.end - 1) != "reject":
            return None
        period = Period.of_date(window.last_day)
        return period if self._clock.was_closed(cover.entity, period, phase) else None

    def refuse_rows(self, rows: pl.DataFrame, origins: list[tuple[str, int]], period: Period) -> int:
        """One exception for each row; how many there are."""
        for row in rows.iter_rows(named=True):
            topic, partition = origins[row["origin"]]
            self._raise(
                Coordinates(topic, partition, row["offset"]), period, usage_payload(row), row["event_time"],
                row["customer_id"], row["contract_id"],
            )  # fmt: skip
        return rows.height

    def refuse(self, parked: ParkedUsage, period: Period) -> None:
        """The same for an event that waited for its contract."""
        self._raise(
            parked_at(parked), period, parked_payload(parked), parked.event_time, parked.customer_id, parked.contract_id
        )

    def _raise(
        self, at: Coordinates, period: Period, payload: bytes, event_time: int, customer: str, contract: str | None
    ) -> None:
        self._desk.raise_one(
            "period_closed_rejected", at,
            f"period {period} was closed when the usage came, and policy late_usage is reject: book it by a correction",
            payload, since=event_time, customer_id=customer, contract_id=contract,
        )  # fmt: skip
