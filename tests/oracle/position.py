"""Positions: billed against recognised, on one side only."""


class Position:
    """One position: R > B is an unbilled receivable, B > R deferred revenue, never both (accounting.md rule 1)."""

    def __init__(self, recognised=0, billed=0):
        self.recognised = recognised
        self.billed = billed

    def recognise(self, amount):
        """Signed postings by account (debit positive) of recognising an amount."""
        before = self._balances()
        self.recognised += amount
        after = self._balances()
        postings = {account: after[account] - before[account] for account in after}
        postings["revenue"] = -amount
        return postings

    def _balances(self):
        net = self.recognised - self.billed
        return {"unbilled_receivable": max(net, 0), "deferred_revenue": min(net, 0)}
