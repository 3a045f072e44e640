"""The roles of accounts: under which default name an account of the journal is known, whatever number it was given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from accounting.position import REVENUE
from schemas.reference import ReferenceEvent

Key = tuple[str, str]  # entity ("": all of them), account


@dataclass(frozen=True, slots=True)
class Roles:
    """What master data has ever said, also what it does not say any more: postings stay where they were made."""

    names: Mapping[Key, str] = field(default_factory=dict)  # the name that was given a number
    revenue: frozenset[str] = frozenset()  # names of revenue accounts of products

    def with_record(self, event: ReferenceEvent) -> Roles:
        """Themselves when a record says nothing new."""
        if event.kind == "product" and event.revenue_account and event.revenue_account not in self.revenue:
            return Roles(self.names, self.revenue | {event.revenue_account})
        if event.kind != "account" or event.number is None:
            return self
        key = (event.entity or "", event.number)
        known = self.names.get(key)
        # Of several names with one number the first in alphabetical order stands for it: every shard says the same.
        if known is not None and known <= event.id:
            return self
        return Roles({**self.names, key: event.id}, self.revenue)

    def of(self, entity: str, account: str) -> str:
        """The role of an account as it stands in the journal; its own name where nobody mapped it."""
        name = self.names.get((entity, account)) or self.names.get(("", account)) or account
        return REVENUE if name in self.revenue else name

    def written(self) -> bytes:
        """For the state."""
        return msgspec.msgpack.encode(([(*key, name) for key, name in self.names.items()], sorted(self.revenue)))

    @classmethod
    def read(cls, data: bytes | None) -> Roles:
        """From the state."""
        if data is None:
            return cls()
        names, revenue = msgspec.msgpack.decode(data, type=tuple[list[tuple[str, str, str]], list[str]])
        return cls({(entity, account): name for entity, account, name in names}, frozenset(revenue))
