"""Billed against recognised: what each position of a contract comes to, and what is open to be paid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from accounting.booking import ACCOUNTS_RECEIVABLE, BILLING
from accounting.contract_ledger import BillingEffect
from accounting.money import major_text
from accounting.service_terms import FIXED_POSITION, ServiceTerms
from ops.show.accounts import CONTRA
from ops.show.amounts import major
from ops.show.books_state import Standing
from ops.show.text import grid, money, plain

FIXED, SEVERAL = "fixed lines", "several"


@dataclass(slots=True)
class Position:
    """One position; minor units of the contract's currency. B = opening + invoiced - credits, R likewise less contra."""

    name: str
    opening_billed: int = 0
    opening_recognised: int = 0
    invoiced: int = 0  # net of tax
    credits: int = 0  # credit notes, refunds, voids, write-offs and disputes, net, less what came back of them
    recognised: int = 0
    contra: int = 0
    owed: int = 0  # B - R: above zero deferred, below unbilled
    unbilled_account: str = "unbilled_receivable"

    @property
    def billed(self) -> int:
        """B of accounting.md, rule 1."""
        return self.opening_billed + self.invoiced - self.credits

    @property
    def earned(self) -> int:
        """R of accounting.md, rule 1."""
        return self.opening_recognised + self.recognised - self.contra

    @property
    def account(self) -> str:
        """Where the balance stands."""
        return "deferred_revenue" if self.owed >= 0 else self.unbilled_account


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions of a contract, and its open receivable, by a day."""

    currency: str
    day: str | None
    found: Sequence[Position]
    receivable: int  # minor units
    facts: int  # billing events that are booked
    lacking: Sequence[str]  # what cannot be booked until a rate comes, in words

    @classmethod
    def of(cls, standing: Standing) -> Positions:
        """From the contract's ledger: what it recognises and bills by now."""
        planned, settled = standing.planned, standing.settled
        terms = ServiceTerms(planned.versions, planned.plan)
        found = {name: Position(name or FIXED) for name in (*terms.positions, *settled.positions)}
        plan, fixed = planned.plan, found[FIXED_POSITION]
        fixed.opening_billed, fixed.opening_recognised = plan.billed, plan.recognised
        for effect, _ in settled.recognitions:
            found[terms.position(effect.line_id)].recognised += effect.amount
        for usage, _ in settled.usage:
            found[usage.line_id].recognised += usage.amount
        receivable = 0
        for billed in settled.billing:
            receivable += billed.movements.get(ACCOUNTS_RECEIVABLE, (0, 0))[0]
            _count(billed, terms, found)
        for name, course in settled.positions.items():
            found[name].owed, found[name].unbilled_account = course.owed, course.unbilled_account
        if not plan.lines and not (fixed.billed or fixed.earned or fixed.owed):
            del found[FIXED_POSITION]
        facts = len({(one.fact.source, one.fact.event_id) for one in settled.billing})
        lacking = [one.reason for one in settled.problems if one.fact is None]
        return cls(standing.currency, standing.day, list(found.values()), receivable, facts, lacking)

    def records(self) -> list[dict[str, Any]]:
        """One record per position, for programs."""
        names = ("opening_billed", "opening_recognised", "invoiced", "credits", "recognised", "contra")
        return [
            {
                "position": one.name,
                **{name: major_text(getattr(one, name), self.currency) for name in names},
                "billed": major_text(one.billed, self.currency),
                "earned": major_text(one.earned, self.currency),
                "account": one.account,
                "balance": major_text(abs(one.owed), self.currency),
            }
            for one in self.found
        ]

    def table(self) -> Table:
        """A row for each position, and all of them."""
        opened = self._opened
        table = grid(f"Billed against recognised, {self.currency}")
        table.add_column("position", overflow="fold")
        headings = ["opening billed", "opening recognised"] * opened
        for heading in [*headings, "invoiced", "credits", "recognised", "contra", "deferred", "unbilled"]:
            table.add_column(heading, justify="right", no_wrap=True)
        rows = [(one.name, self._amounts(one, opened)) for one in self.found]
        for name, amounts in rows:
            table.add_row(plain(name), *(money(major(one, self.currency)) for one in amounts))
        if len(rows) > 1:
            table.add_section()
            sums = [sum(column) for column in zip(*(amounts for _, amounts in rows), strict=True)]
            table.add_row("all", *(money(major(one, self.currency)) for one in sums))
        return table

    @property
    def _opened(self) -> bool:
        return any(one.opening_billed or one.opening_recognised for one in self.found)

    def notes(self) -> list[str]:
        """What a reader has to know of the figures."""
        when = (
            "no date has been reached: nothing scheduled is due" if self.day is None else f"what is due by {self.day}"
        )
        note = f"{when}; invoiced and credits are net of tax, contra is what of them takes back revenue"
        if self._opened:
            note += "; opening: before the books began"
        if any(one.unbilled_account != "unbilled_receivable" for one in self.found):
            note += "; unbilled is a contract asset, by policy"
        return [f"{note}.", f"{self.receivable_text}."]

    @staticmethod
    def _amounts(one: Position, opened: bool) -> list[int]:
        return [
            *[one.opening_billed, one.opening_recognised] * opened,
            one.invoiced, one.credits, one.recognised, one.contra, max(one.owed, 0), max(-one.owed, 0),
        ]  # fmt: skip

    @property
    def receivable_amount(self) -> str:
        """What is open to be paid, tax included, in major units."""
        return major_text(self.receivable, self.currency)

    @property
    def receivable_text(self) -> str:
        """What is open to be paid, in words."""
        if not self.facts:
            return "nothing is billed so far"
        events = f"{self.facts} billing event{'' if self.facts == 1 else 's'}"
        return (
            f"open receivable, tax included: {major(self.receivable, self.currency):,f} {self.currency} after {events}"
        )


def _count(effect: BillingEffect, terms: ServiceTerms, found: dict[str, Position]) -> None:
    """Add what one billing event moved to the positions of its lines."""
    contra = sum(effect.movements.get(account, (0, 0))[0] for account in CONTRA)
    for line in effect.lines:
        position = found[terms.position(line.line_id)]
        if effect.kind == BILLING:
            position.invoiced += line.net
        else:
            position.credits += line.net
        position.contra += line.contra
        contra -= line.contra
    if contra:
        # What comes in after a write-off is revenue again by its share: billed and recognised move alike.
        name = terms.position(effect.line_id) if effect.line_id or len(found) == 1 else SEVERAL
        position = found.setdefault(name, Position(name or FIXED))
        position.credits += contra
        position.contra += contra
