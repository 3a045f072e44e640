"""What one row of balances is about; apart from the ledger, so that --help need not load it."""

from __future__ import annotations

from enum import StrEnum


class By(StrEnum):
    """What one row of balances is about, besides the entity and the currency."""

    ACCOUNT = "account"
    CUSTOMER = "customer"
    CONTRACT = "contract"
    ENTITY = "entity"
