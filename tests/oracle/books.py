"""Books: signed sums of minor units by entity, currency, period, origin, account, customer, contract and line.

The functional sums have the same keys, with the functional currency at their end, and are in its minor units.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from . import number, period


@dataclass
class Books:
    """What the books must say when everything has been processed."""

    sums: dict = field(default_factory=dict)
    functional: dict = field(default_factory=dict)
    functional_currency: Any = None
    outcomes: dict = field(default_factory=dict)
    exceptions: set = field(default_factory=set)
    doubtful: set = field(default_factory=set)
    windows: dict = field(default_factory=dict)
    counted: dict = field(default_factory=dict)  # usage by ((customer, contract), line)
    order_dependent: dict = field(default_factory=dict)
    books_depend_on_order: bool = False
    beyond_horizon: set = field(default_factory=set)
    not_covered: set = field(default_factory=set)

    def counts(self):
        """How many usage records had each outcome."""
        found = {}
        for outcome in self.outcomes.values():
            found[outcome] = found.get(outcome, 0) + 1
        return dict(sorted(found.items()))

    def digest(self):
        """SHA-256 over the sorted non-zero sums (architecture.md, Time)."""
        return digest(self.sums)


def digest(sums):
    """The books digest of sums (architecture.md, Time)."""
    lines = sorted(line.encode("utf-8") for line in serialised(sums))
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def serialised(sums):
    """One JSON array per non-zero sum, with the amount in major units."""
    found = []
    for key, minor in sums.items():
        if minor:
            entity, currency, name, origin, account, customer, contract, line = key
            amount = number.major_text(minor, currency)
            row = [entity, currency, name, origin or "", account, customer, contract, line, amount]
            found.append(json.dumps(row, separators=(",", ":"), ensure_ascii=False))
    return found


class Ledger:
    """What has been posted: each step posts the difference to what the books should say (The one idea)."""

    def __init__(self):
        self.by_nature = {}
        self.sums = {}

    def post_difference(self, desired, closed):
        """Post desired less posted; what belongs to a closed period goes to the first open one after it."""
        for key in desired.keys() | self.by_nature.keys():
            difference = desired.get(key, 0) - self.by_nature.get(key, 0)
            if not difference:
                continue
            entity, currency, nature, *rest = key
            target = period.first_open(nature, {name for owner, name in closed if owner == entity})
            posting = (entity, currency, target, None if target == nature else nature, *rest)
            self.sums[posting] = self.sums.get(posting, 0) + difference
        self.by_nature = dict(desired)

    def non_zero(self):
        """The sums, zero ones dropped."""
        return {key: minor for key, minor in self.sums.items() if minor}
