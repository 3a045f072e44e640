"""Policies: conventions that differ between users, named, effective-dated and with a default (accounting.md, last part)."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

# Each policy's allowed values; the first one is the default.
CHOICES: dict[str, tuple[str, ...]] = {
    "usage_window": ("day", "hour", "month"),  # what one usage entry summarises
    "recognise": ("period_end", "daily"),  # when scheduled recognition is posted
    "late_usage": ("first_open_period", "reject"),  # of usage for a closed period
    "residual": ("cumulative", "last_full_period"),  # where the cents go that rounding leaves
    "zero_flat_fee": ("yes", "no"),  # whether a flat fee at zero units is due at the billing period's end
    "carry": ("no", "yes"),  # whether `last` and `weighted_sum` go on from the billing period before
    "unbilled": ("unbilled_receivable", "contract_asset"),  # where fixed lines show what is earned and not invoiced
    "cancellation": ("refundable", "non_refundable"),  # what becomes of a deferred balance that is left over
}

# Policies whose value is a number: the default, and what is allowed.
NUMBERS: dict[str, tuple[str, str]] = {
    "ssp_tolerance": ("0", "a per cent such as 5 or 2.5"),  # by how much a price may differ and still be at SSP
}
_PER_CENT = re.compile(r"[0-9]{1,2}(\.[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """One decision: from an instant on, `key` has `value`."""

    key: str
    value: str
    effective_from: int
    number: int  # its position among control records: of equal dates the later one holds


def fault(key: str, value: str) -> str | None:
    """Why a policy is refused, or None."""
    if key in NUMBERS:
        return None if _PER_CENT.fullmatch(value) else f"policy {key} has no value {value!r}; it is {NUMBERS[key][1]}"
    if key not in CHOICES:
        return f"policy {key!r} is not known; known are {', '.join((*CHOICES, *NUMBERS))}"
    if value not in CHOICES[key]:
        return f"policy {key} has no value {value!r}; it may be {' or '.join(CHOICES[key])}"
    return None


def hundredths(per_cent: str) -> int:
    """A per cent in hundredths of one: "2.5" -> 250."""
    whole, _, part = per_cent.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0") or "0")


@dataclass(slots=True)
class Policies:
    """Every decision there is, by key in the order of their dates."""

    defaults: dict[str, str] = field(default_factory=dict)  # of this deployment, where they differ from CHOICES
    _records: dict[str, list[PolicyRecord]] = field(default_factory=dict)

    def add(self, record: PolicyRecord) -> None:
        """Take a decision in."""
        known = self._records.setdefault(record.key, [])
        known.append(record)
        known.sort(key=lambda one: (one.effective_from, one.number))

    def value(self, key: str, at: int) -> str:
        """The value in force at an instant."""
        return self.decided(key, at)[0]

    def decided(self, key: str, at: int) -> tuple[str, int | None]:
        """(value in force at an instant, number of the control record that decided it, None for the default)."""
        known = self._records.get(key)
        index = bisect_right(known, at, key=lambda one: one.effective_from) if known else 0
        if not known or not index:
            default = NUMBERS[key][0] if key in NUMBERS else CHOICES[key][0]
            return self.defaults.get(key, default), None
        return known[index - 1].value, known[index - 1].number

    def course(self, key: str) -> tuple[tuple[int, str], ...]:
        """(instant, value) of every change, from the first on."""
        found: list[tuple[int, str]] = []
        for record in self._records.get(key, ()):
            if found and found[-1][0] == record.effective_from:
                found.pop()
            found.append((record.effective_from, record.value))
        return tuple(found)
