"""The position of a line: what is recognised against what is invoiced, and the accounts that show it.

Accounts are signed here: a debit is positive, a credit negative. Source: accounting.md, rule 1 (606-10-45-1 to 45-4).
"""

from __future__ import annotations

UNBILLED_RECEIVABLE = "unbilled_receivable"
DEFERRED_REVENUE = "deferred_revenue"
REVENUE = "revenue"


def position(recognised: int, invoiced: int, unbilled: str = UNBILLED_RECEIVABLE) -> dict[str, int]:
    """Signed balances of one position: R > B is unbilled, B > R is deferred, never both."""
    net = recognised - invoiced
    if net > 0:
        return {unbilled: net}
    if net < 0:
        return {DEFERRED_REVENUE: net}
    return {}


def recognition(before: int, amount: int, invoiced: int = 0, unbilled: str = UNBILLED_RECEIVABLE) -> dict[str, int]:
    """Signed movements when `amount` more is recognised after `before`; they sum to zero.

    `unbilled`: the account that shows R > B (policy `unbilled`).
    """
    net = before - invoiced
    deferred = min(net + amount, 0) - min(net, 0)  # the part of it below zero
    return difference({DEFERRED_REVENUE: deferred, REVENUE: -amount, unbilled: amount - deferred}, {})


def difference(desired: dict[str, int], posted: dict[str, int]) -> dict[str, int]:
    """What is still to be posted, account by account; zero means: leave the account out."""
    if not posted:
        return {account: amount for account, amount in sorted(desired.items()) if amount}
    accounts = desired.keys() | posted.keys()
    return {a: d for a in sorted(accounts) if (d := desired.get(a, 0) - posted.get(a, 0))}
