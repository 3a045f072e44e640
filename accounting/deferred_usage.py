"""What is billed ahead of use: how much of each usage line is still deferred as the billing of a contract goes on.

Source: accounting.md, rules 1 and 5 (Credits). It keeps the amounts that the positions of the contract's ledger come to, so
that a credit can be split before there are positions: of one instant, usage before billing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from accounting.booking import Booking
from accounting.exchange import Exchange
from accounting.invoice import within
from accounting.service_terms import FIXED_POSITION, ServiceTerms

if TYPE_CHECKING:
    from accounting.contract_ledger import UsageRevenue


class DeferredUsage:
    """B - R of the usage lines of one contract, in minor units; it is asked and told in the order of time."""

    def __init__(self, terms: ServiceTerms, exchange: Exchange, usage: Sequence[UsageRevenue]) -> None:
        """`usage` in the order of its instants."""
        self._terms, self._exchange = terms, exchange
        self._usage, self._taken = usage, 0  # so many of them are in it
        self._owed: dict[str, int] = {}

    def left(self, line_id: str, at: int) -> int | None:
        """What a credit at `at` finds deferred of a line, > 0; None: nothing. Of a fixed line its schedule tells.

        Nothing also where a cancellation has made revenue of what was left over: what is deferred then will be used.
        """
        if self._terms.position(line_id) == FIXED_POSITION or self._terms.keeps(at):
            return None
        self._use(at)
        owed = self._owed.get(line_id, 0)
        return owed if owed > 0 else None

    def book(self, booking: Booking) -> None:
        """Take up what a booking changes, unless it is in the opening balance."""
        fact = booking.fact
        shifts = [one for one in booking.shifts if one.position != FIXED_POSITION]
        if not shifts or fact.at <= self._terms.plan.opened_at:
            return
        self._use(fact.at)
        for one in shifts:
            self._owed[one.position] = self._owed.get(one.position, 0) + one.change

    def _use(self, until: int) -> None:
        """Take up what is used until an instant, that instant included."""
        while self._taken < len(self._usage) and self._usage[self._taken].instant <= until:
            one = self._usage[self._taken]
            owed = self._owed.get(one.line_id, 0)
            # Without a rate the ledger books what is within the position, and nothing else.
            if self._exchange.on(one.day) is not None or within(one.amount, owed):
                self._owed[one.line_id] = owed - one.amount
            self._taken += 1
