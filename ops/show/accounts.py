"""Accounts by their default names: which side is normal, and what name an ERP number stands for."""

from __future__ import annotations

from pathlib import Path

from ops.show.source import received
from schemas.reference import ReferenceEvent
from schemas.topics import REFERENCE

DEFERRED, UNBILLED, CONTRACT_ASSET, REVENUE = "deferred_revenue", "unbilled_receivable", "contract_asset", "revenue"
CONTRA = ("refunds", "credit_notes", "voids", "bad_debt", "disputes")
# In the order of events.md.
NAMES = (
    "accounts_receivable", UNBILLED, CONTRACT_ASSET, DEFERRED, REVENUE, "cash", "customer_balance", "external_balance",
    "refunds", "credit_notes", "voids", "bad_debt", "recoverables", "disputes", "tax_payable", "fx_gain_loss",
)  # fmt: skip
CREDIT_NORMAL = frozenset({REVENUE, DEFERRED, "customer_balance", "external_balance", "tax_payable", "recoverables"})
BETWEEN = " or "  # the names that share one number


class Accounts:
    """The chart of accounts; without reference data every account is called by its own name."""

    def __init__(self) -> None:
        self._names: dict[tuple[str | None, str], set[str]] = {}
        self._revenue: set[str] = set()  # accounts that products post their revenue to
        self.functional: dict[str, str] = {}  # entity -> functional currency

    @classmethod
    def of(cls, source: Path | None) -> Accounts:
        """The accounts, entities and products of a source's reference.events; what is invalid there is passed over."""
        accounts = cls()
        for one in received(source, REFERENCE) if source is not None else ():
            if isinstance(one.outcome, ReferenceEvent):
                accounts._add(one.outcome)
        return accounts

    def _add(self, event: ReferenceEvent) -> None:
        if event.kind == "account" and event.number is not None:
            # A number that a name had before still stands in entries of that time.
            self._names.setdefault((event.entity, event.number), set()).add(event.id)
        elif event.kind == "product" and event.revenue_account is not None:
            self._revenue.add(event.revenue_account)
        elif event.kind == "entity" and event.functional_currency is not None:
            self.functional[event.id] = event.functional_currency

    def name(self, entity: str, account: str) -> str:
        """The name of a posted account: its own, or the one whose number it is."""
        names = self._names.get((entity, account)) or self._names.get((None, account))
        return BETWEEN.join(sorted(names)) if names else account

    def role(self, entity: str, account: str) -> str:
        """The default name an account acts as: a product's own revenue account is revenue."""
        name = self.name(entity, account)
        return REVENUE if name in self._revenue or account in self._revenue else name

    def is_called(self, entity: str, account: str, wanted: str) -> bool:
        """Whether a person who writes `wanted` means this posted account."""
        return wanted in (account, self.name(entity, account)) or wanted in self.name(entity, account).split(BETWEEN)

    def normal(self, entity: str, account: str) -> str:
        """The side on which its balance normally stands, "credit" or "debit" (events.md, default account names)."""
        return "credit" if set(self.role(entity, account).split(BETWEEN)) <= CREDIT_NORMAL else "debit"

    def order(self, entity: str, account: str) -> tuple[int, str]:
        """Where it stands in a list of accounts."""
        role = self.role(entity, account)
        return NAMES.index(role) if role in NAMES else len(NAMES), account

    def label(self, entity: str, account: str) -> str:
        """For a table: the account as posted, and its name if that is another."""
        name = self.name(entity, account)
        return account if name == account else f"{account} {name}"
