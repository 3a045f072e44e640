"""Which journal entries are looked at, and why there are none when there are none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import msgspec

from ops.show.entry import Entry
from ops.show.nearest import nearest
from ops.show.records import Stored, StoredTopic, needle
from ops.show.sink import UsageError

NAMED = ("customer", "contract")  # there may be many: the nearest are told, not all
TOLD = 8  # values of the other filters that are told


class EntryFilter(msgspec.Struct, frozen=True):
    """What an entry must be about; None: anything."""

    customer: str | None = None
    contract: str | None = None
    entity: str | None = None
    period: str | None = None
    kind: str | None = None
    account: str | None = None

    def check(self) -> None:
        """Refuse a period that is not a month."""
        if self.period is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", self.period):
            raise UsageError(f"--period {self.period!r} is not a month: write YYYY-MM, for example 2024-09.")

    def matches(self, entry: Entry) -> bool:
        """Whether an entry is about it; of the accounts any posting's counts."""
        return (
            self.customer in (None, entry.customer_id)
            and self.contract in (None, entry.contract_id)
            and self.entity in (None, entry.entity)
            and self.period in (None, entry.period)
            and self.kind in (None, entry.kind)
            and (self.account is None or any(posting.account == self.account for posting in entry.lines))
        )

    def entries(self, journal: StoredTopic) -> Iterator[Stored[Entry]]:
        """The entries that match, in stored order."""
        needles = [found for _, value in self._given() if (found := needle(value)) is not None]
        return (stored for stored in journal.records(Entry, needles) if self.matches(stored.value))

    def nothing_found(self, journal: StoredTopic) -> str:
        """Why no entry matches: which filter no entry has, and what there is instead."""
        given = self._given()
        seen: dict[str, Counter[str]] = {name: Counter() for name, _ in given}
        for stored in journal.records(Entry):
            for name, counts in seen.items():
                counts.update(_values(stored.value, name))
        words = [f"No entry matches; the journal in {journal.directory} holds {journal.lines}."]
        if not journal.lines:
            return f"{words[0]} Nothing has been due so far: accrual run --as-of closes what ends by then."
        missing = [(name, value) for name, value in given if value not in seen[name]]
        words += [f"No entry has --{name} {value!r}: {_instead(name, value, seen[name])}." for name, value in missing]
        if given and not missing:
            words.append("Each filter by itself has entries, together they have none.")
        return " ".join(words)

    def _given(self) -> list[tuple[str, str]]:
        return [(name, value) for name in self.__struct_fields__ if (value := getattr(self, name)) is not None]


def _values(entry: Entry, name: str) -> set[str]:
    if name == "account":
        return {posting.account for posting in entry.lines}
    value = {
        "customer": entry.customer_id,
        "contract": entry.contract_id,
        "entity": entry.entity,
        "period": entry.period,
        "kind": entry.kind,
    }[name]
    return set() if value is None else {value}


def _instead(name: str, value: str, counts: Counter[str]) -> str:
    if not counts:
        return "no entry names one"
    if name in NAMED:
        return "the nearest are " + ", ".join(nearest(value, counts))
    told = [f"{found} ({count:,})" for found, count in sorted(counts.items())]
    more = len(told) - TOLD
    return "there are " + ", ".join(told[:TOLD]) + (f" and {more} more" if more > 0 else "")
